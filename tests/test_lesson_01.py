"""Lesson 01: what its experiments conclude, over other seeds than the lesson's own; its widgets.

The experiments are the notebook's own code, read from its cells: a change there is tested here.
"""
import ast
import re
from functools import partial

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, says

from minitrain.models.naive_bayes import NaiveBayes
from minitrain.models.rules import RuleFilter, score
from minitrain.sources.bag_of_words import BagOfWords, words
from minitrain.sources.mailbox import Mailbox
from minitrain.teach.exercises import judge
from minitrain.teach.figures import LIMIT, png
from minitrain.teach.lessons import lesson_01
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets.beat_the_filter import EXAMPLES, OWN, BeatTheFilter, parts, word_shares
from minitrain.teach.widgets.rule_bench import RuleBench, bench, bench_figure

LESSON = NOTEBOOKS / "01_rules_and_examples.ipynb"
DATA = {"box", "rules", "kinds", "upright", "all_sorts", "numbers"}        # assignments that its functions read


@pytest.fixture(scope="module")
def lesson():
    """The notebook's imports, functions and classes, and the data that they read."""
    def kept(node):
        return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DATA)
    names = {}
    for cell in read(LESSON).cells:
        if cell.cell_type == "code":
            source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            exec(compile(ast.Module([node for node in ast.parse(source).body if kept(node)], []), "lesson 01", "exec"), names)
    assert set(names) >= DATA
    return names


def cell_of(part):
    return next(cell.source for cell in read(LESSON).cells if cell.cell_type == "code" and part in cell.source)


# What the lesson concludes


def test_the_rules_are_those_of_the_exercise_and_so_is_february(lesson, capsys):
    assert lesson["rules"] == lesson_01.RULES and len(set(lesson["rules"])) == 25
    exec(cell_of("february = "), lesson)
    assert [mail.text for mail in lesson["february"]] == [mail.text for mail in lesson_01._february()[1]]


def test_rules_decay_where_he_learns_and_only_there(lesson):
    learns, control = (np.array([lesson["year"](lesson["by_rules"], seed, learns=learns)[0] for seed in range(5, 10)])
                       for learns in (True, False))
    assert (learns[:, -1, 0] < learns[:, 0, 0] / 2).all() and np.median(learns[:, -1, 0]) < 0.2
    assert (learns[:, 0] == control[:, 0]).all()                            # the same January
    assert np.median(control[:, -1, 0]) > 0.8 * np.median(control[:, 0, 0])
    assert np.median(learns[:, -1, 1]) < 0.6 < np.median(control[:, -1, 1])


def keeps_up(lesson, seeds):
    once, monthly = (np.array([lesson["year"](lesson["learner"], seed, again=again)[0] for seed in seeds]) for again in (0, 1))
    assert once[:, 0, 0].min() > 0.75 and np.median(once[:, -1, 0]) < 0.3 and once[:, -1, 0].max() < 0.6
    kept = [np.median(rows[:, -3:, 0].mean(1) / rows[:, 0, 0]) for rows in (once, monthly)]                # of their own January
    assert kept[0] < 0.4 and kept[1] > 0.82 and monthly[:, -1, 0].min() > 0.65
    assert monthly[:, 1:, 0].mean() > 0.75 and np.median(monthly[:, -3:, 2]) < 0.08


def test_who_learns_again_keeps_up(lesson):
    keeps_up(lesson, seeds=[5, 6])


@pytest.mark.slow
def test_who_learns_again_keeps_up_with_ten(lesson):
    keeps_up(lesson, seeds=range(7, 17))


def test_the_rule_writer_pays_for_keeping_up(lesson):
    for seed in (5, 6):
        writer, given = lesson["RuleWriter"](), {"writer": [], "learner": []}

        def told(train, whom, given=given):
            return lambda seen: (given[whom].append(len(seen)), train(seen))[1]
        hers = lesson["year"](told(writer, "writer"), seed, again=True)[0]
        learned = lesson["year"](told(lesson["learner"], "learner"), seed, again=True)[0]
        assert given["writer"] == given["learner"] == [160, 320] + [480] * 7          # the same mails for both
        assert hers[-1, 0] > 0.5 and 0.6 < hers[1:, 0].mean() < learned[1:, 0].mean() + 0.05
        assert len(writer.in_force) == 9 and writer.in_force[-1] == len(writer.rules) > 1.8 * writer.in_force[0]
        assert writer.written > 3 * writer.in_force[0]


def test_her_rules_pay_and_reach_the_goal(lesson):
    mails, writer = Mailbox().draw(250, seed=3), lesson["RuleWriter"]()
    predict = writer(mails)
    caught, spam = predict(mails) == 1, lesson["truth"](mails) == 1
    assert caught[spam].float().mean() >= 0.9 and caught[~spam].float().mean() < 0.1
    kept = list(writer.rules)
    writer(mails)
    assert writer.rules == kept and writer.written == len(kept)             # the same mail asks for nothing new
    writer.rules.append("the")
    writer(mails)
    assert "the" not in writer.rules


def test_january_is_learned(lesson):
    for seed in (5, 6):
        january, fresh = lesson["box"].draw(1000, seed), lesson["box"].draw(1000, seed + 100)
        bag, model = lesson["learn"](january, seed)
        bayes = NaiveBayes().fit(bag.counts(lesson["texts"](january)), lesson["reported"](january))
        right = [score(lesson["truth"](fresh), lesson["guesses"](bag, filter, fresh)).accuracy for filter in (model, bayes)]
        rules = score(lesson["truth"](fresh), RuleFilter(lesson["rules"]).predict(fresh)).accuracy
        assert min(right) > 0.93 and rules < 0.87


@pytest.mark.parametrize("seed", [5, 6, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (7, 8, 9))])
def test_a_cat_by_rules_and_by_examples(lesson, seed):
    plan, render, replace = lesson["upright"].plan(300, seed=seed + 100), lesson["render"], lesson["replace"]
    lesson["shown"] = {"upright": render(plan), "dim": render(replace(plan, brightness=plan.brightness * 0.5)),
                       "turned": render(replace(plan, angle=plan.angle + 40))}
    lesson["cats"] = cats = plan.where(kind="cat")
    by_rule = {name: np.mean([bool(lesson["is_cat"](x)) == bool(c) for x, c in zip(xs, cats)])
               for name, xs in lesson["shown"].items()}
    assert by_rule["upright"] > 0.95 and max(by_rule["dim"], by_rule["turned"]) < 0.6
    upright, all_sorts = (lesson["learn_cats"](lesson[name], seed) for name in ("upright", "all_sorts"))
    assert upright["upright"] > 0.97 and upright["dim"] > 0.9 and upright["turned"] < 0.65
    assert min(all_sorts.values()) > 0.93
    mended = lesson["right"](lambda x: lesson["is_cat"](x, lesson["fair_limit"](x)))
    every = lesson["right"](lesson["at_any_angle"], most=80)
    assert mended["dim"] > 0.9 and mended["turned"] < 0.65 and min(every.values()) > 0.7


def test_a_picture_without_a_thing_is_no_cat(lesson):
    assert not lesson["is_cat"](torch.zeros(3, 32, 32)) and not lesson["is_cat"](torch.ones(3, 32, 32))


def test_good_words_buy_bad_mail_through(lesson):
    attack = np.array([lesson["padded"](seed) for seed in (5, 6)])
    assert attack[:, :2, 0].min() > 0.85 and attack[:, 0, 2].max() < 0.5 and attack[:, :2, 4].max() < 0.1
    assert np.ptp(attack[:, 2], axis=1).max() < 0.05                        # rules do not mind


@pytest.mark.parametrize("seed", [5, 6])
def test_prices_are_constant_in_the_small_model_only(lesson, seed):
    january, fresh = lesson["box"].draw(1000, seed), lesson["box"].draw(600, seed + 100)
    (bag, small), (_, deep) = lesson["learn"](january, seed), lesson["learn_deep"](january, seed)
    lesson["x"] = x = bag.counts(lesson["texts"](fresh))
    lesson["common"] = common = np.flatnonzero((x > 0).sum(0).numpy() >= 20)
    assert lesson["spread"](small) < 1e-3 and lesson["spread"](deep) > 0.35
    assert lesson["off"](small) < 1e-4 and lesson["off"](deep) > 0.3
    weights = small.layers[0].weight[0].detach()
    for column in common[:20]:
        np.testing.assert_allclose(lesson["effects"](small, x, column), weights[column], atol=1e-4)


def test_one_label_and_many_next_words(lesson):
    for seed in (5, 6):
        mails = lesson["box"].draw(1000, seed), lesson["box"].draw(200, seed + 50)
        (label_right, label_bits), (word_right, word_bits) = lesson["label"](*mails), lesson["next_word"](*mails)
        assert label_right > 0.95 and label_bits < 0.3 and 0.4 < word_right < 0.7 and word_bits > 3
    few, many = (lesson["next_word"](mails[0][:n], mails[1]) for n in (250, 1000))
    assert many[0] > few[0] + 0.02 and many[1] < few[1] - 0.5               # more mail helps


def test_the_generators_chances_add_up(lesson):
    """The probability that the measure gives to a next word is one: over every word that could come, it sums to 1."""
    mails, chances = lesson["box"].draw(6, seed=1), {}
    after = lesson["count_next"](mails)
    vocabulary = sorted({word for options in after.values() for word in options})
    a, b = next(pair for pair in after if pair[0] != "<")
    for word in [*vocabulary, "never-seen-before"]:
        lesson["split_up"] = lambda text, word=word: [a, b, word] if text is None else ["<", "<", *text.split(), ">"]
        bits = lesson["next_word"](mails, [type("Mail", (), {"text": None})()])[1]
        chances[word] = 2 ** -bits
    assert sum(chances.values()) == pytest.approx(1)


# The exercises


def test_precision_is_not_recall_in_any_input():
    """Equal ones would let an answer pass that mixes them up, or gives one of them twice."""
    for seed in range(5):
        precision, recall = lesson_01.precision_and_recall(*lesson_01._some_answers(seed))
        assert abs(precision - recall) > 0.01


def test_what_re_search_gives_back_has_a_hint_of_its_own():
    def said(answer):
        return judge("01/survivor", lesson_01.EXERCISES["survivor"], answer).text
    assert "bool(re.search(" in said(lambda text: re.search(r"\w-\w+\.example/", text))
    assert "bool(re.search(" in said(lambda text: re.search("free", text, re.I))
    assert "say False there" in said(lambda text: True if "money" in text else None)
    assert "`return` at the end" in said(lambda text: None)


# The widgets


@pytest.fixture(scope="module")
def filters():
    mails = Mailbox().draw(400, seed=0)
    bag = BagOfWords([mail.text for mail in mails], least=2)
    bayes = NaiveBayes().fit(bag.counts([mail.text for mail in mails]), torch.tensor([mail.label for mail in mails]))
    half = NaiveBayes(smoothing=5.0).fit(bag.counts([mail.text for mail in mails]), torch.tensor([mail.label for mail in mails]))
    return bag, {"one": (bayes.weights, bayes.bias), "two": (half.weights, half.bias)}, (bayes, half)


@pytest.mark.parametrize("text", [*EXAMPLES.values(), "money " * 50])
def test_what_is_shown_adds_up_to_what_the_filter_says(filters, text):
    bag, both, models = filters
    found, scores = parts(bag, both, text)
    assert set(found) == {word for word in words(text) if word in bag.vocabulary}
    for i, (name, model) in enumerate(zip(both, models)):
        assert scores[name] == pytest.approx(float(model(bag.counts([text]))), abs=1e-3)
        assert sum(shares[i] for shares in found.values()) + float(both[name][1]) == pytest.approx(scores[name])


def test_the_panel_follows_the_text(filters):
    bag, both, _ = filters
    panel = BeatTheFilter(bag, both, rules=RuleFilter(["free money", "casino"]))
    assert panel.area.value == panel.text == EXAMPLES["FREE MONEY"] and panel.message.endswith("Caught.")
    assert "1 of the 2 rules fire: free money" in panel.table.value and panel.message in panel.line.value
    panel.area.value = "Hi Mei, the printer in the kitchen has jammed again. Regards, grumbling, Barnaby"
    assert panel.ready.value == OWN and "It passes!" in panel.message and "No rule fires" in panel.table.value
    panel.ready.value = "the same, disguised"
    assert panel.text == EXAMPLES["the same, disguised"] and "Never seen, so they weigh nothing: fr33" in panel.message
    panel.text = EXAMPLES["FREE MONEY"]
    assert panel.ready.value == "FREE MONEY"


@pytest.mark.parametrize("text", ["", "  \n", "!!! €€€ ..."])
def test_a_mail_without_words_is_said(filters, text):
    bag, both, _ = filters
    panel = BeatTheFilter(bag, both)
    panel.text = text
    assert "There is no word in this mail" in panel.message and "−" not in panel.table.value.split("before reading")[0]
    assert panel.scores == {name: pytest.approx(float(bias)) for name, (_, bias) in both.items()}


def test_words_never_seen_are_said(filters):
    bag, both, _ = filters
    panel = BeatTheFilter(bag, both)
    panel.text = "Zyzzyva flumpers"
    assert "Not one of these words was in the training mail" in panel.message
    panel.text = "money zyzzyva"
    assert panel.message.endswith("Never seen, so it weighs nothing: zyzzyva.")
    panel.text = "money " + " ".join(f"zyzzyva{i}" for i in range(9))
    assert panel.message.endswith("zyzzyva5 and 3 more.")


def test_what_is_typed_is_escaped_and_the_table_adds_up(filters):
    bag = BagOfWords(["<b>don't</b> money", "the choir"])
    weights = torch.tensor([0.5, -1.0, 2.0, 1.0, -0.25])                   # b, choir, don't, money, the
    panel = BeatTheFilter(bag, {"<i>": (weights, -0.5)}, rules=RuleFilter(["<b>x"]))
    panel.text = "<b>x <script>alert(1)</script> don't the choir"
    assert "<script>" not in panel.table.value + panel.line.value
    assert all(part in panel.table.value for part in ("&lt;i&gt;", "&lt;b&gt;x", "don&#x27;t"))
    numbers = [float(n.replace("−", "-")) for n in re.findall(r">([+−][\d.]+)<", panel.table.value)]
    assert numbers == [2.0, -1.0, 0.5, -0.2, -0.5, 0.8] and panel.scores["<i>"] == pytest.approx(0.75)


def test_many_words_are_summed_up(filters):
    bag, both, _ = filters
    panel = BeatTheFilter(bag, both)
    panel.text = " ".join(list(bag.vocabulary)[:200])
    assert "188 more words" in panel.table.value and panel.table.value.count("<th scope='row'") == 15
    numbers = [float(n.replace("−", "-")) for n in re.findall(r">([+−][\d.]+)<", panel.table.value)]
    for i in (0, 1):
        assert sum(numbers[i:-2:2]) == pytest.approx(numbers[i - 2], abs=0.05 * 15)
    assert len(png(word_shares(bag, both, panel.text))) < LIMIT


def test_scores_beyond_numbers_are_sure(filters):
    bag, both, _ = filters
    panel = BeatTheFilter(bag, both)
    for text in ("claim " * 5000, "coffee " * 5000):
        panel.text = text
        assert panel.message.count("over 99 %") == 2


MONTHS = [Mailbox().draw(120, seed=1, month=month) for month in range(3)]


def test_the_bench_counts_as_score_does():
    rules = RuleFilter(lesson_01.RULES)
    for mails in MONTHS:
        truth, fires = torch.tensor([mail.truth for mail in mails]), rules.fires(mails)
        for need in (1, 2):
            caught, precision, lost, cost = bench(fires, truth, need=need, price=3)
            guess = RuleFilter(lesson_01.RULES, need=need).predict(mails)
            found = score(truth, guess)
            assert (caught, precision) == (pytest.approx(found.recall), pytest.approx(found.precision))
            assert lost == pytest.approx(guess[truth == 0].float().mean().item())
            wrong = ((truth == 1) & (guess == 0)).sum() + 3 * ((truth == 0) & (guess == 1)).sum()
            assert cost == pytest.approx(100 * wrong.item() / len(mails))


def test_no_rule_no_catch_and_a_month_without_spam():
    caught, precision, lost, cost = bench(np.ones((4, 2), bool), [1, 1, 0, 0], on=[False, False])
    assert (caught, lost, cost) == (0, 0, 50) and np.isnan(precision)
    assert bench([[True], [False]], [0, 0], price=5)[2:] == (0.5, 250.0)


def test_switches_rules_and_traits_follow_each_other():
    panel = RuleBench(lesson_01.RULES, MONTHS)
    assert all(box.value for box in panel.boxes.values()) and panel.message.startswith("25 rules on. January:")
    rows, picture = panel.rows, panel.image.value
    panel.boxes["cash"].value = False
    assert "cash" not in panel.on and len(panel.on) == 24 and panel.rows != rows and panel.image.value != picture
    assert all(few[0] <= all_on[0] and few[2] <= all_on[2] for few, all_on in zip(panel.rows, rows))
    panel.boxes["cash"].value = True
    assert panel.rows == rows and panel.on == lesson_01.RULES
    panel.switch(False)
    assert not any(box.value for box in panel.boxes.values())
    assert "0 rules on. January: 0 % of spam caught, nothing called spam" in panel.message
    panel.on = ["casino"]
    assert panel.boxes["casino"].value and panel.message.startswith("1 rule on.")
    panel.switch(True)
    panel.need = 3
    assert panel.rows[0][0] < rows[0][0] and panel.rows[0][2] < rows[0][2]
    before = panel.rows
    panel.price = 20.0
    assert [row[:3] for row in panel.rows] == [row[:3] for row in before] and panel.rows[0][3] >= before[0][3]
    assert "September" not in panel.image.alt and "March: " in panel.image.alt
    with pytest.raises(ValueError, match="no rule 'goat'"):
        panel.on = ["goat"]


def test_a_rule_of_ones_own():
    panel = RuleBench(["casino"], MONTHS)
    for empty in ("", "   "):
        panel.own.value = empty
        panel.add()
        assert "This rule is empty" in panel.message and list(panel.boxes) == ["casino"]
    panel.own.value = " casino "
    panel.add()
    assert "is there already" in panel.message
    panel.own.value = "the"
    panel.add()
    assert panel.on == ["casino", "the"] and panel.own.value == "" and panel.rows[0][2] > 0.2
    guess = RuleFilter(["casino", "the"]).predict(MONTHS[0])
    truth = torch.tensor([mail.truth for mail in MONTHS[0]])
    assert panel.rows[0][0] == pytest.approx(score(truth, guess).recall)
    panel.own.value = "<b>zebra"
    panel.add()
    assert "<b>zebra" in panel.boxes and panel.rows[0][0] == pytest.approx(score(truth, guess).recall)


def test_the_bench_figure_is_small():
    assert len(png(bench_figure([(0.5, 0.9, 0.1, 30.0)] * 9, nothing=[40.0] * 9))) < LIMIT


@pytest.mark.browser
def test_both_panels_by_keyboard(lab, browser):
    notebook = Notebook(browser, lab[0], LESSON.name)
    notebook.run_through("RuleBench(rules", seconds=400)
    output = notebook.output("BeatTheFilter(")
    words_said = output.locator("[role=status]").first
    before = says(words_said, "Caught.")
    area = output.get_by_label("Your mail")
    area.focus()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type(" coffee printer coming arrived grumbling book return kitchen appointment savings cake flat take")
    assert says(words_said, "passes") != before
    assert "coffee" in output.locator("table").inner_text()
    output.locator("select").select_option("no word in it")
    says(words_said, "There is no word in this mail")

    output = notebook.output("RuleBench(rules")
    words_said = output.locator("[role=status]").first
    before = says(words_said, "25 rules on. January:")
    output.get_by_label("cash", exact=True).press("Space")
    says(words_said, "24 rules on.")
    move_slider(notebook, output, "Rules that must fire", presses=1)
    changed(words_said, before)
    own = output.get_by_label("A rule of your own")
    own.fill("password")
    output.get_by_role("button", name="Add it").press("Enter")
    says(words_said, "25 rules on.")
    assert output.get_by_label("password", exact=True).is_checked()
    output.get_by_role("button", name="Add it").press("Enter")
    says(words_said, "This rule is empty")
    assert output.locator("img").evaluate("image => image.naturalWidth > 500")
    clean(notebook)
    notebook.close()


def test_partial_is_what_a_learner_gives(lesson):
    """`learner` binds one training: mail that comes later does not change it."""
    predict = lesson["learner"](lesson["box"].draw(250, seed=4))
    assert isinstance(predict, partial)
    later = lesson["box"].draw(50, seed=9, month=3)
    assert torch.equal(predict(later), predict(later)) and set(predict(later).tolist()) <= {0, 1}
