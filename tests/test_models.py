"""Shapes, starts and mistakes of the small architectures."""
import pytest
import torch

from minitrain.models.convnet import ConvNet
from minitrain.models.mlp import MLP


def test_equals_the_same_network_in_torch():
    model = MLP(6, 5, 3, activation="tanh", seed=3)
    twin = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    x = torch.randn(7, 2, 3)
    assert torch.allclose(model(x), twin(x), atol=1e-6)
    conv = ConvNet(3, channels=(4, 8), classes=5, size=12, seed=3)
    twin = torch.nn.Sequential(*(m for a, b in ((3, 4), (4, 8)) for m in (torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.ReLU(),
                               torch.nn.MaxPool2d(2))), torch.nn.Flatten(), torch.nn.Linear(8 * 9, 5))
    for ours, theirs in zip(conv.parameters(), twin.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    x = torch.randn(7, 3, 12, 12)
    assert torch.allclose(conv(x), twin(x), atol=1e-6)


def test_a_seed_is_a_start_and_nobody_elses_numbers_are_drawn():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    for make in (lambda seed: MLP(6, 5, 3, seed=seed), lambda seed: ConvNet(1, classes=3, size=8, seed=seed)):
        a, b, c = make(0), make(0), make(1)
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
        assert not torch.equal(next(a.parameters()), next(c.parameters()))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_start_keeps_the_scale(activation):
    """A relu halves the mean square that the factor 2 doubled, so ten layers keep it; tanh shrinks it, as it does."""
    x = torch.randn(512, 256)
    out = MLP(256, *[256] * 10, 256, activation=activation, seed=0)(x)
    expected = (0.3, 3.0) if activation == "relu" else (0.01, 1.0)
    assert expected[0] < float((out**2).mean()) < expected[1]


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="sizes of its input and output"):
        MLP(5)
    with pytest.raises(ValueError, match="knows no activation 'rleu'; it knows relu, tanh"):
        MLP(5, 3, activation="rleu")
    with pytest.raises(ValueError, match="8×8 4 times; nothing would be left"):
        ConvNet(3, channels=(4, 4, 4, 4), classes=2, size=8)
