"""Reading and writing with exact probabilities: the same rules, drawn from for a text, and followed through a text.

Writing draws whole alternatives and is fast. Reading keeps one state, since `trie.check` has shown that there is never a second:
which template beginnings are alive, what the variables hold, and where rules return to. Both know only grammar and lexicon.
"""
from bisect import bisect
from itertools import accumulate
from math import log
from typing import NamedTuple

from minitrain.sources.village.grammar import Call, Slot, first_as
from minitrain.sources.village.lexicon import FACTS
from minitrain.sources.village.trie import grow
from minitrain.tokenizer import END


class State(NamedTuple):
    """Where a reader is.  node: in the trie of a rule; up: (node, up) to return to; bound: what the variables hold.

    Within a slot: the slot, who is still possible as ((entity, weight, pieces), …), and how many of its pieces were read.
    """
    node: object
    up: tuple | None
    bound: dict
    slot: Slot | None = None
    alive: tuple = ()
    read: int = 0


class Told(NamedTuple):
    """What one piece was: its probability; the slot it stands in, its place there, and whether the slot draws somebody."""
    probability: float
    slot: Slot | None = None
    drawn: bool = False
    place: int = 0


class Machine:
    """A grammar at work.  rules: {name: [Template, …]}, weights above 0; lexicon: what slots say; document: where texts begin."""

    def __init__(self, rules, lexicon, document="document"):
        self.rules, self.lexicon, self.document = rules, lexicon, document
        self.guards = {name: tuple(dict.fromkeys(guard for template in templates for guard in template.guards))
                       for name, templates in rules.items()}
        self.truths = {guard: {} for guards in self.guards.values() for guard in guards}
        self.tables, self.tries, self.parts = {}, {}, {}

    # Which alternatives are open: those whose guards hold of what the variables hold.

    def _case(self, rule, bound):
        return tuple([self._holds(guard, bound[guard.var]) for guard in self.guards[rule]])

    def _holds(self, guard, entity):
        truths = self.truths[guard]
        if entity not in truths:
            truths[entity] = self.lexicon.holds(guard, entity)
        return truths[entity]

    def _open(self, rule, case):
        false = {guard for guard, holds in zip(self.guards[rule], case) if not holds}
        return [template for template in self.rules[rule] if not false.intersection(template.guards)]

    # Writing.

    def write(self, rule, space, bound, out, random):
        """Append the parts of a text of a rule to out; returns what the variables hold then."""
        case = self._case(rule, bound) if self.guards[rule] else ()
        table = self.tables.get((rule, space, case))
        if table is None:
            table = self.tables[rule, space, case] = self._table(rule, space, case)
        cumulative, alternatives = table
        for part in alternatives[bisect(cumulative, random() * cumulative[-1], hi=len(alternatives) - 1)]:
            if type(part) is str:
                out.append(part)
            elif type(part) is tuple:
                slot, texts = part
                entity = bound.get(slot.var)
                if entity is None:
                    entity = self.lexicon.draw(slot, bound, random)
                    bound = self.lexicon.fill(slot, entity, bound)
                out.append(texts[entity])
            else:
                bound = self.write(part.rule, part.space, bound, out, random)
        return bound

    def _table(self, rule, space, case):
        templates = self._open(rule, case)
        return list(accumulate(template.weight for template in templates)), [self._compiled(t.symbols, space) for t in templates]

    def _compiled(self, symbols, space):
        """Symbols as strings, (slot, its texts) and calls; pieces that follow one another are one string."""
        parts = []
        for i, symbol in enumerate(symbols):
            symbol = first_as(symbol, space) if i == 0 else symbol
            if isinstance(symbol, str) and parts and type(parts[-1]) is str:
                parts[-1] += symbol
            else:
                parts.append((symbol, self.lexicon.texts(symbol)) if isinstance(symbol, Slot) else symbol)
        return parts

    def texts(self, rule, bound=None, space=False):
        """Every derivation of a rule, as (probability, text, what the variables hold): to enumerate, where there are few.

        This follows whole alternatives, as writing does, and no trie; bound: variables that are filled before.
        """
        bound = bound or {}
        templates = self._open(rule, self._case(rule, bound))
        total = sum(template.weight for template in templates)
        for template in templates:
            found = [(template.weight / total, "", bound)]
            for part in self._compiled(template.symbols, space):
                found = [(p * q, text + more, b) for p, text, known in found for q, more, b in self._sayings(part, known)]
            yield from found

    def _sayings(self, part, bound):
        if type(part) is str:
            return [(1.0, part, bound)]
        if isinstance(part, Call):
            return list(self.texts(part.rule, bound, part.space))
        slot, texts = part
        if slot.var in bound:
            return [(1.0, texts[bound[slot.var]], bound)]
        entities, weights = self.lexicon.pool(slot, bound)
        total = sum(weights) if weights else len(entities)
        return [(weight / total, texts[entity], self.lexicon.fill(slot, entity, bound))
                for entity, weight in zip(entities, weights or [1.0] * len(entities))]

    # Reading.

    def start(self):
        return State(self._trie(Call(self.document, False), {}), None, {})

    def _trie(self, call, bound):
        case = self._case(call.rule, bound) if self.guards[call.rule] else ()
        if (call, case) not in self.tries:
            self.tries[call, case] = grow([(t.weight, t) for t in self._open(call.rule, case)], call.space)
        return self.tries[call, case]

    def _candidates(self, slot, bound):
        """((entity, weight, pieces), …): what a slot may say, and with which weight."""
        said = self.lexicon.pieces(slot)
        if slot.var in bound:
            return ((bound[slot.var], 1.0, said[bound[slot.var]]),)
        entities, weights = self.lexicon.pool(slot, bound)
        return tuple((entity, weight, said[entity]) for entity, weight in zip(entities, weights or [1.0] * len(entities)))

    def next(self, state):
        """The distribution of what follows: {piece: probability}, the end of the document as "<end>"."""
        found = {}
        if state.slot:
            _add_slot(found, state.alive, state.read, 1.0)
        else:
            self._collect(state.node, state.up, state.bound, 1.0, found)
        return found

    def _collect(self, node, up, bound, share, found):
        share /= node.total
        for piece, (weight, _) in node.literals.items():
            _add(found, piece, share * weight)
        for slot, (weight, _) in node.slots.items():
            _add_slot(found, self._candidates(slot, bound), 0, share * weight)
        for call, (weight, after) in node.calls.items():
            self._collect(self._trie(call, bound), (after, up), bound, share * weight, found)
        if node.end:
            if up is None:
                _add(found, END, share * node.end)
            else:
                self._collect(*up, bound, share * node.end, found)

    def after(self, state, piece):
        """(Told, State) of a piece that follows and of what is behind it, where None is the end; or None if it can't follow."""
        if state.slot:
            return self._enter(state.slot, state.alive, state.read, piece, 1.0, state.node, state.up, state.bound)
        return self._find(state.node, state.up, state.bound, piece, 1.0)

    def _find(self, node, up, bound, piece, share):
        share /= node.total
        if piece in node.literals:
            weight, after = node.literals[piece]
            return Told(share * weight), State(after, up, bound)
        for slot, (weight, after) in node.slots.items():
            if found := self._enter(slot, self._candidates(slot, bound), 0, piece, share * weight, after, up, bound):
                return found
        for call, (weight, after) in node.calls.items():
            if found := self._find(self._trie(call, bound), (after, up), bound, piece, share * weight):
                return found
        if node.end and up is not None:
            return self._find(*up, bound, piece, share * node.end)
        return (Told(share * node.end), None) if node.end and piece == END else None

    def _enter(self, slot, candidates, read, piece, share, node, up, bound):
        alive = tuple([c for c in candidates if c[2][read] == piece])
        if not alive:
            return None
        total, left = sum(c[1] for c in candidates), sum(c[1] for c in alive)
        told = Told(share * left / total, slot, slot.var not in bound, read)
        if len(alive[0][2]) > read + 1:
            return told, State(node, up, bound, slot, alive, read + 1)
        return told, State(node, up, bound if slot.var in bound else self.lexicon.fill(slot, alive[0][0], bound))

    def reading(self, texts_pieces):
        """Follow a whole document: ([Told] one a piece and one for the end, what the variables hold at the end).

        A piece that can't follow raises a ValueError that says which, and what could.
        """
        state, told = self.start(), []
        for piece in [*texts_pieces, END]:
            found = self.after(state, piece)
            if found is None:
                raise ValueError(self.refusal(texts_pieces[:len(told)], piece, state))
            told.append(found[0])
            bound, state = state.bound, found[1]
        return told, bound

    def refusal(self, before, piece, state):
        could = sorted(self.next(state).items(), key=lambda item: -item[1])
        return (f"The village never writes {piece!r} after {''.join(before)[-60:]!r}; it could write "
                f"{', '.join(repr(known) for known, _ in could[:5])}{' and others' if len(could) > 5 else ''}.")

    def vocabulary(self):
        """Every piece that can be written, in alphabetical order, without the end mark."""
        found, seen, todo = set(), set(), [Call(self.document, False)]
        while todo:
            call = todo.pop()
            if call in seen:
                continue
            seen.add(call)
            for template in self.rules[call.rule]:
                for i, symbol in enumerate(template.symbols):
                    symbol = first_as(symbol, call.space) if i == 0 else symbol
                    if isinstance(symbol, Call):
                        todo.append(symbol)
                    else:
                        said = [(symbol,)] if isinstance(symbol, str) else self.lexicon.pieces(symbol).values()
                        found.update(piece for pieces in said for piece in pieces)
        return sorted(found)


def facts_told(told, bound):
    """Which pieces a fact of the world decides, a flag for each; and what was told of whom, {(relation, entity): True}, in order.

    A fact counts where a document tells it first; after that it can be read off the text. The article before it is grammar.
    """
    flags, known, new = [], {}, False
    for piece in told:
        slot = piece.slot
        if slot is None or slot.attr not in FACTS:
            flags.append(False)
            continue
        if piece.place == 0:
            about = (_relation(slot), bound[slot.var])
            new = about not in known and (not piece.drawn or bool(slot.given))
            known[about] = True
        flags.append(new and not (slot.article and piece.place == 0))
    return flags, known


def _relation(slot):
    return "deed" if slot.attr in ("did", "do") else slot.attr


def nats(told):
    return [-log(piece.probability) for piece in told]


def _add(found, piece, probability):
    if piece in found:
        raise AssertionError(f"Two derivations go on with {piece!r}; the check of the grammar missed it.")
    found[piece] = probability


def _add_slot(found, candidates, read, share):
    total = sum(weight for _, weight, _ in candidates)
    shares = {}
    for _, weight, said in candidates:
        shares[said[read]] = shares.get(said[read], 0.0) + weight
    for piece, weight in shares.items():
        _add(found, piece, share * weight / total)
