"""Sampling: a language model's next token, drawn, appended, and read again. It refuses to know where the model is from.

A Transformer keeps keys and values of what it has read in a cache, so that a step costs one token and not the whole text; any
other model that makes logits (B, T, V) from ids (B, T) reads the text anew at every step, and draws the same tokens, slowly.
Left out: beam search (it looks for the likeliest text, which is a dull one: Holtzman et al., 2020) and repetition penalties.
"""
import math

import torch

from minitrain.models.cache import Cache


def filter_logits(logits, *, temperature=1.0, top_k=None, top_p=None):
    """Logits (…, V) made sharper or flatter, and -inf for tokens that shall not be drawn; softmax makes probabilities of them.

    temperature: divides the logits; below 1 sharper, above 1 flatter.  top_k: only the k likeliest stay.  top_p: only the
    likeliest that together have probability p stay, and the one that crosses p is in (Holtzman et al., 2020). In this order;
    among equals, those with smaller numbers stay.

    >>> logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    >>> filter_logits(logits, top_k=3).softmax(-1)
    tensor([0.5714, 0.2857, 0.1429, 0.0000])
    >>> filter_logits(logits, top_p=0.6).softmax(-1)
    tensor([0.6667, 0.3333, 0.0000, 0.0000])
    """
    if not temperature > 0:
        raise ValueError(f"filter_logits divides by the temperature, which must be above 0; got {temperature}.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; it is how many tokens stay, 1 or more (None: all).")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; it is the share of probability that stays, above 0 and up to 1 (None: all).")
    logits = logits / temperature
    if top_k is None and top_p is None:
        return logits
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ranked[..., top_k:] = -math.inf
    if top_p is not None:
        likelier = ranked.softmax(-1).cumsum(-1).roll(1, -1)                    # how much probability stands before each
        likelier[..., 0] = 0
        ranked = ranked.masked_fill(likelier >= top_p, -math.inf)
    return torch.empty_like(logits).scatter_(-1, order, ranked)


def generate(model, prompt_ids, steps, *, temperature=1.0, top_k=None, top_p=None, generator=None, stop=None):
    """Continue one prompt, or many at once, by up to `steps` tokens: the new ids, without the prompt.

    prompt_ids: token numbers, or a list of such (or a tensor (B, T)); lengths may differ. One prompt gives a list, many give a
    list of lists.  temperature: 0 takes the likeliest token each time; otherwise see `filter_logits`.  generator: draws one
    number a row and step, on the CPU, so that every device draws alike.  stop: a token that ends its row, and is its last.

    Where a text outgrows the model's context, the older half of what it reads is dropped and the rest is read anew: the
    exact sliding window, one token dropped a step, would read everything anew each time.

    >>> from minitrain.models.transformer import Transformer
    >>> gpt = Transformer(100, context=16, layers=1, heads=2, width=16)
    >>> lots = torch.Generator().manual_seed(0)
    >>> [len(new) for new in generate(gpt, [[1, 2, 3], [4]], steps=20, generator=lots)]
    [20, 20]
    """
    prompts = prompt_ids.tolist() if hasattr(prompt_ids, "tolist") else list(prompt_ids)
    alone = bool(prompts) and isinstance(prompts[0], int)
    texts = [[] for _ in ([prompts] if alone else prompts)]
    for new in stream(model, [prompts] if alone else prompts, steps, temperature=temperature, top_k=top_k, top_p=top_p,
                      generator=generator, stop=stop):
        for text, token in zip(texts, new):
            if token is not None:
                text.append(token)
    return texts[0] if alone else texts


@torch.inference_mode()
def stream(model, prompts, steps, *, temperature=1.0, top_k=None, top_p=None, generator=None, stop=None):
    """As `generate`, step by step: yields a list with the new token of each prompt, None where that row has stopped."""
    texts = [prompt.tolist() if hasattr(prompt, "tolist") else list(prompt) for prompt in prompts]
    if not all(texts):
        raise ValueError("A prompt is empty; a model goes on from one token at least. A text from nothing begins behind the "
                         "end of another: give it the end-of-document token.")
    if not temperature >= 0:
        raise ValueError(f"temperature is {temperature}; it is 0 (always the likeliest token) or above.")
    if temperature and generator is None:
        raise ValueError("Drawing needs a generator, say torch.Generator().manual_seed(0); temperature=0 draws nothing.")
    read = _Cached(model) if getattr(model, "caches", False) else _Anew(model)
    going = list(range(len(texts)))                                             # rows that have not stopped
    for _ in range(steps if texts else 0):
        logits = read([texts[row] for row in going])                            # (rows going, V)
        if logits.isnan().any():
            raise FloatingPointError("The model's logits are not numbers (NaN): its weights were lost in training. Load an "
                                     "earlier checkpoint.")
        if temperature:
            lots = torch.rand(len(texts), 1, generator=generator, dtype=torch.float64)[going].to(logits.device)
            shares = filter_logits(logits.double(), temperature=temperature, top_k=top_k, top_p=top_p).softmax(-1).cumsum(-1)
            drawn = (shares <= lots * shares[:, -1:]).sum(-1)                   # the first whose share reaches beyond the lot
        else:
            drawn = logits.argmax(-1)
        new = [None] * len(texts)
        for row, token in zip(going, drawn.tolist()):
            texts[row].append(token)
            new[row] = token
        yield new
        kept = [i for i, row in enumerate(going) if texts[row][-1] != stop]
        if len(kept) < len(going):
            if not kept:
                return
            read.keep(kept)
            going = [going[i] for i in kept]


def _start(n, context):
    """Where the window of a text of n tokens starts: at 0 while it fits, then it jumps ahead by half a context at a time."""
    half = (context + 1) // 2
    return max(0, -((context - n) // half) * half)


class _Anew:
    """Logits (B, V) of what follows each text, which the model reads from the start of its window."""

    def __init__(self, model):
        self.model, self.context = model, getattr(model, "context", math.inf)

    def __call__(self, texts):
        windows = [text if math.isinf(self.context) else text[_start(len(text), self.context):] for text in texts]
        last = torch.tensor([len(window) - 1 for window in windows])
        logits = self.model(_filled(windows, _device(self.model)))              # (B, T, V)
        return logits[torch.arange(len(texts)), last]

    def keep(self, rows):
        pass


class _Cached:
    """The same, from a cache that holds all of each window but its last token."""

    def __init__(self, model):
        self.model, self.cache, self.starts = model, None, None

    def __call__(self, texts):
        model, starts = self.model, [_start(len(text), self.model.context) for text in texts]
        moved = [row for row in range(len(texts)) if self.starts is None or starts[row] != self.starts[row]]
        if moved:
            windows = [texts[row][starts[row]:-1] for row in moved]
            cache = Cache(model, len(moved))
            if any(windows):
                model.features(_filled(windows, _device(model)), cache=cache)
            cache.lengths = [len(window) for window in windows]
            if len(moved) == len(texts):
                self.cache = cache
            else:
                self.cache.keys[:, moved], self.cache.values[:, moved] = cache.keys, cache.values
                for row, n in zip(moved, cache.lengths):
                    self.cache.lengths[row] = n
            self.starts = starts
        return model(torch.tensor([text[-1:] for text in texts], device=_device(model)), cache=self.cache)[:, -1]

    def keep(self, rows):
        cache, self.starts = self.cache, [self.starts[row] for row in rows]
        cache.keys, cache.values, cache.lengths = cache.keys[:, rows], cache.values[:, rows], [cache.lengths[row] for row in rows]


def _filled(texts, device):
    """Texts of different lengths as one tensor, filled up with token 0 behind the shorter ones: a causal model's answers at the
    tokens before do not depend on it."""
    longest = max(map(len, texts))
    return torch.tensor([text + [0] * (longest - len(text)) for text in texts], device=device)


def _device(model):
    first = next(iter(model.parameters()), None) if hasattr(model, "parameters") else None
    return "cpu" if first is None else first.device
