"""Texts, and the batches that language models read: from the reader's files or Python's own manual to windows and packed rows.

A text goes `read` → `clean`, `unique` → `split` → a tokenizer → `Windows` (one long text) or `pack` (many documents). It refuses
to know what a token is: from the tokenizer on, a text is a list of whole numbers. Downloads are extras; no lesson needs one.
"""
import bisect
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import torch

from minitrain.sources import near_duplicates, quality
from minitrain.sources.batching import batches, generator
from minitrain.sources.downloads import Download, fetch

DOWNLOADS = {
    "shakespeare": Download("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", 1_115_394),
}
IGNORED = -100                                              # a target that the losses leave out


def read(path, *, pattern="*.txt", encoding="utf-8"):
    """One text: of a file, or of all files in a folder, in order of their names, with an empty line between them.

    pattern, encoding: as for `documents`, which gives each file's text on its own.
    """
    return "\n\n".join(documents(path, pattern=pattern, encoding=encoding))


def documents(path, *, pattern="*.txt", encoding="utf-8"):
    """The text of a file, or of each file in a folder and the folders in it whose name fits `pattern`: a list of texts.

    Line ends become "\\n", a byte order mark is dropped. UnicodeError for bytes that are no text in this encoding, with their
    place and what to do; FileNotFoundError, ValueError where there is nothing to read.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path} (looked in {Path.cwd()}).")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob(pattern) if file.is_file())
        if not files:
            kinds = sorted({file.suffix or file.name for file in path.rglob("*") if file.is_file()})
            raise ValueError(f"{path} holds no file that fits {pattern!r}; it holds {', '.join(kinds[:8]) or 'nothing'}. "
                             "pattern=\"*.md\" takes others.")
    texts = [_decoded(file, encoding) for file in files]
    if not any(text.strip() for text in texts):
        raise ValueError(f"{path} is empty: there is nothing to learn from.")
    return texts


def _decoded(file, encoding):
    raw = file.read_bytes()
    try:
        return raw.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line, wrong = raw[:error.start].count(b"\n") + 1, raw[error.start]
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            advice = "It begins as UTF-16 does: encoding=\"utf-16\" reads it."
        elif b"\0" in raw:
            advice = "With zeros in it, it is hardly a text at all; save it as plain text, UTF-8, first."
        else:
            advice = "If it was written on an older Windows, encoding=\"cp1252\" reads it; or save it anew as UTF-8."
        raise UnicodeError(f"{file} is not {encoding.upper()}: byte 0x{wrong:02x} at position {error.start:,}, in line {line:,}, "
                           f"can not stand there. {advice}") from None


def python_reference():
    """Python's own manual of the language, as `help("for")` prints it, from the standard library: English about code.

    The same text for everybody with the same Python; its length differs between versions (465,048 characters in 3.11.7), so
    figures measured on it are comparable within one version only.

    >>> "The \\"for\\" statement" in python_reference()
    True
    """
    from pydoc_data.topics import topics  # half a megabyte, read when it is asked for
    return "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"


def download(name="shakespeare"):
    """A text from the internet, kept on this machine from then on: "shakespeare", a megabyte of his plays (Karpathy, 2015).

    ConnectionError, in one sentence, without a network; what had come is kept, and the same call goes on from there.
    """
    if name not in DOWNLOADS:
        raise ValueError(f"download knows no {name!r}; it knows {', '.join(DOWNLOADS)}. read(path) takes a file of yours.")
    return _decoded(fetch(DOWNLOADS[name]), "utf-8")


def clean(text):
    """The same text in one spelling: composed letters (é as one character, NFC), no control characters, no space at a line's
    end, one empty line where there were several.

    >>> clean("Cafe\\u0301 \\x00 \\n\\n\\n\\nnoir")
    'Café\\n\\nnoir'
    """
    text = unicodedata.normalize("NFC", re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]", "", text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def well_formed(texts, **rules):
    """The texts that `quality.complaints` has nothing against, and the others: (kept, [(text, complaints)]).

    >>> kept, dropped = well_formed(["the goat and the hat " * 12, "lol ok"])
    >>> len(kept), dropped
    (1, [('lol ok', ['words', 'word_length', 'stop_words'])])
    """
    judged = [(text, quality.complaints(text, **rules)) for text in texts]
    return [text for text, found in judged if not found], [(text, found) for text, found in judged if found]


def unique(texts, threshold=0.7, **how):
    """The texts without the near-duplicates of earlier ones (Jaccard similarity of `threshold` or more, over any chain).

    Texts without words resemble nothing and stay.  how: as for `near_duplicates.near_duplicates`.

    >>> unique(["the goat ate the hat today", "the choir sang", "the goat ate the hat again"], threshold=0.6)
    ['the goat ate the hat today', 'the choir sang']
    """
    worded = [i for i, text in enumerate(texts) if near_duplicates.words(text)]
    pairs = near_duplicates.near_duplicates([texts[i] for i in worded], threshold, **how)
    first = near_duplicates.groups(pairs, len(worded))
    copies = {worded[i] for i, j in enumerate(first) if i != j}
    return [text for i, text in enumerate(texts) if i not in copies]


def split(text, held_out=0.1):
    """The beginning to train on and the end to test on: (text, held), of a text, a list of documents or a row of ids.

    The end, not pieces from all over: with its neighbours known, a piece is half known. Documents that resemble each other may
    still land on both sides; `unique` first.

    >>> split("abcdefghij", held_out=0.2)
    ('abcdefgh', 'ij')
    """
    if not 0 < held_out < 1:
        raise ValueError(f"split got held_out={held_out}; it is a share, above 0 and below 1 (0.1 holds a tenth back).")
    if len(text) < 2:
        raise ValueError(f"split got a text of length {len(text)}; there must be something on either side.")
    cut = min(max(len(text) - round(held_out * len(text)), 1), len(text) - 1)
    return text[:cut], text[cut:]


class Windows:
    """An endless source of batches from one long text: x (B, T) int64, and y (B, T), the token behind each of x.

    ids: a list or a 1-d tensor of whole numbers, at least context + 1.  size: B windows a batch, always.  context: T.
    In each epoch the text is cut into windows anew, from another start, and each is taken once: a token is a target once an
    epoch (near the ends now and then not), and has more or less before it each time. Batch i is a function of (seed, i), on
    the device of `ids`.

    >>> source = Windows(range(10), context=3, size=2, seed=0)
    >>> x, y = source.at(0)
    >>> x.shape, bool((y == x + 1).all())
    (torch.Size([2, 3]), True)
    """

    def __init__(self, ids, context, size, seed=0):
        self.ids = _row(ids, context, "Windows")
        if size < 1:
            raise ValueError(f"Windows got size={size}; a batch needs at least 1 window.")
        self.context, self.size, self.seed = context, size, seed
        self.epoch = max((len(self.ids) - context) // context, 1)       # windows in it, whatever its start
        self._kept = {}                                                 # epoch: its starts; the next batch needs the same

    def __len__(self):
        return (self.epoch + self.size - 1) // self.size

    def at(self, i):
        if i < 0:
            raise IndexError(f"There is no batch number {i}; they count from 0.")
        first, n = i * self.size, self.epoch
        wanted = range(first // n, (first + self.size - 1) // n + 1)    # a batch may end one epoch and begin the next
        self._kept = {e: self._kept[e] if e in self._kept else self._starts(e) for e in wanted}
        starts = torch.cat([self._kept[e][max(first - e * n, 0):first + self.size - e * n] for e in wanted])        # (B,)
        rows = self.ids.unfold(0, self.context + 1, 1)[starts].long()                                               # (B, T + 1)
        return rows[:, :-1], rows[:, 1:]

    def _starts(self, epoch):
        lots, spare = generator("windows", self.seed, epoch), len(self.ids) - 1 - self.epoch * self.context
        start = torch.randint(spare + 1, (), generator=lots)
        return (start + self.context * torch.randperm(self.epoch, generator=lots)).to(self.ids.device)


def disjoint(ids, context):
    """All windows of a text, side by side and in order, to test on: x (N, T) int64 and y (N, T). The rest at the end, shorter
    than a window, is left out.

    >>> x, y = disjoint(range(8), context=3)
    >>> y.tolist()
    [[1, 2, 3], [4, 5, 6]]
    """
    ids = _row(ids, context, "disjoint")
    n = (len(ids) - 1) // context * context
    return ids[:n].view(-1, context).long(), ids[1:n + 1].view(-1, context).long()


def _row(ids, context, who):
    if isinstance(ids, str | bytes):
        raise TypeError(f"{who} got a text; it needs the ids of its tokens: tok.encode(text).")
    ids = torch.as_tensor(ids)
    if ids.ndim != 1 or ids.is_floating_point() or context < 1:
        raise TypeError(f"{who} needs the ids of one text, whole numbers in a row, and a context of at least 1; got {ids.dtype} "
                        f"of shape {tuple(ids.shape)} and context={context}.")
    if len(ids) <= context:
        raise ValueError(f"{who} got a text of {len(ids):,} tokens; a window of context={context} and the token behind it need "
                         f"{context + 1:,}. Take a longer text, or a shorter context.")
    return ids


@dataclass
class Packed:
    """Documents side by side in rows: x, y and documents, all (N, T) int64."""
    x: torch.Tensor
    y: torch.Tensor
    documents: torch.Tensor

    def source(self, size, seed=0):
        """Shuffled batches (x, y, documents) of `size` rows, epoch after epoch; `next_token` hands the third to the model."""
        return _Rows(self, size, seed)


class _Rows:
    def __init__(self, packed, size, seed):
        self.packed, rows = packed, torch.arange(len(packed.x), device=packed.x.device)
        self.rows = batches(rows, rows, size=size, seed=seed)

    def __len__(self):
        return len(self.rows)

    def at(self, i):
        rows, packed = self.rows.at(i)[0], self.packed
        return packed.x[rows], packed.y[rows], packed.documents[rows]


def pack(documents, context, end):
    """Fill rows of `context` tokens with whole documents, so that little is padding and none sees another: `Packed`.

    documents: lists of ids.  end: the id of the end mark. A document w1 … wn stands in x as end, w1 … wn and in y as w1 … wn,
    end: its first token is told from the end mark alone, and no target lies beyond its own document.  `documents` has each
    place's number (0, 1, …), -1 in padding, for a model that keeps attention and positions within equal neighbours
    (`Transformer`); y is -100 in padding. A document longer than a row is cut. The longest first, each into the row that it
    fills best (best fit; Ding et al., "Fewer Truncations Improve Language Modeling", 2024).

    >>> packed = pack([[1, 2], [3], [4, 5, 6]], context=5, end=0)
    >>> packed.x.tolist()
    [[0, 4, 5, 6, 0], [0, 1, 2, 0, 3]]
    >>> packed.y.tolist()
    [[4, 5, 6, 0, -100], [1, 2, 0, 3, 0]]
    >>> packed.documents.tolist()
    [[2, 2, 2, 2, -1], [0, 0, 0, 1, 1]]
    """
    if context < 1 or not len(documents):
        raise ValueError(f"pack got {len(documents)} documents and context={context}; it needs at least 1 of both.")
    parts = []                                                          # (x, y, document), no longer than a row
    for i, ids in enumerate(documents):
        ids = ids.tolist() if isinstance(ids, torch.Tensor) else list(ids)
        if end in ids:
            raise ValueError(f"Document {i} has the end mark, {end}, inside; pack adds it itself. Cut it into two there.")
        x, y = [end, *ids], [*ids, end]
        parts += [(x[a:a + context], y[a:a + context], i) for a in range(0, len(x), context)]
    parts.sort(key=lambda part: -len(part[0]))                          # stable: equals stay in order
    rows, spaces = [], []                                               # spaces: (free places, row), ascending
    for x, y, i in parts:
        best = bisect.bisect_left(spaces, (len(x), 0))
        if best == len(spaces):
            spaces.append((context, len(rows)))
            rows.append(([], [], []))
        free, row = spaces.pop(best)
        for filled, more in zip(rows[row], (x, y, [i] * len(x))):
            filled += more
        if free > len(x):
            bisect.insort(spaces, (free - len(x), row))
    return Packed(*(torch.tensor([filled + [blank] * (context - len(filled)) for filled in column])
                    for column, blank in zip(zip(*rows), (end, IGNORED, -1))))
