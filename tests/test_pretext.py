"""Pretext tasks, the views, losses and models that they need, and the probe: each against what it must be."""
import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from minitrain import Trainer, losses, optim
from minitrain.evaluate import label_efficiency
from minitrain.evaluate.probe import LinearProbe, few_labels
from minitrain.models.encoder import Encoder, Headed, Painter, settle
from minitrain.sources.augment import crop, in_turn, recolour
from minitrain.sources.doodles import KINDS, Doodles
from minitrain.sources.pretext import (
    PLACES,
    Pretext,
    grey_to_colour,
    hidden_patches,
    patch_pairs,
    turned,
    two_views,
)


def lots(seed=0):
    return torch.Generator().manual_seed(seed)


def maps(size, n=4):
    """Pictures whose pixels say where they lie: red is the row, green the column."""
    row, column = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    return torch.stack([row, column, torch.zeros(size, size)])[None].repeat(n, 1, 1, 1)


# ------------------------------------------------------------------------------------------- tasks

def test_a_source_takes_each_picture_once_an_epoch_and_is_a_function_of_its_seed():
    pictures = torch.arange(10.0).view(10, 1, 1, 1).expand(10, 1, 4, 4)
    source = Pretext(pictures, lambda x, lots: (x, torch.rand(len(x), generator=lots)), size=4, seed=0)
    found = [source.at(i) for i in range(len(source))]
    assert sorted(torch.cat([x[:, 0, 0, 0] for x, _ in found]).tolist()) == list(range(10))
    again, other = Pretext(pictures, source.task, size=4, seed=0), Pretext(pictures, source.task, size=4, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(source.at(7), again.at(7)))
    assert not torch.equal(source.at(7)[1], other.at(7)[1])


def test_grey_keeps_the_luminance_and_no_colour():
    pictures = torch.rand(3, 3, 8, 8)
    x, y = grey_to_colour(pictures)
    assert torch.equal(y, pictures) and torch.allclose(x[:, 0], 0.299 * y[:, 0] + 0.587 * y[:, 1] + 0.114 * y[:, 2])
    assert torch.equal(x[:, 0], x[:, 1]) and torch.equal(x[:, 0], x[:, 2])


def test_turned_back_it_is_the_picture():
    pictures = torch.rand(40, 3, 8, 8)
    x, y = turned(pictures, lots())
    assert set(y.tolist()) == {0, 1, 2, 3}
    for picture, seen, quarters in zip(pictures, x, y):
        assert torch.equal(torch.rot90(seen, -int(quarters), (1, 2)), picture)


@pytest.mark.parametrize("knobs", [{}, dict(side=8, gap=0, jitter=0, margin=0), dict(side=4, gap=3, jitter=1, margin=0),
                                   dict(side=4, gap=1, jitter=1, margin=1)])
def test_patches_lie_where_the_answer_says(knobs):
    knobs = dict(side=5, gap=2, jitter=1, margin=1) | knobs
    side, gap, jitter, margin = (knobs[name] for name in ("side", "gap", "jitter", "margin"))
    x, y = patch_pairs(**knobs)(maps(16, 4000), lots())
    assert y.bincount(minlength=8).min() > 400
    corners = x[:, :, :2, 0, 0]                                                 # (B, 2, row and column)
    assert torch.equal(x[:, :, 0] - corners[:, :, 0, None, None], maps(side)[0, 0].expand(4000, 2, side, side))
    assert corners.min() >= margin and corners.max() + side <= 16 - margin
    assert ((corners.amin((0, 1)) + corners.amax((0, 1)) + side - 16).abs() <= 1).all(), "the quarters lie around the middle"
    step = corners[:, 1] - corners[:, 0]
    names = [["above" if r < 0 else "below" if r > 0 else "", "left" if c < 0 else "right" if c > 0 else ""]
             for r, c in (step.abs().gt(side / 2) * step.sign()).tolist()]
    assert [" ".join(filter(None, name)) for name in names] == [PLACES[k] for k in y]
    far = step.abs() > side / 2
    assert (step.abs()[far] - side).min() == gap - 2 * jitter and (step.abs()[far] - side).max() == gap + 2 * jitter
    assert step.abs()[~far].max() == 2 * jitter
    assert corners[:, 0].unique(dim=0).shape[0] == (2 * (2 * jitter + 1)) ** 2, "the first is not always in the same quarter"


def test_two_views_have_lots_of_their_own_and_know_each_other():
    x, y = two_views(crop())(torch.rand(6, 3, 8, 8), lots())
    assert x.shape == (12, 3, 8, 8) and torch.equal(y[y], torch.arange(12)) and not torch.equal(x, x[y])
    x, _ = two_views(lambda x, lots: x + 1 + torch.rand(1, generator=lots))(torch.zeros(6, 3, 8, 8), lots())
    assert (x >= 1).all() and x.unique().numel() == 2, "both are views, neither is the picture"


def test_hidden_patches_are_hidden_and_asked_for():
    pictures = torch.rand(5, 3, 16, 16)
    x, y = hidden_patches(4, 0.25)(pictures, lots())
    asked = ~y.isnan()
    assert torch.equal(y[asked], pictures[asked]) and (x[asked] == 0.5).all() and torch.equal(x[~asked], pictures[~asked])
    blocks = asked[:, 0].float().unfold(1, 4, 4).unfold(2, 4, 4).mean((3, 4))    # (5, 4, 4)
    assert set(blocks.unique().tolist()) == {0, 1} and (blocks.sum((1, 2)) == 4).all()
    assert not torch.equal(blocks[0], blocks[1])


@pytest.mark.parametrize("make, words", [
    (lambda: Pretext(torch.rand(4, 3, 8, 9), turned), r"square pictures \(n, C, H, H\); got \(4, 3, 8, 9\)"),
    (lambda: Pretext([1, 2], turned), "got list"),
    (lambda: patch_pairs(side=8)(torch.rand(2, 3, 16, 16), lots()), "need 22 pixels; the pictures have 16"),
    (lambda: patch_pairs(gap=-1), "gap=-1"),
    (lambda: hidden_patches(5)(torch.rand(2, 3, 16, 16), lots()), "patches of 5 do not tile pictures of 16"),
    (lambda: hidden_patches(4, share=0.0), "share=0.0"),
    (lambda: crop(0.0), "least=0.0"),
])
def test_what_does_not_fit_gets_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# ------------------------------------------------------------------------------------------- views

def test_a_crop_of_everything_is_the_picture_or_its_mirror_image():
    pictures = torch.rand(20, 3, 8, 8)
    seen = crop(1.0, turn=0.0)(pictures, lots())
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(seen, pictures)]
    mirrored = [torch.allclose(a, b.flip(2), atol=1e-5) for a, b in zip(seen, pictures)]
    assert all(a != b for a, b in zip(same, mirrored)) and 3 < sum(same) < 17


def test_a_crop_stays_inside():
    seen = crop(0.5, turn=0.0)(maps(16, 200), lots())
    assert seen[:, :2].min() >= 0 and seen[:, :2].max() <= 15
    spread = seen[:, 0].amax((1, 2)) - seen[:, 0].amin((1, 2))                  # share · 15, all but exactly
    assert 6.9 < spread.min() < 8 and 14 < spread.max() <= 15


def test_recolour_without_knobs_changes_light_alone_and_grey_is_grey():
    pictures = torch.rand(50, 3, 8, 8)
    seen = recolour(mix=0.0, grey=0.0, negative=0.0)(pictures, lots())
    slope = (seen - seen.mean((1, 2, 3), keepdim=True)) / (pictures - pictures.mean((1, 2, 3), keepdim=True))
    assert torch.allclose(slope, slope.flatten(1).median(1).values.view(-1, 1, 1, 1).expand_as(slope), rtol=1e-2)
    assert slope.min() > 0.59 and slope.max() < 1.41
    grey = recolour(grey=1.0)(pictures, lots())
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-6)
    assert (recolour(mix=0.0, grey=0.0, negative=1.0)(pictures, lots()) - 0.5).mul(pictures - 0.5).sum((1, 2, 3)).max() < 0


# ------------------------------------------------------------------------------------------- losses

def nce_by_hand(z, y, temperature):
    total = 0.0
    for i in range(len(z)):
        cosines = [float(z[i] @ z[j] / z[i].norm() / z[j].norm()) / temperature for j in range(len(z))]
        total -= math.log(math.exp(cosines[y[i]]) / sum(math.exp(c) for j, c in enumerate(cosines) if j != i))
    return total / len(z)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_info_nce_equals_its_formula_forward_and_backward(temperature):
    z = torch.randn(8, 3, generator=lots(), dtype=torch.float64).requires_grad_()
    y = (torch.arange(8) + 4) % 8
    out = losses.info_nce(lambda x: x, (z, y), temperature=temperature)
    assert out.mean.item() == pytest.approx(nce_by_hand(z.detach(), y, temperature), rel=1e-10) and out.n == 8
    assert torch.autograd.gradcheck(lambda z: losses.info_nce(lambda x: x, (z, y), temperature=temperature).mean, z)


def test_info_nce_pays_the_logarithm_where_nothing_is_told_apart():
    y = (torch.arange(64) + 32) % 64
    out = losses.info_nce(lambda x: torch.ones(64, 5) * x.mean(), (torch.rand(64, 5), y))
    assert float(out.mean) == pytest.approx(math.log(63), abs=1e-5)
    perfect = torch.eye(32).repeat(2, 1)
    assert losses.info_nce(lambda x: x, (perfect, y), temperature=0.05).mean < 1e-4
    assert losses.info_nce(lambda x: x, (perfect, y)).logs["accuracy"] == 1


def test_masked_mse_counts_what_is_asked_for():
    prediction = torch.randn(3, 4, generator=lots(), dtype=torch.float64).requires_grad_()
    y = torch.randn(3, 4, generator=lots(1), dtype=torch.float64)
    y[0, :3] = torch.nan
    out = losses.masked_mse(lambda x: x, (prediction, y))
    out.mean.backward()
    asked = ~y.isnan()
    expected = ((prediction - y)[asked] ** 2).mean()
    assert float(out.mean) == pytest.approx(float(expected)) and int(out.n) == 9
    assert torch.allclose(prediction.grad, torch.where(asked, 2 * (prediction.detach() - y) / 9, 0.0))


@pytest.mark.parametrize("loss, batch, words", [
    (losses.info_nce, (torch.rand(4, 2), torch.tensor([0, 3, 0, 1])), "never its own"),
    (losses.info_nce, (torch.rand(4, 2), torch.tensor([2, 3, 0, 4])), "the row in which"),
    (losses.info_nce, (torch.rand(2, 2), torch.tensor([1, 0])), "N at least 2"),
    (partial(losses.info_nce, temperature=0.0), (torch.rand(4, 2), torch.tensor([2, 3, 0, 1])), "temperature is 0.0"),
    (losses.masked_mse, (torch.rand(4, 2), torch.full((4, 2), torch.nan)), "every target is NaN"),
    (losses.masked_mse, (torch.rand(4, 2), torch.rand(4)), "make them equal"),
])
def test_a_loss_says_what_does_not_fit(loss, batch, words):
    with pytest.raises(ValueError, match=words):
        loss(lambda x: x, batch)


# ------------------------------------------------------------------------------------------- models

def test_a_patch_is_laid_onto_grey_and_a_seed_is_a_start():
    encoder = Encoder(size=16, seed=3).eval()
    patch = torch.rand(2, 3, 5, 5)
    whole = torch.full((2, 3, 16, 16), 0.5)
    whole[:, :, 5:10, 5:10] = patch
    assert torch.allclose(encoder(patch), encoder(whole), atol=1e-6)
    for make in (lambda seed: Headed(Encoder(seed=seed), 4, seed=seed), lambda seed: Painter(Encoder(seed=seed), seed=seed)):
        a, b, c = make(1), make(1), make(2)
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
        assert sum(not torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters()) if p.ndim > 1) > 3


def test_a_headed_pair_reads_both_and_in_order():
    model = Headed(Encoder(size=16), 8, views=2).eval()
    x = torch.rand(3, 2, 3, 5, 5)
    f = model.encoder(x.flatten(0, 1)).view(3, 2, -1)
    assert torch.allclose(model(x), model.head(torch.cat([f[:, 0], f[:, 1]], 1)), atol=1e-5)
    assert not torch.allclose(model(x), model(x.flip(1)))
    with pytest.raises(ValueError, match="views=2 takes"):
        model(x[:, 0])
    with pytest.raises(ValueError, match="at most 16 × 16"):
        model.encoder(torch.rand(2, 3, 32, 32))


def test_settled_an_encoder_knows_the_mean_and_spread_of_its_pictures():
    encoder, pictures = Encoder(size=16), torch.rand(200, 3, 16, 16)
    encoder.last.register_forward_hook(lambda module, x, out: seen.append(out.detach()))
    seen = []
    settle(encoder, pictures, size=50)
    norm, before = encoder.norms[-1], torch.cat(seen)
    assert torch.allclose(norm.running_mean, before.mean(0), atol=1e-4) and encoder.training and norm.momentum == 0.1
    assert torch.allclose(norm.running_var, torch.stack([part.var(0) for part in seen]).mean(0), rtol=1e-3)
    assert not any(p.grad is not None for p in encoder.parameters())


# ------------------------------------------------------------------------------------------- the probe

@pytest.mark.parametrize("decay", [1e-2, 1.0, 100.0])
def test_the_probe_is_ridge_regression_and_leaves_out_without_refitting(decay):
    x, y = torch.randn(20, 7, generator=lots(), dtype=torch.float64), torch.arange(20) % 3
    probe = LinearProbe(x, y, classes=3, decays=(decay,))
    z, target = (x - x.mean(0)) / x.std(0, correction=0), F.one_hot(y, 3).double()

    def fitted(rows):
        middle, bias = z[rows].mean(0), target[rows].mean(0)
        a = z[rows] - middle
        weight = torch.linalg.solve(a.T @ a + 7 * decay * torch.eye(7, dtype=torch.float64), a.T @ (target[rows] - bias))
        return lambda new: (new - middle) @ weight + bias

    assert torch.allclose(probe(x), fitted(torch.arange(20))(z))
    errors = [fitted(torch.arange(20) != i)(z[i]) - target[i] for i in range(20)]
    assert probe.error == pytest.approx(float(torch.stack(errors).square().mean()), rel=1e-9)


def test_the_probe_chooses_a_decay_and_survives_features_that_say_nothing():
    x, y = torch.randn(300, 50, generator=lots()), torch.arange(300) % 2
    x[:, 0] += y
    x[:, 7] = 3.0
    probe = LinearProbe(x[:60], y[:60], classes=2, unlabelled=x)
    assert probe.decay > 0.01 and probe.accuracy(x[60:], y[60:]) > 0.55
    one = LinearProbe(torch.ones(6, 4), torch.arange(6) % 3, classes=3)
    assert torch.allclose(one(torch.ones(2, 4)), torch.full((2, 3), 1 / 3, dtype=torch.float64))


def test_few_labels_of_each_class_the_fewer_within_the_more():
    y = torch.randint(6, (500,), generator=lots())
    five, twenty = (few_labels(y, n, classes=6, seed=3) for n in (5, 20))
    assert (y[twenty].bincount() == 20).all() and set(five.tolist()) <= set(twenty.tolist())
    assert set(five.tolist()) != set(few_labels(y, 5, classes=6, seed=4).tolist())


@pytest.mark.parametrize("make, words", [
    (lambda: LinearProbe(torch.rand(4, 2), torch.tensor([0, 0, 2, 2]), classes=4), "no example is labelled as class 1, 3"),
    (lambda: LinearProbe(torch.rand(4, 2), torch.tensor([0, 1, 2, 2]), classes=2), "go from 0 to 1; got 0 to 2"),
    (lambda: LinearProbe(torch.rand(4, 2), torch.zeros(3), classes=2), r"got \(4, 2\) and \(3,\)"),
    (lambda: LinearProbe(torch.full((4, 2), torch.nan), torch.tensor([0, 1, 0, 1]), classes=2), "not finite"),
    (lambda: few_labels(torch.tensor([0, 0, 1]), 2, classes=2), "class 1 has 1 examples"),
    (lambda: few_labels(torch.tensor([0, 0, 1]), 1, classes=3), "class 2 has 0 examples"),
    (lambda: few_labels(torch.tensor([0, 0, 1]), 0, classes=2), "Ask for 1 or more"),
])
def test_a_missing_class_gets_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# ------------------------------------------------------------------------------------------- they train

def world(**knobs):
    return Doodles(tuple(KINDS), size=16, styles=("filled", "comic"), colours="natural", **knobs)


def trained(model, task, loss, updates, pictures, rate=3e-3):
    trainer = Trainer(model, loss, optim.AdamW(model.parameters(), rate))
    for _ in trainer.updates(Pretext(pictures, task, size=32), updates):
        pass
    return trainer.history


@pytest.mark.parametrize("task, model, loss", [
    (grey_to_colour, Painter, losses.mse),
    (turned, lambda e: Headed(e, 4), losses.cross_entropy),
    (patch_pairs(), lambda e: Headed(e, 8, views=2), losses.cross_entropy),
    (two_views(in_turn(crop(), recolour())), lambda e: Headed(e, 32), losses.info_nce),
    (hidden_patches(), Painter, losses.masked_mse),
], ids=["colour", "rotation", "patches", "contrast", "masked"])
def test_each_task_is_learned_under_the_one_trainer(task, model, loss):
    pictures, _ = world().draw(96, seed=0)
    history = trained(model(Encoder(channels=(8, 16, 16), width=32)), task, loss, 60, pictures)
    first, last = (sum(logs["loss"] for logs in part) / 10 for part in (history[:10], history[-10:]))
    assert last < 0.95 * first


def test_the_recorded_runs_command_in_small(tmp_path, capsys, monkeypatch):
    tuned, lengths = label_efficiency.tuned, []

    def counted(*args, updates, **how):
        lengths.append(updates)
        return tuned(*args, updates=updates, **how)

    monkeypatch.setattr(label_efficiency, "tuned", counted)
    label_efficiency.main(["--seeds", "3", "--budgets", "1", "--updates", "1", "--out", str(tmp_path / "out.csv")])
    rows, command = label_efficiency.recorded(tmp_path / "out.csv")
    assert command == "python -m minitrain.evaluate.label_efficiency --seeds 3 --budgets 1 --updates 1"
    assert {(row["features"], row["use"], row["budget"]) for row in rows} == {
        ("random", "probe", 0), ("random", "tuned", 0), ("random", "tuned, no views", 0), ("random", "tuned as long", 0),
        ("contrast", "tuned", 2), ("contrast", "probe", 2), *((name, "probe", 1) for name in label_efficiency.TASKS)}
    assert len(rows) == 4 * 11 and all(0 <= row["accuracy"] <= 1 and row["seed"] == 3 for row in rows)
    assert lengths == [1] * 12 + [3] * 4, "as long: the longest pretraining of 2 and the tuning of 1 together"
    same = label_efficiency.pretrain("rotation", torch.rand(64, 3, 16, 16), (1, 2), seed=0)
    assert [budget for budget, _ in same] == [1, 2]
