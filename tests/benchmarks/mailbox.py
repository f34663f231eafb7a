"""Seconds for 10,000 mails on one core, and what the filters do with them; prints JSON. Five runs each, the median counts."""
import json
import os
import statistics
import time

os.environ |= {"OMP_NUM_THREADS": "1", "MINITRAIN_STATIC": "1"}

import torch  # noqa: E402

from minitrain.device import machine  # noqa: E402
from minitrain.models.naive_bayes import NaiveBayes  # noqa: E402
from minitrain.sources.bag_of_words import BagOfWords  # noqa: E402
from minitrain.sources.mailbox import Mailbox, Spammer  # noqa: E402
from minitrain.sources.near_duplicates import near_duplicates  # noqa: E402


def seconds(run, times=5):
    """The median over `times` runs, by the wall and by this process's own share of the core."""
    walls, cores = [], []
    for i in range(times):
        wall, core = time.perf_counter(), time.process_time()
        run(i)
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"wall": round(statistics.median(walls), 3), "core": round(statistics.median(cores), 3)}


def accuracy(seed):
    train, test = Mailbox().draw(1000, seed=seed), Mailbox().draw(1000, seed=seed + 100)
    bag = BagOfWords([m.text for m in train], least=2)
    model = NaiveBayes().fit(bag.counts([m.text for m in train]), torch.tensor([m.label for m in train]))
    return float((model.predict(bag.counts([m.text for m in test])) == torch.tensor([m.truth for m in test])).double().mean())


torch.set_num_threads(1)
spammer = Spammer(seed=0)
texts = [mail.text for mail in Mailbox(near_duplicates=0.3).draw(2000, seed=0)]
print(json.dumps({
    "machine": str(machine()),
    "10,000 mails": seconds(lambda i: Mailbox().draw(10_000, seed=i)),
    "10,000 chat messages": seconds(lambda i: Mailbox(register="chat").draw(10_000, seed=i)),
    "10,000 mails with every knob and a spammer": seconds(lambda i: Mailbox(
        label_noise=0.1, duplicates=0.1, near_duplicates=0.1, junk=0.1, register="mixed").draw(10_000, seed=i, spammer=spammer)),
    "vocabulary and counts of 2,000 mails": seconds(lambda i: BagOfWords(texts).counts(texts)),
    "near-duplicates among 2,000 mails": seconds(lambda i: near_duplicates(texts, seed=i)),
    "naive Bayes on 1,000 mails, accuracy of five seeds": sorted(round(accuracy(seed), 3) for seed in range(5)),
}, indent=1))
