"""Lesson 04: what its experiments conclude, over other seeds than the lesson's own; the machine that it builds; its widget.

The experiments and the machine are the notebook's own code, read from its cells: a change there is tested here.
"""
import ast

import numpy as np
import pytest
import torch
from browser import Notebook, clean, move_slider, says, status

from minitrain import sources
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets.graph_steps import EXAMPLES, GraphSteps, Steps, graph, places, twice, unit, walk
from minitrain.tensor import Tensor

LESSON = NOTEBOOKS / "04_backpropagation.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The notebook's imports, functions and classes, and the data that they read."""
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    names = {"rng": np.random.default_rng(0)} | points(0)
    for cell in read(LESSON).cells:
        if cell.cell_type == "code":
            source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            body = [node for node in ast.parse(source).body if isinstance(node, kept)]
            exec(compile(ast.Module(body, []), "lesson 04", "exec"), names)
    digits = (np.asarray(part, dtype) for part, dtype in zip(sources.digits(), (float, int)))
    (names["seen"], names["seen_y"]), (names["new"], names["new_y"]) = sources.split(*digits, seed=0)
    return names


def points(seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (200, 2))
    return {"x": x, "y": (np.hypot(x[:, 0], x[:, 1]) < 0.8).astype(int)}


# The machine that it builds


def test_numbers_are_blamed_as_nudging_says(lesson):
    Node = lesson["Node"]
    pace, shoes, km, minutes = Node(12.0), Node(1.0), Node(2.0), Node(30.0)
    miss = pace * km + shoes - minutes
    lesson["backward"](miss * miss)
    assert (pace.grad, shoes.grad, km.grad, minutes.grad, miss.grad) == (-20, -10, -120, 10, -10)
    nudged = (lesson["stations"](12 + 1e-6, 1) - lesson["stations"](12, 1)) / 1e-6
    assert nudged == pytest.approx([2, 2, 2, -20], abs=1e-5)


@pytest.mark.parametrize("seed", range(1, 4))
def test_its_gradients_are_those_of_nudging_the_library_and_torch(lesson, seed):
    lesson |= points(seed)
    net, data = lesson["Net"](2, 16, 16, 2, seed=seed), (lesson["x"], lesson["y"])
    lesson["loss"](net, data).mean.backward()
    twin = [Tensor(w.data) for w in net.weights]
    (((data[0] @ twin[0] + twin[1]).tanh() @ twin[2] + twin[3]).tanh() @ twin[4] + twin[5]).cross_entropy(data[1]).backward()
    a, b, c, d, e, f = weights = [torch.tensor(w.data, requires_grad=True) for w in net.weights]
    logits = ((torch.tensor(data[0]) @ a + b).tanh() @ c + d).tanh() @ e + f
    torch.nn.functional.cross_entropy(logits, torch.tensor(data[1])).backward()
    nudged = lesson["nudge_all"](lesson["fresh"](2, 16, 16, 2, seed=seed), lesson["surprise"])
    for ours, library, torchs, price in zip(net.weights, twin, weights, nudged, strict=True):
        np.testing.assert_allclose(ours.grad, library.grad, atol=1e-14)
        np.testing.assert_allclose(ours.grad, torchs.grad.numpy(), atol=1e-14)
        np.testing.assert_allclose(ours.grad, price, atol=1e-6)


@pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((3, 4), (3, 1)), ((3, 4), ()), ((3, 4), (1, 1)), ((4,), (2, 3, 4))])
def test_what_numpy_repeats_is_added_up(lesson, shapes):
    values = [np.random.default_rng(0).normal(size=shape) for shape in shapes]
    a, b = (lesson["Array"](value) for value in values)
    ((a * b - b) * (a + b)).sum().backward()
    twins = [torch.tensor(value, requires_grad=True) for value in values]
    ((twins[0] * twins[1] - twins[1]) * (twins[0] + twins[1])).sum().backward()
    for ours, theirs in zip((a, b), twins):
        assert np.shape(ours.grad) == theirs.grad.shape
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), atol=1e-12)


def test_it_goes_ten_thousand_deep(lesson):
    w = deep = lesson["Array"](np.array(1.0))
    for _ in range(10_000):
        deep = deep * 1.0001
    deep.backward()
    assert w.grad == pytest.approx(1.0001**10_000)


def test_what_it_takes_in_silence_and_the_library_refuses(lesson):
    taken = {"twice": [6, 12], "many": [3, 3], "changed": [1.5, 6]}
    refused = {"twice": "used up", "many": "one number", "changed": "changed in place"}
    for name, grad in taken.items():
        assert lesson[name](lesson["Array"]).tolist() == grad
        with pytest.raises((RuntimeError, ValueError), match=refused[name]):
            lesson[name](Tensor)


# What the lesson concludes


def test_the_walk_back_is_cheap(lesson):
    lesson |= points(0)
    net, weights = lesson["Net"](2, 16, 16, 2), lesson["fresh"](2, 16, 16, 2)
    ahead, back = lesson["forward_and_backward"](net, (lesson["x"], lesson["y"]), rounds=60)
    nudging = min(lesson["seconds"](lambda: lesson["nudge_all"](weights, lesson["surprise"]))[0] for _ in range(2))
    assert back < 3.5 * ahead and nudging > 40 * (ahead + back)


@pytest.mark.parametrize("seed", range(5, 10))
def test_a_job_is_in_the_weights(lesson, seed):
    jobs = [lesson["circle"], lesson["quarters"]]
    nets = [lesson["train"](job, seed)[0] for job in jobs]
    own = [lesson["right"](net, job, seed) for net, job in zip(nets, jobs)]
    other = [lesson["right"](net, job, seed) for net, job in zip(nets, jobs[::-1])]
    random = [lesson["right"](lesson["Net"](2, 16, 16, 2, seed=seed), job, seed) for job in jobs]
    assert min(own) > 0.93 and min(other) > 0.4 and max(other + random) < 0.65
    nets[0].weights, nets[1].weights = nets[1].weights, nets[0].weights
    assert [lesson["right"](net, job, seed) for net, job in zip(nets, jobs[::-1])] == own[::-1]


def test_random_weights_guess(lesson):
    x, y = lesson["new"], lesson["new_y"]
    right = [np.mean(lesson["Net"](64, 32, 10, seed=seed)(x).data.argmax(1) == y) for seed in range(100, 200)]
    assert 0.07 < np.mean(right) < 0.13 and 0.15 < max(right) < 0.35


@pytest.mark.parametrize("seed", range(5, 10))
def test_a_fresh_network_is_unsure_unless_its_last_weights_are_large(lesson, seed):
    for K in (2, 10, 100):
        (small, sure), (plain, plain_sure), (large, large_sure) = (lesson["belief"](K, factor, seed) for factor in (0.1, 1, 10))
        assert abs(small - np.log(K)) < 0.05 and sure < 1.5 / K
        assert small < plain < large and plain_sure < 0.75
        assert plain < np.log(K) + 0.5 and large > np.log(K) + 1.5 and large_sure > 0.6


def test_a_hair_can_be_too_fine(lesson):
    lesson |= points(1)
    coarse, right, fine = (np.median([lesson["errors"](hair, seed) for seed in range(5, 10)], axis=0)
                           for hair in (1e-2, 1e-7, 1e-13))
    assert 10 * right[0] < min(coarse[0], fine[0])
    both = np.median([lesson["errors"](1e-5, seed)[1] for seed in range(5, 10)])
    assert both < right[0] / 3


@pytest.mark.slow
def test_two_starts_agree_in_answers_and_not_in_weights_until_their_units_are_matched(lesson):
    nets = [lesson["learn_digits"](seed) for seed in range(5, 10)]
    lists = [np.concatenate([w.data.ravel() for w in net.weights]) for net in nets]
    said = [net(lesson["new"]).data.argmax(1) for net in nets]
    for i in range(5):
        assert np.mean(said[i] == lesson["new_y"]) > 0.94
        for j in range(i):
            assert abs(lists[i] @ lists[j]) < 0.2 * np.linalg.norm(lists[i]) * np.linalg.norm(lists[j])
            assert np.mean(said[i] == said[j]) > 0.95
            assert lesson["matched"](*(lesson["units"](nets[k]) for k in (i, j))) > 0.55
            assert lesson["matched"](*(lesson["units"](lesson["Net"](64, 32, 10, seed=k)) for k in (i, j))) < 0.35


def test_units_in_another_order_and_turned_over_are_the_same_network(lesson):
    net, other = (lesson["Net"](64, 32, 10, seed=0) for _ in range(2))
    order, turned = np.random.default_rng(0).permutation(32), np.where(np.arange(32) % 3, 1.0, -1.0)
    a, b, c, _ = other.weights
    a.data, b.data, c.data = a.data[:, order] * turned, b.data[order] * turned, c.data[order] * turned[:, None]
    np.testing.assert_allclose(other(lesson["new"]).data, net(lesson["new"]).data, atol=1e-12)
    assert lesson["matched"](lesson["units"](net), lesson["units"](other)) == pytest.approx(1)


def test_the_composed_loss_has_the_gradient_of_the_one_line(lesson):
    from minitrain.teach.lessons.lesson_04 import cross_entropy_backward
    logits, y = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    z = lesson["Array"](logits)
    lesson["loss"](lambda x: z, (None, y)).mean.backward()
    np.testing.assert_allclose(z.grad, cross_entropy_backward(logits, y), atol=1e-14)


# The widget


def test_all_steps_of_one_walk():
    tensors = walk(12.0)
    steps = Steps(tensors)
    assert len(steps) == 12 and steps.forward == 4
    _, grads, edges = steps.at(12)
    named = {name: grads[tensor] for name, tensor in tensors.items()}
    assert named == {"pace": -20, "km": -120, "shoes": -10, "minutes": 10, "product": -10, "guess": -10, "miss": -10, "loss": 1}
    assert edges[tensors["product"], tensors["pace"]] == [-20]
    known, grads, edges = steps.at(2)
    assert tensors["guess"] in known and tensors["miss"] not in known and grads == edges == {}


def test_blames_of_several_uses_add_up():
    tensors = twice(3.0)
    steps = Steps(tensors)
    assert steps.at(len(steps))[1][tensors["w"]] == 12
    assert steps.said(6).endswith("so w gets 3 × 2 = 6, and had 6: together 12.")


@pytest.mark.parametrize("make", [walk, twice, unit])
@pytest.mark.parametrize("number", [-20.0, 0.0, 14.5, 20.0])
def test_every_number_can_be_shown(make, number):
    steps = Steps(make(number))
    assert all(steps.said(k) for k in range(len(steps) + 1))
    texts = [text.get_text() for text in graph(steps).axes[0].texts]
    assert not any("nan" in text or "-0" in text.split() for text in texts)
    at = places(steps.tensors)
    assert len(set(at.values())) == len(at)
    assert all(at[x][0] < at[tensor][0] for tensor in at for x in tensor.inputs)


def test_the_panel_steps_on_and_back_and_stays_at_the_ends():
    panel = GraphSteps("one walk")
    assert panel.back_button.disabled and panel.message.startswith("Step 0 of 12.")
    panel.step(-1)
    assert panel.k == 0
    panel.to_the_loss()
    assert panel.message == "Step 4 of 12. Forward: miss² = (-5)² = 25, which is loss."
    panel.step(1)
    assert "Backward begins" in panel.message and panel.message in panel.image.alt
    panel.to_the_end()
    panel.step(1)
    assert panel.k == 12 and panel.forward_button.disabled and panel.message.endswith("That was all.")
    panel.step(-1)
    assert panel.k == 11
    panel.start_over()
    assert panel.k == 0


def test_the_panel_follows_its_slider_and_its_list():
    panel = GraphSteps("one walk")
    panel.to_the_loss()
    before = panel.image.value
    panel.sliders["one walk"].value = 13.0
    assert panel.k == 4 and "(-3)² = 9" in panel.message and panel.image.value != before
    for example, (_, number) in reversed(EXAMPLES.items()):
        panel.example = example
        turned = panel.top.children[1]
        assert panel.k == 0 and panel.number == turned.value == number
        assert turned.description == next(iter(panel.steps.tensors)) and panel.steps.tensors[turned.description].data == number
        panel.to_the_end()
        assert example in panel.image.alt


@pytest.mark.browser
def test_the_graph_is_stepped_through_by_keyboard(lab, browser):
    notebook = Notebook(browser, lab[0], LESSON.name)
    notebook.run_through("GraphSteps(")
    output = notebook.output("GraphSteps(")
    words = status(output)
    says(words, "Step 0 of 12.")
    output.get_by_role("button", name="Step", exact=True).press("Enter")
    says(words, "Step 1 of 12. Forward: pace × km = 12 × 2 = 24")
    output.get_by_role("button", name="To the end").press("Enter")
    says(words, "so km gets -10 × 12 = -120. That was all.")
    move_slider(notebook, output, "pace", presses=4)
    says(words, "so km gets -6 × 13 = -78.")
    image = output.locator("img")
    assert image.evaluate("image => image.naturalWidth > 500") and "-78" in image.get_attribute("alt")
    output.locator("select").select_option("a weight used twice")
    says(words, "Step 0 of 7.")
    assert move_slider(notebook, output, "w") == (3, 3.5)               # the slider has the name of what it turns
    clean(notebook)
    notebook.close()
