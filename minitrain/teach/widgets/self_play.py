"""Pictures of what self-play learned: blunders while it trains, what each part of it is worth, and strength in points of Elo."""
import numpy as np

from minitrain.teach.figures import COLOURS, FAINT, INK, MARKERS, axes, label_lines

MANY = (0, 1, 10, 100, 1000)


def while_training(runs, levels, *, title):
    """Blunders against updates, on a scale that has a 0; beside them, as lines, the blunders of players that do not learn.

    runs: name -> [(updates, blunders), …].  levels: name -> blunders.  Returns the figure.
    """
    fig, ax = axes(title=title, x="updates", y="positions in which it blunders", size=(7.0, 3.6))
    for i, (name, points) in enumerate(runs.items()):
        ax.plot(*zip(*points), color=COLOURS[i], marker=MARKERS[i], markersize=5, label=name)
    _with_zero(ax, "y")
    label_lines(ax)
    above = None
    for name, blunders in sorted(levels.items(), key=lambda level: -level[1]):
        close = above is not None and blunders > above / 2  # then below its line, where the name of the one above is not
        ax.axhline(blunders, color=FAINT, linestyle=":", linewidth=1.5)
        ax.annotate(f"{name}: {blunders:,}", (0.99, blunders), xycoords=("axes fraction", "data"), xytext=(0, -2 if close else 2),
                    textcoords="offset points", ha="right", va="top" if close else "bottom", color=INK, fontsize=9)
        above = blunders
    return fig


def arms(rows, names, *, title, kinds=(("alone", "policy"), ("with search", "search"))):
    """Blunders at the end of training, a line an arm, a mark a seed.

    rows: of `evaluate.self_play`.  names: arms in order, from above.  kinds: name -> column, drawn side by side.
    """
    last = max(row["updates"] for row in rows)
    fig, ax = axes(title=title, x="positions in which it blunders, after training", size=(8.4, 0.8 + 0.42 * len(names)))
    for y, arm in enumerate(names):
        for i, (_, column) in enumerate(kinds):
            at = [row[column] for row in rows if row["arm"] == arm and row["updates"] == last]
            height = np.full(len(at), y + 0.24 * (i - (len(kinds) - 1) / 2))
            ax.plot(at, height, MARKERS[i], color=COLOURS[i], alpha=0.75, markersize=6)
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    _with_zero(ax, "x")
    for i, (name, _) in enumerate(kinds):
        ax.plot([], [], MARKERS[i], color=COLOURS[i], label=name)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    return fig


def strength(rows, *, title):
    """Elo of the snapshots against the games that they had learned from, in a band; the players that do not learn as lines.

    rows: of `data/runs/connect_four.csv`.
    """
    snapshots = sorted((row for row in rows if row["player"] == "snapshot"), key=lambda row: row["games"])
    games, elo, low, high = (np.array([row[name] for row in snapshots], dtype=float) for name in ("games", "elo", "low", "high"))
    fig, ax = axes(title=title, x="thousands of games that it has learned from", y="Elo (random moves: 0)", size=(7.0, 3.8))
    ax.fill_between(games / 1000, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    ax.plot(games / 1000, elo, color=COLOURS[0], marker=MARKERS[0], markersize=5)
    others = sorted((row for row in rows if row["player"] != "snapshot"), key=lambda row: -row["elo"])
    for above, row in zip([None, *others], others):
        close = above is not None and above["elo"] - row["elo"] < 60        # then below its line
        ax.axhline(row["elo"], color=FAINT, linestyle=":", linewidth=1.5)
        ax.annotate(row["player"], (0.99, row["elo"]), xycoords=("axes fraction", "data"), xytext=(0, -2 if close else 2),
                    textcoords="offset points", ha="right", va="top" if close else "bottom", color=INK, fontsize=9)
    return fig


def budgets(rows, *, title):
    """Share of the points against the simulations a move.  rows: of `data/runs/connect_four_match.csv`."""
    rows = sorted(rows, key=lambda row: row["simulations"])
    score, games = (np.array([row[name] for row in rows], dtype=float) for name in ("score", "games"))
    half = 1.96 * np.sqrt(score * (1 - score) / games)
    fig, ax = axes(title=title, x="simulations a move (0: the network alone)", y="share of the points", size=(6.0, 3.2))
    ax.errorbar(range(len(rows)), score, half, color=COLOURS[0], marker=MARKERS[0], capsize=4)
    ax.axhline(0.5, color=FAINT, linestyle=":", linewidth=1.5)
    ax.set(xticks=range(len(rows)), xticklabels=[row["simulations"] for row in rows], ylim=(0, 1))
    return fig


def _with_zero(ax, which):
    getattr(ax, f"set_{which}scale")("symlog", linthresh=1, linscale=0.4)
    getattr(ax, f"set_{which}lim")(-0.15, 2500)
    getattr(ax, f"set_{which}ticks")(MANY, [f"{n:,}" for n in MANY])
    ax.minorticks_off()
