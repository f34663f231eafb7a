"""A network that reads the last n tokens and no others: their vectors side by side, one hidden layer, a number for each token.

Bengio et al., "A neural probabilistic language model", 2003, without its direct connections. Unlike a counted n-gram it knows
tokens by vectors, so what it learns about one holds, in part, for those that are used alike.
"""
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.embed import embed


class Window(nn.Module):
    """ids (B, T) -> logits (B, T, V) of what comes next, each from the n tokens up to its place; before the first stand zeros.

    width: C numbers a token.  hidden: units between.  Vectors start from N(0, 1), hidden weights from N(0, 2/fan_in) (relu: He et
    al., 2015), the last ones near 0, so that a model that knows nothing pays ln V.

    >>> Window(100, n=4, width=8, hidden=16)(torch.zeros(3, 10, dtype=torch.int64)).shape
    torch.Size([3, 10, 100])
    """

    def __init__(self, vocabulary, n=6, width=32, hidden=128, seed=0):
        super().__init__()
        if min(vocabulary, n, width, hidden) < 1:
            raise ValueError(f"Window needs sizes of at least 1; got vocabulary={vocabulary}, n={n}, width={width}, "
                             f"hidden={hidden}.")
        self.n, lots = n, torch.Generator().manual_seed(seed)
        self.embedding = nn.Parameter(torch.randn(vocabulary, width, generator=lots))           # (V, C)
        self.hidden, self.out = nn.Linear(n * width, hidden, device="meta"), nn.Linear(hidden, vocabulary, device="meta")
        for layer, std in ((self.hidden, (2 / (n * width)) ** 0.5), (self.out, 0.01)):
            layer.to_empty(device="cpu")
            nn.init.normal_(layer.weight, std=std, generator=lots)
            nn.init.zeros_(layer.bias)

    def forward(self, ids):
        x = F.pad(embed(self.embedding, ids), (0, 0, self.n - 1, 0))                # (B, n - 1 + T, C)
        x = x.unfold(1, self.n, 1).flatten(2)                                       # (B, T, C·n): each place with those before it
        return self.out(torch.relu(self.hidden(x)))                                 # (B, T, V)
