"""How one setting changes a map: the same points by t-SNE and by UMAP, at six settings each, recorded for lesson 10.

    python -m minitrain.evaluate.maps                                       the recorded run, under a minute on one core
    python -m minitrain.evaluate.maps --settings 5 30 --out /dev/stdout

It writes one row for each map, as CSV, below a comment with the command that made it: the data, the method, its setting
(t-SNE's perplexity, UMAP's neighbours), the trustworthiness for 12 neighbours, and the places of the points, x and y by turns, in
thousandths of the map's longer side. Points that have labels keep them to themselves: no map is told of them.
"""
import argparse
import sys
from pathlib import Path

import torch

from minitrain import records, sources
from minitrain.device import use_threads
from minitrain.unsupervised.neighbours import trustworthiness
from minitrain.unsupervised.tsne import tsne
from minitrain.unsupervised.umap import umap

RECORDED = records.RUNS / "maps.csv"
SETTINGS = (2, 5, 10, 30, 60, 120)
DATA = ("digits", "three groups", "noise")
METHODS = {"t-SNE": lambda x, setting: tsne(x, perplexity=setting), "UMAP": lambda x, setting: umap(x, neighbours=setting)}


def points_of(data, seed=0):
    """400 points x (400, d) by the name of the data, and labels (400,) to colour them by.

    "digits": the first 400.  "three groups" of ten numbers: 0 is narrow, 1 ten times wider and beside it, 2 narrow and six
    times as far away.  "noise": numbers from N(0, 1), fifty each; there are no groups, and one label.
    """
    lots = torch.Generator().manual_seed(seed)
    if data == "digits":
        x, y = sources.digits()
        return x[:400], y[:400]
    if data == "three groups":
        y = torch.tensor([0, 1, 2]).repeat_interleave(torch.tensor([130, 140, 130]))
        spread, place = torch.tensor([1.0, 10.0, 1.0]), torch.tensor([0.0, 50.0, 300.0])
        x = spread[y, None] * torch.randn(400, 10, generator=lots)
        x[:, 0] += place[y]
        return x, y
    if data == "noise":
        return torch.randn(400, 50, generator=lots), torch.zeros(400, dtype=torch.int64)
    raise ValueError(f"There are no points {data!r}; there are {', '.join(DATA)}.")


def drawn(data, method, setting):
    """One map, as a row of the table."""
    x, _ = points_of(data)
    y = METHODS[method](x, setting)
    places = (1000 * (y - y.amin(0)) / (y.amax(0) - y.amin(0)).max()).round().int()
    return {"data": data, "method": method, "setting": setting, "trustworthiness": round(trustworthiness(x, y), 3),
            "places": " ".join(map(str, places.flatten().tolist()))}


def recorded(path=RECORDED):
    """The rows of a recorded run by (data, method, setting): {"trustworthiness": …, "places": (n, 2)}; and its command."""
    rows, command = records.read(path)
    return {(row["data"], row["method"], row["setting"]): {
        "trustworthiness": row["trustworthiness"],
        "places": torch.tensor(list(map(int, row["places"].split()))).view(-1, 2)} for row in rows}, command


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.evaluate.maps", description=__doc__.splitlines()[0])
    parser.add_argument("--settings", type=int, nargs="+", default=SETTINGS, help="perplexities, and neighbours, 2 to 130")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file to write")
    asked = parser.parse_args(arguments)
    use_threads(1)

    def rows():
        for data in DATA:
            for method in METHODS:
                found = [drawn(data, method, setting) for setting in asked.settings]
                kept = [row["trustworthiness"] for row in found]
                print(f"{data}, {method}: trustworthiness {min(kept)} to {max(kept)}", file=sys.stderr, flush=True)
                yield from found

    records.write(asked.out, f"python -m minitrain.evaluate.maps --settings {' '.join(map(str, asked.settings))}", rows())


if __name__ == "__main__":
    main()
