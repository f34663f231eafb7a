"""Learned n-grams: the last few tokens, one by one and as pairs, triples …, each with a vector of its own, added up.

A counted n-gram (`ngrams.py`) remembers how often; here a row of a table is trained for what it helps to predict, and a small
MLP reads the sum of all rows that fit. Most grams never occur, so they share rows: a gram's number modulo the rows of the table
is its row ("hashing", Weinberger et al., 2009; for n-grams as here, fastText: Joulin et al., 2017). No attention, no place is
further back than the longest gram or `lags`; so it is cheap, learns fast, and stops learning early.
"""
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.embed import embed


class HashedNGrams(nn.Module):
    """ids (B, T) -> logits (B, T, V), each from the last `lags` tokens and grams of up to `n` at that place.

    lags: how many tokens enter one by one, each with a table for how far back it stands (Bengio et al., 2003).
    n: the longest grams that have a table.  rows: of each such table.  width: C, numbers a row.  hidden: of the MLP.
    Before a row's start stands a token of its own, number V. Every parameter is trained by gradient; nothing is counted.

    >>> model = HashedNGrams(100, rows=1009)
    >>> model(torch.zeros(3, 16, dtype=torch.int64)).shape
    torch.Size([3, 16, 100])
    """

    def __init__(self, vocabulary, *, lags=4, n=4, rows=5003, width=64, hidden=256, seed=0):
        super().__init__()
        if min(vocabulary, lags, n, rows, width, hidden) < 1:
            raise ValueError(f"HashedNGrams needs sizes of at least 1; got vocabulary={vocabulary}, lags={lags}, n={n}, "
                             f"rows={rows}, width={width}, hidden={hidden}.")
        if max(lags, n) < 2:
            raise ValueError("HashedNGrams got lags=1 and n=1: it would see a single token. One of both must be 2 or more.")
        if (vocabulary + 1) ** n >= 1 << 63:
            raise ValueError(f"{vocabulary} tokens have too many grams of n={n} to number them in 64 bits; take a smaller n.")
        self.vocabulary, self.lags, self.n, self.rows = vocabulary, lags, n, rows
        lots = torch.Generator().manual_seed(seed)
        self.tokens = nn.Parameter(0.05 * torch.randn(vocabulary, width, generator=lots))
        self.table = nn.Parameter(0.05 * torch.randn((lags - 1) * (vocabulary + 1) + (n - 1) * rows, width, generator=lots))
        self.up = nn.Parameter(torch.randn(hidden, width, generator=lots) / width**0.5)
        self.head = nn.Parameter(torch.zeros(vocabulary, hidden))       # at first every token is as likely as any other
        self.skip = nn.Parameter(torch.zeros(vocabulary, width))

    def rows_of(self, ids):
        """The rows of the table that fit each place: ids (B, T) -> (B, T, lags - 1 + n - 1) int64."""
        V, T, found, gram = self.vocabulary + 1, ids.shape[1], [], ids
        for k in range(1, max(self.lags, self.n)):
            back = F.pad(ids, (k, 0), value=self.vocabulary)[:, :T]             # the token k places before, (B, T)
            if k < self.lags:
                found.append(back + (k - 1) * V)
            if k < self.n:
                gram = gram + back * V**k                                       # the gram of k + 1 tokens as a number, exact
                found.append(gram % self.rows + (self.lags - 1) * V + (k - 1) * self.rows)
        return torch.stack(found, -1)

    def forward(self, ids):
        x = embed(self.tokens, ids)                                                             # (B, T, C)
        x = x + F.embedding_bag(self.rows_of(ids).flatten(0, 1), self.table, mode="sum").view_as(x)     # rows found and added
        x = F.layer_norm(x, x.shape[-1:])
        h = F.linear(x, self.up).relu()                                                         # (B, T, hidden)
        return F.linear(h * h, self.head) + F.linear(x, self.skip)                              # (B, T, V)
