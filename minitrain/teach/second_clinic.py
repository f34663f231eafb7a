"""The second clinic (lesson 14): three faults of language models, planted in real code, and tests to find them from outside.

A patient is a small GPT on documents, one a row, of which the least possible loss is known.
"""
import math
from dataclasses import dataclass

import torch

from minitrain import Trainer, losses, optim, sources
from minitrain.models.transformer import Transformer, attention


def rows(corpus, context, held=False):
    """The corpus's documents as (x, y), both (N, T): one a row, an end mark before it; y is -100 in padding. held: held out."""
    kept = [ids for ids in (corpus.held_ids if held else corpus.ids) if len(ids) < context]
    end = corpus.tokenizer.end
    x = torch.tensor([[end, *ids] + [end] * (context - 1 - len(ids)) for ids in kept])
    y = torch.tensor([[*ids, end] + [losses.IGNORED] * (context - 1 - len(ids)) for ids in kept])
    return x, y


def leaky_attention(q, k, v, causal=False, allowed=None):
    T = q.shape[-2]
    scores = q @ k.mT / math.sqrt(q.shape[-1])                              # (B, H, T, T)
    mask = torch.ones(T, T, dtype=torch.bool).tril(diagonal=1)
    return scores.masked_fill(~mask, -math.inf).softmax(-1) @ v


def wrong_axis_attention(q, k, v, causal=False, allowed=None):
    T = q.shape[-2]
    scores = q @ k.mT / math.sqrt(q.shape[-1])                              # (B, H, T, T)
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    return scores.masked_fill(~mask, -math.inf).softmax(-2) @ v


def unshifted(x, y):
    return x, torch.where(y == losses.IGNORED, y, x)


FAULTS = {"mask leak": dict(attend=leaky_attention), "wrong softmax axis": dict(attend=wrong_axis_attention),
          "targets not shifted": dict(targets=unshifted)}
WARD = {"K": "targets not shifted", "L": "wrong softmax axis", "M": "mask leak"}


@dataclass
class Patient:
    """model, its trainer and source, the attention that its blocks use, and how it makes targets of a batch."""
    model: Transformer
    trainer: Trainer
    source: object
    attend: object
    targets: object

    def fit(self, steps):
        self.trainer.fit(self.source, steps)
        return self.trainer.history


def build(corpus, *, attend=attention, targets=lambda x, y: (x, y), context=64, seed=0):
    """A patient, healthy unless a part is given. attend: as `attention`.  targets: (x, y) -> (x, y)."""
    model = Transformer(len(corpus.tokenizer), context, 1, 2, 32, seed=seed)
    for block in model.blocks:
        block.attention.attend = attend
    trainer = Trainer(model, losses.next_token, optim.AdamW(model.parameters(), 0.01, clip=1.0), schedule=optim.warmup(10))
    return Patient(model, trainer, sources.batches(*targets(*rows(corpus, context)), size=8, seed=seed), attend,
                   targets)


@torch.no_grad()
def held_out_loss(patient, corpus, most=200):
    """Nats a token on documents that were held out, scored by the patient's own lines, as people do."""
    x, y = patient.targets(*rows(corpus, patient.model.context, held=True))
    return losses.next_token(patient.model, (x[:most], y[:most])).mean.item()


# What can be asked of a patient, without reading its code.

@torch.no_grad()
def sees_the_future(patient, x, at=9):
    """How much the answers before place `at` change, at most, when the token there is another one. Must be 0."""
    other = x.clone()
    other[:, at] = (other[:, at] + 1) % patient.model.vocabulary
    return (patient.model(x) - patient.model(other))[:, :at].abs().max().item()


@torch.no_grad()
def average_of_ones(patient, T=8):
    """What attention makes of values that are all 1: a weighted average of ones is one. Gives the farthest from it."""
    q, k = torch.randn(2, 1, 2, T, 16, generator=torch.Generator().manual_seed(0))
    return (patient.attend(q, k, torch.ones(1, 2, T, 16), causal=True) - 1).abs().max().item()


def targets_are_inputs(patient):
    """The share of targets, of those that count, that stand at their own place of the input."""
    x, y = patient.source.at(0)
    return ((x == y) & (y != losses.IGNORED)).sum().item() / (y != losses.IGNORED).sum().item()
