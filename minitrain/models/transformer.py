"""The transformer: GPT (each token sees those before it) and BERT (each sees all), one file, one flag between them.

A block reads the stream x (B, T, C), and adds two things to it: what each token gathers from others (attention), and what it
makes of that by itself (a small MLP). Vaswani et al., 2017; with the norm before each part instead of behind it, as in GPT-2
(Radford et al., 2019). It refuses to know where tokens come from and how the next one is drawn (`generate.py`).

B sequences, T tokens, C numbers a token (the width), H heads of D = C / H numbers each, S tokens to look at, V tokens there are.
Left out: dropout (no model of this course passes over its text often enough to need it), BERT's segment embeddings.
"""
import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from minitrain.kernels.attention import attention as kernel_attention
from minitrain.kernels.lang import autocast_dtype, runs_here
from minitrain.kernels.norm import layer_norm, rms_norm
from minitrain.models.embed import embed
from minitrain.models.squared_relu import squared_relu

ACTIVATIONS = {"gelu": F.gelu, "relu2": squared_relu}
NORMS, POSITIONS = ("layer", "rms"), ("learned", "rotary")


def attention_weights(q, k, causal=False, allowed=None):
    """How much each token looks at each other one: softmax(q·k / sqrt(D)), rows that sum to 1.  Vaswani et al., 2017.

    q (B, H, T, D), k (B, H, S, D) -> (B, H, T, S).  causal: token i looks at 0 … i alone (T = S).
    allowed: True where a token may look, (B or 1, 1, T, S); each needs one place at least. Unscaled, the softmax of q·k, which
    has variance D for numbers of variance 1, would be nearly all on one token.

    >>> attention_weights(torch.zeros(1, 1, 3, 2), torch.zeros(1, 1, 3, 2), causal=True)[0, 0]
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    scores = q @ k.mT / math.sqrt(q.shape[-1])                                  # (B, H, T, S)
    if causal:
        allowed = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril()
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)                        # exp(-inf) is 0: no weight at all
    return scores.softmax(-1)


def attention(q, k, v, causal=False, allowed=None):
    """What each token gathers: the values v (B, H, S, D) of all that it looks at, weighted. -> (B, H, T, D)

    >>> v = torch.tensor([[[[0.0], [6.0], [12.0]]]])
    >>> attention(torch.zeros_like(v), torch.zeros_like(v), v, causal=True).flatten()      # averages of all so far
    tensor([0., 3., 6.])
    """
    return attention_weights(q, k, causal, allowed) @ v                         # (B, H, T, D)


def fused_attention(q, k, v, causal=False, allowed=None, kernels=False):
    """The same in one call, which never holds all (T, S) weights.  Dao et al., 2022.  kernels: ours, for causal attention."""
    if v.device.type == "cpu" and (v.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")):
        with torch.autocast("cpu", enabled=False):                              # its backward in bf16 is slow on a CPU
            return fused_attention(q.float(), k.float(), v.float(), causal, allowed, kernels)
    if causal and allowed is None and q.shape == k.shape and _on_kernels(kernels, v):
        return kernel_attention(q.to(v.dtype), k.to(v.dtype), v)
    return F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, attn_mask=allowed, is_causal=causal)


def rotation(positions, D):
    """How far positions (…, T) turn each pair of D numbers, as complex numbers of length 1, (…, T, D/2).  Su et al., 2021.

    Pair i turns by position · 10000^(-2i/D): the first is a clock's second hand, the last its hour hand.
    """
    speeds = 10_000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64, device=positions.device) / D)
    angles = positions[..., None] * speeds
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x, turn):
    """Each pair of numbers in x (…, T, D), as a point of the complex plane, turned.  turn (…, T, D/2).

    Dot products of turned vectors depend on how far apart their positions are, and on nothing else of them.

    >>> rotate(torch.tensor([[1.0, 0.0]]), rotation(torch.tensor([1]), D=2))                # one radian
    tensor([[0.5403, 0.8415]])
    """
    x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x          # there are no complex numbers of half precision
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))                     # (…, T, D/2)
    return torch.view_as_real(pairs * turn.to(pairs.dtype)).flatten(-2)         # (…, T, D)


class Norm(nn.Module):
    """Each token's C numbers to mean 0 and variance 1 ("layer", Ba et al., 2016), or to mean square 1 alone ("rms", Zhang and
    Sennrich, 2019); then a learned gain for each, and for "layer" a learned shift, if `bias`."""

    def __init__(self, kind, width, bias, kernels=None):
        super().__init__()
        self.kind, self.kernels = kind, kernels
        self.gain = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width)) if bias and kind == "layer" else None

    def forward(self, x):
        if _on_kernels(self.kernels, x):
            return self.after(x)
        if self.kind == "rms":
            return F.rms_norm(x, x.shape[-1:], self.gain, eps=1e-5)
        return F.layer_norm(x, x.shape[-1:], self.gain, self.shift, eps=1e-5)

    def after(self, x, residual=None, dtype=None):
        """The same by a kernel; with a residual, (norm of the sum, the sum), in one pass.  dtype: of the norm, if not of x."""
        if self.kind == "rms":
            return rms_norm(x, self.gain, residual=residual, eps=1e-5, dtype=dtype)
        return layer_norm(x, self.gain, self.shift, residual=residual, eps=1e-5, dtype=dtype)


class Attention(nn.Module):
    """Queries, keys and values of each token, H of each; what the heads gathered, side by side, is mixed by `out`."""

    def __init__(self, width, heads, bias, kernels=None):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias, device="meta")             # three matrices, one call
        self.out = nn.Linear(width, width, bias, device="meta")
        self.attend = partial(fused_attention, kernels=kernels)                 # or `attention`: the same result

    def forward(self, x, causal, allowed, turn, remember):
        B, T, C = x.shape
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))   # (B, H, T, D)
        if turn is not None:
            q, k = rotate(q, turn), rotate(k, turn)
        if remember is not None:
            k, v = remember(k, v)                                               # (B, H, S, D): those of before, too
        y = self.attend(q, k, v, causal, allowed)                               # (B, H, T, D)
        return self.out(y.transpose(1, 2).reshape(B, T, C))                     # (B, T, C)


class MLP(nn.Module):
    """What each token makes of its numbers by itself: four times as many, bent, and back."""

    def __init__(self, width, activation, bias):
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias, device="meta")
        self.down = nn.Linear(4 * width, width, bias, device="meta")
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.down(self.activation(self.up(x)))                           # (B, T, C), through (B, T, 4C)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, width, heads, norm, activation, bias, kernels=None):
        super().__init__()
        self.kernels = kernels
        self.norm1, self.attention = Norm(norm, width, bias, kernels), Attention(width, heads, bias, kernels)
        self.norm2, self.mlp = Norm(norm, width, bias, kernels), MLP(width, activation, bias)

    def forward(self, x, *how):
        if isinstance(x, tuple) or _on_kernels(self.kernels, x):
            return self.on_kernels(x, *how)
        x = x + self.attention(self.norm1(x), *how)                             # (B, T, C)
        return x + self.mlp(self.norm2(x))                                      # (B, T, C)

    def on_kernels(self, x, *how):
        """The same, but each sum is left to the norm behind it, which has it in registers: x and the result are (stream, what is
        yet to be added to it); x may be the stream alone. Norms leave in the dtype in which autocast will multiply them."""
        x, part = x if isinstance(x, tuple) else (x, None)
        dtype = autocast_dtype(x)
        y, x = (self.norm1.after(x, dtype=dtype), x) if part is None else self.norm1.after(part, x, dtype)
        y, x = self.norm2.after(self.attention(y, *how), x, dtype)
        return x, self.mlp(y)


class Transformer(nn.Module):
    """A GPT (causal=True) or a BERT (causal=False): ids (B, T) -> logits (B, T, V).

    context: the most tokens it can look at.  positions: a learned vector for each place, or "rotary": queries and keys turned by
    it.  tied: logits are products with the same vectors that tokens enter as (Press and Wolf, 2017).  bias: in all linear layers
    and layer norms.

    Embeddings start from N(0, 0.02²) (GPT-2), so that a model that knows nothing pays ln V; what reads the stream from
    N(0, 1/fan_in) (LeCun et al., 1998); what writes into it at 0, so that each block begins as the identity (Zhang et al., 2019).
    In 200 steps on the Python reference this gave 1.91 nats with AdamW and 1.72 with Muon; GPT-2's start, 2.15 and 1.94. Before
    its first update such a model sees one token only: a test of its mask needs other weights.

    kernels: whether norms, residual sums and causal attention run on `minitrain.kernels`; None: on a GPU that can.

    >>> gpt = Transformer(100, context=16, layers=2, heads=2, width=32)
    >>> gpt(torch.zeros(3, 16, dtype=torch.int64)).shape
    torch.Size([3, 16, 100])
    """
    caches = True                                                               # so `generate` need not read all anew

    def __init__(self, vocabulary, context=64, layers=4, heads=4, width=128, *, causal=True, positions="learned", norm="layer",
                 activation="gelu", tied=True, bias=False, kernels=None, seed=0):
        super().__init__()
        if min(vocabulary, context, layers, heads, width) < 1:
            raise ValueError(f"Transformer needs sizes of at least 1; got vocabulary={vocabulary}, context={context}, "
                             f"layers={layers}, heads={heads}, width={width}.")
        if width % heads or (positions == "rotary" and width // heads % 2):
            raise ValueError(f"The width, {width}, is shared out among {heads} heads{' in pairs' * (positions == 'rotary')}; "
                             f"make it a multiple of {heads * (1 + (positions == 'rotary'))}.")
        for name, value, known in (("positions", positions, POSITIONS), ("norm", norm, NORMS),
                                   ("activation", activation, ACTIVATIONS)):
            if value not in known:
                raise ValueError(f"Transformer knows no {name} {value!r}; it knows {', '.join(known)}.")
        self.vocabulary, self.context, self.width, self.heads, self.causal = vocabulary, context, width, heads, causal
        self.kernels = kernels
        self.embedding = nn.Parameter(torch.empty(vocabulary, width))           # (V, C)
        self.positions = nn.Parameter(torch.empty(context, width)) if positions == "learned" else None
        self.blocks = nn.ModuleList(Block(width, heads, norm, activation, bias, kernels) for _ in range(layers))
        self.norm = Norm(norm, width, bias, kernels)
        self.head = None if tied else nn.Parameter(torch.empty(vocabulary, width))
        self._start(torch.Generator().manual_seed(seed))

    def _start(self, lots):
        for table in (self.embedding, self.positions, self.head):
            if table is not None:
                nn.init.normal_(table, std=0.02, generator=lots)
        for block in self.blocks:
            reads, writes = (block.attention.qkv, block.mlp.up), (block.attention.out, block.mlp.down)
            for layer in (*reads, *writes):
                layer.to_empty(device="cpu")
                for p in layer.parameters():
                    nn.init.zeros_(p)
            for layer in reads:
                nn.init.normal_(layer.weight, std=self.width**-0.5, generator=lots)

    @property
    def unembedding(self):
        """The matrix (V, C) that turns features into logits; the embedding itself where the two are tied."""
        return self.embedding if self.head is None else self.head

    def forward(self, ids, *, documents=None, cache=None):
        """Logits (B, T, V) of what comes next (GPT) or stands here (BERT).

        documents: numbers (B, T), of which equal neighbours are one document; tokens look at their own alone, and positions
        count from its first token. Padding is a document of its own, for instance documents=(ids != pad).
        cache: a `Cache`, to which these T tokens are added; they look at what is in it, too.
        """
        return F.linear(self.features(ids, documents=documents, cache=cache), self.unembedding)     # (B, T, V)

    def embed(self, ids):
        """What tokens enter the first block as, (B, T, C), without positions."""
        return embed(self.embedding, ids)

    def features(self, ids, *, documents=None, cache=None):
        """What the logits are made from, (B, T, C): for another head, or a loss that never holds all logits."""
        x = self.embed(ids)                                                                         # (B, T, C)
        self._check(ids, documents, cache)
        positions, causal, allowed = torch.arange(ids.shape[1], device=ids.device)[None], self.causal, None     # (1, T)
        if documents is not None:
            first = documents.diff(dim=1, prepend=documents[:, :1]) != 0                            # (B, T)
            run = first.cumsum(1)
            allowed = (run[:, :, None] == run[:, None])[:, None]                                    # (B, 1, T, T)
            if causal:
                causal, allowed = False, allowed & (positions[0, :, None] >= positions)
            positions = positions - (positions * first).cummax(1).values                            # (B, T)
        if cache is not None:
            positions, causal, allowed = cache.places(ids.shape[1])
        turn = None
        if self.positions is None:
            turn = rotation(positions, self.width // self.heads)[:, None]                           # (B or 1, 1, T, D/2)
        else:
            x = x + F.embedding(positions, self.positions)
        for i, block in enumerate(self.blocks):
            x = block(x, causal, allowed, turn, None if cache is None else partial(cache.add, i))
        if cache is not None:
            cache.lengths = [n + ids.shape[1] for n in cache.lengths]
        return self.norm.after(x[1], x[0])[0] if isinstance(x, tuple) else self.norm(x)             # (B, T, C)

    def _check(self, ids, documents, cache):
        (B, T), before = ids.shape, 0 if cache is None else max(cache.lengths)
        if before + T > self.context:
            raise ValueError(f"The model's context is {self.context} tokens; got {T}" + f" more, with {before} in the cache" *
                             (cache is not None) + ". Give it the last ones, or make the model with a larger context.")
        if documents is not None and (cache is not None or documents.shape != ids.shape):
            raise ValueError("documents go without a cache, in the shape of ids, "
                             f"{tuple(ids.shape)}; got {tuple(documents.shape)}{' and a cache' * (cache is not None)}.")
        if cache is not None:
            cache.check(self, B)


def _on_kernels(kernels, x):
    return runs_here(x) if kernels is None else kernels
