"""What is measured on held-out data is what a plain loop would measure, and who watches it acts just when they should."""
import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import Loss, Trainer, losses, optim
from minitrain.callbacks import EarlyStop, Evaluate, KeepBest, evaluate, together
from minitrain.checkpoint import Checkpoints, load
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
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStop(patience=0)
    with pytest.raises(ValueError, match="held-out data are empty"):
        evaluate(MLP(4, 2), losses.cross_entropy, torch.zeros(0, 4), torch.zeros(0).long())


def training(scores, *each, every=1, name="held_out_loss"):
    """A trainer whose single weight is its own t, and that measures these scores, one every `every` updates."""
    p = torch.nn.Parameter(torch.zeros(()))
    model = torch.nn.ParameterList([p])
    trainer = Trainer(model, lambda model, batch: Loss(-p, n=1), optim.SGD([p], rate=1.0))

    def measure(trainer, logs):
        if trainer.t % every == 0:
            logs[name] = scores[trainer.t // every - 1]
    trainer.fit([0], until=every * len(scores), each=together(measure, *each))
    return trainer


def stops_at(scores, patience):
    """Early stopping as the books write it: a best, and a count."""
    best, bad = math.inf, 0
    for i, score in enumerate(scores):
        best, bad = (score, 0) if score < best else (best, bad + 1)
        if bad == patience:
            return i + 1
    return len(scores)


@settings(deadline=None)
@given(scores=st.lists(st.sampled_from([3.0, 2.0, 1.0, 0.5, -1.0, math.nan, math.inf]), min_size=1, max_size=12).filter(
    lambda scores: scores[0] < math.inf), patience=st.integers(1, 4), every=st.integers(1, 3))
def test_early_stopping_is_the_textbooks(scores, patience, every):
    assert training(scores, EarlyStop(patience=patience), every=every).t == every * stops_at(scores, patience)
    upside_down = training([-score for score in scores], EarlyStop("x", patience=patience, lower_is_better=False), name="x")
    assert upside_down.t == stops_at(scores, patience)


def test_early_stopping_since_gives_patience_anew():
    scores = [1, 2, 3, 3, 3, 2, 2, 2, 9, 9]
    trainer = training(scores, EarlyStop(patience=2))
    assert trainer.t == 3
    def measure(trainer, logs):
        logs["held_out_loss"] = scores[trainer.t - 1]
    again = copy.deepcopy(trainer.history)
    trainer.fit([0], until=10, each=together(measure, EarlyStop(patience=2)))
    assert trainer.t == 4 and trainer.history[:3] == again                  # by its history, it is over
    trainer.fit([0], until=10, each=together(measure, EarlyStop(patience=2, since=trainer.t)))
    assert trainer.t == 8                                                   # 3, 2, then two that are no better


@settings(deadline=None)
@given(scores=st.lists(st.sampled_from([3.0, 2.0, 1.0, math.nan]), min_size=1, max_size=9), higher=st.booleans())
def test_the_best_weights_are_put_back(scores, higher):
    best = KeepBest(lower_is_better=not higher)
    trainer = training(scores, best)
    found = [score for score in scores if score == score] or scores
    expected = scores.index((max if higher else min)(found)) + 1            # the first of equals
    best.put_back(trainer)
    assert trainer.model[0].item() == expected == best.t and trainer.t == len(scores)


def test_best_weights_are_a_copy_with_buffers_and_of_arrays_too():
    class Arrays:
        def __init__(self):
            self.data, self.grad = np.zeros(2), None
        def parameters(self):
            return [self]
    class One(float):
        def backward(self):
            model.grad = -np.ones(2)
    model, best = Arrays(), KeepBest("t")
    trainer = Trainer(model, lambda model, batch: Loss(One(), n=1), optim.SGD([model], rate=1.0))
    trainer.fit([0], steps=3, each=best)
    best.put_back(trainer)
    assert model.data.tolist() == [1, 1]
    trainer.fit([0], steps=2, each=best)
    best.put_back(trainer)
    assert model.data.tolist() == [1, 1]                                    # what was put back was a copy too

    norm = torch.nn.BatchNorm1d(2)
    trainer = Trainer(norm, lambda model, x: Loss(model(x).square().mean(), n=1), optim.SGD(norm.parameters(), rate=0.1))
    trainer.fit([torch.randn(8, 2) + 5], steps=9, each=(best := KeepBest("t")))
    best.put_back(trainer)
    assert norm.num_batches_tracked == 1


def test_keep_best_says_what_it_does_not_have():
    best = KeepBest()
    trainer = training([1, 2], name="something_else")
    with pytest.raises(ValueError, match="nothing to put back: 'held_out_loss' was not measured"):
        best.put_back(trainer)
    trainer = training([1, 2])
    with pytest.raises(ValueError, match="does not have the weights of update 1, .*did not watch then.*Checkpoints"):
        best.put_back(trainer)


def test_a_resumed_run_stops_where_it_would_have_stopped(tmp_path):
    """All of them together, as the lessons use them: stopped early, resumed from disk, the best put back."""
    x, y = data(60)
    y_noisy = torch.where(torch.rand(60, generator=torch.Generator().manual_seed(1)) < 0.4, 1 - y, y)

    def run(folder, until):
        model = MLP(4, 64, 2)
        trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=0.01))
        keep, checkpoints = KeepBest(), Checkpoints(folder, every=5, keep=1, best="held_out_loss")
        checkpoints.resume(trainer)
        trainer.fit([(x[:40], y_noisy[:40])], until=until, each=together(
            Evaluate(x[40:], y[40:], every=5), EarlyStop(patience=3), keep, checkpoints))
        return trainer, keep, checkpoints
    whole, keep, _ = run(tmp_path / "a", 2000)
    assert 20 < whole.t < 2000
    run(tmp_path / "b", whole.t - 7)
    resumed, late, checkpoints = run(tmp_path / "b", 2000)
    assert resumed.t == whole.t and resumed.history == whole.history
    with pytest.raises(ValueError, match="did not watch then"):
        late.put_back(resumed)
    keep.put_back(whole)
    load(checkpoints.best_file, resumed)
    assert resumed.t == keep.t == whole.t - 15
    assert all(torch.equal(p, q) for p, q in zip(whole.model.parameters(), resumed.model.parameters(), strict=True))
