"""What a causal transformer has read: keys and values, kept. It refuses to know how they are made and what reads them."""
import torch


class Cache:
    """Keys and values of the tokens so far, so that a new one costs one row of attention, not all of it again.

    rows: sequences side by side. They may differ in length: fill them from the left, with anything behind the shorter ones, and
    then say with `lengths` how many tokens of each were real; what is added later overwrites the rest.

    >>> from minitrain.models.transformer import Transformer
    >>> gpt, ids = Transformer(100, context=8, layers=1, heads=2, width=16), torch.tensor([[5, 6, 7]])
    >>> cache = Cache(gpt, rows=1)
    >>> with torch.no_grad():
    ...     steps = [gpt(ids[:, i:i + 1], cache=cache) for i in range(3)]
    >>> cache.lengths, torch.allclose(torch.cat(steps, 1), gpt(ids), atol=1e-6)
    ([3], True)
    """

    def __init__(self, model, rows):
        shape = (len(model.blocks), rows, model.context, model.heads, model.width // model.heads)
        self.keys, self.values = model.embedding.new_zeros(shape), model.embedding.new_zeros(shape)
        self.lengths = [0] * rows                                               # Python's: asking a GPU for them would wait

    def check(self, model, rows):
        """One sentence for a cache that does not fit the model and the batch, or would lose gradients."""
        wanted = (len(model.blocks), rows, model.context, model.heads, model.width // model.heads)
        if not model.causal:
            raise ValueError("A cache needs a causal model: where every token sees all, a new one changes those before it.")
        if torch.is_grad_enabled():
            raise ValueError("A cache is for sampling, and keeps no graph for gradients; use it under torch.no_grad().")
        if self.keys.shape != wanted:
            raise ValueError(f"The cache was made for (layers, rows, context, heads, D) = {tuple(self.keys.shape)}, this call "
                             f"needs {wanted}. Make one with Cache(model, rows={rows}).")

    def places(self, T):
        """For T more tokens: their positions (rows or 1, T), and what each may look at, as `attention` takes it."""
        device, start, S = self.keys.device, min(self.lengths), max(self.lengths) + T
        positions = torch.arange(start, start + T, device=device)[None]                             # (1, T)
        self.T, self.slots = T, None
        if start + T == S and (start == 0 or T == 1):
            return positions, T > 1, None
        if start + T < S:
            positions = positions + torch.tensor([[n - start] for n in self.lengths], device=device)    # (rows, T)
            first = torch.arange(len(self.lengths), device=device)[:, None] * self.keys.shape[2]
            self.slots = (first + positions).flatten()                          # in the rows laid end to end
        return positions, False, torch.arange(S, device=device) <= positions[:, None, :, None]      # (rows or 1, 1, T, S)

    def add(self, layer, k, v):
        """Store k and v (rows, H, T, D) at the last `places`; gives all of this layer up to the longest row, (rows, H, S, D)."""
        n, kept = max(self.lengths), (self.keys[layer], self.values[layer])                         # (rows, context, H, D)
        for new, old in zip((k, v), kept):
            if self.slots is None:
                old[:, n:n + self.T] = new.transpose(1, 2)
            else:
                old.flatten(0, 1).index_copy_(0, self.slots, new.transpose(1, 2).flatten(0, 1).to(old.dtype))
        return [old[:, :n + self.T].transpose(1, 2) for old in kept]
