"""The village: probabilities that are exact, by enumeration and by drawing; English that agrees; facts and knobs that hold."""
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from math import exp, fsum, isclose, log, sqrt

import pytest

from minitrain.sources.village import Village, World
from minitrain.sources.village import source as village_source
from minitrain.sources.village.exact import Machine, facts_told
from minitrain.sources.village.grammar import Grammar, Slot, shapes
from minitrain.sources.village.lexicon import Lexicon
from minitrain.sources.village.trie import check
from minitrain.sources.village.words import JOBS, LISTS, MONTHS
from minitrain.tokenizer import END, pieces

# Every construct of the grammar: shared beginnings, optional and nested rules, conditions, articles, weighted draws, events.
EVERYTHING = r"""
@ document
3x {date e}: {hero e} {did e}. <tail>
2x {p's} <pets> <more?>
1x {p} (met|saw) a {stranger}, {a trade:stranger}<twist>
1x {p} (met|saw) {q}. {They p} saw {them q}, {q} saw {p}<twist>
1x {p} met nobody
@ tail
<guess>
2x <guess> <again>
[prize e] 3x Hurray!
@ guess
{They p} knew {q}.
[no prize e] #loud {They p} knew {q}, {few} times {few2}!
@ again
And so on.
@ pets
[pet p] 2x {pet p} is {a pet p}.
[no pet p] pet is missing.
home is {street p}.
@ more
{They p} cares.
{They p} cares. <again>
@ twist
.
2x <end>
@ end
!
"""


@pytest.fixture(scope="module")
def village():
    return Village(seed=0)


@pytest.fixture(scope="module")
def documents(village):
    return village.documents(3000)


@pytest.fixture(scope="module")
def grammar():
    rules = village_source.rules()
    return rules | {"document": village_source._document(rules, village_source.SHARES)}


def small_machines():
    rules = Grammar(EVERYTHING).rules
    check(rules)
    world = World(seed=1, people=8)
    names = [person.name for person in world.adults[:5]]
    yield "every construct", Machine(rules, Lexicon(world, names, until=world.events[12].date))
    others = dict.fromkeys(Village.kinds(), 0)
    names = [person.name for person in World(seed=3, people=8).adults[:6]]
    yield "questions", Village(seed=3, people=8, about=names, until="2001-09-01", mix=others | {"question": 1}).machine


# Probabilities are exact.

@pytest.mark.parametrize("machine", [pytest.param(machine, id=name) for name, machine in small_machines()])
def test_a_small_village_enumerated_completely(machine):
    """All documents with the product of their choices, against what reading them piece by piece says."""
    documents = [(probability, text) for probability, text, _ in machine.texts("document")]
    assert 1000 < len(documents) < 10_000
    assert len({text for _, text in documents}) == len(documents), "no text has two derivations"
    assert fsum(probability for probability, _ in documents) == pytest.approx(1, abs=1e-12)
    mass, follows, reading = Counter(), defaultdict(Counter), {(): machine.start()}
    for probability, text in documents:
        words = (*pieces(text), END)
        for i in range(len(words)):
            mass[words[:i]] += probability
            follows[words[:i]][words[i]] += probability
    for probability, text in documents:
        told, _ = machine.reading(pieces(text))
        assert isclose(fsum(log(piece.probability) for piece in told), log(probability), rel_tol=1e-9)
    for prefix, nexts in sorted(follows.items(), key=lambda item: len(item[0])):
        state = reading[prefix]
        truth = machine.next(state)
        assert truth.keys() == nexts.keys()
        for piece in nexts:
            told, reading[*prefix, piece] = machine.after(state, piece)
            assert isclose(truth[piece], nexts[piece] / mass[prefix], rel_tol=1e-9)
            assert isclose(told.probability, truth[piece], rel_tol=1e-9)
        assert machine.after(state, "never") is None


def test_drawing_agrees_with_the_enumeration():
    machine = dict(small_machines())["every construct"]
    from random import Random
    random, n = Random(0).random, 40_000
    drawn = Counter()
    for _ in range(n):
        parts = []
        machine.write("document", False, {}, parts, random)
        drawn["".join(parts)] += 1
    expected = {text: n * probability for probability, text, _ in machine.texts("document")}
    assert drawn.keys() <= expected.keys()
    assert chi_square(drawn, expected) < 5


def chi_square(seen, expected):
    """How many standard deviations Pearson's statistic lies above its mean; rare cells are counted as one."""
    rare = [key for key in expected if expected[key] < 8]
    cells = [(seen[key], expected[key]) for key in expected if expected[key] >= 8]
    if sum(expected[key] for key in rare) >= 8:
        cells.append((sum(seen[key] for key in rare), sum(expected[key] for key in rare)))
    freedom = len(cells) - 1
    return (sum((s - e) ** 2 / e for s, e in cells) - freedom) / sqrt(2 * freedom) if freedom else 0.0


def test_next_word_agrees_with_what_the_full_village_writes(village):
    """Monte Carlo: for every beginning of up to 8 pieces that is common enough, what followed against `next_word`."""
    n, followed = 12_000, defaultdict(Counter)
    for document in village.documents(n, first=50_000):
        words = (*document.pieces[:9], END)
        for i in range(min(9, len(words))):
            followed[words[:i]][words[i]] += 1
    common = {prefix: seen for prefix, seen in followed.items() if seen.total() >= 150}
    assert len(common) > 40
    scores = []
    for prefix, seen in common.items():
        truth = village.next_word(prefix)
        assert seen.keys() <= truth.keys()
        assert fsum(truth.values()) == pytest.approx(1, abs=1e-9)
        scores.append(chi_square(seen, {piece: p * seen.total() for piece, p in truth.items()}))
    assert max(scores) < 6
    assert abs(sum(scores) / sqrt(len(scores))) < 4, "no small but common difference either"


def test_nats_are_as_large_as_the_distributions_expect(village):
    """Surprise minus entropy is a fair game at every piece: its sum stays near 0, unless reading and writing differ."""
    gains = []
    for document in village.documents(300, first=80_000):
        state, gain = village.machine.start(), 0.0
        for piece, nats in zip([*document.pieces, END], document.nats):
            truth = village.machine.next(state)
            assert isclose(fsum(truth.values()), 1, rel_tol=1e-9)
            assert isclose(truth[piece], exp(-nats), rel_tol=1e-9)
            gain += nats + fsum(p * log(p) for p in truth.values())
            state = village.machine.after(state, piece)[1]
        assert state is None
        gains.append(gain)
    mean = fsum(gains) / len(gains)
    spread = sqrt(fsum((gain - mean) ** 2 for gain in gains) / len(gains))
    assert abs(mean) < 4 * spread / sqrt(len(gains))


def test_the_floor_is_the_mean_of_nats_and_settles(village):
    one, two = village.documents(600, first=0), village.documents(600, first=600)
    count = sum(len(document.pieces) + 1 for document in one)
    assert village.floor(one) == pytest.approx(-sum(document.log_probability for document in one) / count)
    assert village.floor(one) == pytest.approx(village.floor(two), rel=0.03)


def test_the_floor_falls_where_less_is_left_open():
    assert Village(rude=0, hedged=0).floor(Village(rude=0, hedged=0).documents(300)) < Village().floor(Village().documents(300))


# The proof that reading is never unsure finds what would make it so.

@pytest.mark.parametrize(("text", "complaint"), [
    ("@ document\n{p} ate {food}.\n{p} ate black soup.", "' black' may open the text or {food}"),
    ("@ document\n{p} slept.\n{q} slept.", "may open {p} or {q}"),
    ("@ document\n{p} met {q}. {They p} sang.\n{p} met {q}. {They q} sang.", "may open {They p} or {They q}"),
    ("@ document\nOh {p}. <x> <y?>.\n@ x\nYes\nYes <y>\n@ y\nof course", "may open <y> or what follows"),
    ("@ document\nOh <x?> no.\n@ x\nno no", "may open the text or <x>"),
    ("@ document\nOh <x> and <y>.\nOh <y>.\n@ x\n{p}\n@ y\n{q}", "may open <x> or <y>"),
    ("@ document\n{p} met {partner p}.\n{p} met {q}.", "may open {partner p} or {q}"),
    ("@ document\nSame.\nSame.", "Two alternatives of a rule are the same"),
    ("@ document\n{They p} slept.", "nothing has filled p"),
    ("@ document\nSo {p}. <x>\nSo it goes. <x>\n@ x\n{They p} slept.", "nothing has filled p"),
    ("@ document\n{p} {did e}.", "an event brings its people"),
    ("@ document\n{p} has a {thing}.", "write {a …}"),
    ("@ document\n[pet p] {p} slept.\nNo.", "nothing has filled by then"),
    ("@ document\n{p} left. <x>\n@ x\n[pet p] Woof.\n[pet p] Wau.", "one must always be possible"),
    ("@ document\n{colours p} {p}", "doesn't know"),
])
def test_the_check_names_the_place(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        check(Grammar(text).rules)


@pytest.mark.parametrize(("text", "complaint"), [
    ("@ a\n<b>", "no line '@ b' opens it"), ("@ a\nx <b>", "no line '@ b' opens it"), ("@ a\n<a>", "calls itself"),
    ("x", "before any rule"), ("@ a\n{p}s", "follows a slot without a space"), ("@ a\nun{p}", "without a space"),
    ("@ a\n(x|(y|z))", "may not stand in one another"), ("@ a\nx\n@ a\ny", "opened twice"), ("@ a\nx (|y)", "ends in a space"),
])
def test_templates_that_can_not_be_read(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Grammar(text)


def test_rules_may_not_call_themselves_further_down():
    with pytest.raises(ValueError, match="calls itself"):
        check(Grammar("@ document\nx <b>\n@ b\ny <document>").rules)


def test_a_slot_that_does_not_end_is_found():
    lexicon = Lexicon(World())
    lexicon.pools["food"] = ["leek", "leek soup"]
    with pytest.raises(ValueError, match="leaves its end open"):
        lexicon.pieces(Slot("text", "food"))


# The world.

def test_people_have_jobs_homes_families_tastes_and_two_years():
    world = World(seed=0)
    assert len(world.adults) == 64 and len({person.name for person in world.people}) == 80
    for person in world.adults:
        assert person.job in JOBS["hill"] | JOBS["harbour"] and person.street and person.likes != person.dislikes
        assert person.friend not in (None, person, person.partner)
        assert person.partner is None or person.partner.partner is person and person.partner.street == person.street
        assert (person.pet is None) == (person.petname is None)
    assert sum(person.partner is not None for person in world.adults) == 48
    assert [person.job for person in world.children] == [None] * 16
    days = [event.date for event in world.events]
    assert len(set(days)) == 104 and days == sorted(days) and (days[-1] - days[0]).days > 700
    assert len({event.did for event in world.events}) == 104
    assert all(event.witness is event.hero.friend and event in event.hero.events for event in world.events)


def test_newcomers_change_nothing_for_those_who_live_there():
    old, new = World(seed=5), World(seed=5, people=72)
    assert set(old.facts()) < set(new.facts())
    assert len(new.adults) == 72
    assert set(new.strangers) < set(old.strangers)


def test_villages_of_every_size():
    for people in (8, 9, 13, 33, 65, 66, 71):
        village = Village(seed=people, people=people)
        documents = village.documents(60)
        assert village.floor(documents) > 0 and len(village.world.adults) >= people
        assert all(person.friend not in (None, person, person.partner) for person in village.world.adults)


@pytest.mark.parametrize("by", ["side", "pronoun"])
def test_bias_is_the_share_it_says(by):
    def own(bias):
        people = [person for seed in range(20) for person in World(seed, bias=bias, biased_by=by).adults]
        hill = [person.side == "hill" if by == "side" else person.pronoun == "she" for person in people]
        return sum((person.job in JOBS["hill"]) == h for person, h in zip(people, hill)) / len(people)
    assert own(1.0) == 1
    assert own(0.6) == pytest.approx(0.8, abs=0.045) and own(0.0) == pytest.approx(0.5, abs=0.055)        # four deviations


def test_strangers_have_jobs_by_the_same_bias():
    lexicon = Lexicon(World(bias=0.5))
    jobs, weights = lexicon.pool(Slot("text", "trade", "stranger"), {"stranger": "stranger from the hill"})
    assert sum(weight for job, weight in zip(jobs, weights) if job in JOBS["hill"]) == pytest.approx(0.75)


# Documents.

def test_documents_are_what_they_promise(village, documents):
    known = set(village.vocabulary())
    assert 800 <= len(known) <= 2000
    for document in documents:
        assert document.text == "".join(document.pieces) and document.pieces == pieces(document.text)
        assert 6 <= len(document.pieces) <= 120
        assert known.issuperset(document.pieces)
    kinds = Counter(document.kind for document in documents)
    assert kinds.keys() == set(village.kinds()) and len(kinds) == 6
    assert all(abs(kinds[kind] / 3000 - share / 100) < 0.035 for kind, share in village_source.SHARES.items())
    assert len({document.text for document in documents}) > 2900


def test_number_i_depends_on_seed_and_i_only(village):
    alone = Village(seed=0).document(41)
    assert village.documents(2, first=40)[1].text == alone.text and alone.date == village.document(41).date
    assert Village(seed=1).document(41).text != alone.text
    code = "from minitrain.sources.village import Village; print([d.text for d in Village().documents(20)])"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True)
    assert done.stdout.strip() == str([document.text for document in village.documents(20)]), done.stderr


def test_sentence_shapes(grammar, documents):
    found = shapes(grammar, "document")
    assert len(found) >= 2000
    seen = set()
    for document in documents[:300]:
        shape = ""
        for piece, told in zip(document.pieces, document._read[0]):
            if told.place == 0:
                spaced = " " * piece.startswith(" ")
                shape += spaced + str(told.slot) if told.slot else piece
            if piece in (".", "!", "?", "\n"):
                assert shape.strip() in found or not shape.strip(), shape
                seen.add(shape)
                shape = ""
    assert len(seen) > 400


def test_english(documents):
    for document in documents:
        text = document.text
        assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiouh]", text), text
        assert not re.search(r"  | [.,!?:;]|[.,]{2}| \n|\n\n", text), text
        for sentence in re.split(r"(?<=[.!?]) |\n", text):
            assert re.match(r'["\d]?[A-Z\d]', sentence), text
        assert text[-1] in '.!?"', text


def test_pronouns_come_from_the_person_alone(grammar, village):
    """No template says he or she by itself, so agreement can't fail; and a slot says what the person is."""
    said = {symbol.strip().lower() for templates in grammar.values() for template in templates for symbol in template.symbols
            if isinstance(symbol, str)}
    assert said.isdisjoint("he she him her his hers himself herself wife husband son daughter".split())
    for person in village.world.adults:
        told = "She" if person.pronoun == "she" else "He"
        assert village.lexicon.texts(Slot("They", "p"))[person] == f" {told}"


def test_facts_that_a_document_tells_are_true_and_marked(village, documents):
    facts = set(village.facts())
    told = [fact for document in documents for fact in document.facts]
    assert set(told) <= facts and len(set(told)) > len(facts) / 2
    share = sum(sum(document.is_fact) for document in documents) / sum(len(document.pieces) for document in documents)
    assert 0.05 < share < 0.3
    for document in documents[:500]:
        assert len(document.is_fact) == len(document.pieces)
        for piece, fact, read in zip(document.pieces, document.is_fact, document._read[0]):
            if fact and not read.drawn:
                assert read.probability == pytest.approx(1) or read.place == 0, piece
        assert any(document.is_fact) == bool(document.facts) or document.kind in ("chat", "question", "diary")


def test_is_fact_marks_the_first_telling_and_no_article(village):
    tilda = village.people[0]
    text = f"Question: What is Tilda's job?\nAnswer: Tilda is an {tilda.job}."
    told, bound = village.machine.reading(pieces(text))
    marked, known = facts_told(told[:-1], bound)
    assert [piece for piece, flag in zip(pieces(text), marked) if flag] == [f" {tilda.job}"]
    assert list(known) == [("job", tilda)]
    event = next(event for event in village.events if len(event.hero.events) > 1)
    day = f"{event.date.day} {MONTHS[event.date.month - 1]} {event.date.year}"
    text = (f"News of {day}. {event.hero.name} {event.did}. {event.witness.name} saw it all. "
            "The mayor was not available, being asleep.")
    told, bound = village.machine.reading(pieces(text))
    marked, _ = facts_told(told[:-1], bound)
    said = "".join(piece for piece, flag in zip(pieces(text), marked) if flag)
    assert said == f" {event.hero.name} {event.did} {event.witness.name}"


def test_every_fact_can_be_asked(village):
    for fact in village.facts():
        answers = dict(village.questions(fact))
        assert len(village.questions(fact)) >= 4 and fact.question in answers
        assert all(fact.answer in answer and "think" not in answer for answer in answers.values())
    question, answer = village.questions(village.facts()[700])[0]
    village.machine.reading(pieces(f"Question: {question}\nAnswer: {answer}"))


def test_choices_and_why(village, documents):
    document = next(document for document in documents if document.kind == "news")
    assert document.choices["kind"] == "news" and document.choices["p"] in document.text
    assert village.explain(document.number) == document.why
    assert document.why.startswith("Kind: news. ") and "Fact: hero of " in document.why


def test_next_word_after_text_and_after_nonsense(village):
    after = village.next_word("Question: What is Tilda's")
    assert {" job", " hobby", " age"} < after.keys() and after == village.next_word(pieces("Question: What is Tilda's"))
    assert village.next_word("Diary of") != after
    with pytest.raises(ValueError, match="never writes ' blah' after 'Once'; it could write"):
        village.next_word("Once blah")
    with pytest.raises(ValueError, match="Nothing follows the end"):
        village.next_word([*village.document(0).pieces, END, " and"])


# Knobs.

def test_factual_rude_and_hedged():
    plain = Village(factual=0).documents(300)
    assert not any(any(document.is_fact) for document in plain)
    assert {document.kind for document in plain} == {"story", "chat", "forum"}
    # "turnip" is a vegetable too
    insult = re.compile("|".join(insult for insult in LISTS["insult"] if insult != "turnip"))
    polite, rude = ([d.text for d in Village(rude=share).documents(1500) if d.kind == "forum"] for share in (0, 1))
    assert not any(map(insult.search, polite)) and sum(map(bool, map(insult.search, rude))) > len(rude) / 3
    assert not any("Answer: I think" in document.text for document in Village(hedged=0).documents(400))
    answers = [d.text.split("\n")[1] for d in Village(hedged=1, mix=dict(question=50)).documents(400) if d.kind == "question"]
    assert sum("I think" in answer for answer in answers) > 0.8 * len(answers)


def test_about_and_mix():
    names = [person.name for person in Village().people[:10]]
    few = Village(about=names, mix=dict(story=0, news=0))
    found = few.documents(400)
    assert {d.kind for d in found} == {"diary", "chat", "forum", "question"}
    assert all(d.choices.get("p", names[0]) in names for d in found if d.kind != "diary")
    assert few.floor(found) < Village().floor(Village().documents(400))


def test_since_and_until_cut_history():
    early, late = Village(until="2002-01-01"), Village(since="2002-01-01")
    assert all(d.date.year == 2001 and "2002" not in d.text for d in early.documents(400))
    assert all(d.date.year == 2002 and "2001" not in d.text for d in late.documents(400))
    assert not any({"news", "diary"} & {d.kind} for d in Village(since="2001-01-01", until="2001-01-01").documents(100))


def test_duplicates_and_noise_disturb_as_much_as_they_say():
    copies = Village(duplicates=0.3).documents(1000)
    share = sum(document.copy_of is not None for document in copies) / 1000
    assert abs(share - 0.3) < 0.06 and len({document.text for document in copies}) < 780
    clean = Village()
    assert all(d.text == clean.document(d.number if d.copy_of is None else d.copy_of).text for d in copies[:100])
    noisy = Village(noise=0.2).documents(200)
    both = [(clean.document(document.number).text.split(), document.text.split()) for document in noisy]
    words = [(a, b) for before, after in both for a, b in zip(before, after) if len(a.strip(".,!?")) > 2]
    assert sum(a != b for a, b in words) / len(words) == pytest.approx(0.19, abs=0.03)
    for village in (Village(duplicates=0.1), Village(noise=0.1)):
        with pytest.raises(ValueError, match="duplicates=0 and noise=0"):
            village.floor(village.documents(3))
    with pytest.raises(ValueError, match="has typing errors"):
        noisy[0].nats


@pytest.mark.parametrize(("knobs", "complaint"), [
    (dict(bias=2), "bias is 2; it is a share"), (dict(people=3), "people is 3"), (dict(people=100), "people is 100"),
    (dict(biased_by="hat"), "'side' or 'pronoun'"), (dict(about=["Nobody"]), "'Nobody', who isn't one"),
    (dict(about=[]), "leaves 0 adults"), (dict(mix=dict(sonnet=1)), "mix names 'sonnet'"),
    (dict(since="soon"), "since is 'soon'"), (dict(fame=-1), "fame is -1"), (dict(habit=9), "habit is 9"),
    (dict(until="2050-01-01"), "two years go from"), (dict(mix=dict.fromkeys(Village.kinds(), 0)), "no kind of document left"),
    (dict(rude=float("nan")), "rude is nan"),
])
def test_knobs_that_make_no_sense_are_said(knobs, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Village(**knobs)


def test_numbers_and_lists_that_make_no_sense_are_said(village):
    with pytest.raises(IndexError, match="no document number -1"):
        village.document(-1)
    with pytest.raises(ValueError, match="floor of no documents"):
        village.floor([])
