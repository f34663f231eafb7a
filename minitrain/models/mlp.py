"""The multi-layer perceptron: matrix, bend, matrix, bend, …, matrix."""
from itertools import pairwise

import torch
from torch import nn

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": nn.functional.gelu, "none": lambda x: x}


class MLP(nn.Module):
    """Linear layers with an activation between them.  x (B, …) is flattened to (B, sizes[0]); the answer is (B, sizes[-1]).

    Weights start from N(0, 2/fan_in) before a relu or gelu, so that every layer's output keeps the scale of its input
    (He et al., 2015), from N(0, 1/fan_in) elsewhere (Glorot and Bengio, 2010, with the input's side alone); biases at 0.
    dropout: while training, the share of units behind each activation that is set to 0, drawn anew for every batch; those that
    stay are scaled up, so that the mean stays (Srivastava et al., 2014). In evaluation mode nothing is dropped.

    >>> MLP(2, 16, 3, seed=0)(torch.zeros(5, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(self, *sizes, activation="relu", dropout=0.0, seed=0):
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"MLP needs the sizes of its input and output at least, all positive; got {sizes}.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"MLP knows no activation {activation!r}; it knows {', '.join(ACTIVATIONS)}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"MLP got dropout={dropout}; it is the share of units to drop: 0 or more, and below 1.")
        self.activation = ACTIVATIONS[activation]
        self.layers = nn.ModuleList(nn.Linear(a, b, device="meta") for a, b in pairwise(sizes))
        self.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        for i, layer in enumerate(self.layers):
            bends = activation in ("relu", "gelu") and i < len(self.layers) - 1
            nn.init.normal_(layer.weight, std=((2 if bends else 1) / layer.in_features) ** 0.5, generator=generator)
            nn.init.zeros_(layer.bias)
        self.drop = Dropout(dropout, generator) if dropout else None

    def forward(self, x):
        *hidden, last = self.layers
        x = x.flatten(1)                                    # (B, sizes[0])
        for layer in hidden:
            x = self.activation(layer(x))
            x = x if self.drop is None else self.drop(x)
        return last(x)                                      # (B, sizes[-1])


class Dropout(nn.Module):
    """As `nn.Dropout`, with a generator of its own. Its state is part of `state_dict()`: a resumed run drops what it would have.

    >>> Dropout(0.5, torch.Generator().manual_seed(0))(torch.ones(4))
    tensor([0., 2., 0., 0.])
    """

    def __init__(self, share, generator):
        super().__init__()
        self.share, self.generator = share, generator

    def get_extra_state(self):
        return self.generator.get_state()

    def set_extra_state(self, state):
        self.generator.set_state(state)

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self.generator) >= self.share
        return x * kept.to(x.device) / (1 - self.share)
