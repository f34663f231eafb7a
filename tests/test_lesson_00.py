"""Lesson 00: what its widgets do without a browser, and that its conclusions hold from other beginnings."""
import numpy as np
import pytest
import torch

from minitrain import Loss, Trainer, losses, optim
from minitrain.callbacks import evaluate
from minitrain.models.convnet import ConvNet
from minitrain.sources.doodles import BY_HAND, Doodles
from minitrain.teach.widgets.draw_it import READY, DrawIt
from minitrain.teach.widgets.loss_curve import LossCurve

KINDS = ("square", "circle")


@pytest.fixture(scope="module")
def model():
    """The lesson's first training."""
    model = ConvNet(3, channels=(8, 16, 32, 32), classes=2, size=32, seed=0)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=5e-3), schedule=optim.cosine(700))
    trainer.fit(Doodles(KINDS, **BY_HAND, batch=32, seed=0), steps=700)
    return model


def test_the_pad_shows_what_the_model_says_of_it(model):
    draw = DrawIt(model, KINDS)
    assert draw.shares == {} and "Nothing drawn" in draw.answer.value
    for name, (kind, _) in READY.items():
        if kind in KINDS:
            draw.ready.value = name
            picture = torch.from_numpy(draw.pad.array().copy())[None]
            expected = model(picture).softmax(1)[0].tolist()
            assert draw.shares == pytest.approx(dict(zip(KINDS, expected, strict=True)))
            assert max(draw.shares, key=draw.shares.get) == kind, name
    draw.pad.clear()
    assert draw.shares == {}


@pytest.mark.parametrize("seed", range(6))
def test_a_wobbly_hand_on_the_pad_is_understood(model, seed):
    """Strokes rasterised here, not by the doodles: a shaky, not quite closed circle, and a square with uneven sides."""
    lots, draw = np.random.default_rng(seed), DrawIt(model, KINDS)
    rows, columns = np.mgrid[0:32, 0:32]
    for kind in KINDS:
        t = np.linspace(0, 1.02, 200)
        if kind == "circle":
            path = 10 * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
        else:
            corners = 9 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]]) + lots.normal(0, 0.6, (6, 2))
            path = np.stack([np.interp(4 * t, range(6), corners[:, k]) for k in range(2)])
        wave = sum(lots.normal(0, 0.25, (2, 1)) * np.sin(2 * np.pi * (k * t + lots.uniform())) for k in (2, 3, 5))
        path = path + wave + 15.5 + lots.uniform(-2, 2, (2, 1))
        distance = np.hypot(rows[..., None] - path[1], columns[..., None] - path[0]).min(2)
        ink = np.clip(1.6 - distance, 0, 1)[None]
        bright, dark = np.array([0.95] * 3)[:, None, None], np.array([0.1, 0.12, 0.16])[:, None, None]
        draw.pad.put(dark + ink * (bright - dark))
        assert max(draw.shares, key=draw.shares.get) == kind, draw.shares


def test_the_live_curve_is_drawn_now_and_then_and_changes_nothing():
    def run(each):
        model = ConvNet(3, channels=(4,), classes=2, size=16, seed=0)
        trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters()))
        trainer.fit(Doodles(KINDS, size=16, batch=8, seed=0), steps=60, each=each)
        return trainer
    curve = LossCurve()
    watched, alone = run(curve), run(None)
    assert 1 <= curve.drawn < 60 and curve.value.startswith(b"\x89PNG")
    assert watched.history == alone.history


@pytest.mark.parametrize("seed", range(3))
def test_examples_decide_and_a_spoiled_loss_teaches_nothing(seed):
    def train(loss, steps):
        examples = Doodles(("cat", "dog"), turn=30, batch=32, seed=seed)
        model = ConvNet(3, channels=(8, 16, 32), classes=2, size=32, seed=seed)
        Trainer(model, loss, optim.AdamW(model.parameters(), rate=3e-3)).fit(examples, steps)
        return evaluate(model, losses.cross_entropy, *examples.draw(500, seed=50 + seed))["accuracy"]

    def upside_down(model, batch):
        loss = losses.cross_entropy(model, batch)
        return Loss(-loss.mean, loss.n)
    assert train(losses.cross_entropy, 100) > 0.93 and train(upside_down, 100) < 0.58
