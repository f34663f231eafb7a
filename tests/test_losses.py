"""Each loss equals its formula, forward and backward; a batch that does not fit gets one sentence."""
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import Trainer, losses, optim
from minitrain.losses import _cross_entropy_on_device
from minitrain.models.mlp import MLP


def same(x):
    return x


def both(loss, formula, x, y):
    """Value and gradient of a loss and of its formula in float64."""
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = loss(same, (a, y))
    out.mean.backward()
    expected = formula(b, y)
    expected.backward()
    assert float(out.mean) == pytest.approx(float(expected), rel=1e-12)
    assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-12)
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(2, 6), st.integers(0, 99))
def test_formulas(B, K, seed):
    g = torch.Generator().manual_seed(seed)
    x = 5 * torch.randn(B, K, generator=g, dtype=torch.float64)
    labels = torch.randint(0, K, (B,), generator=g)
    assert both(losses.mse, lambda x, y: ((x - y) ** 2).mean(), x, torch.randn(B, K, generator=g, dtype=torch.float64)).n == B
    def surprise(x, y):
        return -(x.exp() / x.exp().sum(1, keepdim=True))[torch.arange(B), y].log().mean()
    out = both(losses.cross_entropy, surprise, x, labels)
    assert out.n == B and float(out.logs["accuracy"]) == pytest.approx(float((x.argmax(1) == labels).double().mean()))
    bits = torch.randint(0, 2, (B, K), generator=g)
    def doubt(x, y):
        yes, no = 1 / (1 + (-x).exp()), 1 / (1 + x.exp())              # 1 - yes would lose digits where yes is near 1
        return -(y * yes.log() + (1 - y) * no.log()).mean()
    out = both(losses.logistic, doubt, x, bits)
    assert out.n == B * K and float(out.logs["accuracy"]) == pytest.approx(float(((x > 0) == bits).double().mean()))


def test_a_model_that_knows_nothing_pays_ln_k():
    for K in (2, 10, 100):
        out = losses.cross_entropy(same, (torch.zeros(4, K), torch.tensor([0, 1, 0, K - 1])))
        assert float(out.mean) == pytest.approx(math.log(K))


def test_far_logits_stay_finite():
    x, y = torch.tensor([[1e4, -1e4]]), torch.tensor([1])
    assert float(losses.cross_entropy(same, (x, y)).mean) == pytest.approx(2e4)
    assert float(losses.logistic(same, (torch.tensor([1e4]), torch.tensor([0.0]))).mean) == pytest.approx(1e4)


def test_on_another_device_a_wrong_label_is_nan_not_an_assertion():
    x = torch.randn(4, 3, requires_grad=True)
    good = torch.tensor([0, 2, 1, 0])
    assert torch.equal(_cross_entropy_on_device(x, good), torch.nn.functional.cross_entropy(x, good))
    for wrong in (-1, 3):
        assert _cross_entropy_on_device(x, torch.tensor([0, wrong, 1, 0])).isnan()


def test_bad_input_gets_one_sentence():
    x, y = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])
    model = MLP(5, 3)
    with pytest.raises(ValueError, match=r"shape \(4,\), the targets have \(4, 1\)"):
        losses.mse(same, (torch.zeros(4), torch.zeros(4, 1)))
    with pytest.raises(ValueError, match=r"logits must be \(B, K\)"):
        losses.cross_entropy(same, (x, y[:3]))
    with pytest.raises(TypeError, match="int64; got torch.float32"):
        losses.cross_entropy(same, (x, y.float()))
    with pytest.raises(ValueError, match="tells 3 classes apart, so labels go from 0 to 2; got 0 to 3"):
        losses.cross_entropy(same, (x, torch.tensor([0, 1, 2, 3])))
    with pytest.raises(ValueError, match="out of range"):
        losses.cross_entropy(same, (x, torch.tensor([0, 1, 2, -1])))
    with pytest.raises(ValueError, match=r"logistic: the model gave shape \(4, 1\)"):
        losses.logistic(same, (torch.zeros(4, 1), y))
    with pytest.raises(TypeError, match=r"A batch is a pair \(x, y\); got Tensor"):
        losses.mse(same, x)
    with pytest.raises(RuntimeError, match=r"could not take a batch of shape \(4, 3\)"):
        losses.cross_entropy(model, (x, y))
    with pytest.raises(RuntimeError, match=r"batch is torch.float64 and the model torch.float32"):
        losses.cross_entropy(model, (torch.zeros(4, 5).double(), y))
    with pytest.raises(TypeError, match="got ndarray and needs a torch tensor"):
        losses.cross_entropy(torch.nn.Linear(5, 3), (torch.zeros(4, 5).numpy(), y))
    with pytest.raises((ValueError, RuntimeError), match="(?s)batch is on cpu and the model on meta"):
        losses.cross_entropy(MLP(5, 3).to("meta"), (torch.zeros(4, 5), y))
    with pytest.raises(ValueError, match="targets are on meta, the model's answer on cpu"):
        losses.cross_entropy(MLP(5, 3), (torch.zeros(4, 5), y.to("meta")))


def test_an_empty_batch_is_said_not_a_nan():
    model = MLP(5, 3)
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), 0.1))
    with pytest.raises(ValueError, match="batch is empty"):
        trainer.step([(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64))])
    assert trainer.t == 0
