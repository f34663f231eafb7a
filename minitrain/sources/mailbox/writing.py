"""From a kind of mail, a month and a register to one written mail: scenes are read, a strand is chosen, templates are filled.

The words are in `words.py`, `ham.py`, `spam.py` and `chat.py`, the grammar in `grammar.py`, the disguises in `spammer.py`.
"""
import re
from dataclasses import dataclass
from functools import cache

from minitrain.sources.mailbox import chat, ham, spam
from minitrain.sources.mailbox.grammar import Writer, capital, parts
from minitrain.sources.mailbox.mail import Mail
from minitrain.sources.mailbox.spammer import disguise
from minitrain.sources.mailbox.words import DRIFTING, FIRST, LISTS, MONTHS, MOODS, NOBLE, PRONOUNS, SHORT, SURNAMES


@dataclass(frozen=True, slots=True)
class Scene:
    kind: str
    name: str
    months: tuple
    strands: tuple                                          # (subjects, steps) each; a step is (may be left out, its templates)


def _blocks(text):
    """The scenes of a text: (kind, name, months), [(step, letters of strands, "?" or "", template)]."""
    for block in re.split(r"(?m)^@ ", text)[1:]:
        title, *lines = block.strip().splitlines()
        yield title.split(), [re.match(r"([>\d])([a-z]*)(\??) (.*)", line).groups() for line in lines]


def _read(text):
    scenes = []
    for (kind, name, *months), lines in _blocks(text):
        letters = sorted({letter for _, some, _, _ in lines for letter in some})
        scenes.append(Scene(kind, name, tuple(map(int, months)), tuple(_strand(lines, letter) for letter in letters or [""])))
    return scenes


def _strand(lines, letter):
    steps = {}
    for step, letters, optional, template in lines:
        if letter in letters or not letters:
            steps.setdefault((step, bool(optional)), []).append(template)
    subjects = steps.pop((">", False), [""])
    return tuple(subjects), tuple((optional, tuple(templates)) for (_, optional), templates in steps.items())


def _steps(text):
    """Every template by kind, scene and step, to be borrowed: "=shop.invoice.1" and "=bank.terms.1a" -> templates."""
    found = {}
    for (kind, name, *_), lines in _blocks(text):
        for step, letters, _, template in lines:
            for key in ("", *letters):
                found.setdefault(f"={kind}.{name}.{step}{key}", []).append(template)
    return found


SCENES = {"formal": (_read(ham.SCENES), _read(spam.SCENES)), "chat": (_read(chat.HAM), _read(chat.SPAM))}
BORROWED = _steps(ham.SCENES)
PRIVATE = [kind for kind, source in ham.SENDERS.items() if source == ham.PEOPLE]
PASTE = {"formal": [template for key, templates in BORROWED.items() for template in templates
                    if key[-2:] in (".2", ".3") and key.split(".")[0][1:] in PRIVATE and ".brief" not in key],
         "chat": [template for scene in SCENES["chat"][0] if scene.kind in PRIVATE for _, steps in scene.strands
                  for _, templates in steps for template in templates]}
HOSTS = "kettlemail tramway postbox lantern mailbarge quillpen duckmail hearth".split()
SHORTHAND = re.compile(r"\b(" + "|".join(sorted(SHORT, key=len, reverse=True)) + r")\b", re.I)


@cache
def _scenes(register, spammy, kind, season):
    """The scenes of a kind in a calendar month; those of the season come up twice as often."""
    return [s for s in SCENES[register][spammy] if s.kind == kind
            for _ in range(2 if season in s.months else not s.months)]


@cache
def _lists(month):
    """All word lists as they are in a month: the drifting ones show a window that moves on by one entry a month."""
    windows = {name: [entries[(month + i) % len(entries)] for i in range(window)] for name, (window, entries) in DRIFTING.items()}
    return LISTS | BORROWED | windows | {"month": [MONTHS[month % 12]]}


def _writer(random, month, sites):
    """A writer with four different people: you read, me writes, and two whom they may talk about."""
    names = []
    while len(names) < 4:
        name = FIRST[int(random.random() * len(FIRST))]
        if name not in names:
            names.append(name)
    filled = dict(you=names[0], me=names[1], person=names[2], person2=names[3], sites=sites)
    return Writer(random, _lists(month), filled, {"person": names})


def honest(random, month, register, kind):
    """One honest mail of a kind of `ham.SHARES`."""
    choice = random.random
    source = ham.SENDERS[kind]
    private = source == ham.PEOPLE
    writer = _writer(random, month, ("photos", "video", "map", "lnk", "tiny") if private else ())
    moods = ham.MOODS.get(kind) or ham.MOODS[source]
    mood = moods[int(choice() * len(moods))]
    if private:
        me = writer.filled["me"]
        surname = SURNAMES[int(choice() * len(SURNAMES))]
        host = "umbrella-works" if kind == "work" else HOSTS[int(choice() * len(HOSTS))]
        sender = f"{me} {surname} <{me.lower()}.{surname.lower()}@{host}.example>"
    else:
        sender, writer.filled["me"], writer.filled["sites"] = _organisation(writer.pick(_names(source)))
    return _compose(writer, sender, 0, month, register, kind, mood)


def spammed(random, month, register, tactic):
    """One spam mail as a `Tactic` has it: topic, then honest sentences pasted below, then disguises."""
    writer = _writer(random, month, ())
    topic = tactic.topic
    own_site = "-".join((writer.pick(spam.SITES), writer.pick(spam.SITES)))
    site = own_site if random.random() < 0.6 else writer.pick(("lnk", "tiny", "photos", "go2"))
    writer.filled["sites"] = (site,)
    source = spam.SENDERS[topic]
    me = writer.filled["me"]
    if source == "person":
        sender = f"{me} {writer.pick(SURNAMES)} <{me.lower()}{int(random.random() * 1000)}@{writer.pick(HOSTS)}.example>"
    elif source == "noble":
        writer.filled["me"] = f"{writer.pick(NOBLE[PRONOUNS[me]['they']])} {me}"
        sender = f"{writer.filled['me']} <{me.lower()}{int(random.random() * 100)}@{site}.example>"
    else:
        writer.filled["me"] = writer.pick(_names(source))
        sender = f"{writer.filled['me']} <no-reply@{site}.example>"
    moods = spam.MOODS[topic].split()
    mail = _compose(writer, sender, 1, month, register, topic, writer.pick(moods))
    mail.choices["tactic"] = tactic
    if tactic.padding:
        pasted = _writer(random, month, (site,))
        mail.choices["padding"] = [pasted.write(pasted.pick(PASTE[register])) for _ in range(tactic.padding)]
        if register == "formal":
            mail.choices["padding"] = [capital(sentence) for sentence in mail.choices["padding"]]
        mail.body += "\n\n" + " ".join(mail.choices["padding"])
    if tactic.disguise:
        mail.subject, changed = disguise(mail.subject, tactic.disguise, tactic.share, random)
        mail.body, more = disguise(mail.body, tactic.disguise, tactic.share, random)
        mail.choices["disguises"] = changed + more
    return mail


@cache
def _names(names):
    return [name.strip() for name in names.split("|")]


@cache
def _organisation(name):
    site = re.sub(r"\W+", "", name.lower())
    return f"{name} <post@{site}.example>", name, (site,)


def _compose(writer, sender, truth, month, register, kind, mood):
    random, temper = writer.random, MOODS[mood]
    scene = writer.pick(_scenes(register, truth, kind, month % 12 + 1))
    formal = register == "formal"
    brief = scene.name == "brief" or not formal
    steps = []
    subjects, script = writer.pick(scene.strands)
    for optional, templates in script:
        if optional and random() < 0.4:
            continue
        said = writer.write(writer.pick(templates))
        if formal and said[-1] == "." and random() < temper["bang"]:
            said = said[:-1] + "!"
        steps.append(capital(said) if formal else said)
    if not brief and random() < 0.45:
        steps.insert(1 + int(random() * len(steps)), writer.write(writer.pick(temper["aside"])))
    body = "".join([step + (" " if step[-1] in ".!?" else "\n") for step in steps]).rstrip()      # a bare link ends its line
    body, typos = _mistype(body, temper["typos"], random)
    if formal:
        subject = capital(writer.write(writer.pick(subjects)))
        hello = "" if brief and random() < 0.5 else writer.write(writer.pick(temper["hello"])) + "\n\n"
        body = f"{hello}{body}\n\n{writer.write(writer.pick(temper['bye']))}\n{writer.filled['me']}"
    else:
        subject, body = "", _chatty(body, writer, sober=mood in ("polite", "stern", "official"))
    return Mail(sender, subject, body, truth, truth, month,
                dict(kind=kind, scene=scene.name, register=register, mood=mood, filled=writer.filled, typos=typos))


def _chatty(text, writer, sober):
    random = writer.random
    text = SHORTHAND.sub(lambda m: SHORT[m[0].lower()] if random() < 0.6 else m[0], text.lower())
    if not sober and random() < 0.4:
        opener = writer.pick(chat.OPEN)
        text = text if text.startswith(opener) else f"{opener} {text}"
    if not sober and random() < 0.4:
        text = f"{text} {writer.pick(chat.CLOSE)}"
    return text


def _mistype(text, share, random):
    """The text with about `share` of its words mistyped, and a list of (word, what became of it)."""
    words, typos = text.split(" "), []
    for _ in range(int(share * len(words) + random())):
        i = int(random() * len(words))
        word = words[i]
        if len(word) < 4 or not word.isalpha():
            continue
        at, how = 1 + int(random() * (len(word) - 2)), random()
        if how < 0.4:
            wrong = word[:at] + word[at + 1] + word[at] + word[at + 2:]
        elif how < 0.8:
            wrong = word[:at] + word[at + 1:]
        else:
            wrong = word[:at] + word[at] + word[at:]
        if wrong != word:
            words[i] = wrong
            typos.append((word, wrong))
    return " ".join(words), typos


for _register in SCENES.values():                           # a template that can not be read fails here, not in a lesson
    for _scene in (*_register[0], *_register[1]):
        for _subjects, _script in _scene.strands:
            for _template in (*_subjects, *(t for _, ts in _script for t in ts)):
                parts(_template)
