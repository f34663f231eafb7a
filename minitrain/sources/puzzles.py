"""Puzzles made of words: each needs one ability of a model that reads text, and every answer to it is known.

A puzzle is a source: `at(i)` is batch number i, a function of (seed, i). `words` names its tokens, `read(ids)` shows some.
`Lines` asks one question of each list; the others are texts x (B, T) with targets y (B, T), int64, -100 where nothing is asked
because the text does not decide it. A model whose `loss` is `losses.next_token` trains on them as on any text.
"""
import torch

from minitrain.sources.batching import generator

IGNORED = -100                                              # a target that is not asked for: torch's own mark

NAMES = ("anna boris clara david emma felix greta hugo iris jonas karla leon maria nils olga paul rosa simon tina viktor").split()
JOBS = ("baker carver dancer driver farmer fisher glazier hunter joiner lawyer miller nurse painter potter sailor singer smith "
        "tailor teacher weaver").split()
FOODS = "apple bean beet carrot egg fig leek melon onion pear plum rice".split()
DISHES = "broth cake curry jam mash pie roast salad soup stew tart toast".split()
WORDS = ("bell bird boat book bread bridge candle chair cloud coat door drum feather fire fish flute garden glass hat key lake "
         "lamp moon nest oak ring river rope shoe snow stone tree").split()


class Puzzle:
    """What all puzzles share.  size: texts a batch, B.  length: words a text, T."""

    def __init__(self, words, length, size, seed):
        if min(length, size) < 1:
            raise ValueError(f"{type(self).__name__} got length={length} and size={size}; both are 1 or more.")
        self.words, self.length, self.size, self.seed = list(words), length, size, seed

    def at(self, i):
        """Batch number i."""
        if i < 0:
            raise IndexError(f"There is no batch number {i}; they count from 0.")
        return self.draw(generator(type(self).__name__, self.seed, i))

    def read(self, ids):
        """Token numbers as text."""
        return " ".join(self.words[i] for i in torch.as_tensor(ids).flatten().tolist())


class Lines(Puzzle):
    """A list of people with their jobs, and a name from it: what is this person's job?

    at(i) -> (lists (B, N, 2), asked (B,)), jobs (B,): each line a name and a job, both numbered from 0; no name and no job
    stands in a list twice, and neither says anything of the other in the next list.

    >>> puzzle = Lines(lines=3)
    >>> (lists, asked), jobs = puzzle.at(0)
    >>> [f"{NAMES[name]} {JOBS[job]}" for name, job in lists[0].tolist()], NAMES[asked[0]], JOBS[jobs[0]]
    (['emma fisher', 'hugo glazier', 'anna tailor'], 'anna', 'tailor')
    """

    def __init__(self, lines=12, size=64, seed=0):
        if not 1 <= lines <= len(NAMES):
            raise ValueError(f"A list has 1 to {len(NAMES)} lines, a person each; got lines={lines}.")
        super().__init__(NAMES + JOBS, 2 * lines, size, seed)
        self.lines = lines

    def draw(self, lots):
        lists = torch.stack([_shuffled(self.size, len(NAMES), self.lines, lots) for _ in range(2)], 2)      # (B, N, 2)
        line = torch.randint(self.lines, (self.size,), generator=lots)
        names, jobs = lists[torch.arange(self.size), line].unbind(1)
        return (lists, names), jobs


class Copy(Puzzle):
    """`half` words drawn by lot, then the same again; asked is each word of the second half.

    every: ask for all words; then the first half can only be guessed.

    >>> puzzle = Copy(half=3)
    >>> x, y = puzzle.at(0)
    >>> puzzle.read(x[0]), y[0].tolist()[:2], puzzle.read(y[0, 2:])
    ('feather feather flute feather feather flute', [-100, -100], 'feather feather flute feather')
    """

    def __init__(self, half=8, words=16, every=False, size=32, seed=0):
        super().__init__(_some(WORDS, words, "Copy"), 2 * half, size, seed)
        self.half, self.every = half, every

    def draw(self, lots):
        once = torch.randint(len(self.words), (self.size, self.half), generator=lots)
        text = torch.cat([once, once, once[:, :1]], 1)                          # (B, T + 1)
        x, y = text[:, :-1], text[:, 1:].clone()
        if not self.every:
            y[:, :self.half - 1] = IGNORED
        return x, y


class Cookbook(Puzzle):
    """Foods drawn by lot; at each the question is which dish the two foods before it make, in this order.

    book: which cook book. It holds a dish for each ordered pair, drawn by lot: nothing but learning it by heart helps.

    >>> puzzle = Cookbook(length=5)
    >>> x, y = puzzle.at(0)
    >>> puzzle.read(x[0]), puzzle.read(y[0, 2:])
    ('apple pear plum leek onion', 'salad salad pie')
    >>> DISHES[puzzle.book[FOODS.index("apple"), FOODS.index("pear")]]
    'salad'
    """

    def __init__(self, length=12, book=0, size=64, seed=0):
        super().__init__(FOODS + DISHES, length, size, seed)
        self.book = torch.randint(len(DISHES), (len(FOODS), len(FOODS)), generator=generator("cook book", book))

    def draw(self, lots):
        x = torch.randint(len(FOODS), (self.size, self.length), generator=lots)
        y = torch.full_like(x, IGNORED)
        y[:, 2:] = len(FOODS) + self.book[x[:, :-2], x[:, 1:-1]]
        return x, y


class Recall(Puzzle):
    """`pairs` pairs of words, made up anew for each text, in any order and again and again; asked is the second word of each
    pair that came before. Any word may be first or second, and what it went with in another text says nothing.

    >>> puzzle = Recall(pairs=2, length=8)
    >>> x, y = puzzle.at(0)
    >>> puzzle.read(x[0])
    'drum fire drum fire hat bird drum fire'
    >>> [puzzle.words[i] if i >= 0 else "" for i in y[0]]
    ['', '', 'fire', '', '', '', 'fire', '']
    """

    def __init__(self, pairs=8, length=64, size=16, seed=0):
        super().__init__(WORDS, length, size, seed)
        if not 1 <= 2 * pairs <= len(WORDS):
            raise ValueError(f"Recall draws {pairs} pairs from {len(WORDS)} words; 1 to {len(WORDS) // 2} pairs are possible.")
        self.pairs = pairs

    def draw(self, lots):
        pairs = _shuffled(self.size, len(self.words), 2 * self.pairs, lots).unflatten(1, (self.pairs, 2))
        which = torch.randint(self.pairs, (self.size, self.length // 2 + 1), generator=lots)                # (B, T/2 + 1)
        text = pairs[torch.arange(self.size)[:, None], which].flatten(1)
        before = (which[:, :, None] == which[:, None, :]).tril(-1).any(2)
        y = torch.full_like(text, IGNORED)
        y[:, 0::2] = torch.where(before, text[:, 1::2], IGNORED)
        return text[:, :self.length], y[:, :self.length]


class Brackets(Puzzle):
    """Brackets of three kinds, opened and closed in order, at most `depth` open at once. Where one closes, asked is its kind,
    but for those that were opened just before: there the last word says it.

    >>> puzzle = Brackets(length=10)
    >>> x, y = puzzle.at(3)
    >>> puzzle.read(x[0]), " ".join(puzzle.words[i] if i >= 0 else "_" for i in y[0])
    ('( ) { ( ) ( [ ] ) }', '_ _ _ _ _ _ _ ) } _')
    """

    def __init__(self, length=32, depth=4, size=32, seed=0):
        super().__init__("( [ { ) ] }".split(), length, size, seed)
        if depth < 1:
            raise ValueError(f"Brackets got depth={depth}; at least one must be open before one can close.")
        self.depth = depth

    def draw(self, lots):
        B, T, rows = self.size, self.length + 1, torch.arange(self.size)
        up, kinds = torch.rand(B, T, generator=lots) < 0.5, torch.randint(3, (B, T), generator=lots)
        stack, height = torch.zeros(B, self.depth, dtype=torch.int64), torch.zeros(B, dtype=torch.int64)
        text, closing = [], []
        for t in range(T):
            opens = (up[:, t] | (height == 0)) & (height < self.depth)
            stack[rows[opens], height[opens]] = kinds[opens, t]
            last = stack[rows, height - (~opens).long()]                        # the bracket opened now, or the one to close
            text.append(torch.where(opens, last, 3 + last))
            closing.append(~opens)
            height = height + torch.where(opens, 1, -1)
        text, closing = torch.stack(text, 1), torch.stack(closing, 1)           # (B, T + 1)
        return text[:, :-1], torch.where(closing[:, 1:] & closing[:, :-1], text[:, 1:], IGNORED)


class Lamp(Puzzle):
    """A switch that is pressed or left alone, by lot; asked at each word is whether the lamp is on. It starts off.

    >>> puzzle = Lamp(length=5)
    >>> x, y = puzzle.at(0)
    >>> puzzle.read(x[0]), puzzle.read(y[0])
    ('press press wait wait press', 'on off off off on')
    """

    def __init__(self, length=16, size=32, seed=0):
        super().__init__("wait press off on".split(), length, size, seed)

    def draw(self, lots):
        x = torch.randint(2, (self.size, self.length), generator=lots)
        return x, 2 + x.cumsum(1) % 2


def ago(x):
    """How many words ago each word of x (B, T) last stood in its text, 0 where it is there for the first time.

    >>> ago(torch.tensor([[7, 5, 7, 7, 5]]))
    tensor([[0, 0, 2, 1, 3]])
    """
    same = (x[:, :, None] == x[:, None, :]).tril(-1)                            # (B, T, T)
    place = torch.arange(x.shape[1], device=x.device)
    return torch.where(same.any(2), place - (same * place).amax(2), 0)


def _shuffled(rows, n, k, lots):
    """k different numbers below n in each row, (rows, k)."""
    return torch.rand(rows, n, generator=lots).argsort(1)[:, :k]


def _some(words, n, who):
    if not 1 <= n <= len(words):
        raise ValueError(f"{who} got words={n}; it has 1 to {len(words)}.")
    return words[:n]
