"""One document of the village, and what it can say about itself: its exact probability, its facts, the choices that made it."""
import re
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from minitrain.sources.village.exact import facts_told, nats
from minitrain.sources.village.world import Event, Person, spoken
from minitrain.tokenizer import pieces


@dataclass(eq=False)
class Document:
    """A text with its number and kind.  date: of the event that it tells, else any day, which the text doesn't show.

    noisy: whether typing errors were put in; then there is no exact probability.  copy_of: the number of the document it
    repeats, or None. What costs time (`pieces`, `nats`, `is_fact`, `facts`, `choices`) is worked out when it is first asked for.
    """
    number: int
    text: str
    kind: str
    date: date
    village: object = field(repr=False)
    noisy: bool = False
    copy_of: int | None = None

    @cached_property
    def pieces(self):
        """The text cut as `minitrain.tokenizer.pieces` does."""
        return pieces(self.text)

    @cached_property
    def _read(self):
        if self.noisy:
            raise ValueError(f"Document {self.number} has typing errors, so its exact probability is unknown. Take it from "
                             "a village with noise=0.")
        return self.village.machine.reading(self.pieces)

    @property
    def nats(self):
        """-log of the true probability of each piece after those before it, and of the end: len(pieces) + 1 numbers, in nats."""
        return nats(self._read[0])

    @property
    def log_probability(self):
        """The log of the probability that the village writes just this document, in nats."""
        return -sum(self.nats)

    @cached_property
    def _told(self):
        return facts_told(self._read[0][:-1], self._read[1])

    @property
    def is_fact(self):
        """For each piece, whether a fact of the world decides it: a job, a home, a date, where the document first tells it."""
        return self._told[0]

    @property
    def facts(self):
        """The facts that the text tells, as a list of `Fact`."""
        known = self._told[1]
        return [fact for about in dict.fromkeys(about for _, about in known) for fact in self.village.facts_about(about)
                if _tells(fact, known)]

    @property
    def choices(self):
        """What the generator decided: kind, and who or what fills each variable, as text."""
        return {"kind": self.kind} | {var: _name(entity) for var, entity in self._read[1].items()}

    @property
    def why(self):
        """The choices in words, a line each: kind, what was filled in, which facts were told."""
        filled = ", ".join(f"{var} = {value}" for var, value in self.choices.items() if var != "kind")
        lines = [f"Kind: {self.kind}. {len(self.nats)} pieces with the end, {-self.log_probability:.1f} nats."]
        lines += [f"Filled in: {filled}."] if filled else []
        lines += [f"Fact: {fact.relation} of {fact.subject} is {fact.object}." for fact in self.facts]
        return "\n".join(lines + ([f"A copy of document {self.copy_of}."] if self.copy_of is not None else []))


def _tells(fact, known):
    """Whether what a text says of an entity adds up to the fact: an event's date and hero are told together with its deed."""
    if fact.relation in ("date", "deed", "hero"):
        return ("deed", fact.about) in known and (fact.relation == "hero" or ("date", fact.about) in known)
    return (fact.relation, fact.about) in known


def _name(entity):
    if isinstance(entity, Event):
        return f"{entity.hero.name} {entity.did} on {spoken(entity.date)}"
    return entity.name if isinstance(entity, Person) else entity


def damaged(text, share, random):
    """The text with a typing error in a share of its words: two letters change places, or one is lost or doubled.

    >>> from random import Random
    >>> damaged("Somebody borrowed the kettle.", 0.5, Random(1))
    'Someboyd borowed teh ettle.'
    """
    def typo(match):
        word = match[0]
        if random.random() >= share:
            return word
        i = random.randrange(len(word) - 1)
        return word[:i] + random.choice((word[i + 1] + word[i], word[i + 1], word[i] * 2 + word[i + 1])) + word[i + 2:]
    return re.sub(r"\w{3,}", typo, text)
