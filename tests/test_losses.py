"""Each loss equals its formula, forward and backward; a batch that does not fit gets one sentence."""
import math
from itertools import pairwise

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
    good, holey, rest = torch.tensor([0, 2, 1, 0]), torch.tensor([0, -100, 1, 0]), [0, 2, 3]
    assert torch.equal(_cross_entropy_on_device(x, good, -100), torch.nn.functional.cross_entropy(x, good))
    assert torch.equal(_cross_entropy_on_device(x, holey, -100), torch.nn.functional.cross_entropy(x[rest], holey[rest]))
    for wrong in (-1, 3):
        assert _cross_entropy_on_device(x, torch.tensor([0, wrong, 1, 0]), -100).isnan()
    assert _cross_entropy_on_device(x, holey, losses.NONE_IGNORED).isnan()
    assert _cross_entropy_on_device(x, torch.full((4,), -100), -100).isnan()


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
    with pytest.raises(ValueError, match="got -100 to 2"):
        losses.cross_entropy(same, (x, torch.tensor([0, 1, 2, -100])))
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


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6), st.integers(0, 99))
def test_next_token_is_the_mean_surprise_of_the_tokens_asked_for(B, T, V, seed):
    g = torch.Generator().manual_seed(seed)
    x = 5 * torch.randn(B, T, V, generator=g, dtype=torch.float64)
    y = torch.randint(0, V, (B, T), generator=g)
    y[torch.rand(B, T, generator=g) < 0.3] = -100
    y[0, 0] = 0

    def surprise(x, y):
        asked = [(b, t) for b in range(B) for t in range(T) if y[b, t] != -100]
        return sum(-(x[b, t].exp() / x[b, t].exp().sum())[y[b, t]].log() for b, t in asked) / len(asked)
    assert both(losses.next_token, surprise, x, y).n == int((y != -100).sum())


def test_next_token_splits_into_any_microbatches():
    """Rows with few tokens that count weigh less: n is tokens, not rows."""
    model = torch.nn.Embedding(7, 7, dtype=torch.float64)
    x = torch.arange(12).reshape(3, 4) % 7
    y = torch.tensor([[1, 2, 3, 4], [5, -100, -100, -100], [6, 0, -100, 1]])
    steps = []
    for cuts in ([0, 3], [0, 1, 2, 3], [0, 2, 3]):
        twin = torch.nn.Embedding(7, 7, dtype=torch.float64)
        twin.load_state_dict(model.state_dict())
        trainer = Trainer(twin, losses.next_token, optim.SGD(twin.parameters(), 1.0))
        trainer.step([(x[a:b], y[a:b]) for a, b in pairwise(cuts)])
        steps.append((twin.weight.detach(), trainer.history[0]))
    for weight, logs in steps[1:]:
        assert torch.allclose(weight, steps[0][0], rtol=0, atol=1e-12)
        assert logs == pytest.approx(steps[0][1]) and logs["n"] == 8


def test_next_token_hands_documents_on_and_takes_half_precision():
    x, y = torch.tensor([[1, 2]]), torch.tensor([[2, 0]])
    documents = torch.tensor([[0, 1]])
    def model(x, documents=None):
        return torch.nn.functional.one_hot(x + documents, 4).double()
    e = math.e
    assert float(losses.next_token(model, (x, y, documents)).mean) == pytest.approx(math.log(e + 3))
    assert float(losses.next_token(lambda x: model(x, 0).bfloat16(), (x, y)).mean) == pytest.approx(math.log(e + 3), rel=1e-6)


def test_next_token_says_what_does_not_fit():
    x, y = torch.zeros(2, 3, 5), torch.tensor([[0, 1, 2], [3, 4, -100]])
    with pytest.raises(ValueError, match=r"logits must be \(B, T, V\) and targets \(B, T\).*got \(2, 3, 5\) and \(2, 2\)"):
        losses.next_token(same, (x, y[:, :2]))
    with pytest.raises(ValueError, match=r"got \(6, 5\) and \(2, 3\)"):
        losses.next_token(same, (x.flatten(0, 1), y))
    with pytest.raises(TypeError, match=r"int64; got torch.int32"):
        losses.next_token(same, (x, y.int()))
    for wrong in (5, -1):
        with pytest.raises(ValueError, match=f"knows 5 tokens, numbered from 0; got {min(wrong, 0)} to {max(wrong, 4)}"):
            losses.next_token(same, (x, y.where(y != 2, torch.tensor(wrong))))
    with pytest.raises(ValueError, match="every target of the batch is -100"):
        losses.next_token(same, (x, torch.full((2, 3), -100)))
    with pytest.raises(IndexError, match="numbers from 0 to 9, more than the model has places for"):
        losses.next_token(torch.nn.Embedding(5, 5), (torch.tensor([[0, 9]]), y[:1, :2]))
    with pytest.raises(TypeError, match=r"A batch is a pair \(x, y\)"):
        losses.next_token(same, (x, y, y, y))


def test_next_token_reads_no_number_off_a_device():
    """A meta tensor holds none: reading one, as waiting for a GPU does, raises."""
    x, y = torch.zeros(2, 3, 5, device="meta", requires_grad=True), torch.zeros(2, 3, dtype=torch.int64, device="meta")
    out = losses.next_token(same, (x, y))
    out.mean.backward()
    assert x.grad.shape == x.shape and out.n.shape == ()
    with pytest.raises(RuntimeError):
        int(out.n)


@pytest.mark.gpu
def test_next_token_on_a_gpu_equals_the_cpu_and_never_waits_for_it():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 8, 50, generator=g), torch.randint(0, 50, (4, 8), generator=g)
    y[1, 3:] = -100
    a, b = x.clone().requires_grad_(), x.cuda().requires_grad_()
    wanted, y = losses.next_token(same, (a, y)), y.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = losses.next_token(same, (b, y))
        got.mean.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    wanted.mean.backward()
    assert float(got.mean.detach()) == pytest.approx(float(wanted.mean.detach()), rel=1e-5) and int(got.n) == wanted.n
    assert torch.allclose(b.grad.cpu(), a.grad, atol=1e-6)
    assert losses.next_token(same, (b, y.masked_fill(y == y[0, 0], 50))).mean.isnan()


def test_an_empty_batch_is_said_not_a_nan():
    model = MLP(5, 3)
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), 0.1))
    with pytest.raises(ValueError, match="batch is empty"):
        trainer.step([(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64))])
    assert trainer.t == 0
