"""The other side: tactics, disguises, and a spammer who sees which of his mails got through and sends more of that kind.

He knows no word of the filter, only what passed; that is what real ones know, and it is enough.
"""
import re
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from minitrain.sources.mailbox import spam

LEET = str.maketrans("aeiostAEIOST", "431057431057")
LOOKALIKE = str.maketrans("aceiopxyACEHIKMOPTX", "асеіорхуАСЕНІКМОРТХ")      # noqa: RUF001 (Cyrillic, on purpose)
HOT = re.compile(r"\b(" + "|".join(sorted(spam.HOT, key=len, reverse=True)) + r")\b", re.I)


def _leet(word, random):
    return "".join(c.translate(LEET) if random() < 0.75 else c for c in word)


def _spaced(word, random):
    return " ".join(word)


def _dotted(word, random):
    return ".-*_"[int(random() * 4)].join(word)


def _lookalike(word, random):
    return "".join(c.translate(LOOKALIKE) if random() < 0.75 else c for c in word)


def _stretched(word, random):
    at = int(random() * len(word))
    return word[:at] + word[at] * (2 + int(random() * 3)) + word[at + 1:]


def _starred(word, random):
    at = 1 + int(random() * max(1, len(word) - 2))
    return word[:at] + "*" + word[at + 1:]


def _misspelt(word, random):
    at = int(random() * (len(word) - 1))
    first, second = word[at:at + 2]
    return word[:at] + (second + first if first != second else first) + word[at + 2:]       # swapped, or a double letter lost


DISGUISES = {"leet": _leet, "spaced": _spaced, "dotted": _dotted, "lookalike": _lookalike, "stretched": _stretched,
             "starred": _starred, "misspelt": _misspelt}


def disguise(text, how, share, random):
    """Disguise `share` of the words that filters look for (`spam.HOT`).  Returns the text and a list of (word, disguised).

    >>> disguise("Get FREE MONEY now", "leet", 1.0, Random(1))
    ('Get FR33 MON3Y now', [('FREE', 'FR33'), ('MONEY', 'MON3Y')])
    """
    changed = []

    def one(match):
        word = match[0]
        if random.random() >= share:
            return word
        new = DISGUISES[how](word, random.random)
        if new != word:
            changed.append((word, new))
        return new
    return HOT.sub(one, text), changed


@dataclass(frozen=True)
class Tactic:
    """How one campaign writes.  disguise: a key of DISGUISES or None; share: of hot words hidden; padding: honest sentences."""
    topic: str
    disguise: str | None = None
    share: float = 0.0
    padding: int = 0

    def __str__(self):
        hidden = f", {self.share:.0%} of hot words {self.disguise}" if self.disguise else ""
        pasted = f", {self.padding} honest sentence{'s' * (self.padding > 1)} pasted in" if self.padding else ""
        return self.topic + hidden + pasted


def beginner(random, topics):
    """A tactic as spammers begin: mostly loud and undisguised.  topics: a list to draw from."""
    hides, pads, topic = random.random() < 0.15, random.random() < 0.1, topics[int(random.random() * len(topics))]
    return Tactic(topic, random.choice(list(DISGUISES)) if hides else None, random.choice((0.3, 0.6, 0.9)) if hides else 0.0,
                  random.choice((1, 2)) if pads else 0)


class Spammer:
    """Keeps a population of tactics; each month those that got through breed, with small changes, and the others die out.

    size: number of tactics.  turnover: the share of them that is replaced a month; 0 never learns.  `tactics` is what he uses
    now; `record` holds, for every month he learned from, the share that passed and the tactics then in use.

    >>> from minitrain.sources.mailbox import Mailbox
    >>> spammer = Spammer(seed=0)
    >>> mails = Mailbox().draw(500, seed=0, spammer=spammer)
    >>> spammer.learn(mails, passed=["free" not in mail.text.lower() for mail in mails])
    >>> 0.5 < spammer.record[0]["passed"] < 1
    True
    """

    def __init__(self, seed=0, *, size=24, turnover=0.5):
        if size < 2 or not 0 <= turnover < 1:
            raise ValueError(f"Spammer: size is 2 or more, turnover from 0 to below 1; got size={size}, turnover={turnover}.")
        self.random, self.turnover, self.record = Random(f"spammer {seed}"), turnover, []
        self.tactics = [beginner(self.random, spam.LOUD * 3 + spam.QUIET) for _ in range(size)]

    def learn(self, mails, passed):
        """Look which of his mails passed the filter and choose next month's tactics.  passed: a yes or no for every mail."""
        if len(mails) != len(passed):
            raise ValueError(f"Spammer.learn got {len(mails)} mails and {len(passed)} answers; it needs one answer a mail.")
        sent, through = Counter(), Counter()
        for mail, ok in zip(mails, passed, strict=True):
            if (tactic := mail.choices.get("tactic")) in self.tactics:
                sent[tactic] += 1
                through[tactic] += bool(ok)
        if not sent:
            raise ValueError("Spammer.learn: none of these mails is his. Draw them with Mailbox.draw(…, spammer=spammer) first.")
        self.record.append({"passed": sum(through.values()) / sum(sent.values()), "tactics": list(self.tactics)})

        def success(tactic):
            return (through[tactic] + 0.5) / (sent[tactic] + 1)                     # half a mail of doubt on either side
        ranked = sorted(self.tactics, key=success, reverse=True)
        kept = ranked[:max(1, round(len(ranked) * (1 - self.turnover)))]
        parents = self.random.choices(kept, [success(tactic) for tactic in kept], k=len(ranked) - len(kept))
        self.tactics = kept + [self._change(parent) for parent in parents]

    def _change(self, tactic):
        random = self.random
        what = random.random()
        if what < 0.35:
            return replace(tactic, topic=random.choice(spam.LOUD + spam.QUIET))
        if what < 0.65:
            return replace(tactic, disguise=random.choice(list(DISGUISES)), share=random.choice((0.3, 0.6, 0.9)))
        if what < 0.9:
            return replace(tactic, padding=max(0, min(6, tactic.padding + random.choice((-1, 1, 2)))))
        return tactic
