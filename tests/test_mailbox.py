"""The mailbox: English that agrees, knobs that do what they say, a spammer who gets through, and mail that can explain itself."""
import re
from collections import Counter
from random import Random

import pytest
import torch

from minitrain.models.naive_bayes import NaiveBayes
from minitrain.sources.bag_of_words import BagOfWords, words
from minitrain.sources.mailbox import DISGUISES, Mailbox, Spammer, Tactic, disguise, ham, spam
from minitrain.sources.mailbox.grammar import Writer, article, plural
from minitrain.sources.mailbox.words import DRIFTING, LISTS, MOODS, PRONOUNS
from minitrain.sources.mailbox.writing import BORROWED, PRIVATE, SCENES
from minitrain.sources.near_duplicates import jaccard, shingles


def strands():
    return [strand for groups in SCENES.values() for group in groups for scene in group for strand in scene.strands]


def templates():
    scenes = [t for subjects, steps in strands() for t in (*subjects, *(t for _, ts in steps for t in ts)) if t]
    moods = [t for mood in MOODS.values() for part in ("hello", "aside", "bye") for t in mood[part]]
    return scenes + moods + [e for entries in LISTS.values() if isinstance(entries, list) for e in entries if isinstance(e, str)]


def texts(mails):
    return [mail.text for mail in mails]


def labels(mails):
    return torch.tensor([mail.label for mail in mails])


def truths(mails):
    return torch.tensor([mail.truth for mail in mails])


def train(mails):
    bag = BagOfWords(texts(mails), least=2)
    model = NaiveBayes().fit(bag.counts(texts(mails)), labels(mails))
    return lambda mails: model.predict(bag.counts(texts(mails)))


def accuracy(guess, mails):
    return float((guess == truths(mails)).double().mean())


# The grammar.

def test_articles_follow_the_sound():
    for word in "apple hour honest heir umbrella owl 8 11 18 80 unimpressed uninvited".split():
        assert article(word) == "an", word
    for word in "pear unicycle uniform European one ukulele 12 used house".split():
        assert article(word) == "a", word


def test_plurals():
    pairs = {"goat": "goats", "berry": "berries", "goose": "geese", "box": "boxes", "dish": "dishes", "day": "days",
             "sheep": "sheep",
             "box of pegs": "boxes of pegs", "old tomcat": "old tomcats", "sponge with too much rum": "sponges with too much rum"}
    assert {noun: plural(noun) for noun in pairs} == pairs


def test_numbers_verbs_and_pronouns_agree():
    counts, sexes = set(), set()
    for seed in range(300):
        writer = Writer(Random(seed), LISTS)
        before, after = re.fullmatch(r"There (\w+) (.*) here\.", writer.write("There {is|are} {n goat} here.")).groups()
        assert (before == "is") == (after == "one goat") and (after == "one goat") == (not after.endswith("s"))
        name, who, verb = writer.write("{person}: {they person} {knows|know}").replace(":", "").split()
        assert (who, verb) == (PRONOUNS[name]["they"], "know" if who == "they" else "knows")
        counts.add(after)
        sexes.add(who)
    assert len(counts) > 8 and sexes == {"he", "she", "they"}


def test_what_a_slot_holds_stays_and_its_second_is_another():
    for seed in range(50):
        a, b, c = Writer(Random(seed), LISTS).write("{day}/{day2}/{day}").split("/")
        assert a == c != b


def test_every_slot_of_every_template_has_a_list():
    known = {*LISTS, *DRIFTING, *BORROWED, "you", "me", "month", "org"}
    for template in templates():
        for code in re.findall(r"\{([^{}]*)\}", template):
            if "|" not in code:
                modifier, _, slot = code.rpartition(" ") if " " in code else ("", "", code)
                name = slot if slot[0] == "=" else (slot[0].lower() + slot[1:]).rstrip("0123456789")
                assert name in known or modifier.lower() in ("n", "s", "n gift"), (code, template)


def test_an_unknown_modifier_is_said():
    with pytest.raises(ValueError, match="unknown modifier"):
        Writer(Random(0), LISTS).write("{some thing}")


# The mail.

def test_hundreds_of_templates_and_senders():
    assert len(set(templates()[:2000])) > 900
    mails = Mailbox().draw(3000, seed=0)
    names = [mail.sender.split(" <")[0] for mail in mails]
    assert len(set(names)) > 800
    assert len({mail.body for mail in mails}) > 0.99 * len(mails)
    assert len({mail.choices["mood"] for mail in mails}) == len(MOODS)
    assert all(mail.sender.endswith(".example>") for mail in mails)


@pytest.mark.parametrize("month", range(12))
def test_english(month):
    """No doubled article, no wrong one, no unfilled slot, no double space, no sentence that begins small."""
    wrong = re.compile(r"\b(a|an|the) (a|an|the)\b|\b[Aa] [aeioAEIO]\w|\b[Aa]n (?!F\b|hour|honest|heir)[^\Waeiou8A-Z]|[{}]|  "
                       r"| [,.]|\bone (weeks|hours|minutes|jars|goats|pages|years|working days)|\b(two) \w+[^s\W] (is|was)\b")
    for mail in Mailbox().draw(600, seed=month, month=month):
        if not mail.choices["typos"] and not mail.choices.get("disguises"):
            found = wrong.search(mail.text)
            assert not found, mail.text[max(0, found.start() - 40):found.end() + 40]
            for line in mail.body.split("\n\n")[1:]:
                assert not re.search(r"[.!?] [a-z](?!\w*\.example)", re.sub(r"\S*\.example\S*", "Link", line)), line


def test_no_one_writes_about_themselves():
    for mail in Mailbox(spam=0).draw(500, seed=1):
        people = [mail.choices["filled"][slot] for slot in ("you", "me", "person", "person2")]
        assert len(set(people)) == 4


def test_the_same_seed_gives_the_same_mail_and_fewer_are_the_first_of_more():
    box = Mailbox(duplicates=0.1, near_duplicates=0.1, label_noise=0.1, junk=0.1, register="mixed")
    assert box.draw(50, seed=3, month=2) == box.draw(200, seed=3, month=2)[:50]
    assert box.draw(50, seed=4, month=2) != box.draw(50, seed=3, month=2) != box.draw(50, seed=3, month=3)


def test_label_knobs_change_labels_and_nothing_else():
    clean, noisy = Mailbox().draw(400), Mailbox(label_noise=0.3, mislabelled={"work": 1.0}).draw(400)
    assert [mail.body for mail in clean] == [mail.body for mail in noisy]
    assert all(mail.label == mail.truth for mail in clean)
    assert 0.25 < sum(m.label != m.truth for m in noisy if m.kind != "work") / sum(m.kind != "work" for m in noisy) < 0.35
    assert 0.6 < sum(m.label != m.truth for m in noisy if m.kind == "work") / sum(m.kind == "work" for m in noisy) < 0.8


@pytest.mark.parametrize("knob, share", [("spam", 0.0), ("spam", 0.2), ("spam", 1.0), ("duplicates", 0.3),
                                         ("near_duplicates", 0.3), ("junk", 0.3)])
def test_shares(knob, share):
    mails = Mailbox(**{knob: share}).draw(2000, seed=0)
    has = {"spam": lambda m: m.truth, "duplicates": lambda m: "copy_of" in m.choices and "edits" not in m.choices,
           "near_duplicates": lambda m: "edits" in m.choices, "junk": lambda m: "broken" in m.choices}[knob]
    assert abs(sum(bool(has(mail)) for mail in mails) / 2000 - share) < 0.03


def test_copies_say_of_what_and_near_copies_are_near():
    mails = Mailbox(duplicates=0.2, near_duplicates=0.2).draw(600, seed=0)
    for mail in mails:
        if "copy_of" in mail.choices:
            other = mails[mail.choices["copy_of"]]
            assert (mail.label, mail.subject) == (other.label, other.subject)
            if "edits" not in mail.choices:
                assert mail.text == other.text
            elif mail.text != other.text:
                assert jaccard(shingles(mail.text), shingles(other.text)) > 0.3


def test_mix_leaves_out_and_multiplies():
    kinds = Counter(mail.kind for mail in Mailbox(mix={"work": 0, "lottery": 0, "family": 5}).draw(1000, seed=0))
    assert kinds["work"] == kinds["lottery"] == 0 and kinds["family"] > 2 * kinds["newsletter"]


def test_kinds_name_one_class_each():
    assert len(set(Mailbox.kinds())) == len(Mailbox.kinds()) == len(ham.SHARES) + len(spam.MOODS)
    for mail in Mailbox(register="mixed").draw(1000, seed=0):
        assert (mail.kind in spam.MOODS) == bool(mail.truth)


def test_every_scene_is_met_in_its_season_only():
    for truth, group in enumerate(SCENES["formal"]):
        for scene in group:
            if scene.months:
                seen = {month + 1 for month in range(12) if any(m.choices["scene"] == scene.name for m in Mailbox(
                    spam=truth, mix={k: 0 for k in ham.SHARES if k != scene.kind}).draw(150, seed=0, month=month))}
                assert seen == set(scene.months), scene.name


def test_what_people_talk_about_drifts():
    def projects(month):
        return {p for mail in Mailbox(spam=0).draw(500, month=month) for p in re.findall(r"Project (\w+)", mail.body)}
    assert projects(0) and projects(0) & projects(1) and not projects(0) & projects(6)


def test_chat_is_short_lower_case_and_has_no_subject():
    mails = Mailbox(register="chat").draw(500, seed=0)
    plain = [mail for mail in mails if not mail.choices.get("disguises") and not mail.choices.get("padding")]
    assert all(not mail.subject and "Subject" not in str(mail) for mail in mails)
    assert sum(mail.body == mail.body.lower() for mail in plain) > 0.95 * len(plain)
    assert sum(len(words(mail.text)) for mail in mails) < 0.5 * sum(len(words(mail.text)) for mail in Mailbox().draw(500, seed=0))
    assert {"u", "thx", "gonna", "pls"} & {word for mail in mails for word in words(mail.text)}


def test_the_quiet_topics_borrow_honest_sentences():
    mails = [mail for mail in Mailbox(spam=1).draw(600) if any(slot[0] == "=" for slot in mail.choices["filled"])]
    assert {mail.kind for mail in mails} >= {"parcelfee", "phishing", "invoice", "webmail"}
    assert all("Borrowed from honest mail" in mail.why for mail in mails)


# Explanations.

def test_why_names_the_choices_that_show():
    box = Mailbox(duplicates=0.1, near_duplicates=0.1, label_noise=0.2, junk=0.1, mislabelled={"newsletter": 1})
    for mail in box.draw(1500, seed=0):
        why = mail.why
        assert mail.kind in why and mail.choices["scene"] in why and mail.choices["mood"] in why
        assert ("Spam" in why.split()[0]) == bool(mail.truth)
        assert ("wrongly" in why) == (mail.label != mail.truth)
        assert ("A copy of" in why) == ("copy_of" in mail.choices) and ("Broken" in why) == ("broken" in mail.choices)
        if not {"broken", "edits"} & set(mail.choices):
            for _, became in mail.choices["typos"]:
                assert became in mail.body or mail.choices.get("disguises")
            for _, hidden in mail.choices.get("disguises", ()):
                assert hidden in mail.text and hidden in why
            for sentence in mail.choices.get("padding", ()):
                assert sentence in why
        assert "1 honest sentences" not in why


# The spammer.

@pytest.mark.parametrize("how", DISGUISES)
def test_disguises_hide_the_word_from_a_filter_that_reads_words(how):
    hidden = 0
    for seed in range(50):
        text, changed = disguise("free money for a goat", how, 1.0, Random(seed))
        assert text.endswith(" for a goat")
        hidden += not {"free", "money"} & set(words(text))
        assert all(word in ("free", "money") for word, _ in changed)
    assert hidden > 30
    assert disguise("free money", how, 0.0, Random(0)) == ("free money", [])


def test_a_tactic_shows_in_the_mail():
    spammer = Spammer(seed=0)
    spammer.tactics = [Tactic("casino", "leet", 0.9, padding=2)]
    for mail in Mailbox(spam=1).draw(50, spammer=spammer):
        assert mail.kind == "casino" and mail.choices["disguises"] and len(mail.choices["padding"]) == 2
        assert "casino, 90% of hot words leet, 2 honest sentences pasted in" in mail.why


def test_padding_is_honest_and_private():
    private = [t for key, ts in BORROWED.items() if key.split(".")[0][1:] in PRIVATE for t in ts]
    beginnings = {t.split("{")[0].lower() for t in private if len(t.split("{")[0]) > 12}
    spammer = Spammer(seed=0)
    spammer.tactics = [Tactic("casino", padding=3)]
    pasted = [sentence.lower() for mail in Mailbox(spam=1).draw(50, spammer=spammer) for sentence in mail.choices["padding"]]
    assert sum(sentence.startswith(tuple(beginnings)) for sentence in pasted) > 0.4 * len(pasted)


def test_the_spammer_moves_to_what_passes():
    """The filter lets through what has padding, and nothing else; after some months nearly all tactics have it."""
    spammer, box = Spammer(seed=1), Mailbox(spam=1)
    for month in range(8):
        mails = box.draw(400, seed=0, month=month, spammer=spammer)
        spammer.learn(mails, ["padding" in mail.choices for mail in mails])
    passed = [month["passed"] for month in spammer.record]
    assert passed[0] < 0.3 and passed[-1] > 0.8


def test_a_spammer_who_does_not_learn_stays_and_one_seed_is_one_history():
    still, a, b = Spammer(seed=2, turnover=0), Spammer(seed=2), Spammer(seed=2)
    before = list(still.tactics)
    mails = Mailbox().draw(300, spammer=still)
    for spammer in (still, a, b):
        spammer.learn(mails, [i % 3 == 0 for i in range(300)])
    assert Counter(still.tactics) == Counter(before)
    assert a.tactics == b.tactics and Counter(a.tactics) != Counter(before)


def test_spammer_says_what_is_wrong():
    mails = Mailbox().draw(10, spammer=Spammer(seed=0))
    with pytest.raises(ValueError, match="10 mails and 3 answers"):
        Spammer(seed=0).learn(mails, [True] * 3)
    with pytest.raises(ValueError, match="none of these mails is his"):
        Spammer(seed=0).learn(Mailbox(spam=0).draw(10), [True] * 10)
    with pytest.raises(ValueError, match="size"):
        Spammer(size=1)


# What the lessons stand on.

@pytest.mark.parametrize("seed", range(5))
def test_naive_bayes_is_good_and_not_perfect_in_the_month_it_learned(seed):
    filter = train(Mailbox().draw(1000, seed=seed))
    mails = Mailbox().draw(1000, seed=seed + 100)
    assert 0.95 < accuracy(filter(mails), mails) < 0.99


def test_the_adapting_spammer_defeats_a_fixed_filter_and_retraining_keeps_up():
    recalls = {}
    for retrain in (False, True):
        spammer, box = Spammer(seed=0), Mailbox()
        filter = train(box.draw(1000, seed=50, spammer=spammer))
        recalls[retrain] = []
        for month in range(7):
            mails = box.draw(800, seed=0, month=month, spammer=spammer)
            guess = filter(mails)
            recalls[retrain].append(float(guess[truths(mails) == 1].double().mean()))
            spammer.learn(mails, guess == 0)
            filter = train(mails) if retrain else filter
    assert recalls[False][0] > 0.85 and recalls[False][-1] < 0.4
    assert min(recalls[True]) > 0.65 and recalls[True][-1] > 0.8


def test_a_filter_trained_on_formal_mail_is_worse_on_chat():
    filter = train(Mailbox().draw(1000, seed=0))
    formal, chat = (Mailbox(register=register).draw(800, seed=100) for register in ("formal", "chat"))
    assert accuracy(filter(formal), formal) - accuracy(filter(chat), chat) > 0.04


# Bad input.

@pytest.mark.parametrize("knobs, said", [
    (dict(spam=1.5), "spam is 1.5; it is a share from 0 to 1"),
    (dict(label_noise=-0.1), "label_noise is -0.1"),
    (dict(duplicates=0.7, near_duplicates=0.7), "together at most 1"),
    (dict(register="posh"), "'formal', 'chat' or 'mixed'"),
    (dict(mislabelled={"letters": 1}), "names 'letters'; kinds of mail are work, "),
    (dict(mix={"letters": 1}), "mix names 'letters'"),
])
def test_a_knob_out_of_range_is_said_at_once(knobs, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Mailbox(**knobs)


def test_draw_says_what_is_wrong():
    with pytest.raises(ValueError, match="at least 0; got n=-1"):
        Mailbox().draw(-1)
    with pytest.raises(ValueError, match="leaves out every kind"):
        Mailbox(mix=dict.fromkeys(ham.SHARES, 0)).draw(1)
    assert Mailbox(spam=1, mix=dict.fromkeys(ham.SHARES, 0)).draw(1)[0].truth == 1
    assert Mailbox().draw(0) == []
