"""Near-duplicates: texts that share most of their word sequences, found without comparing every pair.

Jaccard similarity of two sets of shingles (runs of k words) is the truth; a MinHash signature estimates it (Broder, "On the
resemblance and containment of documents", 1997), and bands of signatures bring likely pairs together (Indyk and Motwani, 1998).
"""
import zlib
from collections import defaultdict
from itertools import combinations

import numpy as np

from minitrain.sources.bag_of_words import words


def shingles(text, k=3):
    """The set of runs of k words; a text shorter than that is one run.

    >>> sorted(shingles("the goat ate the hat", k=3))
    ['ate the hat', 'goat ate the', 'the goat ate']
    """
    w = words(text)
    if not w:
        raise ValueError(f"A text without words has no shingles and resembles nothing: {text[:40]!r}. Leave it out first.")
    return {" ".join(w[i:i + k]) for i in range(max(1, len(w) - k + 1))}


def jaccard(a, b):
    """Shared elements over all elements of two sets, from 0 (none shared) to 1 (equal).

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    if not a and not b:
        raise ValueError("jaccard of two empty sets is 0/0: neither alike nor unlike.")
    return len(a & b) / len(a | b)


def minhash(sets, size=128, seed=0):
    """For each set, the smallest value that each of `size` random hash functions takes on it: signatures (n, size) uint32.

    Two sets agree at a place with probability equal to their Jaccard similarity, so the share of places where they do estimates
    it, with a standard error of sqrt(J (1 - J) / size).

    >>> a, b = minhash([{"one", "two", "three"}, {"two", "three", "four"}], size=4096)
    >>> round(float((a == b).mean()), 1)
    0.5
    """
    lots = np.random.default_rng(seed)
    a = lots.integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    b = lots.integers(0, 2**64, size, dtype=np.uint64, endpoint=False)
    signatures = np.empty((len(sets), size), dtype=np.uint32)
    for i, items in enumerate(sets):
        if not items:
            raise ValueError(f"minhash: set number {i} is empty; it has no smallest element. Leave it out first.")
        h = np.array([zlib.crc32(item.encode()) for item in items], dtype=np.uint64)    # (m,); hash() differs from run to run
        signatures[i] = ((h[:, None] * a + b) >> np.uint64(32)).min(0)                  # multiply-shift, mod 2^64
    return signatures


def candidates(signatures, bands=32):
    """Pairs that agree in a whole band of their signatures: a sorted list of (i, j), i < j.

    With r = size / bands places a band, a pair of similarity J becomes a candidate with probability 1 - (1 - J^r)^bands.

    >>> candidates(np.array([[1, 2, 3, 4], [1, 2, 9, 9], [7, 7, 7, 7]]), bands=2)
    [(0, 1)]
    """
    n, size = signatures.shape
    if bands < 1 or size % bands:
        raise ValueError(f"candidates: {size} places can not be cut into {bands} bands of equal length.")
    pairs = set()
    for band in np.split(np.ascontiguousarray(signatures), bands, axis=1):
        buckets = defaultdict(list)
        for i in range(n):
            buckets[band[i].tobytes()].append(i)
        for members in buckets.values():
            pairs.update(combinations(members, 2))
    return sorted(pairs)


def near_duplicates(texts, threshold=0.7, *, k=3, size=128, bands=32, seed=0):
    """Pairs of texts of Jaccard similarity `threshold` or more: [(i, j, similarity)]. MinHash proposes, exact Jaccard decides.

    >>> near_duplicates(["the goat ate the hat today", "the choir sang", "the goat ate the hat again"], threshold=0.6)
    [(0, 2, 0.6)]
    """
    sets = [shingles(text, k) for text in texts]
    found = [(i, j, jaccard(sets[i], sets[j])) for i, j in candidates(minhash(sets, size, seed), bands)]
    return [pair for pair in found if pair[2] >= threshold]


def groups(pairs, n):
    """For each of n texts the number of the first text that it is linked to, over any chain of pairs; itself if none.

    >>> groups([(1, 3), (3, 4)], n=5)
    [0, 1, 2, 1, 1]
    """
    first = list(range(n))
    for i, j, *_ in pairs:
        a, b = _root(first, i), _root(first, j)
        first[max(a, b)] = min(a, b)
    return [_root(first, i) for i in range(n)]


def _root(first, i):
    while first[i] != i:
        first[i] = i = first[first[i]]
    return i
