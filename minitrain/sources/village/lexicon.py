"""What a slot can say: of whom, in which words, and from how many it is drawn. It knows people and lists, and no sentence."""
from bisect import bisect
from itertools import accumulate, pairwise
from random import Random

from minitrain.sources.mailbox.grammar import article, capital, plural
from minitrain.sources.village import words
from minitrain.sources.village.world import PERSONAL, Person, spoken
from minitrain.tokenizer import pieces

NAMES = [*words.SHE, *words.HE]
JOBS = [job for jobs in words.JOBS.values() for job in jobs]
STRANGERS = {"side": {"stranger from the hill": "hill", "stranger from the harbour": "harbour"},
             "pronoun": {"strange woman": "she", "strange man": "he"}}
DEEDS = [(past, base, [rest.strip() for rest in rests.split("|")]) for past, base, rests in words.EVENTS.values()]

# attr -> every text that any village could say there; pronouns and nouns that agree are added below.
TEXTS = words.UNIVERSE | dict(likes=words.UNIVERSE["food"], dislikes=words.UNIVERSE["food"], name=NAMES, full=NAMES,
                              partner=NAMES, friend=NAMES, child=NAMES, hero=NAMES, witness=NAMES, job=JOBS,
                              age=[str(n) for n in range(26, 80)],
                              street=[s for streets in words.STREETS.values() for s in streets], side=["hill", "harbour"],
                              workplace=[where for jobs in words.JOBS.values() for where in jobs.values()],
                              date=[f"{day} {month}" for day in range(1, 32) for month in words.MONTHS],
                              did=[f"{past} {rest}" for past, _, rests in DEEDS for rest in rests],
                              do=[f"{base} {rest}" for _, base, rests in DEEDS for rest in rests],
                              spouse=["wife", "husband"], kid=["daughter", "son"], folk=["woman", "man"],
                              parent=["mother", "father"])
AGREEING = {"spouse": lambda p: {"she": "wife", "he": "husband"}[p.partner.pronoun] if p.partner else None,
            "kid": lambda p: {"she": "daughter", "he": "son"}[p.child.pronoun] if p.child else None,
            "folk": lambda p: {"she": "woman", "he": "man"}[p.pronoun],
            "parent": lambda p: {"she": "mother", "he": "father"}[p.pronoun]}
for _case in words.PRONOUNS["she"]:
    TEXTS |= {_case: [words.PRONOUNS[who][_case] for who in ("she", "he")]}
    TEXTS |= {capital(_case): [capital(text) for text in TEXTS[_case]]}
FACTS = {*PERSONAL, "side", "did", "do", "hero", "witness", "weather", "date"}          # what a slot says by telling a fact


def universe(slot):
    """All that a slot could begin with in any village: a set of pieces."""
    if slot.attr in ("text", "many"):
        known = {"stranger": [text for texts in STRANGERS.values() for text in texts], "trade": JOBS} | words.LISTS
    else:
        known = {slot.type: TEXTS.get(slot.attr)}
    if not known.get(slot.type):
        raise ValueError(f"The slot {slot} asks for something that the village doesn't know.")
    return {pieces(_set(slot, text))[0] for text in known[slot.type]}


KEYS = ("name", "full", "did", "do", "date", "text", "many")    # these tell an entity from all others: a slot may draw by them


def _set(slot, text):
    """A text as it stands in the slot, with article, possessive and space."""
    text = f"{article(text)} {text}" if slot.article else plural(text) if slot.attr == "many" else text
    return " " * slot.space + text + "'s" * slot.possessive


class Lexicon:
    """The words of one village.  about: names of the adults that texts are about, or None for all; since, until: dates of events.

    fame: how much more often some are drawn than others; the adult of rank k has the weight (k + 2) ** -fame, and an event
    its own by another ranking (a law that Zipf, 1949, and Mandelbrot, 1953, found for words).

    >>> from minitrain.sources.village.grammar import Slot
    >>> from minitrain.sources.village.world import World
    >>> lexicon = Lexicon(World(seed=0))
    >>> tilda = lexicon.pools["person"][0]
    >>> lexicon.texts(Slot("name", "p"))[tilda], lexicon.texts(Slot("pet", "p", article=True))[tilda]
    (' Tilda', ' a goose')
    """

    def __init__(self, world, about=None, since=None, until=None, fame=1.0):
        self.world = world
        adults = [person for person in world.adults if about is None or person.name in about]
        events = [event for event in world.events if event.hero in adults and (since is None or event.date >= since)
                  and (until is None or event.date < until)]
        self.own = {person: [event for event in person.events if event in events] for person in adults}
        self.pools = {"person": adults, "hero": [person for person in adults if self.own[person]], "event": events,
                      "stranger": list(STRANGERS[world.biased_by])} | words.LISTS
        talk = Random("fame of events").sample(world.events, len(world.events))
        fames = {entity: (rank + 2) ** -fame for ranking in (world.adults, talk) for rank, entity in enumerate(ranking)}
        self.weights = {"person": [fames[person] for person in adults], "hero": [fames[person] for person in self.pools["hero"]],
                        "event": [fames[event] for event in events]}
        self.cumulative = {type: list(accumulate(weights)) for type, weights in self.weights.items()}
        self.trades = {text: world.jobs(group) for text, group in STRANGERS[world.biased_by].items()}
        self._texts, self._pieces = {}, {}

    def pool(self, slot, bound):
        """Whom or what a slot is drawn from, in view of what is bound: (entities, weights), where None weighs all the same.

        What another variable holds is not drawn again, so that q is never p.
        """
        if slot.type == "trade":
            return self.trades[bound[slot.given]]
        if slot.given:
            return self.own[bound[slot.given]], None
        entities, weights, taken = self.pools[slot.type], self.weights.get(slot.type), bound.values()
        free = [i for i, entity in enumerate(entities) if entity not in taken]
        return [entities[i] for i in free], weights and [weights[i] for i in free]

    def draw(self, slot, bound, random):
        """One of the pool.  random: a function that gives a number from 0 to 1."""
        if slot.type == "trade":
            entities, weights = self.trades[bound[slot.given]]
            return entities[bisect(list(accumulate(weights)), random() * sum(weights), hi=len(entities) - 1)]
        entities = self.own[bound[slot.given]] if slot.given else self.pools[slot.type]
        cumulative, taken = None if slot.given else self.cumulative.get(slot.type), bound.values()
        while True:                                         # few are taken, so the first is nearly always free
            lot = random()
            i = bisect(cumulative, lot * cumulative[-1], hi=len(entities) - 1) if cumulative else int(lot * len(entities))
            if entities[i] not in taken:
                return entities[i]

    def fill(self, slot, entity, bound):
        """bound with the slot's variable filled; an event brings its people with it, unless it was sought by its hero."""
        brought = {"p": entity.hero, "q": entity.witness} if slot.type == "event" and not slot.given else {}
        return {**bound, slot.var: entity, **brought}

    def texts(self, slot):
        """{entity: what the slot says of it}, with the space before it."""
        if slot not in self._texts:
            self._texts[slot] = {entity: _set(slot, text) for entity in self._all(slot.type)
                                 if (text := self._say(slot.attr, entity)) is not None}
        return self._texts[slot]

    def pieces(self, slot):
        """{entity: tuple of pieces}.  What can be drawn must be told apart before the slot ends, or reading stays unsure."""
        if slot not in self._pieces:
            self._pieces[slot] = said = {entity: tuple(pieces(text)) for entity, text in self.texts(slot).items()}
            if slot.attr in KEYS:
                for one, two in pairwise(sorted(said.values())):
                    if two[:len(one)] == one:
                        raise ValueError(f"{slot} can say {''.join(one)!r} and {''.join(two)!r}; the first leaves its end open.")
        return self._pieces[slot]

    def holds(self, guard, entity):
        """Whether a guard is true of an entity."""
        kind = getattr(entity, "kind", None)
        return bool(kind == guard.attr if kind else getattr(entity, guard.attr)) != guard.negated

    def _all(self, type):
        people = self.world.adults
        return {"person": people, "hero": people, "event": self.world.events, "trade": JOBS}.get(type) or self.pools[type]

    @staticmethod
    def _say(attr, entity):
        if attr in ("text", "many"):
            return entity
        if attr == "full":
            return f"{entity.name} {entity.surname}"
        if attr.lower() in words.PRONOUNS["she"]:
            text = words.PRONOUNS[entity.pronoun][attr.lower()]
            return capital(text) if attr[0].isupper() else text
        if attr in AGREEING:
            return AGREEING[attr](entity)
        value = getattr(entity, attr)
        if value is None or isinstance(value, str):
            return value
        return value.name if isinstance(value, Person) else spoken(value) if attr == "date" else str(value)
