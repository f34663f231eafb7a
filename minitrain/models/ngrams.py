"""Counted n-grams: what followed the last n - 1 tokens in the training text, mixed with what followed fewer of them.

Interpolated Kneser-Ney smoothing (Kneser and Ney, 1995) with three discounts, as modified by Chen and Goodman, 1999, formula by
formula:

    p(w | h) = (c(hw) - D(c(hw))) / c(h•) + γ(h) · p(w | h without its first token),   γ(h) = Σ_w D(c(hw)) / c(h•)

Each count gives a discount away, and what a context h has given away goes to the shorter one, at whose end all are equal: 1/V.
c is how often hw stands in the text only for the longest grams. For shorter ones it is behind how many different tokens:
"Francisco" is frequent, but behind "San" alone, so it is a poor guess anywhere else. Nothing is trained, no gradient flows.
"""
import numpy as np
import torch

FALLBACK = (0.5, 1.0, 1.5)                                  # where too few counts are 1, 2, 3 or 4 to tell: KenLM's choice


class NGram:
    """Counts of one text.  ids: whole numbers below `vocabulary`, in a row.  n: length of the longest grams, their end included.

    model(ids (B, T)) gives log-probabilities (B, T, V) of what follows, so it goes where a network goes: `next_token`,
    `generate`. `n_grams` is how many it holds.

    >>> model = NGram([0, 1, 2, 0, 1, 3, 0, 1, 2], vocabulary=4, n=3)
    >>> model.next([0, 1]).argmax(), model.next([]).sum()               # behind "0 1" stood a 2 twice, a 3 once
    (tensor(2), tensor(1.0000, dtype=torch.float64))
    >>> model.log_probabilities([0, 1, 2]).exp()
    tensor([0.3750, 0.6042, 0.5357], dtype=torch.float64)
    """

    def __init__(self, ids, vocabulary, n=4):
        if n < 1 or vocabulary < 1:
            raise ValueError(f"NGram got n={n} and vocabulary={vocabulary}; it needs at least 1 of both.")
        self.n, self.vocabulary = n, vocabulary
        ids = self._checked(ids)
        if ids.ndim != 1 or not len(ids):
            raise ValueError(f"NGram counts one text, ids in a row and at least one; got shape {ids.shape}.")
        grams = _Grams(ids, vocabulary, n)
        self.levels = [_Level(grams.keys[k], grams.counts(k), len(grams.keys[k - 1]), vocabulary) for k in range(1, n + 1)]

    @property
    def n_grams(self):
        return sum(len(level.keys) - 1 for level in self.levels)

    def log_probabilities(self, ids):
        """ln p of each token given those before it in its row, n - 1 at most: ids (…, T) -> (…, T) float64, in nats."""
        ids = self._checked(ids)
        rows = ids.reshape(-1, ids.shape[-1])                                   # (B, T)
        p, T = np.full(rows.shape, 1 / self.vocabulary), rows.shape[1]
        for k, (level, context, gram) in enumerate(zip(self.levels[:T], *self._places(rows))):      # k tokens before it
            p[:, k:] = level.mixed(p[:, k:], context[:, :T - k], gram)
        return torch.from_numpy(np.log(p).reshape(ids.shape))

    def next(self, prefix):
        """The distribution (V,) float64 of what follows a prefix, which may be empty."""
        prefix = self._checked(prefix).reshape(-1)[-self.n:]
        contexts, _ = self._places(prefix[None])                # contexts[k]: grams of k tokens, one for each start
        last = [context[:, len(prefix) - k] for k, context in enumerate(contexts) if k <= len(prefix)]
        return torch.from_numpy(self._spread(last)[0])

    @torch.no_grad()
    def __call__(self, ids):
        ids = self._checked(ids)
        if ids.ndim != 2:
            raise ValueError(f"NGram reads rows of ids, (B, T); got shape {ids.shape}.")
        (B, T), (contexts, _) = ids.shape, self._places(ids)
        last = np.full((self.n, B, T), -1)                      # contexts that end at each place; -1: the row is too short
        for k in range(min(self.n, T + 1)):
            last[k, :, max(k - 1, 0):] = contexts[k][:, :T - max(k - 1, 0)] if k else 0
        p = self._spread(last.reshape(self.n, -1))
        return torch.from_numpy(np.log(p).reshape(B, T, -1))                    # (B, T, V)

    def _checked(self, ids):
        ids = ids.cpu().numpy() if isinstance(ids, torch.Tensor) else np.asarray(ids)
        if not ids.size:
            return ids.astype(np.int64).reshape(ids.shape or (0,))
        if ids.dtype.kind not in "iu" or not ids.ndim:
            raise TypeError(f"NGram reads whole numbers; got {ids.dtype} of shape {ids.shape}. tok.encode(text) makes them.")
        if ids.min() < 0 or ids.max() >= self.vocabulary:
            raise ValueError(f"A token is out of range: the model knows {self.vocabulary}, numbered from 0; got {ids.min()} to "
                             f"{ids.max()}. Was the text made into tokens by another tokenizer?")
        return ids.astype(np.int64)

    def _places(self, rows):
        """For rows (B, T): contexts[k] (B, T - k + 1), the place in the model of the gram of k tokens from each start on, and
        grams[k], the same for k + 1 tokens; -1 where the text had none."""
        contexts = [np.zeros((len(rows), rows.shape[1] + 1), dtype=np.int64)]   # the empty gram is everywhere
        for k, level in enumerate(self.levels):
            tokens = rows[:, k:]
            contexts.append(level.find(contexts[-1][:, :tokens.shape[1]], tokens))
        return contexts[:-1], contexts[1:]

    def _spread(self, contexts):
        """The distributions (M, V) behind contexts: for each length, from 0 on, their places (M,)."""
        p = np.full((len(contexts[0]), self.vocabulary), 1 / self.vocabulary)
        for level, context in zip(self.levels, contexts):
            level.spread(p, context)
        return p


class _Grams:
    """All grams of up to n tokens. The gram w1 … wk has the key (place of w1 … wk-1) · V + wk, and its place among all of its
    length is the rank of that key: exact for any n, where w1·V^(k-1) + … + wk would outgrow 64 bits."""

    def __init__(self, ids, V, n):
        N, bits = len(ids), len(ids).bit_length()
        if (N * V) >> (63 - bits):
            raise ValueError(f"NGram got {N:,} tokens and a vocabulary of {V:,}: too many to count exactly in 64 bits.")
        self.keys, self.times, self.start, self.rank = [np.zeros(1, np.int64)], [None], [None], [np.zeros(N + 1, np.int64)]
        for k in range(1, n + 1):
            keys = self.rank[-1][:max(N - k + 1, 0)] * V                # in place from here on: fresh memory costs more
            keys += ids[k - 1:]
            keys <<= bits
            keys |= np.arange(len(keys))                                # with its start behind: argsort is 10 times slower
            keys.sort()
            starts = keys & ((1 << bits) - 1)
            keys >>= bits
            new = np.diff(keys, prepend=-1) != 0
            first = np.flatnonzero(new)
            self.keys.append(keys[first])
            self.times.append(np.diff(first, append=len(keys)))
            self.start.append(starts[first])
            self.rank.append(np.empty_like(keys))
            self.rank[-1][starts] = np.cumsum(new) - 1

    def counts(self, k):
        """Of each gram of k tokens: how often it stands in the text for the longest, else behind how many different tokens."""
        if k == len(self.keys) - 1:
            return self.times[k]
        behind = np.bincount(self.rank[k][self.start[k + 1] + 1], minlength=len(self.keys[k]))
        if len(self.rank[k]):
            behind[self.rank[k][0]] += 1                                # the start of the text counts as a token of its own
        return behind


class _Level:
    """Grams of one length: their keys, ascending, their shares of their contexts, and what the contexts give away. Each has one
    entry more at its end, which index -1 finds: what is unknown has no share, and an unknown context gives all away."""

    def __init__(self, keys, counts, contexts, V):
        discount = np.array([0, *discounts(counts)])[np.minimum(counts, 3)]
        context = keys // V
        total = np.bincount(context, counts, contexts)                  # (contexts,)
        given = np.bincount(context, discount, contexts)
        given = np.divide(given, total, out=np.ones(contexts), where=total > 0)     # what only ended the text gives all
        self.V, self.keys = V, np.append(keys, np.iinfo(np.int64).max)
        self.share, self.given = np.append((counts - discount) / total[context], 0.0), np.append(given, 1.0)
        self.first = np.searchsorted(context, np.arange(contexts + 1))  # where the grams of each context begin

    def find(self, context, token):
        """The places of grams; -1 for one that is not here. (Behind an unknown context, -1, a key is negative: never here.)"""
        key = context * self.V + token
        place = np.searchsorted(self.keys, key)
        return np.where(self.keys[place] == key, place, -1)

    def mixed(self, p, context, gram):
        """p for grams of this length, from p for the next shorter ones."""
        return self.share[gram] + self.given[context] * p

    def spread(self, p, context):
        """The same for all V tokens behind each context, p (M, V), in place."""
        known = np.flatnonzero(context >= 0)
        p[known] *= self.given[context[known], None]
        begin, end = self.first[context[known]], self.first[context[known] + 1]
        rows = np.repeat(known, end - begin)
        grams = np.arange(len(rows)) + np.repeat(end - np.cumsum(end - begin), end - begin)    # begin … end - 1 of each
        p[rows, self.keys[grams] % self.V] += self.share[grams]


def discounts(counts):
    """What counts of 1, of 2, and of 3 or more give away: (D1, D2, D3), from how many counts are 1, 2, 3 and 4.

    D_c = c - (c + 1) · Y · n_(c+1) / n_c with Y = n_1 / (n_1 + 2 n_2): by that much less would grams seen c times here
    be seen in another text like it (Chen and Goodman, 1999).

    >>> [round(d, 3) for d in discounts(np.repeat([1, 2, 3, 4], [60, 20, 10, 5]))]
    [0.6, 1.1, 1.8]
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    Y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
    found = [c - (c + 1) * Y * n[c + 1] / n[c] if n[c] and n[c + 1] else 0.0 for c in (1, 2, 3)]
    return tuple(float(d) if 0 < d <= c else other for c, (d, other) in enumerate(zip(found, FALLBACK), 1))
