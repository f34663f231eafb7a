"""Recurrent networks: a state that reads one token after another, written out. What is to be remembered must fit into it.

Three ways to update the state h (B, C) with an input x (B, C): the plain one (Elman, 1990), the GRU (Cho et al., 2014), and the
LSTM, which keeps a second state c (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000). Each equals
`nn.RNN`, `nn.GRU`, `nn.LSTM`. Left out: both directions at once, and dropout between layers.
"""
import torch
from torch import nn

from minitrain.models.embed import embed


def rnn_step(x, u, h, c):
    """h = tanh(x + u).  x: what the input says, u: what the old state says, both (B, C). -> h, c"""
    return torch.tanh(x + u), c


def gru_step(x, u, h, c):
    """Keep the share z of the old state, and fill the rest with what is new; r says how much of the old state the new one sees.

    x, u (B, 3C): r, z and the new state's parts.  h (B, C). -> h, c
    """
    r, z = torch.sigmoid(x[:, :2 * h.shape[1]] + u[:, :2 * h.shape[1]]).chunk(2, 1)
    new = torch.tanh(x[:, 2 * h.shape[1]:] + r * u[:, 2 * h.shape[1]:])
    return new + z * (h - new), c


def lstm_step(x, u, h, c):
    """Forget the share 1 - f of the memory c, write the share i of what is new, show the share o of it as h.

    The memory is only multiplied and added to: with f near 1 it keeps what it holds, and its gradient, for many steps.
    x, u (B, 4C): i, f, new and o.  c (B, C). -> h, c
    """
    i, f, new, o = (x + u).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(new)
    return torch.sigmoid(o) * torch.tanh(c), c


KINDS = {"rnn": (1, rnn_step), "gru": (3, gru_step), "lstm": (4, lstm_step)}            # parts, step


class Layer(nn.Module):
    """One state that reads x (B, T, C) from left to right: what it was behind each token, (B, T, C)."""

    def __init__(self, width, kind):
        super().__init__()
        parts, self.step = KINDS[kind]
        self.input = nn.Linear(width, parts * width, device="meta")
        self.state = nn.Linear(width, parts * width, device="meta")

    def forward(self, x):
        h = c = x.new_zeros(x.shape[0], x.shape[2])             # (B, C)
        states = []
        for said in self.input(x).unbind(1):                    # (B, parts·C): inputs wait for nobody, so all T in one product
            h, c = self.step(said, self.state(h), h, c)
            states.append(h)
        return torch.stack(states, 1)                           # (B, T, C)


class RNN(nn.Module):
    """Embedding, recurrent layers, a linear head: ids (B, T) -> logits (B, T, V) of what comes next.

    kind: "rnn", "gru" or "lstm".  All starts uniform within ±1/sqrt(width), as in PyTorch, but for the embedding, N(0, 1), and
    the LSTM's forget gates, whose biases start with sum 1, so that it remembers at first (Jozefowicz et al., 2015).

    >>> RNN(100, 32, kind="lstm")(torch.zeros(3, 16, dtype=torch.int64)).shape
    torch.Size([3, 16, 100])
    """

    def __init__(self, vocabulary, width, kind="rnn", layers=1, seed=0):
        super().__init__()
        if min(vocabulary, width, layers) < 1:
            raise ValueError(f"RNN needs sizes of at least 1; got vocabulary={vocabulary}, width={width}, layers={layers}.")
        if kind not in KINDS:
            raise ValueError(f"RNN knows no kind {kind!r}; it knows {', '.join(KINDS)}.")
        self.embedding = nn.Parameter(torch.empty(vocabulary, width))           # (V, C)
        self.layers = nn.ModuleList(Layer(width, kind) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary, device="meta")
        self.layers.to_empty(device="cpu")
        self.head.to_empty(device="cpu")
        lots = torch.Generator().manual_seed(seed)
        for p in self.parameters():
            nn.init.uniform_(p, -width**-0.5, width**-0.5, generator=lots)
        nn.init.normal_(self.embedding, generator=lots)
        if kind == "lstm":
            for layer in self.layers:
                nn.init.constant_(layer.input.bias[width:2 * width], 1.0)
                nn.init.zeros_(layer.state.bias[width:2 * width])

    def features(self, ids):
        """The last layer's state behind each token, (B, T, C)."""
        x = embed(self.embedding, ids)                          # (B, T, C)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, ids):
        return self.head(self.features(ids))                    # (B, T, V)
