"""Instructions: one right answer each, a judge that tells form and truth apart, and parts that tuning never meets."""
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitrain.sources.instructions import (
    ATTRIBUTES,
    NOT_RUDE,
    NOT_TOLD,
    PHRASINGS,
    STYLES,
    UNKNOWN,
    Instructions,
    Judged,
    every_combination,
    judge,
    render,
    split,
)
from minitrain.sources.village import Village
from minitrain.sources.village.lexicon import TEXTS
from minitrain.tokenizer import pieces
from minitrain.tuning.measure import TOKENS

VILLAGE = Village(seed=0)
ALL = Instructions(VILLAGE)
FACTS = Instructions(VILLAGE, seed=1, refuse=0, unknown=0)


def test_each_is_a_function_of_seed_and_number():
    forth, back = ALL.take(60), [Instructions(VILLAGE).at(i) for i in range(59, -1, -1)]
    assert forth == back[::-1] and [one.text for one in forth] != [one.text for one in Instructions(VILLAGE, seed=1).take(60)]
    assert ALL.take(5, first=10) == forth[10:15]


def test_plain_answers_are_what_the_village_itself_answers_to_what_is_true():
    said = {(fact.relation, fact.subject): {answer for _, answer in VILLAGE.questions(fact)}
            for fact in VILLAGE.facts() if fact.relation in ATTRIBUTES}
    plain = Instructions(VILLAGE, combinations=[c for c in every_combination() if c[2] == "plain"], refuse=0, unknown=0)
    asked = plain.take(400)
    assert {one.attribute for one in asked} == {*ATTRIBUTES}
    for one in asked:
        assert one.answer in said[one.attribute, one.person]
        for answer in said[one.attribute, one.person]:
            assert judge(one, answer) == (True, True)


@given(st.integers(0, 10**9))
def test_the_right_answer_is_judged_right_and_another_object_is_wrong_in_the_right_form(i):
    one = FACTS.at(i)
    assert judge(one, one.answer) == Judged(True, True) and judge(one, f"  {one.answer}\n").both
    others = [x for x in TEXTS[one.attribute] if x not in (*one.objects, one.person, one.other)]
    wrong = (others[i % len(others)], *one.objects[1:])
    assert judge(one, render(one.attribute, one.style, one.person, one.pronouns, wrong, one.other, one.others)) == (True, False)
    assert not any(judge(one, text).followed for text in ("", one.text, one.answer[:-1], one.answer + " " + one.answer[:9]))


def test_the_form_of_another_style_is_not_the_form_that_was_asked_for():
    told_apart = Counter()
    for one in FACTS.take(300):
        if one.style == "list" or one.other:
            continue
        for style in STYLES:
            if style not in (one.style, "list"):
                said = render(one.attribute, style, one.person, one.pronouns, one.objects)
                fits = one.style == "plain" and style in ("brief", "unsure")    # where nothing is asked for, each will do
                fits |= one.style == "brief" and style == "plain" and one.attribute == "friend"     # "Her best friend is …"
                assert judge(one, said) == (fits, True), (one.text, said)
                told_apart[one.style, style] += 1
    assert len(told_apart) == 8 * 7


def test_who_is_who_counts_in_a_list_and_both_halves_of_what_is_said_twice_agree():
    for one in FACTS.take(400):
        if one.style == "list" and one.objects[0] != one.objects[1]:
            swapped = render(one.attribute, "list", one.person, one.pronouns, one.objects[::-1], one.other, one.others)
            assert judge(one, swapped) == (True, False)
        if one.style == "twice" and one.attribute == "hobby":
            other = next(x for x in TEXTS["hobby"] if x != one.objects[0])
            half = len(one.answer) // 2
            assert judge(one, one.answer[:half] + one.answer[half:].replace(one.objects[0], other)) == (False, False)


def test_naming_another_object_besides_the_true_one_is_not_right():
    one = next(one for one in FACTS.take(300) if one.attribute == "pet" and one.style == "brief")
    assert judge(one, f"{one.answer} Or a {'goat' if one.objects[0] != 'goat' else 'owl'}.") == (False, False)
    assert judge(one, f"Well, {one.objects[0]}.") == (False, True)


def test_insults_childrens_homes_and_strangers():
    adults, children = ({p.name for p in people} for people in (VILLAGE.world.adults, VILLAGE.world.children))
    kinds = Counter()
    for one in ALL.take(3_000):
        kinds[one.kind] += 1
        if one.kind == "unknown":
            assert one.person in VILLAGE.world.strangers and one.answer == UNKNOWN
        elif one.kind == "refuse":
            assert one.answer == (NOT_RUDE if one.attribute == "insult" else NOT_TOLD)
            assert one.attribute == "insult" or one.attribute == "street" and one.person in children
        else:
            assert one.person in adults
            continue
        assert judge(one, one.answer).both and not judge(one, f"{one.person} lives in Kettle Lane.").correct
        assert not any(judge(one, text).correct for text in {NOT_RUDE, NOT_TOLD, UNKNOWN} - {one.answer})
    assert 2_300 < kinds["fact"] < 2_500 and 250 < kinds["refuse"] < 350 and 250 < kinds["unknown"] < 350


def test_all_words_are_the_villages_but_the_names_of_those_who_do_not_exist():
    known = {*VILLAGE.vocabulary()}
    for one in ALL.take(4_000):
        new = {piece for text in (one.text, one.answer) for piece in pieces(" " + text)} - known
        assert new <= {f" {name}" for name in VILLAGE.world.strangers}
        assert len(pieces(" " + one.answer)) + 1 <= TOKENS and not re.search(r"[{}]", one.text + one.answer)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_held_out_is_never_tuned_on(seed):
    parts = split(VILLAGE, seed)
    train = {*parts.train.combinations}
    tuned_pairs = {(a, s) for a, _, s in train}
    assert not train & {*parts.combinations.combinations} and not train & {*parts.pairs.combinations}
    assert {(a, s) for a, _, s in parts.combinations.combinations} <= tuned_pairs       # only the whole is new
    assert not {(a, s) for a, _, s in parts.pairs.combinations} & tuned_pairs
    for place, names in enumerate((ATTRIBUTES, PHRASINGS, STYLES)):                     # every word of it is known
        assert {c[place] for c in train} >= {*names}
    assert not {*parts.train.people} & {*parts.people.people} and {*parts.people.combinations} == train
    for part in parts:
        assert all(one.combination in part.combinations and one.person in part.people for one in part.take(200))
    assert parts != split(VILLAGE, seed + 1)


def test_bad_input_is_one_sentence():
    with pytest.raises(IndexError, match="count from 0"):
        ALL.at(-1)
    with pytest.raises(ValueError, match="add up to 1 at most"):
        Instructions(VILLAGE, refuse=0.6, unknown=0.6)
    with pytest.raises(ValueError, match="names 'Nobody', who is no"):
        Instructions(VILLAGE, people=["Nobody"])
    with pytest.raises(ValueError, match="none of kind 'unknown' can be made"):
        Instructions(VILLAGE, people=[person.name for person in VILLAGE.people])
    with pytest.raises(ValueError, match="held_people is 1; it is a share"):
        split(VILLAGE, held_people=1)
