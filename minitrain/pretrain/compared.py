"""Two comparisons that take minutes, recorded for lesson 14: BERT beside GPT by length of training, and BERT with and without
its second question.

    python -m minitrain.pretrain.compared --out data/runs/masked_and_causal.csv
"""
import argparse
import itertools
import sys
from itertools import chain

import torch

from minitrain import records
from minitrain.device import use_threads
from minitrain.pretrain import corpus, prepare
from minitrain.pretrain.next_sentence import Pairs, TwoQuestions, masked_and_next
from minitrain.pretrain.plan import Plan
from minitrain.pretrain.score import nats
from minitrain.sources.village import Village
from minitrain.trainer import Loss

SIZE = dict(layers=1, width=64, heads=2, context=64, batch=8, adam_rate=0.01)


def diaries():
    """The village that lesson 14 reads: the diaries alone, of few people who prefer common turns of phrase."""
    return Village(seed=0, people=8, habit=3, until="2001-04-01", mix={kind: float(kind == "diary") for kind in Village.kinds()})


@torch.no_grad()
def same_words(bert, gpt, documents, each=4, seed=0):
    """Nats for the same words, of which BERT sees both sides and GPT the left, and the floor for whoever sees the left alone:
    [bert, gpt, floor].

    documents: of the village.  each: words a document, drawn by lot, blanked one at a time.
    """
    lots, tok, costs = torch.Generator().manual_seed(seed), bert.tokenizer, [[], [], []]
    kept = [page for page in documents if len(page.pieces) < bert.model.context]
    for page, row in zip(kept, nats(gpt.model, tok, kept)):
        x = torch.tensor([[tok.end, *tok.encode(page.text)]] * each)                    # (each, T)
        at, rows = torch.randint(1, x.shape[1], (each,), generator=lots), torch.arange(each)
        y = x[rows, at]
        x[rows, at] = len(tok)                                                          # the blank
        costs[0] += (-bert.model(x)[rows, at].log_softmax(-1)[rows, y]).tolist()
        costs[1] += [row[i - 1] for i in at.tolist()]
        costs[2] += [page.nats[i - 1] for i in at.tolist()]
    return [sum(column) / len(column) for column in costs]


def by_length(made, unseen, lengths=(500, 1000, 2000, 4000), seeds=range(3)):
    """Rows of the first comparison: a fresh BERT and a fresh GPT for each length and seed, on the same batches."""
    for seed, steps in itertools.product(seeds, lengths):
        bert, gpt = (prepare(made, steps=steps, masked=masked, every=steps, quiet=True, seed=seed, **SIZE).train()
                     for masked in (True, False))
        for name, found in zip(("bert", "gpt", "floor"), same_words(bert, gpt, unseen)):
            yield "same words", name, steps, seed, round(found, 4)


def blanks_alone(model, batch):
    """`masked_and_next` without the second question."""
    out = masked_and_next(model, batch)
    logits = model.body(batch[0], documents=batch[2])
    words = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())
    return Loss(words, out.n, logs={"words": words.detach()})


def with_and_without(made, steps=2000, seeds=range(3)):
    """Rows of the second: the loss at blanked words of unseen pairs, of BERTs that were asked both questions or one."""
    blank, end, context = len(made.tokenizer), made.tokenizer.end, SIZE["context"] + 2
    plan = Plan(**SIZE | {"context": context, "steps": steps, "warmup": 100, "every": steps})
    asked = [Pairs(made.held_ids, context, 64, blank=blank, end=end, seed=99).at(i) for i in range(10)]
    for seed in seeds:
        for name, loss in (("both questions", masked_and_next), ("blanks alone", blanks_alone)):
            torch.manual_seed(seed)
            plan = Plan(**plan.data() | {"seed": seed, "masked": True})
            model = TwoQuestions(plan.model(len(made.tokenizer)))
            plan.trainer(model, loss).fit(Pairs(made.ids, context, plan.batch, blank=blank, end=end, seed=seed), steps)
            with torch.no_grad():
                logs = [masked_and_next(model, batch).logs for batch in asked]
            for key in ("words", "accuracy"):
                yield key, name, steps, seed, round(sum(float(row[key]) for row in logs) / len(logs), 4)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.pretrain.compared", description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true", help="a few updates, to see that it runs")
    given = parser.parse_args(arguments)
    use_threads(1)
    village = diaries()
    made = corpus(village.documents(400 if given.quick else 30_000), tokenizer="words", deduplicate=False)
    unseen = village.documents(200, first=10**6)
    rows = chain(by_length(made, unseen, *(((2,), range(1)) if given.quick else ())),
                 with_and_without(made, *((2, range(1)) if given.quick else ())))
    records.write(given.out, "python -m minitrain.pretrain.compared --out data/runs/masked_and_causal.csv",
                  (dict(zip(("what", "model", "updates", "seed", "value"), row, strict=True)) for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
