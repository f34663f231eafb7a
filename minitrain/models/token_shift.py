"""A transformer whose tokens do not enter alone: each brings the few before it, as one vector."""
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.transformer import Transformer


class TokenShift(Transformer):
    """A GPT that adds to each token's vector one for each of the tokens before it, by how far back it stands.

    A plain transformer spends a layer on finding the neighbours; with letters as tokens, most of what comes next depends on them.
    Here they are at hand from the start: a causal convolution over one-hot tokens, `lags` wide, that no gram is counted in and
    that has no table of grams. (Shifted tokens: Peng et al., "RWKV", 2023; convolutions in attention: So et al., "Primer", 2021.)

    lags: how many tokens enter together, the newest among them.  options: as for `Transformer`. Packed documents and a cache of
    keys and values are left out: both would have to know the tokens before.

    >>> model = TokenShift(100, lags=4, layers=2, positions="rotary", seed=0)
    >>> model(torch.zeros(3, 16, dtype=torch.int64)).shape
    torch.Size([3, 16, 100])
    """
    caches = False

    def __init__(self, vocabulary, *, lags=4, seed=0, **options):
        super().__init__(vocabulary, seed=seed, **options)
        if lags < 2 or not self.causal:
            raise ValueError(f"TokenShift got lags={lags} and causal={self.causal}; it needs 2 or more, and True.")
        self.lags = lags
        lots = torch.Generator().manual_seed(seed + 1)
        self.before = nn.Parameter(0.01 * torch.randn((lags - 1) * (vocabulary + 1), self.width, generator=lots))

    def embed(self, ids):
        x, (B, T), rows = super().embed(ids), ids.shape, self.vocabulary + 1
        back = [F.pad(ids, (k, 0), value=self.vocabulary)[:, :T] + (k - 1) * rows for k in range(1, self.lags)]     # (B, T) each
        x = x + F.embedding_bag(torch.stack(back, -1).flatten(0, 1), self.before, mode="sum").view(B, T, -1)
        return F.layer_norm(x, x.shape[-1:])                                                                        # (B, T, C)

    def features(self, ids, *, documents=None, cache=None):
        if documents is not None or cache is not None:
            raise ValueError("TokenShift takes neither packed documents nor a cache; Transformer does.")
        return super().features(ids)
