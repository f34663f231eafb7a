"""Pre-training as one call: from a text and a number of minutes to a language model (lesson 14).

    from minitrain.pretrain import pretrain
    run = pretrain("book.txt", minutes=1)
    print(run.generate("Once"))

or `python -m minitrain.pretrain --text book.txt --minutes 1 --out runs/book [--resume]`, alone or under `torchrun`.
"""
import time

from minitrain import distributed
from minitrain.device import device as best_device
from minitrain.pretrain.corpus import Corpus, corpus
from minitrain.pretrain.language_model import LanguageModel, load
from minitrain.pretrain.plan import Plan, make
from minitrain.pretrain.run import Run, begin, begun, same_tokenizer

__all__ = ["Corpus", "LanguageModel", "Plan", "Run", "corpus", "load", "prepare", "pretrain"]


def pretrain(text, minutes=1, **how):
    """Train a language model on a text for about so many minutes; returns the `Run`.

    text: a string, the path of a file or folder, or a list of documents.  how: as for `prepare`.
    Ctrl-C ends the training after the update, and the run as it then stands is returned: `run.train()` goes on.

    >>> run = pretrain("The goat ate the hat. The choir sang. " * 100, steps=40, tokenizer="characters", quiet=True)
    >>> run.done, run.history[-1]["loss"] < run.history[0]["loss"]
    (True, True)
    """
    return prepare(text, minutes, **how).train()


def prepare(text, minutes=1, *, steps=None, out=None, resume=False, tokenizer=None, deduplicate=True, held_out=0.1, seed=0,
            each=None, quiet=False, **fixed):
    """Everything but the training: clean, deduplicate, split, tokenise, plan. `run.train()` or `run.updates()` does the rest.

    steps: so many updates instead of as many as the time allows (nothing is measured then).
    out: a folder for checkpoints, tokenizer and model.  resume: go on with what is in it, by its plan, or start if it is empty.
    tokenizer, deduplicate, held_out: as for `corpus`.  each: `each(run, logs)` after every update; "stop" ends the training.
    fixed: what you decide of the `Plan`, say layers=2, width=96, batch=32, rate=0.01.
    """
    began, workers = time.perf_counter(), distributed.workers()
    kept = None if out is None else begun(out)
    kept = workers.first_says(kept) if workers else kept        # the first may have begun before another looks
    if kept and not resume:
        raise FileExistsError(f"{out} already holds a run: resume=True (or --resume) goes on with it; for a new one, choose "
                              "another folder.")
    if kept and tokenizer is not None and not isinstance(tokenizer, str):
        same_tokenizer(f"The run in {out}", kept[1], tokenizer)
    if not isinstance(text, Corpus):
        text = corpus(text, tokenizer=kept[1] if kept else tokenizer, held_out=held_out, deduplicate=deduplicate)
    device = workers.device if workers else best_device()
    plan = kept[0] if kept else make(text, minutes, device=device.type, steps=steps, seed=seed, **fixed,
                                     spent=time.perf_counter() - began, workers=workers.size if workers else 1)
    run = Run(text, workers.first_says(plan) if workers else plan, out=out, each=each, workers=workers, quiet=quiet)
    for sentence in [*text.said, str(run.plan)]:
        run.say(sentence)
    if out is not None and not kept and run.first:
        begin(run)
    if out is not None and resume:
        run.say(run.checkpoints.resume(run.trainer))
    return run
