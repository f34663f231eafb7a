"""The mailbox as a source: who writes in which month, and how a reader labels it. It knows no filter."""
from dataclasses import dataclass, field, fields
from random import Random

from minitrain.sources.mailbox import ham, spam
from minitrain.sources.mailbox.damage import broken, copied
from minitrain.sources.mailbox.spammer import beginner
from minitrain.sources.mailbox.writing import honest, spammed


@dataclass(frozen=True)
class Mailbox:
    """A source of mail; every knob is a share from 0 to 1, unless said.

    spam: of all mail.  label_noise: labels flipped at random.  mislabelled: {kind: share of its labels that are wrong}, as
    when readers report every newsletter.  duplicates, near_duplicates: repeat an earlier mail to the letter, or with
    some words changed.  junk: broken on the way.  register: "formal" (mail), "chat" or "mixed".  mix: {kind: factor of how often
    it occurs}, 0 leaves it out; `Mailbox.kinds()` names them.

    >>> mails = Mailbox(spam=0.5).draw(1000, seed=0)
    >>> sum(mail.label for mail in mails) in range(450, 550)
    True
    >>> mails[2] == Mailbox(spam=0.5).draw(3, seed=0)[2]
    True
    """
    spam: float = 0.4
    label_noise: float = 0.0
    mislabelled: dict = field(default_factory=dict)
    duplicates: float = 0.0
    near_duplicates: float = 0.0
    junk: float = 0.0
    register: str = "formal"
    mix: dict = field(default_factory=dict)

    def __post_init__(self):
        for knob in fields(self):
            value = getattr(self, knob.name)
            if knob.type is float and not 0 <= value <= 1:
                raise ValueError(f"Mailbox: {knob.name} is {value}; it is a share from 0 to 1.")
        if self.duplicates + self.near_duplicates > 1:
            raise ValueError(f"Mailbox: duplicates {self.duplicates} and near_duplicates {self.near_duplicates} are shares of "
                             "the same mail, so together at most 1.")
        if self.register not in ("formal", "chat", "mixed"):
            raise ValueError(f"Mailbox: register is {self.register!r}; it is 'formal', 'chat' or 'mixed'.")
        for name, table in (("mislabelled", self.mislabelled), ("mix", self.mix)):
            if unknown := [kind for kind in table if kind not in self.kinds()]:
                raise ValueError(f"Mailbox: {name} names {unknown[0]!r}; kinds of mail are {', '.join(self.kinds())}.")

    @staticmethod
    def kinds():
        """All kinds of honest mail, then all topics of spam."""
        return [*ham.SHARES, *spam.MOODS]

    def draw(self, n, seed=0, *, month=0, spammer=None):
        """n mails of one month, as a list; the first k of them are what k alone would give.

        spammer: a `Spammer`, whose tactics of the moment are used; without one, spam comes from a crowd of beginners.
        """
        if n < 0 or month < 0:
            raise ValueError(f"Mailbox.draw needs n and month of at least 0; got n={n}, month={month}.")
        letters, copies, labels = (Random(f"{purpose} {seed} {month}") for purpose in ("letters", "copies", "labels"))
        honest_kinds = self._urn(ham.SHARES) if self.spam < 1 else []
        topics = self._urn(dict.fromkeys(spam.LOUD, 6) | dict.fromkeys(spam.QUIET, 3)) if self.spam > 0 else []
        mails = []
        for _ in range(n):
            lot = copies.random()
            if mails and lot < self.duplicates + self.near_duplicates:
                mails.append(copied(mails, copies, near=lot >= self.duplicates))
                continue
            register = self.register if self.register != "mixed" else ("formal", "chat")[letters.random() < 0.5]
            if letters.random() < self.spam:
                tactic = spammer.tactics[int(letters.random() * len(spammer.tactics))] if spammer else beginner(letters, topics)
                mail = spammed(letters, month, register, tactic)
            else:
                kind = honest_kinds[int(letters.random() * len(honest_kinds))]
                mail = honest(letters, month, register, kind)
            if copies.random() < self.junk:
                broken(mail, copies)
            self._report(mail, labels)
            mails.append(mail)
        return mails

    def _report(self, mail, labels):
        systematic, accident = labels.random(), labels.random()
        if systematic < self.mislabelled.get(mail.choices["kind"], 0.0):
            mail.label, mail.choices["mislabelled"] = 1 - mail.truth, f"readers get {mail.choices['kind']} wrong"
        if accident < self.label_noise:
            mail.label, mail.choices["mislabelled"] = 1 - mail.label, "a slip of the finger"

    def _urn(self, shares):
        urn = [kind for kind, share in shares.items() for _ in range(round(10 * share * self.mix.get(kind, 1)))]
        if not urn:
            raise ValueError("Mailbox: mix leaves out every kind of honest mail, or every topic of spam, and spam is not 1 or 0.")
        return urn
