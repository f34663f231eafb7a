"""Texts as counts of words. Order, grammar and everything that was not in the training texts is forgotten."""
import re
from collections import Counter

import torch

WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text):
    """The words of a text in lower case, in order; digits count as letters, signs do not.

    >>> words("FREE money, don't miss: FR33!!!")
    ['free', 'money', "don't", 'miss', 'fr33']
    """
    return WORD.findall(text.lower())


class BagOfWords:
    """A vocabulary, taken from training texts, and what turns a text into counts over it.

    least: in how many texts a word must stand to be taken.  most: keep only so many words, the most frequent.  `vocabulary` is
    {word: column}, in alphabetical order.

    >>> bag = BagOfWords(["free money", "the money", "the the choir"])
    >>> list(bag.vocabulary)
    ['choir', 'free', 'money', 'the']
    >>> bag.counts(["the free free lunch"])                 # "lunch" was never seen: no column, no count
    tensor([[0., 2., 0., 1.]])
    >>> bag.unseen("the free free lunch")
    ['lunch']
    """

    def __init__(self, texts, *, least=1, most=None):
        stands_in = Counter()
        for text in _texts(texts, "BagOfWords"):
            stands_in.update(set(words(text)))
        known = sorted((word for word, n in stands_in.items() if n >= least), key=lambda word: (-stands_in[word], word))[:most]
        if not known:
            raise ValueError(f"BagOfWords: no word stands in at least {least} of the {len(texts)} texts. Give it more text, or a "
                             "smaller `least`.")
        self.vocabulary = {word: column for column, word in enumerate(sorted(known))}

    def __len__(self):
        return len(self.vocabulary)

    def counts(self, texts):
        """How often each word of the vocabulary stands in each text, (n, V) float32; zeros for a text without known words."""
        known = self.vocabulary
        found = [[known[word] for word in words(text) if word in known] for text in _texts(texts, "BagOfWords.counts")]
        rows = torch.repeat_interleave(torch.tensor([len(columns) for columns in found], dtype=torch.long))
        x = torch.zeros(len(found), len(self))                                          # (n, V)
        columns = torch.tensor([column for columns in found for column in columns], dtype=torch.long)
        return x.index_put_((rows, columns), torch.ones(()), accumulate=True)

    def unseen(self, text):
        """The words of a text that have no column, in order."""
        return [word for word in words(text) if word not in self.vocabulary]

    def column(self, word):
        """The column of a word; one that was never seen has none, and that is said."""
        try:
            return self.vocabulary[word.lower()]
        except KeyError:
            raise KeyError(f"{word!r} was in no training text, so it has no count and no weight.") from None

    def shares(self, text, weights):
        """What each known word of a text adds to a linear score: [(word, count × weight)], the largest push first.

        weights (V,): `NaiveBayes.weights`, or one row of a linear layer.

        >>> BagOfWords(["free money", "the money"]).shares("Free, free, the end", torch.tensor([1.5, 0.0, -1.0]))
        [('free', 3.0), ('the', -1.0)]
        """
        if tuple(weights.shape) != (len(self),):
            raise ValueError(f"BagOfWords.shares needs one weight a word, shape ({len(self)},); got {tuple(weights.shape)}.")
        known = [(word, n) for word, n in Counter(words(text)).items() if word in self.vocabulary]
        found = [(word, n * float(weights[self.vocabulary[word]])) for word, n in known]
        return sorted(found, key=lambda pair: -abs(pair[1]))


def _texts(texts, who):
    if isinstance(texts, str):
        raise TypeError(f"{who} got one text; it needs a list of texts: [text].")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            hint = " A mail's text is mail.text." if hasattr(text, "text") else ""
            raise TypeError(f"{who}: number {i} is {type(text).__name__}, not a text.{hint}")
    return texts
