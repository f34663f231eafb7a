"""One mail, and what it can say about how it came to be."""
from dataclasses import dataclass, field

from minitrain.sources.mailbox.words import MONTHS


@dataclass(slots=True)
class Mail:
    """One message.  label: what the reader reported, 1 spam and 0 not; truth: what it is; month: 0 is the first January.

    `choices` holds what the generator decided, by name; `why` says it in words. `text` is what filters read: subject and body.
    """
    sender: str
    subject: str
    body: str
    label: int
    truth: int
    month: int
    choices: dict = field(repr=False)

    @property
    def text(self):
        return f"{self.subject}\n{self.body}" if self.subject else self.body

    @property
    def kind(self):
        """Which kind of honest mail, or which topic of spam: "work", "lottery", …"""
        return self.choices["kind"]

    @property
    def why(self):
        """The generator's choices that made this mail, in words, one kind of choice a line."""
        return _explain(self)

    def __str__(self):
        subject = f"Subject: {self.subject}\n" if self.subject else ""
        return f"From: {self.sender}\n{subject}\n{self.body}"


def _explain(mail):
    c = mail.choices
    what = "Spam" if mail.truth else "Honest mail"
    lines = [f"{what} of the kind {c['kind']}, scene {c['scene']}, written in {MONTHS[mail.month % 12]}.",
             f"Register: {c['register']}. Mood of the sender: {c['mood']}."]
    filled = {slot: value for slot, value in c["filled"].items() if slot not in ("me", "you", "sites") and value != slot}
    words = [f"{slot} = {value}" for slot, value in filled.items() if type(slot) is str and slot[0] != "="
             and (slot not in ("person", "person2") or value.lower() in mail.text.lower())]
    words += [f"number of {slot[1]} = {n}" for slot, n in filled.items() if type(slot) is tuple]
    if words:
        lines.append(f"Filled in: {', '.join(words)}.")
    if borrowed := [value for slot, value in filled.items() if slot[0] == "="]:
        lines.append(f"Borrowed from honest mail: {' / '.join(borrowed)}")
    if c.get("tactic"):
        lines.append(f"The spammer's tactic: {c['tactic']}.")
    for name, said in (("disguises", "Disguised"), ("typos", "Typos"), ("edits", "Changed in the copy")):
        if c.get(name):
            lines.append(f"{said}: {', '.join(f'{before} → {after}' for before, after in c[name])}.")
    if c.get("padding"):
        lines.append(f"Pasted in: {' / '.join(c['padding'])}")
    if "copy_of" in c:
        lines.append(f"A copy of mail number {c['copy_of']}.")
    if "broken" in c:
        lines.append(f"Broken on the way: {c['broken']}.")
    if mail.label != mail.truth:
        lines.append(f"Labelled {'spam' if mail.label else 'not spam'}, wrongly: {c['mislabelled']}.")
    return "\n".join(lines)
