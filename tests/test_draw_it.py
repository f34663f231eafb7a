"""The pad of lesson 00, without a browser: what its traits do, and what it says of a model that does not fit."""
import pytest
import torch

from minitrain.models.convnet import ConvNet
from minitrain.teach.widgets.draw_it import READY, DrawIt

KINDS = ("square", "circle")


@pytest.fixture
def draw():
    return DrawIt(ConvNet(3, channels=(8, 16, 32, 32), classes=2, size=32, seed=0), KINDS)


def stroke(draw, row):
    picture = draw.pad.array().copy()
    picture[:, row, 4:28] = 0.95
    draw.pad.put(picture)


def test_a_ready_shape_can_be_taken_again_after_the_hand_drew_or_cleared(draw):
    name = next(iter(READY))
    draw.ready.value = name
    first = draw.shares
    assert draw.ready.value == name and first
    stroke(draw, 3)
    assert draw.ready.value == "(none)" and draw.shares != first and not draw.pad.empty
    draw.ready.value = name
    assert draw.shares == first
    draw.pad.clear()
    assert draw.ready.value == "(none)" and draw.shares == {}
    draw.ready.value = name
    assert draw.shares == first


def test_every_ready_shape_is_another_picture(draw):
    seen = set()
    for name in READY:
        draw.ready.value = name
        seen.add(draw.pad.picture)
    assert len(seen) == len(READY)


def test_every_stroke_gives_new_probabilities(draw):
    seen = set()
    for row in range(2, 22):
        stroke(draw, row)
        assert tuple(draw.shares) == KINDS and sum(draw.shares.values()) == pytest.approx(1)
        seen.add(draw.shares["circle"])
    assert len(seen) == 20


def test_the_chalk_gets_thicker(draw):
    slider = next(child for child in draw.children if getattr(child, "description", "").startswith("Thickness"))
    slider.value = 4.5
    assert draw.pad.stroke == 4.5


def test_a_model_that_does_not_fit_is_named_at_once():
    with pytest.raises(ValueError, match="gave 3 numbers, and there are 2 kinds, square, circle"):
        DrawIt(lambda x: torch.zeros(len(x), 3), KINDS)


def test_a_stored_notebook_says_what_one_would_do(draw):
    assert "Draw with the mouse" in draw._repr_mimebundle_()["text/plain"]
