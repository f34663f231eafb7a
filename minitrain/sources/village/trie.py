"""Templates that share a beginning, as one trie; and the proof that reading from left to right never leaves a choice open.

A node of the trie says what may come next: pieces of text, slots, calls of other rules, or the end of the rule. `check` walks all
tries of a grammar and shows that no two of these can begin with the same piece, in any village. Then a text has one derivation
at most, each prefix fixes its state, and the probability of the derivation is that of the text.
"""
from itertools import pairwise

from minitrain.sources.mailbox.grammar import article
from minitrain.sources.village.grammar import Call, Slot, first_as, possible
from minitrain.sources.village.lexicon import KEYS, universe


class Node:
    """What may follow a beginning: {symbol: [weight, Node]} for pieces, slots and calls; end: weight of stopping here."""
    __slots__ = ("literals", "slots", "calls", "end", "total")

    def __init__(self):
        self.literals, self.slots, self.calls, self.end, self.total = {}, {}, {}, 0.0, 0.0

    def branches(self, symbol):
        return self.slots if isinstance(symbol, Slot) else self.calls if isinstance(symbol, Call) else self.literals


def grow(weighted, space):
    """The trie of [(weight, template), …], with or without a space before the first piece."""
    root = Node()
    for weight, template in weighted:
        node = root
        for i, symbol in enumerate(template.symbols):
            symbol = first_as(symbol, space) if i == 0 else symbol
            node.total += weight
            step = node.branches(symbol).setdefault(symbol, [0.0, None])
            step[0] += weight
            step[1] = node = step[1] or Node()
        node.total += weight
        if node.end:
            said = "".join(str(symbol) for symbol in template.symbols)
            raise ValueError(f"Two alternatives of a rule are the same: {said!r}. Leave one out, or give it the weight of both.")
        node.end = weight
    return root


def _clash(one, other):
    """A piece that two openings share, or None.  An opening is {(variable, filled) whose name it is, or None: set of pieces}.

    Names of two variables differ, since nobody is drawn twice, unless both are still to be drawn.
    """
    for tag, pieces in one.items():
        for tag2, pieces2 in other.items():
            told_apart = tag and tag2 and tag[0] != tag2[0] and (tag[1] or tag2[1])
            if not told_apart and not pieces.isdisjoint(pieces2):
                return min(pieces & pieces2)
    return None


def _merge(into, opening):
    for tag, pieces in opening.items():
        into[tag] = into.get(tag, frozenset()) | pieces
    return into


class _Proof:
    def __init__(self, rules, document):
        self.rules, self.document = rules, document
        self.tries, self.starts, self.binds = {}, {}, {}

    def trie(self, call):
        if call not in self.tries:
            self.tries[call] = grow([(template.weight, template) for template in self.rules[call.rule]], call.space)
        return self.tries[call]

    def filled(self, rule):
        """The variables that are filled after a rule, whichever way it went; and those that may be."""
        if rule not in self.binds:
            surely, maybe = [], set()
            for template in self.rules[rule]:
                must = set()
                for symbol in template.symbols:
                    if isinstance(symbol, Slot):
                        must |= _fills(symbol)
                    elif isinstance(symbol, Call):
                        must |= self.filled(symbol.rule)[0]
                        maybe |= self.filled(symbol.rule)[1]
                surely.append(must)
                maybe |= must
            self.binds[rule] = set.intersection(*surely), maybe
        return self.binds[rule]

    def branches(self, node, bound, follow):
        """All that may come next at a node: {what it is: opening}. Just one of these may fit the next piece."""
        found = {"the text": {None: frozenset(node.literals)}} if node.literals else {}
        for slot in node.slots:
            if slot not in self.starts:
                self.starts[slot] = frozenset(universe(slot))
            found[str(slot)] = {(slot.var, slot.var in bound) if slot.attr in ("name", "full") else None: self.starts[slot]}
        for call, (_, after) in node.calls.items():
            root = self.trie(call)
            found[f"<{call.rule}>"] = self.opening(root, bound, {})
            if root.end:
                found[f"what follows <{call.rule}>"] = self.opening(after, bound | self.filled(call.rule)[0], follow)
        if node.end:
            found["what follows"] = follow
        return found

    def opening(self, node, bound, follow):
        found = {}
        for opening in self.branches(node, bound, follow).values():
            _merge(found, opening)
        return found

    def run(self):
        """Callers before callees, so that all that may follow a rule is known when the rule is looked at."""
        order, calls = [], [Call(self.document, False)]
        self._order(calls[0], order, set())
        follow = {calls[0]: {}}
        entry = {calls[0]: (frozenset(), frozenset())}          # variables that are filled when it is called: surely, maybe
        for call in reversed(order):
            for guard in {guard for template in self.rules[call.rule] for guard in template.guards}:
                if guard.var not in entry[call][0]:
                    raise ValueError(f"<{call.rule}> asks whether {guard.attr} of {guard.var}, which nothing has filled by then.")
            if not possible(self.rules[call.rule]):
                raise ValueError(f"Every alternative of <{call.rule}> has a condition; one must always be possible.")
            self._look(self.trie(call), call, *entry[call], "", follow, entry)

    def _order(self, call, order, seen):
        if call in seen:
            return
        seen.add(call)
        for template in self.rules[call.rule]:
            for symbol in template.symbols:
                if isinstance(symbol, Call):
                    self._order(symbol, order, seen)
        order.append(call)

    def _look(self, node, rule, bound, maybe, said, follow, entry):
        found = list(self.branches(node, bound, follow[rule]).items())
        for i, (what, opening) in enumerate(found):
            for what2, opening2 in found[:i]:
                if (piece := _clash(opening, opening2)) is not None:
                    raise ValueError(f"Ambiguous: in <{rule.rule}>, after {said!r}, {piece!r} may open {what2} or {what}.")
        for piece, (_, after) in node.literals.items():
            self._look(after, rule, bound, maybe, said + piece, follow, entry)
        for slot, (_, after) in node.slots.items():
            self._slot(slot, rule, bound, maybe, said)
            self._look(after, rule, bound | _fills(slot), maybe | _fills(slot), f"{said}{' ' * slot.space}{slot}", follow, entry)
        for call, (_, after) in node.calls.items():
            surely, perhaps = self.filled(call.rule)
            _merge(follow.setdefault(call, {}), self.opening(after, bound | surely, follow[rule]))
            known = entry.get(call, (bound, maybe))
            entry[call] = known[0] & bound, known[1] | maybe
            self._look(after, rule, bound | surely, maybe | perhaps, f"{said} <{call.rule}>", follow, entry)

    @staticmethod
    def _slot(slot, rule, bound, maybe, said):
        drawn = slot.var not in bound
        if drawn and slot.attr not in KEYS:
            raise ValueError(f"In <{rule.rule}>, {slot} after {said!r}: nothing has filled {slot.var} by then.")
        if slot.given and slot.given not in bound:
            raise ValueError(f"In <{rule.rule}>, {slot} after {said!r}: nothing has filled {slot.given} by then.")
        if drawn and slot.type == "event" and not slot.given and maybe & {"p", "q", "r", "w", "h"}:
            raise ValueError(f"In <{rule.rule}>, {slot} after {said!r}: an event brings its people, and some are there already.")


def _fills(slot):
    return {slot.var, "p", "q"} if slot.type == "event" and not slot.given else {slot.var}


def check(rules, document="document"):
    """Raise a ValueError at the first place where one piece could be the beginning of two things; else return nothing.

    rules: {name: [Template, …]}.  document: the rule that texts begin with.  A variable must be filled before it is spoken of.

    >>> from minitrain.sources.village.grammar import Grammar
    >>> check(Grammar("@ document\\n{p} slept.\\n{p} met {q}.").rules)
    >>> check(Grammar("@ document\\n{p} ate {food}.\\n{p} ate leek salad.").rules)
    Traceback (most recent call last):
    ValueError: Ambiguous: in <document>, after '{p} ate', ' leek' may open the text or {food}.
    """
    for name, templates in rules.items():
        for one, two in (pair for template in templates for pair in pairwise(template.symbols)):
            if one in ("a", " a", "A", " A") and isinstance(two, Slot) and any(article(w.strip()) == "an" for w in universe(two)):
                raise ValueError(f"In <{name}>, 'a' stands before {two}, which may begin with a vowel; write {{a …}} for both.")
    _Proof(rules, document).run()
