"""Pictures for lessons: one palette, a handful of plots, and `figure`, which shows one with its alternative text.

It knows nothing of lessons. Every plot returns a matplotlib figure made without pyplot, in a style that holds for that
figure alone: importing this changes no setting of yours.
"""
import base64
import html
import io
import sys
import threading
from contextlib import contextmanager
from itertools import pairwise

import matplotlib
import numpy as np
from cycler import cycler
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")     # Okabe and Ito, 2008
MARKERS = ("o", "s", "^", "D", "v", "P", "X")           # beside the colour, never instead of it: prints and eyes differ
INK, FAINT = "#222222", "#8a8a8a"
LIMIT = 60 * 1024                                       # bytes of PNG: notebooks with their pictures stay under 1 MB
STYLE = {
    "font.size": 11, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e8e8e8",
    "axes.axisbelow": True, "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK, "lines.linewidth": 2,
    "axes.prop_cycle": cycler(color=COLOURS), "legend.frameon": False,
}

_one_at_a_time = threading.RLock()


@contextmanager
def _styled(**more):
    """matplotlib's settings are the process's, and a widget may draw on a thread of its own: one picture at a time."""
    with _one_at_a_time, matplotlib.rc_context(STYLE | more):
        yield


def figure(fig, *, alt):
    """Show a matplotlib figure with `alt`, the text that says in words what the picture shows, and close it.

    It goes out as an <img> in HTML: of the forms a notebook can store, the only one whose alternative text JupyterLab,
    GitHub and nbconvert all keep (JupyterLab 4.6 drops the `alt` in the metadata of an image).
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError('figure needs alternative text, as in figure(fig, alt="The loss falls from 2.3 to 0.1."): '
                         "what a reader who does not see the picture should know.")
    alt, width = " ".join(alt.split()), round(fig.get_figwidth() * 110)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)     # or the inline backend shows it a second time, without its text
    data = base64.b64encode(png(fig)).decode()
    tag = f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/png;base64,{data}">'
    if get_ipython() is None:                           # a plain Python, which would print the HTML
        print(f"[Picture: {alt}]")
    else:
        display({"text/html": tag, "text/plain": f"[Picture: {alt}]"}, raw=True)


def png(fig, limit=LIMIT):
    """The figure as PNG bytes: at most `limit`, where 256 colours and then a coarser grid can do it."""
    for dpi, colours in ((144, None), (144, 256), (110, 256), (80, 128)):
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        if colours is not None:
            from PIL import Image
            picture = Image.open(buffer).convert("RGB").quantize(colours)
            buffer = io.BytesIO()
            picture.save(buffer, format="png", optimize=True)
        if buffer.tell() <= limit:
            break
    return buffer.getvalue()


def axes(columns=1, rows=1, *, size=None, title=None, x=None, y=None):
    """A figure and its axes in the course's style, as `plt.subplots` gives them; size in inches.

    title, x, y: of the axes, or a list with one for each.

    >>> fig, (left, right) = axes(2, title=["Before", "After"], x="updates", y="loss")
    >>> right.get_title(loc="left"), right.get_xlabel()
    ('After', 'updates')
    """
    with _styled():
        fig = Figure(figsize=size or (5.8 if columns == 1 else 3.6 * columns, 3.2 * rows), layout="constrained")
        grid = fig.subplots(rows, columns)
        flat = np.atleast_1d(grid).ravel()
        for i, ax in enumerate(flat):
            for text, write in ((title, ax.set_title), (x, ax.set_xlabel), (y, ax.set_ylabel)):
                if text is not None:
                    write(text if isinstance(text, str) else text[i])
    return fig, grid


def curves(runs, *, title=None, x="updates", y="loss", key="loss", smooth=1, log=False, ax=None):
    """Lines against updates, each with its name at its end.

    runs: by name, the numbers of one run (steps,), of several seeds (seeds, steps), drawn as their median in a band from
    the lowest to the highest, a pair (positions, numbers), or `trainer.history`, from which `key` is taken.
    smooth: each point is the mean of so many before it. log: a logarithmic y axis. Returns the figure.

    >>> fig = curves({"slow": [3, 2.5, 2.2], "fast": [[3, 1, .5], [3, 1.4, .4]]}, title="Two rates")
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['slow', 'fast']
    """
    fig, ax = axes(title=title, x=x, y=y) if ax is None else (ax.figure, ax)
    for i, (name, run) in enumerate(runs.items()):
        at, seeds = _series(run, key)
        if smooth > 1:
            seeds = np.stack([_trailing_mean(seed, smooth) for seed in seeds])
        colour, middle = COLOURS[i % len(COLOURS)], np.median(seeds, axis=0)
        if len(seeds) > 1:
            ax.fill_between(at, seeds.min(0), seeds.max(0), color=colour, alpha=0.2, linewidth=0)
        ax.plot(at, middle, color=colour, marker=MARKERS[i % len(MARKERS)], markevery=max(1, len(at) // 8), label=name)
    if log:
        ax.set_yscale("log")
    if len(runs) > 1:
        label_lines(ax)
    return fig


def label_lines(ax):
    """Write each line's label at its right end in its own colour, kept apart where ends meet: a legend without a search."""
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_") and len(line.get_xdata())]
    ax.get_xlim(), ax.get_ylim()                        # brings the scales up to date with the data
    gap, heights = 13 / 72 * ax.figure.dpi / ax.bbox.height, []
    for line in lines:
        data = np.column_stack([line.get_xdata(), line.get_ydata()]).astype(float)
        points = ax.transAxes.inverted().transform(ax.transData.transform(data))
        points = points[np.isfinite(points).all(1)]
        heights.append(float(np.clip(points[-1, 1], 0, 1)) if len(points) else 0.5)
    order = sorted(range(len(lines)), key=lambda i: heights[i])
    for low, high in pairwise(order):                   # push apart upwards, …
        heights[high] = max(heights[high], heights[low] + gap)
    ceiling = 1.0
    for i in reversed(order):                           # … then what was pushed out at the top downwards
        heights[i] = min(heights[i], ceiling)
        ceiling = heights[i] - gap
    for line, height in zip(lines, heights, strict=True):
        ax.annotate(line.get_label(), (1, height), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points",
                    va="center", color=line.get_color(), fontsize=11, fontweight="bold", annotation_clip=False)


def gallery(pictures, labels=None, *, right=None, columns=8, title=None, size=0.85):
    """Pictures in a grid, each with its label under it. Returns the figure.

    pictures: (n, H, W), (n, 1, H, W), (n, 3, H, W) or (n, H*W) of square ones, in 0..1.  labels: n texts.
    right: n truths; a label that is not right is red and starts with ✗.  size: inches a picture.

    >>> fig = gallery(np.zeros((3, 8, 8)), ["a 99 %", "b 80 %", "a 51 %"], right=[True, True, False])
    >>> [ax.get_xlabel() for ax in fig.axes if ax.get_visible()]
    ['a 99 %', 'b 80 %', '✗ a 51 %']
    """
    pictures = _images(pictures)
    n = len(pictures)
    columns = max(1, min(columns, n))
    rows = max(1, -(-n // columns))
    height = rows * (size + (0.25 if labels is not None else 0.05)) + (0.35 if title else 0)
    with _styled(**{"axes.grid": False}):
        fig = Figure(figsize=(max(columns * (size + 0.1), 2.5), height), layout="constrained")
        for i, ax in enumerate(np.atleast_1d(fig.subplots(rows, columns)).ravel()):
            ax.set_visible(i < n)
            if i < n:
                ax.imshow(pictures[i], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
                wrong = right is not None and not right[i]
                if labels is not None:
                    ax.set_xlabel(f"{'✗ ' if wrong else ''}{labels[i]}", fontsize=9, labelpad=2,
                                  color=COLOURS[1] if wrong else INK)
        if title:
            fig.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


def confusion(truth, guess, names, *, title=None):
    """How often each kind was taken for each kind: a row is the truth, a column the guess, a cell a count. Returns the figure.

    >>> fig = confusion([0, 0, 1, 1], [0, 1, 1, 1], ["square", "circle"])
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['1', '1', '0', '2']
    """
    truth, guess = _numbers(truth).astype(int), _numbers(guess).astype(int)
    K = len(names)
    counts = np.zeros((K, K), int)
    np.add.at(counts, (truth, guess), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(2.6, 0.42 * K + 1.4)
    with _styled(**{"axes.grid": False}):
        fig = Figure(figsize=(side + 0.4, side), layout="constrained")
        ax = fig.subplots()
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1.3)
        for row in range(K):
            for column in range(K):
                n = counts[row, column]
                wrong = n > 0 and row != column
                ax.text(column, row, str(n), ha="center", va="center", fontsize=10 if K > 4 else 13,
                        fontweight="bold" if wrong else "normal",
                        color="white" if shares[row, column] > 0.65 else COLOURS[1] if wrong else INK if n else FAINT)
        ax.set(xticks=range(K), yticks=range(K), xticklabels=names, yticklabels=names,
               xlabel="the model's guess", ylabel="the truth")
        if max(len(str(name)) for name in names) > 3 and K > 3:
            ax.tick_params(axis="x", rotation=45)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        if title:
            ax.set_title(title)
    return fig


def _numbers(x):
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)


def _series(run, key):
    """Positions (steps,) and numbers (seeds, steps) of whatever `curves` takes."""
    if isinstance(run, tuple) and len(run) == 2:
        at, run = _numbers(run[0]), run[1]
        return at, np.atleast_2d(_numbers(run).astype(float))
    if isinstance(run, list) and run and isinstance(run[0], dict):
        kept = [logs for logs in run if key in logs]
        return np.array([logs.get("t", i) for i, logs in enumerate(kept)]), np.array([[float(logs[key]) for logs in kept]])
    if isinstance(run, list) and run and isinstance(run[0], list) and run[0] and isinstance(run[0][0], dict):
        each = [_series(history, key) for history in run]
        return each[0][0], np.concatenate([numbers for _, numbers in each])
    seeds = np.atleast_2d(_numbers(run).astype(float))
    return np.arange(seeds.shape[1]), seeds


def _trailing_mean(x, n):
    total = np.cumsum(np.concatenate([[0.0], x]))
    start = np.maximum(np.arange(len(x)) - n + 1, 0)
    return (total[1:] - total[start]) / (np.arange(len(x)) + 1 - start)


def _images(pictures):
    pictures = np.clip(_numbers(pictures).astype(float), 0, 1)
    if pictures.ndim == 2:                                              # (n, H*W)
        side = round(pictures.shape[1] ** 0.5)
        if side * side != pictures.shape[1]:
            raise ValueError(f"gallery got rows of {pictures.shape[1]} numbers, no square; give (n, H, W) or (n, 3, H, W).")
        pictures = pictures.reshape(-1, side, side)
    if pictures.ndim == 4:                                              # (n, C, H, W) -> (n, H, W) or (n, H, W, 3)
        pictures = pictures[:, 0] if pictures.shape[1] == 1 else np.moveaxis(pictures, 1, -1)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[-1] != 3):
        raise ValueError(f"gallery got pictures of shape {pictures.shape}; give (n, H, W), (n, 3, H, W) or (n, H*W).")
    return pictures
