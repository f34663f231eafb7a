"""What is measured on held-out data is what a plain loop would measure."""
import pytest
import torch

from minitrain import Trainer, losses, optim
from minitrain.callbacks import Evaluate, evaluate, together
from minitrain.models.mlp import MLP


def data(n=100):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, 4, generator=g)
    return x, (x[:, 0] > 0).long()


def test_evaluate_equals_one_big_batch_however_it_is_cut():
    model, (x, y) = MLP(4, 8, 2), data()
    whole = losses.cross_entropy(model, (x, y))
    for size in (100, 7, 1):
        found = evaluate(model, losses.cross_entropy, x, y, size=size)
        assert found["loss"] == pytest.approx(float(whole.mean), rel=1e-5)
        assert found["accuracy"] == pytest.approx(float(whole.logs["accuracy"]), rel=1e-5)


def test_evaluation_leaves_no_trace():
    """Dropout is off during it and on after it, no gradient is kept, and the training goes as if nothing was measured."""
    def run(each):
        model = MLP(4, 8, 2)
        trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters()))
        trainer.fit([data()], steps=20, each=each)
        return trainer
    seen, with_it, without = [], run(Evaluate(*data(), every=5)), run(None)
    assert all(torch.equal(p, q) for p, q in zip(with_it.model.parameters(), without.model.parameters(), strict=True))
    assert [logs["t"] for logs in with_it.history if "held_out_loss" in logs] == [4, 9, 14, 19]
    class Spy(torch.nn.Module):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return torch.zeros(len(x), 2)
    spy = Spy()
    evaluate(spy, losses.cross_entropy, *data())
    assert seen == [(False, False)] and spy.training


def test_a_failing_evaluation_puts_the_model_back():
    class Broken(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("no")
    model = Broken()
    with pytest.raises(RuntimeError):
        evaluate(model, losses.cross_entropy, *data())
    assert model.training


def test_together_runs_all_and_any_may_stop():
    calls = []
    each = together(lambda t, logs: calls.append("a"), lambda t, logs: "stop", lambda t, logs: calls.append("c"))
    assert each(None, {}) == "stop" and calls == ["a", "c"]
    assert together(lambda t, logs: None)(None, {}) is None


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="every is 0"):
        Evaluate(*data(), every=0)
    with pytest.raises(ValueError, match="held-out data are empty"):
        evaluate(MLP(4, 2), losses.cross_entropy, torch.zeros(0, 4), torch.zeros(0).long())
