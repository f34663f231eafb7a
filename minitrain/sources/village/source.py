"""The village as a source of text: knobs, documents, and the true distribution of the next word. It knows no model."""
from bisect import bisect
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import accumulate
from random import Random

from minitrain.sources.village import questions, reports, stories, talk
from minitrain.sources.village.document import Document, damaged
from minitrain.sources.village.exact import Machine
from minitrain.sources.village.grammar import Call, Grammar, Slot, possible
from minitrain.sources.village.lexicon import FACTS, Lexicon
from minitrain.sources.village.trie import check
from minitrain.sources.village.world import ADULTS, FIRST_DAY, LAST_DAY, Event, World
from minitrain.tokenizer import pieces

SHARES = dict(story=28, news=14, diary=14, chat=14, forum=14, question=16)     # of all documents


@cache
def rules():
    """All rules of the village, read and proved once."""
    found = Grammar(stories.RULES, reports.RULES, talk.RULES, questions.RULES).rules
    check(found | {"document": _document(found, SHARES)})
    return found


def _document(rules, shares):
    """The rule that any document follows: the alternatives of each kind, weighed so that the kind gets its share."""
    totals = {kind: sum(template.weight for template in rules[kind]) for kind in shares}
    return [template._replace(weight=share * template.weight / totals[kind])
            for kind, share in shares.items() for template in rules[kind]]


class Village:
    """A made-up village and endless text about it; document i is a function of the knobs, the seed and i.

    people: adults, from 8 to 72.  about: names of those that texts are about, None for all.  fame: how unevenly texts speak of
    them, 0 for all alike.  factual: from 0 to 1, how often a sentence may tell a fact.  habit: how much common turns of
    phrase are preferred to rare ones, 0 for not at all.  bias: from 0 to 1, how far the jobs of
    hill and harbour differ; biased_by: "side", or "pronoun".  rude: share of the rude among what can be said politely or rudely;
    hedged: of "I think" among statements of fact.  mix: {kind: factor of how often it occurs}; `Village.kinds()` names them.
    since, until: `datetime.date` or "2001-06-30"; only events from since on and before until are told.  duplicates: share of
    documents that repeat an earlier one; noise: share of words that get a typing error. These two disturb: the exact floor is
    that of a village with neither.

    >>> village = Village(seed=0)
    >>> document = village.document(7)
    >>> document.text == "".join(document.pieces), len(document.nats) == len(document.pieces) + 1
    (True, True)
    >>> round(sum(village.next_word([]).values()), 9)
    1.0
    """

    def __init__(self, seed=0, *, people=64, about=None, fame=1.2, factual=1.0, habit=1.2, bias=0.6, biased_by="side", rude=0.5,
                 hedged=0.2, mix=None, since=None, until=None, duplicates=0.0, noise=0.0):
        shares = dict(factual=factual, bias=bias, rude=rude, hedged=hedged, duplicates=duplicates, noise=noise)
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"Village: {name} is {value}; it is a share from 0 to 1.")
        if not 0 <= fame <= 3:
            raise ValueError(f"Village: fame is {fame}; it goes from 0, all alike, to 3.")
        if not 0 <= habit <= 3:
            raise ValueError(f"Village: habit is {habit}; it goes from 0, no turn of phrase preferred, to 3.")
        if not 8 <= people <= ADULTS:
            raise ValueError(f"Village: people is {people}; there are names for 8 to {ADULTS} adults.")
        if biased_by not in ("side", "pronoun"):
            raise ValueError(f"Village: biased_by is {biased_by!r}; it is 'side' or 'pronoun'.")
        self.seed, self.duplicates, self.noise = seed, duplicates, noise
        self.since, self.until = _day(since, "since", FIRST_DAY), _day(until, "until", LAST_DAY + timedelta(days=1))
        self.world = World(seed, people, bias, biased_by)
        known = {person.name for person in self.world.adults}
        if about is not None and (strange := sorted(set(about) - known)):
            raise ValueError(f"Village: about names {strange[0]!r}, who isn't one of its adults.")
        self.lexicon = Lexicon(self.world, about, self.since, self.until, fame)
        if len(self.lexicon.pools["person"]) < 6:
            raise ValueError(f"Village: about leaves {len(self.lexicon.pools['person'])} adults; texts need at least 6.")
        tags = dict(rude=rude, polite=1 - rude, hedged=hedged, sure=1 - hedged)
        self.machine, shares = self._at_work(tags, factual, habit, mix or {})
        self._cumulative, self._kinds = list(accumulate(shares.values())), list(shares)
        self._last = ((), self.machine.start())

    def _at_work(self, factors, factual, habit, mix):
        """The machine of these knobs: alternatives that a knob sets to 0 go, and with them what can't do without them."""
        if unknown := [kind for kind in mix if kind not in SHARES]:
            raise ValueError(f"Village: mix names {unknown[0]!r}; kinds of documents are {', '.join(SHARES)}.")
        events = bool(self.lexicon.pools["event"])
        alive = {}

        def weighed(template):
            weight = template.weight * template.rank ** -habit
            for tag in template.tags:
                weight *= factors[tag]
            slots = [symbol for symbol in template.symbols if isinstance(symbol, Slot)]
            if any(slot.attr in FACTS for slot in slots):
                weight *= factual
            if not events and any(slot.type in ("event", "hero") for slot in slots):
                weight = 0
            return weight if all(living(symbol.rule) for symbol in template.symbols if isinstance(symbol, Call)) else 0

        def living(name):
            if name not in alive:
                left = [template._replace(weight=weight) for template in rules()[name] if (weight := weighed(template)) > 0]
                alive[name] = left if possible(left) else []
            return alive[name]

        shares = {kind: share * mix.get(kind, 1) for kind, share in SHARES.items() if living(kind) and mix.get(kind, 1) > 0}
        if not shares:
            raise ValueError("Village: with these knobs there is no kind of document left. Raise factual, or leave more in mix.")
        return Machine(alive | {"document": _document(alive, shares)}, self.lexicon), shares

    @staticmethod
    def kinds():
        """All kinds of documents."""
        return list(SHARES)

    @property
    def people(self):
        """All persons, adults first."""
        return self.world.people

    @property
    def events(self):
        """All events, the earliest first, also those outside of since and until."""
        return self.world.events

    @cached_property
    def _facts(self):
        facts = {}
        for fact in self.world.facts():
            facts.setdefault(fact.about, []).append(fact)
        return facts

    def facts(self):
        """Every `Fact` of the world, of persons first, whether texts tell it or not."""
        return [fact for facts in self._facts.values() for fact in facts]

    def facts_about(self, entity):
        """The facts about one Person or Event."""
        return self._facts[entity]

    @cached_property
    def _teacher(self):
        """All rules, whatever the knobs, with answers that are sure of themselves."""
        sure = {name: [t for t in templates if "hedged" not in t.tags] for name, templates in rules().items()}
        return Machine(sure, self.lexicon)

    def questions(self, fact):
        """Every way in which the village asks for a fact and answers: a list of (question, answer), without "I think".

        >>> village = Village(seed=0)
        >>> village.questions(village.facts()[0])[0]
        ("What is Tilda's job?", 'Tilda is an organist.')
        """
        about = fact.about
        bound = {"e": about, "h": about.hero} if isinstance(about, Event) else {"p": about}
        texts = [text for _, text, _ in self._teacher.texts(f"ask_{fact.relation}", bound)]
        return [tuple(line.partition(": ")[2] for line in text.split("\n")) for text in texts]

    def document(self, i):
        """Document number i, the same in whatever order they are asked for."""
        if i < 0:
            raise IndexError(f"There is no document number {i}; they count from 0.")
        copy_of = None
        if self.duplicates:
            lots = Random(f"copies {self.seed} {i}")
            if i and lots.random() < self.duplicates:
                copy_of = lots.randrange(i)
        number = i if copy_of is None else copy_of
        random = Random(f"document {self.seed} {number}").random
        kind = self._kinds[bisect(self._cumulative, random() * self._cumulative[-1], hi=len(self._kinds) - 1)]
        parts = []
        bound = self.machine.write(kind, False, {}, parts, random)
        text = "".join(parts)
        if "e" in bound:
            day = bound["e"].date
        else:
            day = self.since + timedelta(days=int(random() * (self.until - self.since).days))
        if self.noise:
            text = damaged(text, self.noise, Random(f"noise {self.seed} {i}"))
        return Document(i, text, kind, day, self, bool(self.noise), copy_of)

    def documents(self, n, first=0):
        """n documents from number first on, as a list."""
        return [self.document(i) for i in range(first, first + n)]

    def explain(self, i):
        """The choices that made document i, in words."""
        return self.document(i).why

    def next_word(self, prefix):
        """The true distribution of the next piece: {piece: probability}, with "<end>" for the end of the document.

        prefix: the pieces so far, from the document's beginning, or their text.
        """
        prefix = tuple(pieces(prefix) if isinstance(prefix, str) else prefix)
        known, state = self._last
        if prefix[:len(known)] != known:
            known, state = (), self.machine.start()
        for i in range(len(known), len(prefix)):
            found = self.machine.after(state, prefix[i]) if state else None
            if found is None:
                raise ValueError(self.machine.refusal(prefix[:i], prefix[i], state) if state else "Nothing follows the end.")
            state = found[1]
        self._last = (prefix, state)
        return self.machine.next(state)

    def floor(self, documents):
        """The mean loss of the true distribution, below which no model stays: nats a piece, the end mark included."""
        if self.duplicates or self.noise:
            raise ValueError("The floor is that of a village with duplicates=0 and noise=0; ask such a one, of the same seed.")
        documents = list(documents)
        if not documents:
            raise ValueError("The floor of no documents is unknown; give it some.")
        return sum(sum(document.nats) for document in documents) / sum(len(document.nats) for document in documents)

    def vocabulary(self):
        """Every piece that a document can have, in alphabetical order; the end mark is not one."""
        return self.machine.vocabulary()


def _day(value, name, default):
    if value is None:
        return default
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else date(value.year, value.month, value.day)
    except (ValueError, AttributeError):
        raise ValueError(f"Village: {name} is {value!r}; it is a datetime.date or a text like '2001-06-30'.") from None
    if not FIRST_DAY <= day <= LAST_DAY + timedelta(days=1):
        raise ValueError(f"Village: {name} is {day}; the village's two years go from {FIRST_DAY} to {LAST_DAY}.")
    return day
