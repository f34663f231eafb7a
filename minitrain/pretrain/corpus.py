"""From the reader's text to what a language model trains on and is tested on: read, clean, deduplicate, split, tokenise.

It refuses to know the model. Two shapes of text exist: one long text (a book, a play, a manual), which is cut into windows, and
many documents, which end with an end mark and are packed into rows side by side, none seeing another.
"""
from dataclasses import dataclass, field
from pathlib import Path

import torch

from minitrain.sources import text as texts
from minitrain.tokenizer import BPE, Characters, Words

SMALLEST = 1_000                                            # characters; half a page
MANY = 20                                                   # from here on, documents are held out whole
TOKENIZERS = {"characters": Characters.train, "words": Words.train, "bpe": BPE.train}


@dataclass
class Corpus:
    """A text, ready for training.

    ids, held_ids: token numbers of the training part and of the held-out part: one list where `packed` is False, one list a
    document where it is True.  said: what was done, in sentences.  documents, held_documents: the texts themselves.
    """
    tokenizer: object
    packed: bool
    ids: list
    held_ids: list
    documents: list
    held_documents: list
    said: list = field(default_factory=list)

    @property
    def tokens(self):
        """How many targets there are to train on; a document's end mark is one."""
        return sum(len(ids) + 1 for ids in self.ids) if self.packed else len(self.ids)

    @property
    def longest(self):
        """Tokens of the longest document with its end mark, or of the whole text."""
        return max(len(ids) + 1 for ids in [*self.ids, *self.held_ids]) if self.packed else len(self.ids)

    def check(self):
        """ValueError, in one sentence, where a token is none of the tokenizer's: better now than in the middle of a training."""
        V, rows = len(self.tokenizer), [*self.ids, *self.held_ids] if self.packed else [self.ids, self.held_ids]
        for row in rows:
            if row and not 0 <= min(row) <= max(row) < V:
                raise ValueError(f"A token is out of range: the tokenizer has {V:,}, numbered from 0, and the text {min(row):,} "
                                 f"to {max(row):,}. Was it made into tokens by another tokenizer?")

    @property
    def start(self):
        """What a text from nothing begins behind: the end of another document, or the first token of the one text."""
        return [self.tokenizer.end] if self.packed else self.ids[:1]

    def source(self, context, batch, seed, device="cpu"):
        """Training batches: `batch` rows of `context` tokens each; number i is a function of (seed, i)."""
        if self.packed:
            packed = texts.pack(self.ids, context, self.tokenizer.end)
            return texts.Packed(*(x.to(device) for x in (packed.x, packed.y, packed.documents))).source(batch, seed)
        return texts.Windows(torch.tensor(self.ids, device=device), context, batch, seed)

    def held_out(self, context, batch, device="cpu", most=None):
        """The held-out part as a list of batches, in order, all of it or the first `most` rows."""
        if self.packed:
            packed = texts.pack(self.held_ids, context, self.tokenizer.end)
            columns = (packed.x, packed.y, packed.documents)
        else:
            columns = texts.disjoint(torch.tensor(self.held_ids), context)
        columns = [x[:most].to(device) for x in columns]
        return [tuple(x[i:i + batch] for x in columns) for i in range(0, len(columns[0]), batch)]


def corpus(text, *, tokenizer=None, held_out=0.1, deduplicate=True):
    """Make a `Corpus` of a text, a path of a file or folder, or a list of documents (texts, or the village's).

    tokenizer: "characters", "words" or "bpe", which are trained on the training part, or one made before; None takes words for
    village documents, whose floor is counted in words, and byte pairs for everything else.
    deduplicate: leave out documents that nearly repeat an earlier one.

    >>> made = corpus("The goat ate the hat. The choir sang. " * 100, tokenizer="characters")
    >>> made.packed, made.tokens, len(made.held_ids)
    (False, 3419, 380)
    """
    given = gather(text)
    village = hasattr(type(given[0]), "nats")               # a floor, in nats a word
    found = [texts.clean(getattr(document, "text", document)) for document in given]
    found, said = [document for document in found if document], []
    if sum(map(len, found)) < SMALLEST:
        raise ValueError(f"The text has {sum(map(len, found)):,} characters, and a language model needs {SMALLEST:,} at the very "
                         "least; from 100,000 on it begins to look like language. Give it more, or several files in a folder.")
    if deduplicate and len(found) > 1:
        once = texts.unique(found)
        said += [f"{len(found) - len(once):,} of {len(found):,} documents nearly repeat an earlier one and are left out."] * (
            len(once) < len(found))
        found = once
    if len(found) < MANY:
        found = ["\n\n".join(found)]
        train, held = ([part] for part in texts.split(found[0], held_out))
    else:
        train, held = texts.split(found, held_out)
    tok = _tokenizer(tokenizer or ("words" if village else "bpe"), train, held)
    if len(train) == 1:
        return Corpus(tok, False, tok.encode(train[0]), tok.encode(held[0]), train, held, said)
    return Corpus(tok, True, [tok.encode(document) for document in train], [tok.encode(document) for document in held],
                  train, held, said)


def gather(text):
    """What the reader gave, as a list of documents that are not empty."""
    if isinstance(text, Path):
        return texts.documents(text)
    if isinstance(text, str):
        if not text.strip():
            raise ValueError("The text is empty: there is nothing to learn from.")
        short = len(text) < 1_000 and "\n" not in text
        if short and Path(text).expanduser().exists():
            return texts.documents(text)
        if short and " " not in text.strip():
            raise FileNotFoundError(f"There is no file or folder {text!r} (looked in {Path.cwd()}); as a text, it is too short.")
        return [text]
    if isinstance(text, bytes) or not hasattr(text, "__iter__"):
        raise TypeError(f"pretrain takes a text, a path, or a list of documents; got {type(text).__name__}.")
    documents = list(text)
    for i, document in enumerate(documents):
        if not isinstance(getattr(document, "text", document), str):
            raise TypeError(f"Document {i} is of type {type(document).__name__}; a document is a text, or has one in .text.")
    if not documents:
        raise ValueError("There are no documents: the list is empty.")
    return documents


def _tokenizer(wanted, train, held):
    if not isinstance(wanted, str):
        return wanted
    if wanted not in TOKENIZERS:
        raise ValueError(f"There is no tokenizer {wanted!r}; there are {', '.join(TOKENIZERS)}, or give one made before.")
    joined = "".join(train)
    if wanted == "characters":
        return Characters.train(joined + "".join(held))     # it could not even read one that it has never met
    if wanted == "bpe":
        return BPE.train(joined, size=512 if len(joined) < 500_000 else 1024)
    return Words.train(joined)
