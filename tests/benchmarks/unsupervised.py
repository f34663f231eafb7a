"""Groups and maps of the 1,797 digits, ours and scikit-learn's, alternating: quality, seconds of wall and of processor time.

Prints one JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/unsupervised.py [--runs 3]

Medians over runs; each run has a seed of its own. Trustworthiness is of the 12 nearest neighbours. Wall time of a busy machine
says little: compare ratios. scikit-learn has no UMAP.
"""
import argparse
import json
import time
from statistics import median

import torch
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from minitrain import sources
from minitrain.device import device, machine, use_threads
from minitrain.unsupervised.dbscan import dbscan
from minitrain.unsupervised.kmeans import kmeans
from minitrain.unsupervised.neighbours import trustworthiness
from minitrain.unsupervised.pca import pca
from minitrain.unsupervised.tsne import tsne
from minitrain.unsupervised.umap import umap

x, _ = sources.digits()
there, array = x.to(device()), x.double().numpy()


def kept(y):
    return round(trustworthiness(x, torch.as_tensor(y).float().cpu()), 4)


CONTENDERS = {                                                  # seed -> what is measured of the result
    "kmeans, inertia": (lambda seed: kmeans(there, 10, tries=10, seed=seed).inertia,
                        lambda seed: float(KMeans(10, n_init=10, random_state=seed).fit(array).inertia_)),
    "dbscan, groups": (lambda seed: int(dbscan(there, 1.2).max()) + 1,
                       lambda seed: int(DBSCAN(eps=1.2).fit(array).labels_.max()) + 1),
    "pca, variance kept by 10": (lambda seed: float(pca(there, 10).kept.sum()),
                                 lambda seed: float(PCA(10, svd_solver="full").fit(array).explained_variance_ratio_.sum())),
    "tsne, trustworthiness": (lambda seed: kept(tsne(there, seed=seed)),
                              lambda seed: kept(TSNE(random_state=seed).fit_transform(array))),
    "umap, trustworthiness": (lambda seed: kept(umap(there, seed=seed)), None),
}


def measured(make, seed):
    wall, core = time.perf_counter(), time.process_time()
    value = make(seed)
    return {"value": value, "wall": time.perf_counter() - wall, "core": time.process_time() - core}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    use_threads()
    out = {"machine": str(machine())}
    for name, contenders in CONTENDERS.items():
        taken = {who: [] for who, make in zip(("ours", "scikit-learn"), contenders) if make}
        for seed in range(runs):
            for who, make in zip(("ours", "scikit-learn"), contenders):
                if make:
                    taken[who].append(measured(make, seed))
        out[name] = {who: {key: round(median(run[key] for run in found), 4) for key in ("value", "wall", "core")}
                     for who, found in taken.items()}
        if "scikit-learn" in taken:
            out[name]["our time for 1 of theirs"] = {key: round(median(a[key] / b[key] for a, b in zip(*taken.values())), 2)
                                                     for key in ("wall", "core")}
    print(json.dumps(out, indent=1))
