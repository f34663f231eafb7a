"""A small grammar: templates with slots become English that agrees. It knows nothing of mail.

In a template, `{day}` is filled from the list "day" and stays the same for the rest of the text; `{day2}` is another day;
`{~adj}` is drawn anew each time. `{a thing}` puts the right article before, `{s thing}` is the plural, `{n thing}` a number
and the noun in its number, and `{is|are}` agrees with the `{n …}` right after it, else with the last one. `{they person}`,
`{them …}`, `{their …}` are the person's pronouns, and verbs agree with them too. A capital, as in `{A thing}` or `{Day}`,
capitalises. List entries may be templates themselves; an entry that is a function is called with the writer.
"""
import re
from functools import cache

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
IRREGULAR = {"goose": "geese", "mouse": "mice", "ostrich": "ostriches", "loaf": "loaves", "shelf": "shelves", "knife": "knives",
             "wife": "wives", "person": "people", "child": "children", "foot": "feet", "tooth": "teeth", "scarf": "scarves",
             "sheep": "sheep", "half": "halves"}
FAMILIES = {"she": "person", "he": "person"}                # names: nobody is somebody else
SOUNDS_CONSONANT = re.compile(r"(?i)(uni[cfoqtv]|use|usu|uk|eu|one\b|once|ut[ie])")
SOUNDS_VOWEL = re.compile(r"(?i)([aeiou]|hour|honest|honou|heir|8|11\b|18\b)")


@cache
def article(words):
    """'a' or 'an', by the first sound as far as spelling tells it.

    >>> [article(w) for w in ("otter", "unicycle", "hour", "goat", "ukulele", "umbrella", "18-seater")]
    ['an', 'a', 'an', 'a', 'a', 'an', 'an']
    """
    return "an" if SOUNDS_VOWEL.match(words) and not SOUNDS_CONSONANT.match(words) else "a"


@cache
def plural(noun):
    """The plural of a noun or of a noun phrase that ends in its noun, or has it before "of", "in" or "with".

    >>> [plural(w) for w in ("goat", "berry", "goose", "box of pegs", "egg timer", "dish")]
    ['goats', 'berries', 'geese', 'boxes of pegs', 'egg timers', 'dishes']
    """
    head, link, rest = re.match(r"(.*?)( (?:of|in|with|for) |$)(.*)", noun).groups()
    before, space, last = head.rpartition(" ")
    if head in IRREGULAR:
        many = IRREGULAR[head]
    elif last in IRREGULAR:
        many = before + space + IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", head):
        many = head[:-1] + "ies"
    else:
        many = head + ("es" if re.search(r"(s|x|z|ch|sh)$", head) else "s")
    return many + link + rest


def capital(text):
    return text[:1].upper() + text[1:]


class Writer:
    """Fills templates for one text.  random: a `random.Random`; lists: name -> list of entries; filled: slot -> what is in it.

    >>> from random import Random
    >>> writer = Writer(Random(3), {"thing": ["umbrella", "kettle"], "day": ["Monday", "Friday"]})
    >>> writer.write("{A thing} on {day}, another on {day2}. {N thing} {is|are} missing; I bought the {thing} on {day}.")
    'An umbrella on Friday, another on Monday. Six umbrellas are missing; I bought the umbrella on Friday.'
    """
    __slots__ = ("random", "lists", "filled", "used", "many")

    def __init__(self, random, lists, filled=None, used=None):
        self.random, self.lists, self.many = random.random, lists, True
        self.filled, self.used = {} if filled is None else filled, {} if used is None else used

    def pick(self, entries):
        return entries[int(self.random() * len(entries))]

    def write(self, template):
        return "".join([part if type(part) is str else part(self) for part in parts(template)])

    def draw(self, name):
        entry = self.pick(self.lists.get(name, (name,)))        # a slot without a list is a plain noun: {n jar}
        if type(entry) is not str:
            return entry(self)
        return self.write(entry) if "{" in entry else entry

    def fill(self, slot):
        """What stands in the slot: what stood there before, else something that no slot of the same list holds."""
        value = self.filled.get(slot)
        if value is None:
            name, family = _list_of(slot)
            used = self.used.setdefault(family, [])
            value = self.draw(name)
            for _ in range(9):                                  # a list may be shorter than the slots that want it
                if value not in used:
                    break
                value = self.draw(name)
            used.append(value)
            self.filled[slot] = value
        return value

    def count(self, slot):
        if ("n", slot) not in self.filled:
            self.filled["n", slot] = 1 + int(self.random() ** 1.3 * 11)
        return self.filled["n", slot]


@cache
def _list_of(slot):
    """The list that fills a slot, and the family of lists within which nothing is used twice: "day2" -> day, day."""
    name = slot if slot[0] == "=" else slot.rstrip("0123456789")
    return name, FAMILIES.get(name, name)


@cache
def parts(template):
    """A template as a tuple of strings and of functions (writer -> string)."""
    pieces = re.split(r"\{([^{}]*)\}", template)
    return tuple(piece if i % 2 == 0 else _slot(piece, pieces[i + 2:i + 3]) for i, piece in enumerate(pieces) if i % 2 or piece)


def _slot(code, following):
    if "|" in code:
        one, many = code.split("|")
        ahead = following[0][2:] if following and following[0].startswith("n ") else None
        return lambda w: many if (w.many if ahead is None else w.count(ahead) != 1) else one
    upper = code[0].isupper()
    code = code[0].lower() + code[1:]
    modifier, _, slot = code.partition(" ") if " " in code else ("", "", code)
    fill = _fills(modifier, slot)
    return (lambda w: capital(fill(w))) if upper else fill


def _fills(modifier, slot):
    if modifier == "":
        if slot[0] == "~":
            return lambda w: w.draw(slot[1:])
        return lambda w: w.fill(slot)
    if modifier == "a":
        if slot[0] == "~":
            return lambda w: _with_article(w.draw(slot[1:]))
        return lambda w: _with_article(w.fill(slot))
    if modifier == "s":
        return lambda w: plural(w.fill(slot))
    if modifier == "n":
        return lambda w: _counted(w, slot)
    if modifier in ("they", "them", "their"):
        return lambda w: _pronoun(w, slot, modifier)
    raise ValueError(f"The slot {{{modifier} {slot}}} in a template has an unknown modifier; a, s, n, they, them, their exist.")


def _with_article(words):
    return f"{article(words)} {words}"


def _pronoun(w, slot, case):
    pronouns = w.lists["pronouns"][w.fill(slot)]
    w.many = pronouns["they"] == "they"                     # "they know", "she knows"
    return pronouns[case]


def _counted(w, slot):
    n = w.count(slot)
    w.many = n != 1
    noun = w.fill(slot)
    return f"{NUMBERS[n]} {plural(noun) if w.many else noun}"
