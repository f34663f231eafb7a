"""A filter that somebody wrote by hand: rules, and the ruler that tells what they are worth. Nothing here learns."""
import re
from dataclasses import dataclass

import torch


class Rule:
    """One rule: a word or phrase, a compiled regular expression, or a function of the mail that says yes or no.

    A phrase is found in any case, at the borders of words, over any space. A mail is a text, or has a `.text`.

    >>> Rule("free money")("Get your FREE  MONEY here"), Rule("free money")("carefree moneymaker")
    (True, False)
    >>> Rule(lambda mail: mail.count("!") >= 3, name="shouting")("Now!!!")
    True
    """

    def __init__(self, what, name=None):
        if isinstance(what, str):
            if not what.strip():
                raise ValueError("This rule is empty: it would fire on every mail. Give it a word, such as Rule('free money').")
            self.first = what.lower().split()[0]                # found plainly first: most rules fire on few mails
            self.search = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, what.lower().split())) + r"(?!\w)").search
        elif isinstance(what, re.Pattern):
            if what.search(""):
                raise ValueError(f"The rule {what.pattern!r} fits the empty text, so it would fire on every mail.")
            self.search = what.search
        elif not callable(what):
            raise TypeError(f"A rule is a phrase, a compiled pattern or a function of the mail; got {type(what).__name__}.")
        self.what, self.name = what, name or (what if isinstance(what, str) else getattr(what, "pattern", "a function"))

    def __call__(self, mail):
        text = _text(mail)
        return self.fires(mail, text, text.lower())

    def fires(self, mail, text, lowered):
        if callable(self.what):
            return bool(self.what(mail))
        if isinstance(self.what, str):
            return self.first in lowered and self.search(lowered) is not None
        return self.search(text) is not None

    def __repr__(self):
        return f"Rule({self.name!r})"


class RuleFilter:
    """Spam is what at least `need` of the rules fire on.  rules: of `Rule`, or what makes one.

    >>> RuleFilter(["free money", "casino"]).predict(["Casino tonight?", "Choir tonight?"])
    tensor([1, 0])
    """

    def __init__(self, rules, *, need=1):
        self.rules, self.need = [rule if isinstance(rule, Rule) else Rule(rule) for rule in rules], need
        if need < 1:
            raise ValueError(f"RuleFilter: need is {need}; with less than 1, every mail is spam.")

    def fires(self, mails):
        """Which rule fires on which mail: (n, rules) bool."""
        table = []
        for mail in mails:
            text = _text(mail)
            lowered = text.lower()
            table.append([rule.fires(mail, text, lowered) for rule in self.rules])
        return torch.tensor(table, dtype=torch.bool).reshape(len(table), len(self.rules))

    def predict(self, mails):
        """1 for spam, 0 for the rest: (n,) int64. No rules, no spam."""
        return (self.fires(mails).sum(1) >= self.need).long()


def _text(mail):
    return mail if isinstance(mail, str) else mail.text


@dataclass(frozen=True)
class Score:
    """precision: the share of what was called spam that is; recall: the share of spam that was caught; accuracy: the share right.

    Precision is NaN where nothing was called spam, recall where there was none.
    """
    precision: float
    recall: float
    accuracy: float


def score(truth, guess):
    """Precision, recall and accuracy of guesses (n,) against the truth (n,), both 0 or 1.

    >>> score([1, 1, 0, 0], [1, 0, 0, 1])
    Score(precision=0.5, recall=0.5, accuracy=0.5)
    """
    truth, guess = torch.as_tensor(truth), torch.as_tensor(guess)
    if truth.shape != guess.shape or truth.ndim != 1 or not len(truth):
        raise ValueError(f"score needs two equally long rows of 0 and 1, not empty; got shapes {tuple(truth.shape)} and "
                         f"{tuple(guess.shape)}.")
    caught, called, spam = int(((truth == 1) & (guess == 1)).sum()), int((guess == 1).sum()), int((truth == 1).sum())
    return Score(caught / called if called else float("nan"), caught / spam if spam else float("nan"),
                 (truth == guess).double().mean().item())
