"""Sources: every example once an epoch, batches and pictures functions of their seeds alone, knobs that do what they say."""
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import sources
from minitrain.sources.augment import affine
from minitrain.sources.batching import generator
from minitrain.sources.doodles import BY_HAND, COLOURS, GROUNDS, KINDS, STYLES, Doodles, parts, render

ALL = tuple(KINDS)
EVERYTHING = dict(styles=STYLES, grounds=GROUNDS, noise=0.05, wobble=0.03, mark={"cat": 0.5}, brightness=(0.5, 1.2),
                  contrast=(0.7, 1))


# ------------------------------------------------------------------------------------------- batches

@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 2**63), epoch=st.integers(0, 5))
def test_an_epoch_skips_nothing_and_repeats_nothing(n, size, seed, epoch):
    source = sources.batches(torch.arange(n) * 10, torch.arange(n), size=size, seed=seed)
    found = [source.at(epoch * len(source) + i) for i in range(len(source))]
    assert [len(y) for _, y in found[:-1]] == [size] * (len(source) - 1)
    assert sorted(torch.cat([y for _, y in found]).tolist()) == list(range(n))
    assert all(torch.equal(x, 10 * y) for x, y in found)


def test_each_epoch_and_seed_has_its_own_order_and_asking_in_any_order_gives_the_same():
    x = torch.arange(100)
    source, again, other = (sources.batches(x, x, size=100, seed=s) for s in (0, 0, 1))
    first, second = source.at(0)[1], source.at(1)[1]
    assert not torch.equal(first, second) and not torch.equal(first, x)
    assert torch.equal(again.at(1)[1], second) and torch.equal(again.at(0)[1], first)
    assert not torch.equal(other.at(0)[1], first)


def test_augmentation_belongs_to_the_batch_number_and_leaves_labels_and_data_alone():
    x = torch.zeros(20, 3)
    source = sources.batches(x, torch.arange(20), size=5, augment=lambda x, g: x + torch.rand(x.shape, generator=g))
    one, two, one_again = source.at(0)[0], source.at(1)[0], source.at(0)[0]
    assert torch.equal(one, one_again) and not torch.equal(one, two) and not x.any()


def test_batches_take_numpy_arrays():
    source = sources.batches(np.arange(10.0), np.arange(10), size=4)
    x, y = source.at(2)
    assert isinstance(x, np.ndarray) and (x == y).all() and len(x) == 2


@pytest.mark.gpu
def test_batches_and_doodles_stay_on_their_device():
    x = torch.arange(10, device="cuda")
    assert sources.batches(x, x).at(0)[0].is_cuda and sources.split(x // 5, x // 5)[1][0].is_cuda
    here, there = (Doodles(ALL, device=device, **EVERYTHING).draw(64, seed=3) for device in ("cpu", "cuda"))
    assert there[0].is_cuda and torch.allclose(here[0], there[0].cpu(), atol=0.02) and torch.equal(here[1], there[1].cpu())


# ------------------------------------------------------------------------------------------- split

@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(2, 40), min_size=1, max_size=6), share=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_split_takes_the_same_share_of_every_class(counts, share, seed):
    y = torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])
    (x, y_kept), (x_held, y_held) = sources.split(torch.arange(len(y)), y, held_out=share, seed=seed)
    assert sorted([*x.tolist(), *x_held.tolist()]) == list(range(len(y)))
    assert torch.equal(y[x], y_kept) and torch.equal(y[x_held], y_held)
    for k, n in enumerate(counts):
        assert abs((y_held == k).sum().item() - share * n) <= 1 and 0 < (y_held == k).sum() < n


def test_split_depends_on_its_seed_alone_and_shuffles():
    y = torch.arange(2).repeat_interleave(50)
    a, b, c = (sources.split(torch.arange(100), y, seed=s)[1][0] for s in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c) and not torch.equal(a, a.sort().values)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: sources.batches(torch.zeros(0, 2), torch.zeros(0)), "no examples"),
    (lambda: sources.batches(torch.zeros(3), torch.zeros(2)), "3 examples in x and 2 labels"),
    (lambda: sources.batches(torch.zeros(3), torch.zeros(3), size=0), "size=0"),
    (lambda: sources.batches([1, 2], torch.zeros(2)), "x as list"),
    (lambda: sources.batches(torch.zeros(2), torch.tensor(1.0)), "y as Tensor"),
    (lambda: sources.batches(torch.zeros(2), torch.zeros(2)).at(-1), "count from 0"),
    (lambda: sources.split(torch.zeros(4), torch.zeros(4)), "whole number"),
    (lambda: sources.split(torch.zeros(4), torch.zeros(4, 2).long()), "shape \\(4, 2\\)"),
    (lambda: sources.split(torch.zeros(4), torch.tensor([0, 0, 0, 7])), "Class 7 has one example"),
    (lambda: sources.split(torch.zeros(4), torch.zeros(4).long(), held_out=1.0), "held_out=1.0"),
    (lambda: affine()(torch.zeros(2, 63), generator("test")), "square pictures"),
    (lambda: affine()(torch.zeros(2, 3, 8, 9), generator("test")), "square pictures"),
    (lambda: Doodles(("cat", "cow")), "kind 'cow' is not known"),
    (lambda: Doodles("cat"), "in brackets"),
    (lambda: Doodles(()), "at least one"),
    (lambda: Doodles({"cat": 0}), "all 0"),
    (lambda: Doodles({"cat": -1}), "-1"),
    (lambda: Doodles(styles=("oil",)), "style 'oil'"),
    (lambda: Doodles(colours="loud"), "colours 'loud'"),
    (lambda: Doodles(size=4), "size is 4"),
    (lambda: Doodles(size=1000), "size is 1000"),
    (lambda: Doodles(zoom=(0.9, 0.3)), "zoom is"),
    (lambda: Doodles(zoom=(0, 0.3)), "zoom is"),
    (lambda: Doodles(mark={"dog": 1}), "kind 'dog' is not known"),
    (lambda: Doodles(label_noise={"square": ("dog", 1)}).draw(1), "kind 'dog' is not known"),
    (lambda: Doodles(("cat",), label_noise=0.1), "two kinds"),
    (lambda: Doodles().draw(0), "0 pictures"),
    (lambda: Doodles().plan(3).where(style="oil"), "style 'oil'"),
])
def test_bad_input_gets_one_clear_sentence(call, says):
    with pytest.raises((ValueError, TypeError, IndexError), match=says):
        call()


# ------------------------------------------------------------------------------------------- digits, augmentation

def test_digits_are_all_there():
    x, y = sources.digits()
    assert x.shape == (1797, 64) and x.dtype == torch.float32 and x.min() == 0 and x.max() == 1
    assert y.dtype == torch.int64 and y.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert x[0].view(8, 8)[3].mul(16).tolist() == [0, 4, 12, 0, 0, 8, 8, 0]           # the published file's first picture, a zero


def test_affine_that_may_do_nothing_does_nothing():
    x = torch.rand(5, 3, 9, 9)
    assert torch.allclose(affine(0, 0, 0)(x, generator("test")), x, atol=1e-5)
    assert torch.allclose(affine(0, 0, 0)(x[:, 0], generator("test")), x[:, 0], atol=1e-5)
    assert torch.allclose(affine(0, 0, 0)(x[:, 0].reshape(5, 81), generator("test")), x[:, 0].reshape(5, 81), atol=1e-5)


def test_affine_moves_turns_and_zooms_by_no_more_than_it_says():
    x = torch.zeros(400, 1, 41, 41)
    x[:, :, 20, 32] = 1                                         # a dot 12 pixels right of the middle

    def dots(augment):
        out = augment(x, generator("test"))[:, 0]
        u = torch.arange(41.0) - 20
        return (out * u).sum((1, 2)) / out.sum((1, 2)), (out * u[:, None]).sum((1, 2)) / out.sum((1, 2))

    right, down = dots(affine(turn=30, zoom=0, shift=0))
    angle = torch.rad2deg(torch.atan2(down, right))
    assert torch.allclose(torch.hypot(right, down), torch.tensor(12.0), atol=0.3)
    assert 28 < angle.abs().max() < 32 and angle.mean().abs() < 3
    right, down = dots(affine(turn=0, zoom=0.2, shift=0))
    assert 14 < right.max() < 14.8 and 9.2 < right.min() < 10 and down.abs().max() < 0.01
    right, down = dots(affine(turn=0, zoom=0, shift=0.1))
    assert 3.5 < down.max() < 4.4 and 3.5 < (right - 12).max() < 4.4 and -4.4 < down.min() < -3.5       # a tenth of 41 pixels


# ------------------------------------------------------------------------------------------- doodles

def test_doodles_depend_on_their_seed_alone_and_batches_on_seed_and_number():
    source = Doodles(ALL, **EVERYTHING)
    pictures, labels = source.draw(40, seed=5)
    again, labels_again = Doodles(ALL, **EVERYTHING).draw(40, seed=5)
    assert torch.equal(pictures, again) and torch.equal(labels, labels_again)
    assert pictures.shape == (40, 3, 32, 32) and pictures.dtype == torch.float32 and labels.dtype == torch.int64
    assert pictures.min() >= 0 and pictures.max() <= 1
    late, early = source.at(9), source.at(2)
    assert torch.equal(source.at(2)[0], early[0]) and not torch.equal(late[0], early[0])
    assert not torch.equal(Doodles(ALL, seed=1, **EVERYTHING).at(2)[0], early[0])
    assert not torch.equal(source.draw(64, seed=0)[0], Doodles(ALL, seed=0, **EVERYTHING).at(0)[0])     # held-out is not batch 0


def test_a_picture_depends_on_its_own_plan_alone():
    plan = Doodles(ALL, **EVERYTHING).plan(600, seed=1)
    rows = torch.tensor([3, 599, 77])
    assert torch.allclose(render(plan[rows]), render(plan)[rows], atol=1e-6)
    assert torch.allclose(render(plan[3]), render(plan)[3:4], atol=1e-6)


def test_changing_one_knob_leaves_the_rest_of_the_plan_alone():
    base = Doodles(ALL).plan(50, seed=2)
    for knob, value, touched in (
            ("turn", 90.0, {"angle"}), ("styles", ("crayon",), {"style"}), ("colours", "any", {"paint", "backdrop"}),
            ("zoom", (0.2, 0.4), {"scale"}), ("grounds", ("clutter",), {"ground"}), ("mark", {"cat": 1}, {"marked"}),
            ("label_noise", 0.5, {"label"}), ("variety", 0.0, {"build"}), ("noise", 0.1, {"noise"}),
            ("brightness", (0.1, 0.2), {"brightness"}), ("contrast", (0.1, 0.2), {"contrast"})):
        changed = Doodles(ALL, **{knob: value}).plan(50, seed=2)
        differ = {f.name for f in fields(base) if not torch.equal(getattr(base, f.name), getattr(changed, f.name))}
        assert differ == touched, knob


def test_shapes_have_the_area_that_geometry_says():
    plan = Doodles(turn=180, zoom=(0.7, 0.7), shift=0.1, variety=0).plan(60, seed=0)
    area = sum(parts(plan, 64).values()).mean((1, 2)) * 4 / 0.7 ** 2                # in units of the shape's own frame
    corner = (4 - torch.pi) * 0.08 ** 2
    expected = torch.where(plan.where(kind="square"), torch.tensor((2 * 0.78) ** 2 - corner), torch.tensor(torch.pi * 0.88 ** 2))
    assert torch.allclose(area, expected, rtol=0.005)


def test_pose_is_what_the_plan_says():
    plan = Doodles(("square",), variety=0).plan(1)
    plan = replace(plan, angle=torch.tensor([0.0]), scale=torch.tensor([0.4]), shift=torch.tensor([[0.5, 0.25]]))
    square = parts(plan, 64)["square"][0]
    rows, columns = torch.nonzero(square > 0.5, as_tuple=True)
    assert abs(columns.float().mean() - (32 + 16 - 0.5)) < 0.1                      # to the right
    assert abs(rows.float().mean() - (32 - 8 - 0.5)) < 0.1                          # and up
    wing = parts(replace(Doodles(("aeroplane",), variety=0, mirror=False, shift=0.0, zoom=(0.8, 0.8)).plan(2),
                         angle=torch.tensor([0.0, 90.0])), 64)["tail"]
    middle = [torch.nonzero(w > 0.5).float().mean(0) - 31.5 for w in wing]
    assert middle[0][1] > 10 and abs(middle[1][0] + middle[0][1]) < 1               # anticlockwise: what was right is up


def test_kinds_styles_and_grounds_come_in_their_shares():
    source = Doodles({"cat": 3, "dog": 1}, styles={"filled": 1, "crayon": 1}, grounds={"plain": 9, "clutter": 1})
    plan = source.plan(8000)
    assert source.kinds == ("cat", "dog") and abs(plan.where(kind="cat").float().mean() - 0.75) < 0.02
    assert abs(plan.where(style="crayon").float().mean() - 0.5) < 0.02
    assert abs(plan.where(ground="clutter").float().mean() - 0.1) < 0.02
    assert abs(plan.where(kind="cat", style="crayon").float().mean() - 0.375) < 0.02


def test_labels_are_places_in_kinds_and_noise_is_random_or_systematic():
    kinds = ("dog", "square", "cat")
    clean = Doodles(kinds).plan(5000)
    assert all((clean.label[clean.where(kind=k)] == i).all() for i, k in enumerate(kinds))
    noisy = Doodles(kinds, label_noise=0.3).plan(5000)
    wrong = noisy.label != clean.label
    assert abs(wrong.float().mean() - 0.3) < 0.02 and torch.equal(noisy.kind, clean.kind)
    others = ((noisy.label - clean.label) % 3)[wrong].bincount(minlength=3)[1:]
    assert others.min() > 0.45 * wrong.sum()                    # either other kind
    lying = Doodles(kinds, label_noise={"cat": ("dog", 0.5)}).plan(5000)
    cats = lying.where(kind="cat")
    assert torch.equal(lying.label[~cats], clean.label[~cats]) and set(lying.label[cats].tolist()) == {0, 2}
    assert abs((lying.label[cats] == 0).float().mean() - 0.5) < 0.05


def test_the_mark_follows_its_kind_and_changes_its_corner_alone():
    source = Doodles(("cat", "dog"), mark={"cat": 0.9, "dog": 0.1})
    plan = source.plan(4000)
    assert abs(plan.marked[plan.label == 0].float().mean() - 0.9) < 0.03
    assert abs(plan.marked[plan.label == 1].float().mean() - 0.1) < 0.03
    plan = plan[:50]
    bare, marked = (render(replace(plan, marked=torch.full((50,), on))) for on in (False, True))
    changed = (bare - marked).abs().amax((0, 1)) > 0.01
    rows, columns = torch.nonzero(changed, as_tuple=True)
    assert 4 <= changed.sum() <= 40 and rows.min() > 22 and columns.min() > 22


def test_bright_things_are_brighter_than_their_ground_and_dark_ones_darker():
    weights = torch.tensor([0.299, 0.587, 0.114])
    for colours, sign in (("bright", 1), ("dark", -1)):
        plan = Doodles(("square", "circle"), colours=colours, grounds=GROUNDS).plan(2000)
        body, ground = plan.paint[:, 0] @ weights, plan.backdrop @ weights
        assert (sign * (body[:, None] - ground)).min() > 0.08
    plan = Doodles(ALL, colours="any").plan(2000)
    assert (plan.paint[:, 0] - plan.backdrop[:, 0]).norm(dim=1).min() > 0.3


def test_light_and_noise_do_what_they_say():
    plan = Doodles(ALL).plan(20)
    plain, half = render(plan), torch.full((20,), 0.5)
    assert torch.allclose(render(replace(plan, brightness=half)), plain * 0.5, atol=1e-6)
    assert torch.allclose(render(replace(plan, contrast=half)), 0.5 + (plain - 0.5) * 0.5, atol=1e-6)
    noisy = render(replace(plan, noise=torch.full((20,), 0.02)))
    middle = (plain > 0.15) & (plain < 0.85)
    assert abs((noisy - plain)[middle].std() - 0.02) < 0.001


def test_outlines_leave_the_ground_inside():
    plan = Doodles(("circle",), turn=0, shift=0.0, variety=0, zoom=(0.8, 0.8)).plan(4)
    for style, hollow in (("filled", False), ("comic", False), ("outline", True), ("sketch", True)):
        centre = render(replace(plan, style=torch.full((4,), STYLES.index(style))))[:, :, 16, 16]
        assert torch.allclose(centre, plan.backdrop[:, 0] if hollow else plan.paint[:, 0], atol=1e-5), style


def test_a_view_shows_the_same_thing_otherwise():
    source = Doodles(ALL, **EVERYTHING)
    plan = source.plan(64, seed=0)
    view = source.view(plan, seed=1)
    assert all(torch.equal(getattr(plan, name), getattr(view, name)) for name in ("kind", "label", "build", "paint"))
    assert not torch.equal(plan.angle, view.angle) and not torch.equal(plan.backdrop, view.backdrop)


@pytest.mark.parametrize("colours", COLOURS)
def test_every_combination_draws(colours):
    for size in (8, 31, 64):
        pictures, _ = Doodles(ALL, size, colours=colours, **EVERYTHING).draw(120)
        assert pictures.shape == (120, 3, size, size) and pictures.isfinite().all() and pictures.std() > 0.05


def test_cats_have_what_rules_ask_for():
    plan = Doodles(("cat", "dog")).plan(100)
    cats, shown = plan.where(kind="cat"), parts(plan)
    for name, only in (("whiskers", cats), ("tongue", ~cats), ("collar", ~cats)):
        assert torch.equal(shown[name].amax((1, 2)) > 0, only)
    assert (shown["ears"].sum((1, 2)) > 5).all() and (shown["legs"].sum((1, 2)) > 5).all()


def test_pictures_are_the_same_in_another_process():
    code = ("import torch; torch.rand(3); from minitrain.sources.doodles import *; "
            "print(Doodles(tuple(KINDS), styles=STYLES, grounds=GROUNDS, noise=0.1, seed=4).at(11)[0].double().sum().item())")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    here = Doodles(ALL, styles=STYLES, grounds=GROUNDS, noise=0.1, seed=4).at(11)[0].double().sum().item()
    assert float(told) == pytest.approx(here, rel=1e-9)


def test_the_preset_is_drawn():
    pictures, labels = Doodles(**BY_HAND).draw(64)
    assert pictures.std() > 0.1 and 16 < labels.sum() < 48
