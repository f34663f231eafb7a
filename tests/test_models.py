"""Shapes, starts and mistakes of the small architectures."""
import pytest
import torch

from minitrain.models.convnet import ConvNet
from minitrain.models.deep import STARTS, DeepMLP
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


# The deep network


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_deep_equals_its_formula(activation, residual, norm):
    model = DeepMLP(6, 5, 3, depth=4, activation=activation, norm=norm, residual=residual, seed=1).double()
    x = torch.randn(7, 2, 3)
    with torch.no_grad():
        for p in (model.first_bias, model.bias, model.last_bias):
            p.normal_()                                         # biases start at 0, and would hide where they are added
    bend, layer_norm = getattr(torch, activation), torch.nn.LayerNorm(5, elementwise_affine=False)
    signal = x.double().flatten(1) @ model.first[0] + model.first_bias[0]
    for weight, bias in zip(model.weight[:, 0], model.bias[:, 0]):
        out = bend((layer_norm(signal) if norm else signal) @ weight + bias)
        signal = signal + out if residual else out
    wanted = (layer_norm(signal) if norm else signal) @ model.last[0] + model.last_bias[0]
    assert torch.allclose(model(x.double()), wanted)
    assert torch.allclose(model.signals(x.double())[-1][0], signal) and len(model.signals(x.double())) == 5


@pytest.mark.parametrize("start", [*STARTS, 0.3])
def test_deep_networks_side_by_side_are_those_of_their_seeds(start):
    five, x = DeepMLP(6, 8, 3, depth=4, start=start, seed=range(5)), torch.randn(7, 6)
    state, together = torch.random.get_rng_state(), five(x)
    assert together.shape == (5, 7, 3)
    for i in range(5):
        alone = DeepMLP(6, 8, 3, depth=4, start=start, seed=i)
        assert torch.equal(alone.weight[:, 0], five.weight[:, i]) and torch.equal(alone.first[0], five.first[i])
        assert torch.allclose(alone(x), together[i], atol=1e-6)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not torch.equal(five.weight[:, 0], five.weight[:, 1]) and not torch.equal(five.weight[0, 0], five.weight[1, 0])
    together[2].sum().backward()
    assert five.weight.grad[:, 2].any() and not five.weight.grad[:, [0, 1, 3, 4]].any()


def test_deep_starts():
    def square(**how): return float((DeepMLP(4, 200, 2, depth=3, **how).weight**2).mean()) * 200
    assert [square(start=start) for start in ("torch", "glorot", "he", 3.0)] == pytest.approx([1 / 3, 1, 2, 9], rel=0.03)
    linear = torch.nn.Linear(200, 200)
    assert square(start="torch") == pytest.approx(float((linear.weight**2).mean()) * 200, rel=0.03)
    assert DeepMLP(4, 200, 2, depth=1, start="torch").weight.abs().max() <= 200**-0.5
    for activation, turn in (("tanh", 1), ("relu", 2)):
        weight = DeepMLP(4, 20, 2, depth=1, start="orthogonal", activation=activation).weight[0, 0]
        assert torch.allclose(weight @ weight.T, turn * torch.eye(20), atol=1e-5)


def test_deep_says_what_is_wrong():
    for given, said in [(dict(depth=0), "depth=0"), (dict(depth=2, activation="rleu"), "knows no activation 'rleu'"),
                        (dict(depth=2, start="her"), "knows no start 'her'; it knows torch, glorot, he"),
                        (dict(depth=2, seed=[]), "got no seed")]:
        with pytest.raises(ValueError, match=said):
            DeepMLP(4, 8, 2, **given)
