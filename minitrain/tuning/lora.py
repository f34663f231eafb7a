"""LoRA: tune a model by adding to its matrices what two thin ones make, and leave the matrices themselves alone.

    y = W x + (alpha / rank) · B A x            A (rank, in), B (out, rank)

A full update of W (out, in) is replaced by one of rank `rank`: rank · (in + out) numbers instead of in · out. B starts at 0, so
that the tuned model begins as the given one. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. Added to W,
the product costs nothing in use (`merge`); kept apart (`adapter`), many tasks share one model. It refuses to know the task.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

from minitrain.sources.batching import generator

WHERE = ("qkv", "out", "up", "down")                        # all matrices of a block


class LoRA(nn.Module):
    """A linear layer, frozen, with two thin matrices beside it.  x (…, in) -> (…, out).

    rank: of the update.  alpha: its scale is alpha / rank, so that another rank needs no other learning rate.  A starts from
    N(0, 1/in), B at 0.

    >>> layer = LoRA(nn.Linear(6, 4), rank=2, lots=torch.Generator().manual_seed(0))
    >>> x = torch.ones(3, 6)
    >>> torch.equal(layer(x), layer.linear(x)), sum(p.numel() for p in layer.parameters() if p.requires_grad)
    (True, 20)
    """

    def __init__(self, linear, rank=8, alpha=None, *, lots):
        super().__init__()
        if not 1 <= rank <= min(linear.weight.shape):
            raise ValueError(f"LoRA got rank={rank}; for a matrix of {tuple(linear.weight.shape)} it goes from 1 to "
                             f"{min(linear.weight.shape)}, where it could as well be tuned whole.")
        self.linear = linear.requires_grad_(False)
        out, into = linear.weight.shape
        self.scale = (rank if alpha is None else alpha) / rank
        self.A = nn.Parameter(torch.empty(rank, into).normal_(std=1 / math.sqrt(into), generator=lots).to(linear.weight))
        self.B = nn.Parameter(torch.zeros(out, rank).to(linear.weight))

    def forward(self, x):
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.A), self.B)      # (…, rank), then (…, out)

    @torch.no_grad()
    def merged(self):
        """The linear layer with the update added to its matrix."""
        linear = nn.Linear(self.linear.in_features, self.linear.out_features, self.linear.bias is not None,
                           device=self.A.device, dtype=self.A.dtype)
        linear.weight.copy_(self.linear.weight + self.scale * self.B @ self.A)
        if linear.bias is not None:
            linear.bias.copy_(self.linear.bias)
        return linear


def apply(model, rank=8, alpha=None, *, where=WHERE, also=(), seed=0):
    """Freeze a model and put a `LoRA` in place of each linear layer whose name ends in one of `where`; gives the model.

    also: names of parameters that are tuned whole all the same, say "embedding".

    >>> from minitrain.models.transformer import Transformer
    >>> gpt = apply(Transformer(50, layers=2, heads=2, width=16), rank=2)
    >>> sum(p.numel() for p in tuned(gpt)), sum(p.numel() for p in gpt.parameters())
    (1024, 9072)
    """
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    layers = {name: layer for name, layer in linear.items() if name.split(".")[-1] in where}
    if not layers:
        raise ValueError(f"The model has no linear layer named {', '.join(where)}; it has {', '.join(linear) or 'none'}.")
    if strange := {*also} - {name for name, _ in model.named_parameters()}:
        raise ValueError(f"The model has no parameter {sorted(strange)[0]!r}.")
    for name, p in model.named_parameters():
        p.requires_grad_(name in also)
    for name, layer in layers.items():
        _put(model, name, LoRA(layer, rank, alpha, lots=generator("LoRA", seed, name)))
    return model


def merge(model):
    """Put a plain linear layer in place of each `LoRA`, its matrix and the update in one; gives the model, all of it unfrozen."""
    for name, layer in [*model.named_modules()]:
        if isinstance(layer, LoRA):
            _put(model, name, layer.merged())
    return model.requires_grad_(True)


def tuned(model):
    """The parameters that training changes."""
    return [p for p in model.parameters() if p.requires_grad]


def adapter(model):
    """What was tuned, by name: all that must be kept of a task besides the model that it was tuned from."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def put_on(model, adapter):
    """Another task's adapter in the place of the present one; ValueError where it was made for another model or rank."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name in {**own, **adapter}:
        theirs, ours = (tuple(of[name].shape) if name in of else "missing" for of in (adapter, own))
        if theirs != ours:
            raise ValueError(f"The adapter does not fit: {name} is {theirs} in it and {ours} in the model.")
    with torch.no_grad():
        for name, p in own.items():
            p.copy_(adapter[name])
    return model


def _put(model, name, layer):
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
