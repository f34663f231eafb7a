"""A deep network whose cures for depth can be switched one by one: start, residual connections, normalisation.

E networks stand side by side in one set of arrays (E, …): five seeds, or as many learning rates, cost little more than one.
They share batches and nothing else. The fourth cure, clipping, belongs to the update: `optim.clip_global_norm`.
"""
import math

import torch
from torch import nn

from minitrain.models.mlp import ACTIVATIONS

STARTS = ("torch", "glorot", "he", "orthogonal")


class DeepMLP(nn.Module):
    """`depth` layers x = bend(x @ W + b) of one width, behind a linear layer that comes in and before one that answers.

    x (B, …) is flattened to (B, inputs); the answer is (B, outputs), or (E, B, outputs) where `seed` is a list of E seeds.
    start: of the `depth` matrices, whose fan-in and fan-out are `width`. "torch": uniform within ±1/sqrt(width), as
    `nn.Linear`; "glorot": N(0, 1/width); "he": N(0, 2/width); "orthogonal": a random rotation, times sqrt(2) before a relu or
    gelu; a number s: N(0, s²/width). The first and the last matrix start from N(0, 1/fan_in) always, biases at 0.
    norm: each layer, and the answer, reads its input at mean 0 and variance 1 over the units (layer norm, nothing learned in
    it).  residual: x = x + bend(…).

    He et al., 2015 (the start) and 2016 (residual connections); Ba et al., 2016 (layer norm); Saxe et al., 2014 (orthogonal).

    >>> DeepMLP(64, 32, 10, depth=3, seed=0)(torch.zeros(5, 64)).shape
    torch.Size([5, 10])
    >>> DeepMLP(64, 32, 10, depth=3, seed=range(4))(torch.zeros(5, 64)).shape
    torch.Size([4, 5, 10])
    """

    def __init__(self, inputs, width, outputs, *, depth, activation="relu", start="he", norm=False, residual=False, seed=0):
        super().__init__()
        if min(inputs, width, outputs, depth) < 1:
            raise ValueError(f"DeepMLP needs sizes and a depth of at least 1; got sizes {inputs}, {width}, {outputs} and "
                             f"depth={depth}.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"DeepMLP knows no activation {activation!r}; it knows {', '.join(ACTIVATIONS)}.")
        if start not in STARTS and not isinstance(start, int | float):
            raise ValueError(f"DeepMLP knows no start {start!r}; it knows {', '.join(STARTS)}, or a number.")
        self.bend, self.norm, self.residual, self.alone = ACTIVATIONS[activation], norm, residual, not hasattr(seed, "__iter__")
        seeds = [seed] if self.alone else list(seed)
        if not seeds:
            raise ValueError("DeepMLP got no seed; it makes one network for each.")
        turn = math.sqrt(2) if activation in ("relu", "gelu") else 1.0          # they halve the mean square
        made = []
        for one in seeds:
            lots = torch.Generator().manual_seed(one)
            made.append([_draw(inputs, width, 1.0, lots),
                         torch.stack([_draw(width, width, start, lots, turn) for _ in range(depth)]),
                         _draw(width, outputs, 1.0, lots)])
        first, middle, last = zip(*made)
        self.first, self.first_bias = nn.Parameter(torch.stack(first)), nn.Parameter(torch.zeros(len(seeds), 1, width))
        self.weight = nn.Parameter(torch.stack(middle, 1))                      # (depth, E, width, width)
        self.bias = nn.Parameter(torch.zeros(depth, len(seeds), 1, width))
        self.last, self.last_bias = nn.Parameter(torch.stack(last)), nn.Parameter(torch.zeros(len(seeds), 1, outputs))

    def signals(self, x):
        """What goes into each layer, and out of the last: depth + 1 tensors (E, B, width)."""
        x = x.flatten(1).expand(len(self.first), -1, -1)                        # (E, B, inputs)
        x = torch.baddbmm(self.first_bias, x, self.first)                       # (E, B, width)
        found = [x]
        for weight, bias in zip(self.weight.unbind(), self.bias.unbind()):
            y = self.bend(torch.baddbmm(bias, self._normed(x), weight))
            x = x + y if self.residual else y
            found.append(x)
        return found

    def head(self, signal):
        """The answers (E, B, outputs) to what comes out of the last layer."""
        return torch.baddbmm(self.last_bias, self._normed(signal), self.last)

    def forward(self, x):
        answers = self.head(self.signals(x)[-1])
        return answers[0] if self.alone else answers

    def _normed(self, x):
        return nn.functional.layer_norm(x, x.shape[-1:]) if self.norm else x


def _draw(fan_in, fan_out, start, lots, turn=1.0):
    """A matrix (fan_in, fan_out) to start from.  start: as above.  turn: the factor of a rotation."""
    if start == "torch":
        return (2 * torch.rand(fan_in, fan_out, generator=lots) - 1) / math.sqrt(fan_in)
    if start == "orthogonal":
        q, r = torch.linalg.qr(torch.randn(fan_in, fan_out, generator=lots))
        return turn * q * r.diagonal().sign()                                   # signs: or some come more often
    factor = {"glorot": 1.0, "he": math.sqrt(2)}.get(start, start)
    return factor / math.sqrt(fan_in) * torch.randn(fan_in, fan_out, generator=lots)
