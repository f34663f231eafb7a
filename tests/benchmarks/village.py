"""Megabytes a second of village text on one core, and what its exact probabilities cost; prints JSON. The median of five runs."""
import json
import statistics
import time

from minitrain.device import machine
from minitrain.sources.village import Village
from minitrain.tokenizer import pieces


def seconds(run, times=5):
    """The median over `times` runs, by the wall and by this process's own share of the core."""
    walls, cores = [], []
    for i in range(times):
        wall, core = time.perf_counter(), time.process_time()
        run(i)
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"wall": round(statistics.median(walls), 3), "core": round(statistics.median(cores), 3)}


def ten_megabytes(seed):
    village, written, i = Village(seed=seed), 0, 0
    while written < 10_000_000:
        written += len(village.document(i).text)
        i += 1
    return i


village = Village()
village.document(0)                                                             # the grammar is read and proved once a process
documents = village.documents(4000)
sizes = [len(pieces(document.text)) + 1 for document in documents[:1000]]
print(json.dumps({
    "machine": str(machine()),
    "ten megabytes of text": seconds(ten_megabytes),
    "documents in ten megabytes": ten_megabytes(0),
    "pieces a document, the end included": {"mean": statistics.mean(sizes), "least": min(sizes), "most": max(sizes)},
    "pieces in the vocabulary": len(village.vocabulary()),
    "floor of 1,000 documents, nats a piece": round(village.floor(documents[:1000]), 4),
    "share of pieces that tell a fact": round(sum(sum(d.is_fact) for d in documents[:1000]) / sum(sizes), 3),
    "nats of 1,000 documents": seconds(lambda i: village.floor(Village().documents(1000, first=1000 * i))),
    "a village made": seconds(lambda i: Village(seed=i)),
    "next_word after 10 pieces, 1,000 times": seconds(lambda i: [village.next_word(d.pieces[:10]) for d in documents[:1000]]),
}, indent=1))
