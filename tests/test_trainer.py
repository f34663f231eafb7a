"""The loop is the one that is written out by hand; broken anywhere, these fail."""
import itertools
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import UserList

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import Loss, Trainer, losses, optim
from minitrain.models.mlp import MLP
from minitrain.trainer import gradients


def problem(seed=0, n=96, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 5, generator=g, dtype=dtype), torch.randint(0, 3, (n,), generator=g)


def net(seed=0, dtype=torch.float64):
    return MLP(5, 8, 3, activation="tanh", seed=seed).to(dtype)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Indexed:
    """A source whose batch i depends on i alone."""
    def __init__(self, x, y, size=16):
        self.x, self.y, self.size = x, y, size

    def at(self, i):
        rows = torch.randint(0, len(self.x), (self.size,), generator=torch.Generator().manual_seed(i))
        return self.x[rows], self.y[rows]


def hand_loop(model, batches, rate):
    for x, y in batches:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        for p in model.parameters():
            p.grad = None
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= rate * p.grad
    return weights(model)


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_equals_a_hand_loop_however_the_batch_is_split(pieces):
    x, y = problem()
    batches = [(x[i:i + 32], y[i:i + 32]) for i in (0, 32, 64)] * 20
    model = net()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.3))
    for bx, by in batches:
        trainer.step(list(zip(bx.tensor_split(pieces), by.tensor_split(pieces), strict=True)))
    expected = hand_loop(net(), batches, 0.3)
    assert (weights(model) - expected).abs().max() < 1e-12
    assert (weights(net()) - expected).abs().max() > 0.1                    # something was learned at all


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 95), max_size=6, unique=True).map(sorted), seed=st.integers(0, 9))
def test_any_split_gives_the_same_step_and_logs(cuts, seed):
    x, y = problem(seed)
    whole, split = net(seed), net(seed)
    a = Trainer(whole, losses.cross_entropy, optim.AdamW(whole.parameters(), rate=0.1))
    b = Trainer(split, losses.cross_entropy, optim.AdamW(split.parameters(), rate=0.1))
    logs_a = a.step([(x, y)])
    logs_b = b.step(list(zip(x.tensor_split(cuts), y.tensor_split(cuts), strict=True)))
    assert torch.allclose(weights(whole), weights(split), rtol=0, atol=1e-10)
    assert float(logs_a["loss"]) == pytest.approx(float(logs_b["loss"]), abs=1e-12)
    assert float(logs_a["accuracy"]) == pytest.approx(float(logs_b["accuracy"]), abs=1e-6)
    assert logs_a["n"] == logs_b["n"] == 96


def test_mean_of_means_would_not_pass():
    """The ragged split above is a real test: averaging the parts' means gives another gradient."""
    x, y = problem()
    model = net()
    _, whole = gradients(model, losses.cross_entropy, (x, y))
    parts = [gradients(model, losses.cross_entropy, (x[a:b], y[a:b]))[1] for a, b in ((0, 90), (90, 96))]
    assert max(((parts[0][k] + parts[1][k]) / 2 - whole[k]).abs().max() for k in whole) > 0.01


def test_accumulate_takes_several_batches_for_one_update():
    x, y = problem()
    model, other = net(), net()
    Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.3), accumulate=3).fit(Indexed(x, y), steps=4)
    trainer = Trainer(other, losses.cross_entropy, optim.SGD(other.parameters(), rate=0.3))
    for i in range(4):
        trainer.step([Indexed(x, y).at(3 * i + j) for j in range(3)])
    assert torch.equal(weights(model), weights(other))


def test_a_sync_sums_gradients_and_counts():
    """A sync that pretends to be two equal workers leaves the step as it is; its n is what gradients are divided by."""
    x, y = problem()
    model, other = net(), net()
    def sync(params, n):
        for p in params:
            p.grad *= 2
        return 2 * n
    Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.3), sync=sync).step([(x, y)])
    Trainer(other, losses.cross_entropy, optim.SGD(other.parameters(), rate=0.3)).step([(x, y)])
    assert torch.allclose(weights(model), weights(other), rtol=0, atol=1e-12)


class Value:
    """A scalar engine that is not torch: a number, its gradient, and how it came about."""
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, None, parents        # parents: (value, local derivative)

    def __add__(self, other):
        return Value(self.data + getattr(other, "data", other), [(v, 1.0) for v in (self, other) if isinstance(v, Value)])

    def __mul__(self, other):
        b = getattr(other, "data", other)
        return Value(self.data * b, [(self, b)] + ([(other, self.data)] if isinstance(other, Value) else []))

    def __float__(self):
        return float(self.data)

    def backward(self, g=1.0):
        self.grad = (self.grad or 0.0) + g
        for parent, local in self.parents:
            parent.backward(g * local)


@pytest.mark.parametrize("rule", [optim.SGD, optim.Momentum, optim.Adam])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_trains_an_engine_that_is_not_torch(rule, accumulate):
    w, b = Value(0.0), Value(0.0)
    def squared_error(model, batch):
        total = Value(0.0)
        for x, y in batch:
            error = w * x + b + -y
            total = total + error * error
        return Loss(total * (1 / len(batch)), n=len(batch))
    data = [(x / 10, 3 * x / 10 - 1) for x in range(-10, 11)]
    trainer = Trainer(None, squared_error, rule([w, b], rate=0.05), accumulate=accumulate)
    trainer.fit([data[:5], data[5:]], steps=600)
    assert (w.data, b.data) == (pytest.approx(3, abs=1e-2), pytest.approx(-1, abs=1e-2))


def test_no_device_synchronisation_in_a_step():
    """On the meta device every read of a number raises; a whole step, clipping and accumulating, goes through."""
    model = MLP(5, 8, 3).to("meta")
    x, y = torch.empty(12, 5, device="meta"), torch.empty(12, dtype=torch.int64, device="meta")
    for rule in (optim.SGD, optim.Momentum, optim.AdamW):
        trainer = Trainer(model, losses.cross_entropy, rule(model.parameters(), rate=0.1, clip=1.0), schedule=optim.warmup(5))
        trainer.step([(x, y)])
        logs = trainer.step([(x, y), (x, y)])
        with pytest.raises(RuntimeError):
            float(logs["loss"])


@pytest.mark.gpu
def test_no_device_synchronisation_on_a_gpu():
    model = MLP(5, 8, 3).cuda()
    batch = torch.randn(12, 5, device="cuda"), torch.zeros(12, dtype=torch.int64, device="cuda")
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=0.1, clip=1.0))
    trainer.step([batch])
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step([batch])
        trainer.step([batch, batch])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_ctrl_c_at_random_moments_changes_nothing():
    x, y = problem()
    def fresh():
        model = net()
        return Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=1e-2), accumulate=2)
    straight = fresh()
    straight.fit(Indexed(x, y), until=400)
    rng, stopped = random.Random(0), 0
    for _ in range(5):
        trainer = fresh()
        while trainer.t < 400:
            timer = threading.Timer(rng.uniform(0.001, 0.05), os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                trainer.fit(Indexed(x, y), until=400)
                timer.join()                                                # a late one belongs to this round
            except KeyboardInterrupt:
                stopped += 1
        assert torch.equal(weights(trainer.model), weights(straight.model))
        assert trainer.history == straight.history
    assert stopped >= 10


def test_ctrl_c_waits_for_the_step_and_a_second_one_does_not():
    model, x, y, ended = net(), *problem(), []
    def slow(model, batch):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        if twice:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        ended.append(True)
        return losses.cross_entropy(model, batch)
    trainer = Trainer(model, slow, optim.SGD(model.parameters(), rate=0.1))
    twice = False
    with pytest.raises(KeyboardInterrupt, match="after update 1 of 5"):
        trainer.fit([(x, y)], steps=5)
    assert ended == [True] and trainer.t == 1
    twice = True
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([(x, y)], steps=5)
    assert ended == [True] and trainer.t == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fit_works_in_a_thread_where_no_signal_can_be_set():
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    thread = threading.Thread(target=trainer.fit, args=([(x, y)], 5))
    thread.start()
    thread.join()
    assert trainer.t == 5


def test_steps_are_more_and_until_counts_from_zero():
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    trainer.fit([(x, y)], steps=3)
    trainer.fit([(x, y)], steps=3)
    assert trainer.t == 6
    trainer.fit([(x, y)], until=6)
    assert trainer.t == 6
    trainer.fit([(x, y)], until=8)
    assert trainer.t == 8 == len(trainer.history)
    with pytest.raises(TypeError, match="either steps=… .* or until=…"):
        trainer.fit([(x, y)])
    with pytest.raises(TypeError, match="either"):
        trainer.fit([(x, y)], steps=1, until=1)


def test_resuming_an_indexed_source_is_exact():
    x, y = problem()
    a, b = net(), net()
    Trainer(a, losses.cross_entropy, optim.AdamW(a.parameters()), schedule=optim.cosine(30)).fit(Indexed(x, y), until=30)
    trainer = Trainer(b, losses.cross_entropy, optim.AdamW(b.parameters()), schedule=optim.cosine(30))
    for until in (1, 7, 8, 30):
        trainer.fit(Indexed(x, y), until=until)
    assert torch.equal(weights(a), weights(b))


def test_the_schedule_scales_the_rate_of_each_update():
    seen = []
    class Recorder(optim.SGD):
        def step(self, scale=1.0):
            seen.append(scale)
    model, x, y = net(), *problem()
    Trainer(model, losses.cross_entropy, Recorder(model.parameters(), rate=0.1),
            schedule=optim.warmup(2, optim.cosine(2))).fit([(x, y)], steps=5)
    assert seen == [0.5, 1.0, 1.0, 0.5, 0.0]


def test_a_source_is_pulled_after_the_update_and_told_of_it():
    events = []
    class OnPolicy:
        def __iter__(self):
            for i in range(3):
                events.append(f"batch {i} from weights {trainer.t}")
                yield x, y
        def observe(self, logs):
            events.append(f"told of {logs['t']}")
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    trainer.fit(OnPolicy(), steps=2)
    assert events == ["batch 0 from weights 0", "told of 0", "batch 1 from weights 1", "told of 1"]


def test_a_list_starts_again_and_an_iterator_ends():
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1), accumulate=2)
    trainer.fit([(x, y)] * 3, steps=10)
    assert trainer.t == 10
    trainer.fit(iter([(x, y)] * 3), steps=10)
    assert trainer.t == 12 and trainer.history[-1]["n"] == 96               # the last one alone: a ragged, but right, update


def test_each_sees_every_update_and_can_stop():
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    def each(trainer, logs):
        logs["seen"] = trainer.t
        return "stop" if trainer.t == 4 else None
    trainer.fit([(x, y)], steps=100, each=each)
    assert [logs["seen"] for logs in trainer.history] == [1, 2, 3, 4]


def test_history_is_numbers():
    model, x, y = net(), *problem()
    trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    trainer.fit([(x, y)], steps=3)
    assert list(trainer.history[0]) == ["t", "n", "loss", "accuracy"]
    assert all(isinstance(v, int | float) for logs in trainer.history for v in logs.values())


@pytest.mark.parametrize("bad_at", [0, 7, 2500])
def test_a_nan_names_its_exact_step(bad_at):
    w = torch.nn.Parameter(torch.ones(()))
    def loss(model, batch):
        return Loss(w * w * (math.nan if batch == bad_at else 1.0), n=1)
    trainer = Trainer(None, loss, optim.SGD([w], rate=1e-3))
    with pytest.raises(FloatingPointError, match=rf"nan at update {bad_at};.*learning rate.*log.*batch"):
        trainer.fit(iter(range(10**9)), steps=10**6)
    assert trainer.history[bad_at]["t"] == bad_at
    assert all(math.isfinite(logs["loss"]) for logs in trainer.history[:bad_at])


def test_bad_input_gets_one_sentence():
    model, x, y = net(), *problem()
    good = optim.SGD(model.parameters(), rate=0.1)
    with pytest.raises(TypeError, match="FromTorch"):
        Trainer(model, losses.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="accumulate is 0"):
        Trainer(model, losses.cross_entropy, good, accumulate=0)
    with pytest.raises(TypeError, match=r"returned Tensor; it must return Loss\(mean, n\)"):
        Trainer(model, lambda model, batch: model(batch[0]).mean(), good).fit([(x, y)], steps=1)
    trainer = Trainer(model, losses.cross_entropy, good)
    for empty in ([], iter([]), UserList()):
        with pytest.raises(ValueError, match="gave no batch"):
            trainer.fit(empty, steps=5)
    with pytest.raises(TypeError, match="int is no source"):
        trainer.fit(5, steps=5)
    assert trainer.t == 0


def test_gradients_leaves_the_model_alone():
    model, x, y = net(), *problem()
    first = next(model.parameters())
    first.grad = torch.full_like(first, 7.0)
    out, grads = gradients(model, losses.cross_entropy, (x, y))
    losses.cross_entropy(model, (x, y)).mean.backward()                     # adds to the 7
    assert torch.allclose(first.grad - 7, grads["layers.0.weight"], atol=1e-12)
    assert set(grads) == {name for name, _ in model.named_parameters()} and float(out.mean.detach()) > 0


def test_left_over_gradients_do_not_count():
    """Two players alternate on shared weights: what one left in `.grad` must not reach the other's step."""
    model, other, (x, y) = net(), net(), problem()
    a = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e6)
    a.step([(x, y)])
    Trainer(other, losses.cross_entropy, optim.SGD(other.parameters(), rate=0.1)).step([(x, y)])
    assert torch.equal(weights(model), weights(other))


def test_the_bar_appears_after_a_second_and_never_before():
    code = ("import sys, time, torch; from minitrain import Trainer, Loss, optim\n"
            "w = torch.nn.Parameter(torch.ones(()))\n"
            "def loss(model, batch): time.sleep(0.02); return Loss(w * w, n=1)\n"
            "Trainer(None, loss, optim.SGD([w], rate=1e-3)).fit([0], steps=int(sys.argv[1]))")
    def stderr(steps, **env):
        return subprocess.run([sys.executable, "-c", code, str(steps)], capture_output=True, text=True, check=True,
                              env={**{k: v for k, v in os.environ.items() if k != "MINITRAIN_STATIC"}, **env}).stderr
    shown = stderr(75)
    assert "75/75" in shown and "loss=" in shown and "rate=0.001" in shown
    assert stderr(10) == ""
    assert stderr(75, MINITRAIN_STATIC="1") == ""


def test_numpy_parameters_train_too():
    """An engine on arrays: the loss writes the gradient itself when told to go backward."""
    class Array:
        def __init__(self, data):
            self.data, self.grad = data, None
    w, rng = Array(np.zeros(3)), np.random.default_rng(0)
    truth, x = np.array([1.0, -2.0, 0.5]), rng.normal(size=(64, 3))
    class Mean(float):
        def backward(self):
            w.grad = 2 * x.T @ (x @ w.data - x @ truth) / len(x)
    trainer = Trainer(w, lambda model, batch: Loss(Mean(np.mean((x @ w.data - x @ truth) ** 2)), n=len(x)),
                      optim.AdamW([w], rate=0.05, decay=0.0, clip=10.0), schedule=optim.cosine(400))
    trainer.fit(itertools.repeat(None), steps=400)
    assert np.allclose(w.data, truth, atol=1e-3)
