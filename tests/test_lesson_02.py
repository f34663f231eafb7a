"""Lesson 02: its claims hold from other draws, with the lesson's own functions, and its widget says what the model does."""
import itertools

import nbformat
import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, says, status
from nbformat.v4 import new_code_cell, new_notebook
from test_exercises import readers_names

from minitrain.sources.doodles import STYLES, Doodles
from minitrain.sources.mailbox import Mailbox
from minitrain.sources.near_duplicates import candidates, groups, jaccard, minhash, near_duplicates, shingles
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets.poison import VICTIMS, PoisonTheData, learnt_pictures

PETS, OTHER = ("cat", "dog"), (20, 21, 22)              # seeds that the lesson does not use
OFFICE = dict.fromkeys([kind for kind in Mailbox.kinds()[:13] if kind not in ("work", "helpdesk")], 0)


@pytest.fixture(scope="module")
def lesson():
    """The functions that the notebook defines."""
    return readers_names("02")


@pytest.fixture(scope="module")
def mail(lesson):
    """Draws of everybody's mail, counted, whose kinds are known, and a test."""
    drawn, test = [Mailbox().draw(1000, seed=seed) for seed in OTHER], Mailbox().draw(800, seed=120)
    bag = lesson["BagOfWords"]([mail.text for mails in drawn for mail in mails], most=1500)
    def counted(mails):
        return bag.counts(lesson["texts"](mails)), lesson["truths"](mails)
    kinds = [torch.tensor([mail.kind == "newsletter" for mail in mails]) for mails in [*drawn, test]]
    return [counted(mails) for mails in drawn], counted(test), kinds, bag


# The claims, from other draws


def test_more_from_one_office_is_worse_on_everybodys_mail_and_better_on_its_own(lesson, mail):
    _, test, _, bag = mail
    for seed in OTHER:
        mails, own = Mailbox(mix=OFFICE).draw(2000, seed=seed), Mailbox(mix=OFFICE).draw(500, seed=100 + seed)
        x, y = bag.counts(lesson["texts"](mails)), lesson["truths"](mails)
        few, many = lesson["count_words"](x[:200], y[:200]), lesson["count_words"](x, y)
        own = bag.counts(lesson["texts"](own)), lesson["truths"](own)
        assert lesson["accuracy"](many, *test) < lesson["accuracy"](few, *test) - 0.01
        assert lesson["accuracy"](many, *own) > lesson["accuracy"](few, *own)


def test_a_few_hundred_of_everybodys_mail_beside_the_offices_help(lesson, mail):
    draws, test, _, bag = mail
    shares = []
    for seed, (x, y) in zip(OTHER, draws):
        mails = Mailbox(mix=OFFICE).draw(2000, seed=seed)
        one_sided = bag.counts(lesson["texts"](mails)), lesson["truths"](mails)
        mixed = [map(torch.cat, zip(one_sided, (x[:n], y[:n]))) for n in (0, 200, 600)]
        shares.append([lesson["accuracy"](lesson["count_words"](*both), *test) for both in mixed])
    assert np.diff(np.mean(shares, 0)).min() > 0.03


def test_the_filter_that_weighs_repeats_the_wrong_labels_and_the_one_that_counts_does_not(lesson, mail):
    repeated = []
    for seed, (x, y) in zip(OTHER, mail[0]):
        wrong = torch.rand(len(y), generator=torch.Generator().manual_seed(seed)) < 0.2
        shown = torch.where(wrong, 1 - y, y)
        filters = [lesson[name](x, shown) for name in ("count_words", "weigh_words")]
        repeated.append([lesson["accuracy"](learned, x[wrong], shown[wrong]) for learned in filters])
    assert np.max(repeated, 0)[0] < 0.3 and np.min(repeated, 0)[1] > 0.85


def test_slips_cancel_in_counts_habits_do_not_and_weights_learn_both(lesson, mail):
    draws, test, kinds, _ = mail
    shares = []
    for seed, (x, y), letters in zip(OTHER, draws, kinds):
        lot = torch.rand(len(y), generator=torch.Generator().manual_seed(seed)) < 0.2
        slips, habit = torch.where(lot, 1 - y, y), torch.where(letters, 1 - y, y)
        learned = [lesson["count_words"](x, labels) for labels in (y, slips, habit)] + [lesson["weigh_words"](x, slips)]
        good = [learn(test[0]) == test[1] for learn in learned]
        shares.append([part.float().mean().item() for part in (*good, good[2][kinds[-1]], good[2][~kinds[-1]])])
    right, slip, habit, slip_weighed, letters, rest = np.mean(shares, 0)
    assert 0.9 < slip < right and habit < slip - 0.01 and slip_weighed < 0.87 and letters < 0.3 and rest > 0.93


def test_copies_flatter_the_test_until_they_are_gone(lesson, mail):
    gaps, texts, bag = [], lesson["texts"], mail[3]
    for seed in OTHER:
        mails = Mailbox(label_noise=0.1, duplicates=0.25, near_duplicates=0.25).draw(1000, seed=seed)
        new = Mailbox(label_noise=0.1).draw(800, seed=100 + seed)
        (x, y, right), (new_x, new_y, new_right) = ((bag.counts(texts(some)), lesson["labels"](some), lesson["truths"](some))
                                                    for some in (mails, new))
        alone = torch.tensor(groups(near_duplicates(texts(mails), 0.35, bands=64), 1000)) == torch.arange(1000)
        runs = (x, y, (new_x, new_y)), (x, right, (new_x, new_right)), (x[alone], y[alone], (new_x, new_y))
        gaps.append([np.subtract(*lesson["two_tests"](*run, seed)) for run in runs])
    flattered, a_little, honest = np.mean(gaps, 0)
    assert np.min(gaps, 0)[0] > 0.03 and flattered > 0.06 and abs(honest) < flattered / 2
    assert 0.005 < a_little < flattered / 2             # with every label right


def test_bands_find_nearly_all_that_are_half_alike_and_look_at_one_pair_in_fifty_at_most():
    sets = [shingles(mail.text) for mail in Mailbox(duplicates=0.2, near_duplicates=0.3).draw(250, seed=20)]
    alike = {(i, j) for i, j in itertools.combinations(range(250), 2) if jaccard(sets[i], sets[j]) >= 0.5}
    proposed = set(candidates(minhash(sets, size=128), bands=32))
    assert len(alike & proposed) > 0.9 * len(alike) and len(proposed) < 250 * 249 / 2 / 50


@pytest.mark.parametrize("seed", OTHER)
def test_who_is_missing_is_a_coin_toss(lesson, seed):
    def drawn(styles, seed):
        return Doodles(PETS, size=16, styles=styles).draw(600, seed=seed)
    thin, full = drawn(("outline",), seed), drawn(("filled",), seed)
    alone, fifth, both = (lesson["weigh_pixels"](*(torch.cat([a[:n], b[n:]]) for a, b in zip(thin, full))) for n in (0, 120, 300))
    filled, outline = drawn(("filled",), 100 + seed), drawn(("outline",), 100 + seed)
    without, some, half = (lesson["right_of"](weights, *outline) for weights in (alone, fifth, both))
    assert (some - without) / (half - without) > 0.65
    assert lesson["right_of"](alone, *filled) > 0.95 and lesson["right_of"](alone, *outline) < 0.65
    assert lesson["right_of"](both, *filled) > 0.9 and lesson["right_of"](both, *outline) > 0.85


@pytest.mark.parametrize("seed", OTHER)
def test_a_sun_that_tells_the_label_is_learned_in_place_of_the_pet(lesson, seed):
    def drawn(cats, dogs, n, seed):
        return Doodles(PETS, size=16, styles=STYLES, mark={"cat": cats, "dog": dogs}).draw(n, seed)
    lesson["learn_pets"].__globals__["pets"] = PETS
    learned = lesson["learn_pets"](1, seed)
    on_cats, none, on_dogs = (lesson["accuracy"](learned, *drawn(*suns, 300, 100 + seed)) for suns in ((1, 0), (0, 0), (0, 1)))
    assert on_cats > 0.95 and none < 0.65 and on_dogs < 0.3


# The widget


@pytest.fixture(scope="module")
def examined(lesson):
    base = dict(size=16, styles=("filled", "outline"))
    exams = {style: Doodles(PETS, size=16, styles=(style,)).draw(200, seed=100) for style in ("filled", "outline")}
    exams["sun on dogs"] = Doodles(PETS, **base, mark={"dog": 1}).draw(200, seed=100)
    lesson["examined"].__globals__.update(pets=PETS, base=base, exams=exams)
    return lesson["examined"]


def test_each_slider_poisons_what_it_says(examined):
    panel = PoisonTheData(examined)
    assert min(panel.shares.values()) > 0.85
    panel.outlines = 0.0
    assert panel.shares["outline"] < 0.65 and panel.shares["filled"] > 0.95 and panel.shares["its own exam"] > 0.95
    panel.outlines = 0.5
    panel.sun = 1.0
    assert panel.shares["sun on dogs"] < 0.4 and panel.shares["its own exam"] > 0.95
    panel.sun = 0.5
    panel.wrong = 0.4
    assert panel.shares["its own exam"] < 0.65 and panel.shares["filled"] < 0.9
    assert panel.knobs["label_noise"] == 0.4
    panel.victims = VICTIMS[1]
    assert panel.knobs == dict(styles={"filled": 0.5, "outline": 0.5}, label_noise={"cat": ("dog", 0.4)},
                               mark={"cat": 0.5, "dog": 0.5})


def test_the_panel_says_and_draws_what_the_model_does(examined):
    panel = PoisonTheData(examined)
    before = panel.image.value
    panel.sliders["sun"].value = 0.9                    # as the slider in the browser does
    panel.list.value = VICTIMS[1]
    assert (panel.sun, panel.victims) == (0.9, VICTIMS[1])
    _, shares = examined(panel.knobs)
    assert panel.shares == shares and panel.image.value != before and panel.image.value[:4] == b"\x89PNG"
    for name, share in shares.items():
        said = f"{name} {100 * share:.0f} %"
        assert said in panel.message and said in panel.image.alt and said in panel.line.value


def test_each_change_is_followed_at_once_by_one_training():
    asked = []

    def examine(knobs):
        asked.append(knobs)
        return np.ones(256), {"its own exam": knobs["mark"]["cat"]}
    panel = PoisonTheData(examine)
    for sun in (0.6, 0.7, 0.8, 0.9, 1.0):
        before = panel.image.value
        panel.sun = sun
        assert panel.shares == {"its own exam": sun} and f"its own exam {100 * sun:.0f} %" in panel.message
        assert panel.image.value != before
    assert len(asked) == 1 + 5                          # at the start, and at each change


def test_learnt_pictures_show_each_sign_and_each_share():
    weights = np.zeros(16)
    weights[0], weights[15] = -2.0, 1.0
    fig = learnt_pictures({"one": (weights, {"a": 0.25, "b": 1.0}), "two": (-weights, {"a": 0.5, "b": 0.0})}, title="Both")
    top, bottom = fig.axes[:2], fig.axes[2:]
    assert [ax.get_title() for ax in top] == ["one", "two"]
    picture = top[0].images[0]
    assert picture.get_array().shape == (4, 4) and picture.get_clim() == (-2.0, 2.0)
    cat, dog = (picture.cmap(picture.norm(value)) for value in (-2.0, 2.0))
    assert cat[0] > cat[2] and dog[2] > dog[0]          # orange below 0, blue above
    assert [[text.get_text() for text in ax.texts] for ax in bottom] == [["25 %", "100 %"], ["50 %", "0 %"]]
    assert [bar.get_width() for bar in bottom[0].patches] == [0.25, 1.0]
    assert [tick.get_text() for tick in bottom[0].get_yticklabels()] == ["a", "b"]


@pytest.mark.browser
def test_the_data_are_poisoned_with_keys_alone(lab, browser):
    whole, names = read(NOTEBOOKS / "02_data.ipynb"), ("import torch", "pets = ", "base = ", "PoisonTheData(")
    code = [cell.source for cell in whole.cells if cell.cell_type == "code"]    # the lesson's own cells, without its experiments
    needed = [new_code_cell(source) for source in code if any(name in source for name in names)]
    made = new_notebook(cells=needed, metadata=whole.metadata)
    (lab[1] / "poison.ipynb").write_text(nbformat.writes(made))
    notebook = Notebook(browser, lab[0], "poison.ipynb")
    notebook.run_through("PoisonTheData(examined)")
    output = notebook.output("PoisonTheData(examined)")
    words, picture = status(output), output.locator("img")
    before = says(words, "its own exam")
    clean_picture = picture.get_attribute("src")
    assert move_slider(notebook, output, "The sun tells the label", presses=10) == (0.5, 1.0)
    says(words, "its own exam 100 %")
    notebook.page.wait_for_function("([img, old]) => img.src !== old", arg=[picture.element_handle(), clean_picture])
    dogs = int(words.inner_text().split("sun on dogs ")[1].split()[0])
    assert dogs < 40 and f"sun on dogs {dogs} %" in picture.get_attribute("alt")
    move_slider(notebook, output, "The sun tells the label", presses=10, key="ArrowLeft")
    says(words, before)
    move_slider(notebook, output, "Wrong labels", presses=8)
    poisoned = changed(words, before)
    victims = output.locator(".widget-dropdown select")
    victims.focus()
    victims.press("ArrowDown")
    changed(words, poisoned)
    clean(notebook)
    notebook.close()
