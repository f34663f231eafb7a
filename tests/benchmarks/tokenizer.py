"""What tokenizers cost: 512 byte-pair tokens learnt from 200 KB, and megabytes encoded a second. Prints JSON.

    OMP_NUM_THREADS=1 python tests/benchmarks/tokenizer.py

Five runs each, the median counts. "core" is this process's own share of a core, which a busy machine changes little; "wall" is
what a reader waits. "new": nothing of the text is remembered yet, as for a text that is read once.
"""
import json
import statistics
import time

from minitrain.device import machine
from minitrain.sources.text import python_reference
from minitrain.sources.village import Village
from minitrain.tokenizer import BPE, Characters, Words, pieces


def seconds(run, before=lambda: None, times=5):
    walls, cores = [], []
    for _ in range(times):
        before()
        wall, core = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"wall": statistics.median(walls), "core": statistics.median(cores)}


def rate(text, run, before=lambda: None):
    """Megabytes a second."""
    size = len(text.encode()) / 1e6
    return {clock: round(size / t, 1) for clock, t in seconds(run, before).items()}


def measured(text):
    start = text.encode()[:200_000].decode("utf-8", "ignore")
    tok = BPE.train(start, 512)
    characters, words = Characters.train(text), Words.train(text)
    ids = tok.encode(text)
    assert tok.decode(ids) == text
    return {
        "512 tokens from 200 KB, seconds": {clock: round(t, 3) for clock, t in seconds(lambda: BPE.train(start, 512)).items()},
        "4,096 tokens from all of it, seconds": {clock: round(t, 2) for clock, t in
                                                 seconds(lambda: BPE.train(text, 4096), times=1).items()},
        "bytes in it": len(text.encode()),
        "different pieces": len(set(pieces(text))),
        "bytes a token": round(len(text.encode()) / len(ids), 2),
        "encoding, new, MB/s": rate(text, lambda: tok.encode(text), tok._known.clear),
        "encoding, MB/s": rate(text, lambda: tok.encode(text)),
        "decoding, MB/s": rate(text, lambda: tok.decode(ids)),
        "characters, MB/s": rate(text, lambda: characters.encode(text)),
        "words, MB/s": rate(text, lambda: words.encode(text)),
    }


village = "\n\n".join(document.text for document in Village(seed=0).documents(7_000))
texts = {"Python's reference": python_reference(), "the village": village}
print(json.dumps({"machine": str(machine()), **{name: measured(text) for name, text in texts.items()}}, indent=1))
