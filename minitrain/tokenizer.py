"""Text to whole numbers and back: characters, words, or byte pairs. It knows no model, no torch and no NumPy.

Every tokenizer has `train(text)`, `encode(text)`, `decode(ids)`, `save(path)`; `len` of it is the number of ids, and its last
one, `end`, stands behind a document. Encoding never gives `end`, even where the text says "<end>": only who owns the documents
knows where they end.
"""
import contextlib
import json
import os
import re
from collections import Counter, defaultdict
from itertools import chain, pairwise
from pathlib import Path

PIECES = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")      # a word or sign with the space before it; any other white space alone
END, UNKNOWN = "<end>", "<unk>"
VERSION = 1                                                 # of the file
CACHE = 200_000                                             # pieces whose ids BPE remembers, some 50 MB


def pieces(text):
    """Words and signs, each with the space before it: "".join(pieces(text)) is the text.

    >>> pieces("He didn't ask.\\nWhy?")
    ['He', " didn't", ' ask', '.', '\\n', 'Why', '?']
    """
    return PIECES.findall(text)


class Characters:
    """One id a character, in alphabetical order.

    >>> tok = Characters.train("banana")
    >>> tok.encode("nab"), tok.decode([1, 0, 2, 3]), len(tok)
    ([2, 0, 1], 'ban<end>', 4)
    """
    kind = "characters"

    def __init__(self, characters):
        self.vocabulary = [*characters, END]
        self.end = len(characters)
        self._ids = _numbered(characters)

    @classmethod
    def train(cls, text):
        """Takes every character of the text."""
        return cls(sorted(set(_checked(text, cls, "train"))))

    def encode(self, text):
        """ValueError for a character that was not in the training text: there is no id for it."""
        _checked(text, type(self), "encode")
        try:
            return [*map(self._ids.__getitem__, text)]
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(f"Characters has no id for {unknown!r} (at position {text.index(unknown)}): it was not in the "
                             f"{self.end} different characters of the training text. Leave it out, train on a text that has "
                             "it, or take BPE, which can write anything.") from None

    def decode(self, ids):
        return "".join(_looked_up(self.vocabulary, ids))

    def __len__(self):
        return len(self.vocabulary)

    def __eq__(self, other):
        return type(self) is type(other) and self._data() == other._data()

    __hash__ = None                                         # equal by what it holds, which a dict or a set would not look at

    def __repr__(self):
        return f"{type(self).__name__}({len(self):,} ids)"

    def save(self, path):
        """Write it as JSON, whole or not at all; `load` reads it. Returns the path."""
        return _write(Path(path), self.data())

    def data(self):
        """What `save` writes, to be written elsewhere: text, numbers and lists. `made` makes the tokenizer of it again."""
        return {"minitrain tokenizer": VERSION, "kind": self.kind, **self._data()}

    def _data(self):
        return {"characters": self.vocabulary[:-1]}

    @classmethod
    def _from(cls, data):
        if any(len(c) != 1 for c in data["characters"]):
            raise ValueError("an entry that is no character")
        return cls(data["characters"])


class Words(Characters):
    """One id a piece, the most frequent first; every other piece is "<unk>", which costs what it said.

    size: how many ids at most, "<unk>" and "<end>" among them; None takes every piece of the text.
    special: names of marks that, like "<end>", no text encodes to, say "<user>"; `special` tells their ids.

    >>> tok = Words.train("the goat ate the hat the goat wore", size=4)
    >>> tok.vocabulary
    [' goat', ' the', '<unk>', '<end>']
    >>> tok.decode(tok.encode(" the goat sang"))
    ' the goat<unk>'
    """
    kind = "words"

    def __init__(self, words, special=()):
        self.vocabulary = [*words, *special, UNKNOWN, END]
        self._ids, self.special = _numbered(words), _numbered(special, first=len(words))
        self.unknown, self.end = len(self.vocabulary) - 2, len(self.vocabulary) - 1

    @classmethod
    def train(cls, text, size=None):
        if size is not None and size < 3:
            raise ValueError(f"Words got size={size}; it needs 3 at least: one piece, {UNKNOWN} and {END}.")
        found = Counter(pieces(_checked(text, cls, "train")))
        words = sorted(found, key=lambda word: (-found[word], word))
        return cls(words if size is None else words[:size - 2])

    def encode(self, text):
        _checked(text, type(self), "encode")
        ids, unknown = self._ids, self.unknown
        return [ids.get(piece, unknown) for piece in PIECES.findall(text)]

    def _data(self):
        return {"words": [*self._ids], **({"special": [*self.special]} if self.special else {})}

    @classmethod
    def _from(cls, data):
        if any(pieces(word) != [word] for word in data["words"]):
            raise ValueError("a word that is no piece, and would never be found in a text")
        return cls(data["words"], data.get("special", ()))


class BPE(Characters):
    """Byte pairs: 256 ids for the bytes of UTF-8, then one for each merge of two ids that stood side by side most often.

    It can write anything: a text that UTF-8 can hold comes back as it was, and any bytes do through `encode(bytes)` and
    `to_bytes`. Gage, 1994 (as compression); Sennrich et al., 2016 (inside words); Radford et al., 2019 (on bytes).

    merges: [(left, right)], in the order in which they were found; merge number i makes id 256 + i.

    >>> tok = BPE.train("low low low lower lowest", size=260)
    >>> tok.vocabulary[256:]
    ['lo', 'low', ' low', '<end>']
    >>> tok.encode("lower low"), tok.decode(tok.encode("lower low"))
    ([257, 101, 114, 258], 'lower low')
    """
    kind = "byte pairs"

    def __init__(self, merges):
        self.merges, self.bytes = [tuple(pair) for pair in merges], [bytes([i]) for i in range(256)]
        for left, right in self.merges:
            self.bytes.append(self.bytes[left] + self.bytes[right])
        self.end = len(self.bytes)
        self.bytes.append(END.encode())
        self.vocabulary = [word.decode("utf-8", "backslashreplace") for word in self.bytes]     # to read; half a letter is \xc3
        self._rules = [(chr(a) + chr(b), chr(new)) for (a, b), new in _numbered(self.merges, first=256).items()]
        self._known = {}                                    # piece: its ids; a text says most of its pieces often

    @classmethod
    def train(cls, text, size=512):
        """Merge the pair that stands side by side most often, again and again, until there are `size` ids, "<end>" among them,
        or no pair stands twice. Among equals, the pair that comes first in the text, merged as it then is. Pairs inside
        pieces count, overlapping ones too; they are merged from the left. Bytes are taken as well as text."""
        if size < 257:
            raise ValueError(f"BPE got size={size}; it needs 257 at least: one id a byte, and {END}.")
        found = Counter(pieces(_text(_checked(text, cls, "train", str | bytes))))
        return cls(_learn([_bytes(piece).decode("latin-1") for piece in found], [*found.values()], size - 257))

    def encode(self, text):
        """The ids of a text, or of bytes."""
        _checked(text, type(self), "encode", str | bytes)
        found, known = PIECES.findall(_text(text)), self._known
        new = [*set(found).difference(known)]
        if new:
            if len(known) > CACHE:
                known.clear()
                new = [*set(found)]
            known.update(zip(new, self._merged(new)))
        return [*chain.from_iterable(map(known.__getitem__, found))]

    def _merged(self, new):
        """The ids of each piece. A string of one character an id, all pieces in one: `replace` merges from the left, in C."""
        wall = chr(self.end)                                # no text has it
        joined = wall.join(_bytes(piece).decode("latin-1") for piece in new)
        for pair, made in self._rules:
            joined = joined.replace(pair, made)
        return [[*map(ord, piece)] for piece in joined.split(wall)]

    def decode(self, ids):
        """The text; bytes that are no UTF-8, as a model may well write them, become "\\ufffd"."""
        return self.to_bytes(ids).decode("utf-8", "replace")

    def to_bytes(self, ids):
        return b"".join(_looked_up(self.bytes, ids))

    def _data(self):
        return {"merges": [[a, b, text] for (a, b), text in zip(self.merges, self.vocabulary[256:])]}

    @classmethod
    def _from(cls, data):
        return cls([(a, b) for a, b, _ in data["merges"]])


def _learn(words, times, merges):
    """The first `merges` merges of words (strings, one character an id) that stand `times` often, in order of appearance.

    Counts are kept for every pair, and changed only for the words that hold the merged one. `holders` may name words that no
    longer hold the pair; to forget them one by one costs more than to look.
    """
    counts, holders = defaultdict(int), defaultdict(set)
    for i, (word, n) in enumerate(zip(words, times)):
        for pair in pairwise(word):
            counts[pair] += n
            holders[pair].add(i)

    def place(pair):
        joined = "".join(pair)
        return next((i, at) for i in sorted(holders[pair]) if (at := words[i].find(joined)) >= 0)

    made = []
    while len(made) < merges and (most := max(counts.values(), default=0)) >= 2:
        best = [pair for pair, n in counts.items() if n == most]
        best = best[0] if len(best) == 1 else min(best, key=place)
        pair, new = "".join(best), chr(256 + len(made))
        made.append((ord(best[0]), ord(best[1])))
        change = defaultdict(int)
        for i in holders.pop(best):
            old, n = words[i], times[i]
            word = words[i] = old.replace(pair, new)
            if word == old:
                continue
            for p in pairwise(old):
                change[p] -= n
            for p in pairwise(word):
                change[p] += n
                if new in p:
                    holders[p].add(i)
        for p, n in change.items():
            counts[p] += n
            if not counts[p]:
                del counts[p]
    return made


def load(path):
    """The tokenizer that `save` wrote, of its kind; ValueError, in one sentence, for any other file."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no tokenizer {path}.") from None
    except OSError as error:
        raise OSError(error.errno, f"{path} can not be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is no tokenizer, or was cut short: it is not complete JSON. Save it anew.") from None
    return made(data, path)


def made(data, path="data"):
    """The tokenizer that gave this `data()`; path: where it comes from, for the sentence that says what is wrong with it.

    >>> made(Characters.train("banana").data()).decode([1, 0])
    'ba'
    """
    version = data.get("minitrain tokenizer") if isinstance(data, dict) else None
    if type(version) is not int:
        raise ValueError(f"{path} is JSON, but no tokenizer of minitrain. tok.save(path) writes one.")
    if version > VERSION:
        raise ValueError(f"{path} was saved by a newer minitrain, in format {version}; this one reads up to {VERSION}.")
    kinds = {kind.kind: kind for kind in (Characters, Words, BPE)}
    try:
        tok = kinds[data["kind"]]._from(data)
        whole = {**data, **tok._data()} == data
    except (KeyError, TypeError, ValueError, IndexError):
        whole = False
    if not whole:
        raise ValueError(f"{path} is a damaged tokenizer: its parts do not fit together. Save it anew.")
    return tok


def _write(path, data):
    lines = []
    for key, value in data.items():                         # a list has one entry a line
        value = "[\n" + ",\n".join(map(_json, value)) + "\n]" if isinstance(value, list) else _json(value)
        lines.append(f"{_json(key)}: {value}")
    aside = path.with_name(path.name + ".tmp")
    try:
        try:
            aside.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
            os.replace(aside, path)
        finally:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"{path} could not be saved: {error.strerror}. What stood there before still does.") from None
    return path


def _json(value):
    """Letters as they are, but half of a surrogate pair, which no file may hold, as an escape."""
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", json.dumps(value, ensure_ascii=False))


def _checked(text, who, what, kinds=str):
    if not isinstance(text, kinds):
        raise TypeError(f"{who.__name__}.{what} needs one text; got {type(text).__name__}. \"\".join(…) makes one of many.")
    if what == "train" and not text:
        raise ValueError(f"{who.__name__}.train got an empty text; there is nothing to learn from.")
    return text


def _numbered(items, first=0):
    numbers = {item: first + i for i, item in enumerate(items)}
    if len(numbers) < len(items):
        raise ValueError(f"{Counter(items).most_common(1)[0][0]!r} stands twice in this vocabulary; each entry needs one id.")
    return numbers


def _text(text):
    """Bytes as text in which each byte that is no UTF-8 is one half of a surrogate pair (PEP 383), and text as it is."""
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _bytes(piece):
    try:
        return piece.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:                              # a half that stands for no byte is written as if it were a letter
        return piece.encode("utf-8", "surrogatepass")


def _looked_up(vocabulary, ids):
    ids = ids.tolist() if hasattr(ids, "tolist") else [*ids]
    if any(type(i) is list for i in ids):
        raise TypeError("decode takes the ids of one text; got rows of them. [tok.decode(row) for row in ids] reads each.")
    if ids and not 0 <= min(ids) <= max(ids) < len(vocabulary):
        wrong = next(i for i in ids if not 0 <= i < len(vocabulary))
        raise ValueError(f"There is no token {wrong}: the ids of this tokenizer go from 0 to {len(vocabulary) - 1}. Do the ids "
                         "come from a model with another tokenizer?")
    return [vocabulary[i] for i in ids]
