"""How templates are written down, and what they unfold to. It knows no villager.

`@ rule` opens a rule; each line below is an alternative. In a line:

    {p}  {p's}  {job p}  {a pet p}  {They p}    a slot: what of which variable. A variable that nothing has filled yet is drawn.
    {do e:h}                                    drawn among what belongs to h (the events that h is the hero of)
    (went|walked) (quickly |)away               alternatives on the spot; their share of the line's weight is equal
    <rule>                                      another rule; <rule?> stands in half of the texts
    [pet p, no partner p]                       at the start: only where this is so, of variables that are filled before
    #rude                                       at the start: the share of this alternative hangs on a knob
    3x                                          at the start: three times as likely as one without a number
    @ rule, evenly                              the order of the lines means nothing; else those that come first may be favoured
    \\n                                          a new line

p, q, r, w are adults, all different; h is one who has been the hero of an event; e is an event. Drawing e also fills p with its
hero and q with its witness; {do e:h} does not, since there h is the hero. Other variables are lists of words: {thing}, {thing2},
{many thing} for the plural. Rules may not call themselves.
"""
import re
from functools import cache
from itertools import product
from typing import NamedTuple

from minitrain.tokenizer import pieces

PEOPLE = {"p": "person", "q": "person", "r": "person", "w": "person", "h": "hero", "e": "event"}
TOKEN = re.compile(r"\{([^{}]*)\}|<(\w+)>")
ENDS = (".", "?", "!", "\n")
HEAD = re.compile(r"(?:\[([^\]]*)\] )?(?:#(\w+) )?(?:(\d+)x )?")


class Slot(NamedTuple):
    """attr of var ("job" of "p").  given: the variable among whose own it is drawn.  article, possessive: "a goat", "goat's".

    space: whether a space stands before it; it belongs to the slot's first piece, as in the tokenizer.
    """
    attr: str
    var: str
    given: str = ""
    article: bool = False
    possessive: bool = False
    space: bool = True

    @property
    def type(self):
        return PEOPLE.get(self.var) or self.var.rstrip("0123456789")

    def __str__(self):
        attr = [] if self.attr in ("name", "text") else [self.attr]
        words = ["a"] * self.article + attr + [f"{self.var}:{self.given}" if self.given else self.var]
        return "{" + " ".join(words) + "'s" * self.possessive + "}"


class Call(NamedTuple):
    """Another rule, with or without a space before what it says."""
    rule: str
    space: bool = True


class Guard(NamedTuple):
    """Whether var has attr (a pet, a partner), or an event is of this kind; negated by "no"."""
    attr: str
    var: str
    negated: bool = False


class Template(NamedTuple):
    """One alternative of a rule, unfolded: symbols are pieces of text, slots and calls.

    rank: 1 for the first line of a rule, 2 for the second, …; multiplied where rules were unfolded into one another.
    """
    weight: float
    rank: int
    guards: tuple
    tags: tuple
    symbols: tuple


def possible(templates):
    """Whether one alternative is open in every case: one without a condition, or two of which one must hold."""
    cases = {template.guards for template in templates}
    lone = {case[0] for case in cases if len(case) == 1}
    return () in cases or any(guard._replace(negated=not guard.negated) in lone for guard in lone)


class Grammar:
    """Rules as {name: [Template, ...]}, read from texts written as above.

    >>> grammar = Grammar("@ greeting\\n2x (Hello|Good day), {p}.\\nDear {p}, <wish?>!\\n@ wish\\nsleep well")
    >>> [template.weight for template in grammar.rules["greeting"]]
    [1.0, 1.0, 0.5, 0.5]
    >>> grammar.rules["greeting"][2].symbols
    ('Dear', Slot(attr='name', var='p', given='', article=False, possessive=False, space=True), ',', '!')
    """

    def __init__(self, *texts):
        self.lines = _read(texts)
        self.rules = {name: self._unfolded(name, ()) for name in self.lines}
        for name in self.rules:
            self._no_circle(name, ())

    def _no_circle(self, name, callers):
        if name in callers:
            raise ValueError(f"The rule <{name}> calls itself, by way of {' → '.join(callers)}; texts would have no end.")
        for rule in {symbol.rule for template in self.rules[name] for symbol in template.symbols if isinstance(symbol, Call)}:
            self._no_circle(rule, (*callers, name))

    def _unfolded(self, name, callers):
        """Every template of a rule. A call that opens a line gives way to what it calls, so that beginnings can be shared."""
        if name in callers:
            raise ValueError(f"The rule <{name}> calls itself, by way of {' → '.join(callers)}; texts would have no end.")
        if name not in self.lines:
            raise ValueError(f"<{name}> is called in the rule {callers[-1]!r}, but no line '@ {name}' opens it.")
        templates = []
        for weight, rank, guards, tags, text in self.lines[name]:
            texts = _alternatives(text)
            for flat in texts:
                symbols = _symbols(flat)
                for symbol in symbols:
                    if isinstance(symbol, Call) and symbol.rule not in self.lines:
                        raise ValueError(f"<{symbol.rule}> is called in {name!r}, but no line '@ {symbol.rule}' opens it.")
                opened = [Template(1.0, 1, (), (), ())]
                if symbols and isinstance(symbols[0], Call):
                    opened = self._unfolded(symbols[0].rule, (*callers, name))
                    symbols = symbols[1:]
                total = sum(template.weight for template in opened)
                templates += [Template(weight / len(texts) * first.weight / total, rank * first.rank, guards + first.guards,
                                       tags + first.tags, first.symbols + symbols) for first in opened]
        return templates


def first_as(symbol, space):
    """The symbol that opens a rule, with or without a space before it, as the caller wants."""
    return (" " * space + symbol.removeprefix(" ")) if isinstance(symbol, str) else symbol._replace(space=space)


def shapes(rules, document):
    """Every distinct shape of a sentence: its words and signs, with {slots} in the place of who and what, as a set of texts.

    A sentence ends in a full stop, a question mark, an exclamation mark or a new line. Guards are left aside.

    >>> sorted(shapes(Grammar("@ document\\n{p} (slept|ate). <more?>\\n@ more\\n{q} did too!").rules, "document"))
    ['{p} ate.', '{p} slept.', '{q} did too!']
    """
    done, known = set(), {}

    def parts(call):
        """Texts of a rule that end no sentence; what stands before their first end, in those that do; and what after the last."""
        if call not in known:
            whole, heads, tails = set(), set(), set()
            for template in rules[call.rule]:
                opened, later = {""}, set()                     # of the sentence at hand: before the first end, after one
                for i, symbol in enumerate(template.symbols):
                    symbol = first_as(symbol, call.space) if i == 0 else symbol
                    if isinstance(symbol, Call):
                        inner, first, last = parts(symbol)
                        heads |= {a + b for a in opened for b in first}
                        done.update(a + b for a in later for b in first)
                        opened, later = {a + b for a in opened for b in inner}, {a + b for a in later for b in inner} | last
                        continue
                    text = symbol if isinstance(symbol, str) else " " * symbol.space + str(symbol)
                    opened, later = {a + text for a in opened}, {a + text for a in later}
                    if text in ENDS:
                        heads |= opened
                        done.update(later)
                        opened, later = set(), {""}
                whole |= opened
                tails |= later
            known[call] = whole, heads, tails
        return known[call]

    whole, heads, tails = parts(Call(document, False))
    return {text.strip() for text in done | whole | heads | tails} - {""}


def _read(texts):
    lines, rule, evenly = {}, None, ""
    for line in "\n".join(texts).splitlines():
        line = line.strip()
        if not line:
            continue
        if line.startswith("@ "):
            name, _, evenly = line[2:].partition(", ")
            if name in lines:
                raise ValueError(f"The rule {name!r} is opened twice.")
            if evenly not in ("", "evenly"):
                raise ValueError(f"'@ {name}' may be followed by ', evenly'; got {evenly!r}.")
            rule = lines.setdefault(name, [])
            continue
        if rule is None:
            raise ValueError(f"A grammar opens with '@ name'; got {line!r} before any rule.")
        head = HEAD.match(line)
        guards = tuple(_guard(words) for words in head[1].split(", ")) if head[1] else ()
        rank = 1 if evenly else len(rule) + 1
        rule.append((float(head[3] or 1), rank, guards, (head[2],) if head[2] else (), line[head.end():].replace("\\n", "\n")))
    return lines


def _guard(words):
    *no, attr, var = words.split()
    return Guard(attr, var, bool(no))


def _alternatives(text):
    """All texts that the brackets of one line stand for.

    >>> _alternatives("(Ann|Bob) sings <verse?>.")
    ['Ann sings.', 'Ann sings <verse>.', 'Bob sings.', 'Bob sings <verse>.']
    """
    parts = re.split(r"\(([^()]*)\)", re.sub(r" <(\w+)\?>", r"(| <\1>)", text))
    if any("(" in part or ")" in part for part in parts):
        raise ValueError(f"Brackets of a template may not stand in one another: {text!r}.")
    return ["".join(choice) for choice in product(*(part.split("|") if i % 2 else [part] for i, part in enumerate(parts)))]


@cache
def _slot(code, space):
    *words, subject = code.split()
    possessive = code.endswith("'s")
    var, _, given = subject.removesuffix("'s").partition(":")
    article = words[:1] == ["a"]
    attr = " ".join(words[article:]) or ("name" if var in PEOPLE else "text")
    return Slot(attr, var, given, article, possessive, space)


def _symbols(text):
    """A line without brackets as pieces, slots and calls; a space goes with what follows it, as in the tokenizer."""
    symbols, place, space = [], 0, False
    for token in [*TOKEN.finditer(text), None]:
        literal = (" " if space else "") + text[place:token.start() if token else len(text)]
        space = literal.endswith(" ")
        literal = literal.removesuffix(" ")
        if literal and symbols and not isinstance(symbols[-1], str) and re.match(r"[\w'’]", literal):
            raise ValueError(f"In the template {text!r}, {literal.split()[0]!r} follows a slot without a space.")
        symbols += pieces(literal)
        if token and not space and re.search(r"\w\Z", literal):
            raise ValueError(f"In the template {text!r}, {literal.split()[-1]!r} stands before a slot without a space.")
        if token:
            symbols.append(_slot(token[1], space) if token[1] else Call(token[2], space))
            place, space = token.end(), False
    if space:
        raise ValueError(f"The template {text!r} ends in a space.")
    return tuple(symbols)
