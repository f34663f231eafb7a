"""Draws the picture at the top of README.md: one small model, asked about the same eight doodles while it trains.

    python -m minitrain.teach.cover         writes data/cover.png (about ten seconds on one core)
"""
from pathlib import Path

import torch
from matplotlib.colors import to_rgb
from matplotlib.gridspec import GridSpec

from minitrain import Trainer, losses, optim
from minitrain.models.convnet import ConvNet
from minitrain.sources.doodles import Doodles
from minitrain.teach import figures

FILE = Path(__file__).resolve().parents[2] / "data" / "cover.png"
KINDS = ("square", "circle", "cat", "dog", "aeroplane", "hot dog")
MOMENTS = (0, 10, 30, 100)


def answers(moments=MOMENTS, asked=8, seed=4):
    """Train a ConvNet on doodles; at each moment (a count of updates) ask it about the same held-out pictures.

    Returns pictures (asked, 3, 48, 48), labels (asked,), probabilities (moments, asked, classes), losses (updates,).
    """
    world = dict(size=48, styles=("filled", "comic", "crayon"), grounds=("plain", "gradient"), turn=25, colours="natural")
    pictures, labels = Doodles(KINDS, **world).draw(200, seed=seed)
    pick = torch.stack([(labels == i % len(KINDS)).nonzero()[i // len(KINDS), 0] for i in range(asked)])
    pictures, labels = pictures[pick], labels[pick]
    model = ConvNet(3, (16, 32), classes=len(KINDS), size=48, seed=0)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=2e-3),
                      schedule=optim.warmup(10))
    said = []
    for moment in moments:
        if moment:
            trainer.fit(Doodles(KINDS, seed=1, **world), until=moment)
        with torch.no_grad():
            said.append(model(pictures).softmax(-1))
    return pictures, labels, torch.stack(said), [logs["loss"] for logs in trainer.history]


def cover(moments=MOMENTS):
    """The picture, as a matplotlib figure: the loss on the left, the pictures with the model's answers on the right."""
    pictures, labels, said, loss = answers(moments)
    fig, ax = figures.axes(size=(11, 3.9), x="updates", y="loss of the batch")
    columns = len(labels)
    grid = GridSpec(len(moments) + 2, columns + 4, figure=fig)
    ax.set_subplotspec(grid[:, :4])
    ax.plot(loss)
    asked = [min(moment, len(loss) - 1) for moment in moments]
    ax.plot(asked, [loss[i] for i in asked], "o", color=figures.COLOURS[1])
    for j in range(columns):
        top = fig.add_subplot(grid[:2, 4 + j])
        top.imshow(pictures[j].permute(1, 2, 0), interpolation="nearest")
        top.set_axis_off()
        for i, moment in enumerate(moments):
            cell = fig.add_subplot(grid[2 + i, 4 + j])
            sure, guess = said[i, j].max(-1)
            right = guess == labels[j]
            text = f"{'' if right else '✗ '}{KINDS[guess]}\n{100 * sure:.0f} %"
            cell.set_facecolor((*to_rgb(figures.COLOURS[0 if right else 1]), 0.15 + 0.6 * float(sure - 1 / 6)))
            cell.text(0.5, 0.5, text, ha="center", va="center", fontsize=8.5)
            cell.set(xticks=[], yticks=[])
            cell.grid(False)
            cell.spines[:].set_visible(False)
            if j == 0:
                cell.set_ylabel(f"after {moment}", rotation=0, ha="right", va="center", fontsize=10)
    fig.suptitle(f"One model, asked about the same eight pictures, before training and up to {moments[-1]} updates into it",
                 x=0.01, ha="left", fontweight="bold")
    return fig


if __name__ == "__main__":
    FILE.write_bytes(figures.png(cover(), limit=200_000))
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")
