"""The people of the village and what happens to them. It knows no sentences.

The same seed gives the same people; a larger village is the smaller one with more households.
"""
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle
from random import Random

from minitrain.sources.village import words

FIRST_DAY, LAST_DAY = date(2001, 1, 1), date(2002, 12, 29)      # 104 weeks: one event in each
ADULTS = 72                                                     # as many as there are names for
HOUSEHOLDS = ((2, 1), (1, 0), (2, 0), (2, 1), (1, 0))           # (adults, children), in turn: 8 adults and 2 children in 5


@dataclass(eq=False, slots=True)
class Person:
    """A villager.  pronoun: "she" or "he"; side: "hill" or "harbour", where the home lies; events: those it is the hero of.

    `partner`, `friend` and `children` are persons; `pet` and `petname` are None where there is no pet; a child has no job.
    """
    name: str
    surname: str
    pronoun: str
    age: int
    side: str
    street: str
    door: str
    likes: str
    dislikes: str
    hobby: str
    day: str
    fear: str
    job: str | None = None
    workplace: str | None = None
    pet: str | None = None
    petname: str | None = None
    partner: "Person | None" = field(default=None, repr=False)
    friend: "Person | None" = field(default=None, repr=False)
    children: "list[Person]" = field(default_factory=list, repr=False)
    events: "list[Event]" = field(default_factory=list, repr=False)

    @property
    def child(self):
        """The only or eldest child, or None."""
        return self.children[0] if self.children else None


@dataclass(eq=False, slots=True)
class Event:
    """What happened on a day, once: `hero` `did` it ("won the pie contest"), `witness`, the best friend, saw it, `weather`."""
    date: date
    kind: str
    did: str
    do: str
    weather: str
    hero: Person = field(repr=False)
    witness: Person = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so: relation of subject is object, as text.  about: the Person or Event itself.

    `question` and `answer` are one way to ask for it; `Village.questions(fact)` gives every way.
    """
    relation: str
    subject: str
    object: str
    about: object = field(repr=False, compare=False)

    @property
    def question(self):
        return QUESTIONS[self.relation].format(self.subject)

    @property
    def answer(self):
        return self.object


QUESTIONS = {
    "job": "What is {}'s job?", "workplace": "Where does {} work?", "street": "Where does {} live?",
    "door": "What colour is {}'s door?", "likes": "What does {} like to eat?", "dislikes": "What does {} never eat?",
    "hobby": "What is {}'s hobby?", "day": "On which day does {} practise?", "fear": "What is {} afraid of?",
    "age": "How old is {}?", "pet": "What pet does {} have?", "petname": "What is the name of {}'s pet?",
    "partner": "Who is {} married to?", "friend": "Who is {}'s best friend?", "child": "Does {} have children?",
    "deed": "What happened to {}?", "date": "When was it that {}?",
    "hero": "Who {}?", "witness": "Who saw how {}?", "weather": "How was the weather when {}?",
}
PERSONAL = ("job", "workplace", "street", "door", "likes", "dislikes", "hobby", "day", "fear", "age", "pet", "petname", "partner",
            "friend", "child")


def spoken(day):
    """A date as the village writes it.

    >>> spoken(date(2001, 5, 3))
    '3 May 2001'
    """
    return f"{day.day} {words.MONTHS[day.month - 1]} {day.year}"


class World:
    """All people and events of one seed.

    people: how many adults at least (whole households move in).  bias: from 0, every job as likely on either side of the village,
    to 1, each side keeps to its own.  biased_by: "side", or "pronoun", where the jobs of the hill go to women.

    >>> world = World(seed=0)
    >>> len(world.adults), len(world.children), len(world.events)
    (64, 16, 104)
    """

    def __init__(self, seed=0, people=64, bias=0.6, biased_by="side"):
        self.bias, self.biased_by = bias, biased_by
        random = Random(f"village {seed}")
        names = [(name, pronoun) for pronoun in ("she", "he") for name in getattr(words, pronoun.upper())]
        surnames = list(words.SURNAMES)
        random.shuffle(names)
        random.shuffle(surnames)
        self.adults, self.children = [], []
        lots = Random(f"households {seed}")
        for grown, young in cycle(HOUSEHOLDS):
            self._move_in(lots, names, surnames.pop(), grown, young)
            if len(self.adults) >= people:
                break
        self.strangers = sorted(name for name, _ in names)              # names that nobody bears
        for i, person in enumerate(self.adults):            # a friend among 8 who came before, so that growth changes none
            first = max(0, i // 8 - 1) * 8
            crowd = [other for other in self.adults[first:first + 8] if other not in (person, person.partner)]
            person.friend = Random(f"friend {seed} {i}").choice(crowd)
        self.events = self._history(seed)

    @property
    def people(self):
        return self.adults + self.children

    def _move_in(self, random, names, surname, adults, children):
        side = random.choice(("hill", "harbour"))
        street, door = random.choice(words.STREETS[side]), random.choice(words.UNIVERSE["door"])
        home = dict(surname=surname, side=side, street=street, door=door)
        grown = [self._person(random, names, random.randint(26, 79), home) for _ in range(adults)]
        young = [self._person(random, names, random.randint(6, 15), home) for _ in range(children)]
        for person in grown:
            entries, shares = self.jobs(side if self.biased_by == "side" else person.pronoun)
            person.job = random.choices(entries, shares)[0]
            person.workplace = next(jobs[person.job] for jobs in words.JOBS.values() if person.job in jobs)
            person.partner = next((other for other in grown if other is not person), None)
            person.children = young
        self.adults += grown
        self.children += young

    @staticmethod
    def _person(random, names, age, home):
        name, pronoun = names.pop()
        likes, dislikes = random.sample(words.UNIVERSE["food"], 2)
        hobby, day, fear, pet, petname = (random.choice(words.UNIVERSE[k]) for k in ("hobby", "day", "fear", "pet", "petname"))
        if (pet, fear) == ("goose", "geese") or random.random() < 0.3:
            pet = petname = None
        return Person(name=name, pronoun=pronoun, age=age, likes=likes, dislikes=dislikes, hobby=hobby, day=day, fear=fear,
                      pet=pet, petname=petname, **home)

    def jobs(self, group):
        """All jobs, and the share of each for one group ("hill", "harbour", "she", "he"): as (jobs, shares).

        >>> entries, shares = World(bias=0.6).jobs("hill")
        >>> round(sum(share for job, share in zip(entries, shares) if job in words.JOBS["hill"]), 6)
        0.8
        """
        own = {"she": "hill", "he": "harbour"}.get(group, group)
        entries = [job for jobs in words.JOBS.values() for job in jobs]
        return entries, [(1 + self.bias if job in words.JOBS[own] else 1 - self.bias) / len(entries) for job in entries]

    def _history(self, seed):
        """One event a week.  Heroes come from those who lived here at first, so that newcomers change nobody's past."""
        deeds = [(kind, f"{past} {rest.strip()}", f"{base} {rest.strip()}") for kind, (past, base, rests) in words.EVENTS.items()
                 for rest in rests.split("|")]
        random = Random(f"history {seed}")
        random.shuffle(deeds)
        events = []
        for week, (kind, did, do) in enumerate(deeds):
            day = FIRST_DAY + timedelta(days=7 * week + random.randrange(7))
            hero = self.adults[int(random.random() * min(len(self.adults), 64))]
            event = Event(day, kind, did, do, random.choice(words.UNIVERSE["weather"]), hero, hero.friend)
            hero.events.append(event)
            events.append(event)
        return events

    def facts(self):
        """All that texts can tell: of each adult in the order of PERSONAL, then of each event."""
        of_people = [Fact(relation, person.name, _text(getattr(person, relation)), person) for person in self.adults
                     for relation in PERSONAL if getattr(person, relation) is not None]
        of_events = []
        for event in self.events:
            deed = f"{event.hero.name} {event.did}"
            day = f"{event.hero.name} on {spoken(event.date)}"
            of_events += [Fact("deed", day, event.did, event), Fact("date", deed, spoken(event.date), event),
                          Fact("hero", event.did, event.hero.name, event), Fact("witness", deed, event.witness.name, event),
                          Fact("weather", deed, event.weather, event)]
        return of_people + of_events


def _text(value):
    return value.name if isinstance(value, Person) else str(value)
