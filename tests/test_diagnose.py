"""diagnose: healthy runs raise no alarm, ten faults in several models are each named first, and nothing of a run is changed."""
import ast
import copy
import inspect
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sick_runs import HEALTHY, PATIENTS, TEN, dropped, labelled, line, patient
from torch import nn

from minitrain import Loss, Trainer, losses, optim, sources
from minitrain import diagnose as package
from minitrain.callbacks import evaluate
from minitrain.diagnose import Finding, diagnose
from minitrain.models.deep import DeepMLP
from minitrain.models.mlp import MLP
from minitrain.sources.doodles import Doodles
from minitrain.sources.points import points
from minitrain.teach import clinic

NAMED = {                                           # the clinic's word for a fault, and the cause that must come first
    "gradients never zeroed": "gradients are not zeroed",
    "labels off by one": "labels off by one",
    "labels shuffled against inputs": "labels do not belong to their inputs",
    "softmax applied twice": "softmax applied twice",
    "test leak": "held-out examples in the training data",
    "learning rate": "learning rate too high",
    "dead relus": "dead relus",
    "nan from a bad log": "loss not finite",
    "unshuffled data": "data not shuffled",
    "evaluation mode forgotten": "evaluation in training mode",
}


def causes(run):
    return [finding.cause for finding in diagnose(*run)]


# Healthy runs


@pytest.mark.parametrize("name", TEN)
def test_a_healthy_run_raises_no_alarm(name):
    assert diagnose(*HEALTHY[name](0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", HEALTHY)
def test_fifty_healthy_runs_raise_no_alarm(name, seed):
    assert diagnose(*HEALTHY[name](seed)) == []


def test_there_are_fifty_and_they_differ():
    assert len(HEALTHY) == 50 and len(TEN) == 10 and set(TEN) <= set(HEALTHY)
    made = [tuple(make(0)) for make in HEALTHY.values()]
    assert len({type(run[0].optimizer).__name__ for run in made}) >= 6
    assert len({str(run[0].model) + run[0].loss.__name__ for run in made}) >= 25
    assert len({type(run[1]).__name__ for run in made}) >= 3


# Ten faults


@pytest.fixture(scope="module")
def table(request):
    """fault x model -> what was named first; printed at the end, whatever came of it."""
    found = {}
    yield found
    width = max(map(len, NAMED))
    lines = [f"{'fault':{width}}  " + "  ".join(f"{name:38}" for name in PATIENTS)]
    lines += [f"{fault:{width}}  " + "  ".join(f"{found.get((fault, name), '(not run)')[:38]:38}" for name in PATIENTS)
              for fault in NAMED]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():    # xdist passes stderr on
        print("\n\nthe clinic: what diagnose names first\n" + "\n".join(lines), file=sys.__stderr__, flush=True)


@pytest.mark.parametrize("name", PATIENTS)
@pytest.mark.parametrize("fault", NAMED)
def test_each_fault_is_named_first(fault, name, table, record_property):
    found = diagnose(*patient(name, fault))
    table[fault, name] = found[0].cause if found else "nothing"
    record_property("clinic", [fault, name, table[fault, name]])
    assert found and found[0].cause == NAMED[fault], [str(finding) for finding in found]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", PATIENTS)
@pytest.mark.parametrize("fault", NAMED)
def test_each_fault_is_named_first_with_other_seeds(fault, name, seed):
    assert causes(patient(name, fault, seed))[:1] == [NAMED[fault]]


@pytest.mark.parametrize("name", PATIENTS)
def test_each_repaired_run_is_healthy(name):
    assert diagnose(*clinic.build(**PATIENTS[name])) == []


def test_the_table_is_the_syllabus():
    assert list(NAMED) == list(clinic.FAULTS) and len(NAMED) == 10 and len(PATIENTS) >= 3


def test_faults_are_short_real_code():
    for part in clinic.FAULTS.values():
        (value,) = part.values()
        if not isinstance(value, float):
            body = ast.parse(inspect.getsource(value)).body[0]
            kept = [row for row in inspect.getsource(value).splitlines() if row.strip()]
            assert len(kept) - bool(ast.get_docstring(body)) <= 15, value


def test_diagnose_does_not_know_the_clinic():
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(package.__file__).parent.glob("*.py")))
    names = [value.__name__ for part in clinic.FAULTS.values() for value in part.values() if hasattr(value, "__name__")]
    assert len(names) == 9 and not [name for name in [*names, "clinic", "teach", "__class__", "getsource"] if name in source]


# Faults like those, in another place: it is what is measured that counts


def digits_run(loss=losses.cross_entropy, *, model=None, source=None, rate=0.05, optimizer=None, evaluate=evaluate,
               trainer=Trainer):
    (x, y), held_out = sources.split(*sources.digits(), seed=0)
    model = model or MLP(64, 32, 10, seed=0)
    made = trainer(model, loss, optimizer or optim.Momentum(model.parameters(), rate))
    return made, sources.batches(x, y) if source is None else source(x, y), held_out, evaluate


def test_gradients_kept_by_the_optimizer():
    class Keeps(optim.Adam):
        def zero_grad(self):
            pass
    model = MLP(64, 32, 10, seed=0)
    assert causes(digits_run(model=model, optimizer=Keeps(model.parameters(), 1e-3)))[0] == "gradients are not zeroed"


def test_emptying_gradients_after_the_step_is_as_good():
    class After(Trainer):
        def step(self, microbatches):
            loss = self.loss(self.model, microbatches[0])
            loss.mean.backward()
            self.optimizer.step(scale=self.schedule(self.t))
            self.optimizer.zero_grad()
            self._history.append({"t": self.t, "n": loss.n, "loss": loss.mean.detach()})
            self.t += 1
            return self._history[-1]
    assert causes(digits_run(trainer=After)) == []


def test_gradients_emptied_before_the_step():
    class Emptied(optim.SGD):
        def step(self, scale=1.0):
            self.zero_grad()
            super().step(scale)
    model = MLP(64, 32, 10, seed=0)
    assert causes(digits_run(model=model, optimizer=Emptied(model.parameters(), 0.3)))[0] == "weights do not move"


@pytest.mark.parametrize("step", [1, -1, 3])
def test_labels_shifted_in_the_loss(step):
    def shifted(model, batch):
        return losses.cross_entropy(model, (batch[0], (batch[1] + step) % 10))
    found = diagnose(*digits_run(shifted))[0]
    assert found.cause == "labels off by one" and f"label {'+' if step > 0 else '-'} {abs(step)} " in found.says


def test_labels_counted_from_one():
    found = diagnose(*digits_run(source=lambda x, y: sources.batches(x, y + 1)))[0]
    assert found.cause == "labels off by one" and "from 1 to 10" in found.says and "0 to 9" in found.says


def test_two_classes_the_wrong_way_round():
    (x, y), held_out = sources.split(*points("moons", n=400), seed=0)
    for model, loss in ((MLP(2, 16, 2, seed=0), losses.cross_entropy), (MLP(2, 16, 1, seed=0), labelled)):
        trainer = Trainer(model, loss, optim.Adam(model.parameters(), 1e-2))
        assert causes((trainer, sources.batches(x, 1 - y), held_out, evaluate))[0] == "labels off by one"


def test_labels_shuffled_once_and_for_all():
    lots = torch.Generator().manual_seed(0)
    wrong = digits_run(source=lambda x, y: sources.batches(x, y[torch.randperm(len(y), generator=lots)]))
    assert causes(wrong)[0] == "labels do not belong to their inputs"
    trainer, source, (x, y), each = digits_run()
    assert causes((trainer, source, (x, y.flip(0)), each))[0] == "held-out labels do not belong to their inputs"


def test_targets_shuffled_against_inputs_in_a_regression():
    x, y = line()
    run = Trainer(model := MLP(4, 1, seed=0), losses.mse, optim.SGD(model.parameters(), 0.1))
    assert diagnose(run, sources.batches(x, y), line(1), evaluate) == []
    assert causes((run, sources.batches(x, y.flip(0)), line(1), evaluate))[0] == "labels do not belong to their inputs"


def test_softmax_in_the_model():
    model = nn.Sequential(MLP(64, 32, 10, seed=0), nn.Softmax(1))
    assert causes(digits_run(model=model))[0] == "softmax applied twice"


def test_sigmoid_twice():
    (x, y), held_out = sources.split(*points("moons", n=400), seed=0)
    model = MLP(2, 16, 1, seed=0)
    def twice(model, batch):
        return labelled(lambda x: torch.sigmoid(model(x)), batch)
    trainer = Trainer(model, twice, optim.Adam(model.parameters(), 1e-2))
    assert causes((trainer, sources.batches(x, y), held_out, evaluate))[0] == "softmax applied twice"


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_part_of_the_held_out_examples_leaked(share):
    trainer, _, held_out, each = digits_run()
    (x, y), _ = sources.split(*sources.digits(), seed=0)
    n = int(share * len(held_out[0]))
    noise = 0.001 * torch.randn(n, 64, generator=torch.Generator().manual_seed(0))
    source = sources.batches(torch.cat([x, held_out[0][:n] + noise]), torch.cat([y, held_out[1][:n]]))
    assert causes((trainer, source, held_out, each)) == ["held-out examples in the training data"]


@pytest.mark.parametrize("how", ["turned", "scaled"])
def test_held_out_inputs_that_were_prepared_in_another_way(how):
    trainer, source, (x, y), each = digits_run()
    other = 16 * x if how == "scaled" else x.view(-1, 8, 8).mT.flatten(1)
    assert causes((trainer, source, (other, y), each))[0] == "held-out inputs unlike the training inputs"


def test_a_loss_with_the_wrong_sign():
    def negated(model, batch):
        out = losses.cross_entropy(model, batch)
        return Loss(-out.mean, n=out.n)
    assert causes(digits_run(negated))[0] == "loss upside down"


@pytest.mark.parametrize(("factor", "cause"), [(1e-4, "low"), (1e-3, "low"), (1, None), (100, "high"), (1000, "high")])
def test_learning_rates(factor, cause):
    found = causes(digits_run(rate=0.05 * factor))
    assert found[:1] == ([f"learning rate too {cause}"] if cause else [])


def test_a_rate_of_zero():
    assert causes(digits_run(rate=0.0))[0] == "weights do not move"


def test_a_schedule_that_starts_low_is_judged_at_its_peak():
    trainer, *rest = digits_run()
    trainer.schedule = lambda t: float(t >= 900)
    assert causes((trainer, *rest)) == []


def test_units_dead_by_their_bias():
    model = MLP(64, 32, 32, 10, seed=0)
    nn.init.constant_(model.layers[1].bias, -30)
    found = diagnose(*digits_run(model=model))[0]
    assert found.cause == "dead relus" and "layer 2 of 2, 32 of 32" in found.says


@pytest.mark.parametrize("how", ["probabilities", "entropy", "root"])
def test_other_losses_that_are_not_finite(how):
    def bad(model, batch):
        logits, y = model(batch[0]), batch[1]
        p = logits.softmax(1)
        mean = {"probabilities": -p[range(len(y)), y].log().mean(),
                "entropy": nn.functional.cross_entropy(logits, y) - 0.01 * (p * p.log()).sum(1).mean(),
                "root": ((p - nn.functional.one_hot(y, 10)) ** 2).sum(1).sqrt().mean()}[how]
        return Loss(mean, n=len(y))
    assert causes(digits_run(bad))[0] == "loss not finite"


def test_a_value_that_is_missing():
    def broken(x, y):
        x[5, 3] = math.nan
        return sources.batches(x, y, size=2000)
    assert causes(digits_run(source=broken))[0] == "data are not finite"


def test_after_the_crash_the_cause_comes_first():
    run = clinic.build(loss=clinic.bad_log)
    run.fit(400)
    assert not math.isfinite(run.trainer.history[-1]["loss"])
    assert causes(run)[:2] == ["loss not finite", "weights are not finite"]


def test_order_in_batches_of_a_few_and_in_a_list():
    def rows(size):
        def source(x, y):
            order = y.argsort()
            return list(zip(x[order].split(size), y[order].split(size)))
        return source
    assert causes(digits_run(source=rows(8)))[0] == "data not shuffled"
    assert causes(digits_run(source=rows(100)))[0] == "data not shuffled"
    x, y = line()
    order = y[:, 0].argsort()
    model = MLP(4, 1, seed=0)
    trainer = Trainer(model, losses.mse, optim.SGD(model.parameters(), 0.05))
    assert causes((trainer, [*zip(x[order].split(50), y[order].split(50))], line(1), evaluate))[0] == "data not shuffled"


@pytest.mark.parametrize("ordered", [True, False])
def test_order_in_batches_of_one_that_are_asked_for_by_number(ordered):
    class Few:
        def __init__(self, x, y):
            order = y.argsort() if ordered else torch.arange(len(y))
            self.x, self.y = x[order].split(1), y[order].split(1)

        def __len__(self):
            return len(self.x)

        def at(self, i):
            return self.x[i % len(self)], self.y[i % len(self)]
    assert causes(digits_run(source=Few, rate=0.01))[:1] == ["data not shuffled"] * ordered


def test_inputs_of_which_many_are_alike_by_nature_are_no_leak():
    lots = torch.Generator().manual_seed(0)
    x = torch.randn(600, 3, generator=lots)
    x[300:] = x[torch.randint(300, (300,), generator=lots)]     # every other example is seen again, as in logs of sensors
    y = (x.sum(1) > 0).long()
    x, y = (part[torch.randperm(600, generator=torch.Generator().manual_seed(1))] for part in (x, y))
    x[:, 0] += 1e-6 * torch.randn(600, generator=lots)
    model = MLP(3, 16, 2, seed=0)
    trainer = Trainer(model, losses.cross_entropy, optim.Adam(model.parameters(), 1e-2))
    assert diagnose(trainer, sources.batches(x[:500], y[:500]), (x[500:], y[500:]), evaluate) == []


def test_evaluation_that_leaves_the_model_in_evaluation_mode():
    def leaves(model, loss, x, y):
        model.eval()
        with torch.no_grad():
            return {"loss": float(loss(model, (x, y)).mean)}
    assert causes(digits_run(model=dropped(64, 32, 10), evaluate=leaves)) == ["training in evaluation mode"]


def test_what_gets_no_gradient_or_is_not_trained():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = MLP(64, 32, seed=0), MLP(32, 10, seed=1)

        def forward(self, x):
            return self.two(torch.relu(self.one(x).detach()))
    assert causes(digits_run(model=Half()))[0] == "no gradient"
    model = MLP(64, 32, 10, seed=0)
    half = optim.Momentum(model.layers[1].parameters(), 0.05)
    assert causes(digits_run(model=model, optimizer=half)) == ["parameters not trained"]


def test_a_deep_network_whose_first_layers_get_next_to_nothing():
    model = DeepMLP(64, 32, 10, depth=16, activation="sigmoid", start="torch", seed=0)
    assert "a layer gets next to no gradient" in causes(digits_run(model=model))


def test_a_start_that_is_sure_and_wrong():
    model = MLP(64, 32, 10, seed=0)
    model.layers[-1].weight.data *= 60
    assert "loss at the start too high" in causes(digits_run(model=model, rate=0.002))


def test_a_model_that_can_not_learn_one_batch():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = MLP(64, 32, 10, seed=0)

        def forward(self, x):
            return self.net(0 * x)
    assert "one batch can not be learnt" in causes(digits_run(model=Blind()))


# What a finding is


def test_findings_are_in_order_and_say_what_was_measured():
    found = diagnose(*clinic.build(trainer=clinic.NeverZeroed, batches=clinic.InOrder, loss=clinic.softmax_twice,
                                   evaluate=clinic.without_eval))
    assert [finding.likelihood for finding in found] == sorted((finding.likelihood for finding in found), reverse=True)
    assert {f.cause for f in found} >= {"gradients are not zeroed", "evaluation in training mode", "data not shuffled",
                                        "softmax applied twice"}
    for finding in found:
        assert isinstance(finding, Finding) and str(finding) == finding.says and any(map(str.isdigit, finding.says))
        assert finding.says.endswith(".") and finding.says[0].isupper() and ". " not in finding.says


def test_the_numbers_are_true():
    said = {fault: diagnose(*patient("the lesson's own", fault))[0].says for fault in NAMED}
    assert "the loss is 1.46 instead of 0" in said["softmax applied twice"]         # -log(e / (e + 9))
    assert "128 of 128 units" in said["dead relus"]
    assert "its label + 1 in 9" in said["labels off by one"]


# Nothing is changed


class Drawing:
    """A source with a generator of its own, and a loss that draws too."""

    def __init__(self, x, y):
        self.x, self.y, self.lots = x, y, np.random.default_rng(0)

    def __iter__(self):
        while True:
            rows = torch.as_tensor(self.lots.permutation(len(self.x))[:64])
            yield self.x[rows], self.y[rows]


def everything(trainer, *generators):
    groups = [(g.rate, g.decay, copy.deepcopy(g.state)) for g in trainer.optimizer.groups]
    return copy.deepcopy((trainer.model.state_dict(), [p.grad for p in trainer.model.parameters()], groups, trainer.optimizer.t,
                          trainer.t, trainer._history, trainer._read, trainer.model.training, torch.get_rng_state(),
                          random.getstate(), np.random.get_state(), [g.get_state() if isinstance(g, torch.Generator) else
                                                                     g.getstate() if isinstance(g, random.Random) else
                                                                     g.bit_generator.state for g in generators]))


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


LOTS = torch.Generator().manual_seed(7)


@pytest.mark.parametrize("fault", [None, *NAMED])
def test_the_trainer_is_left_bit_for_bit(fault):
    own, numbers, pure = torch.Generator().manual_seed(3), np.random.default_rng(3), random.Random(3)

    def noisy(model, batch):
        own_noise = 0.01 * torch.randn(batch[0].shape, generator=own) + 0.01 * torch.randn(batch[0].shape, generator=LOTS)
        random.random(), np.random.rand(), numbers.random(), pure.random()
        return loss(model, (batch[0] + own_noise, batch[1]))
    run = patient("the lesson's own", fault) if fault else clinic.build()
    trainer, source, held_out, each = run
    loss, trainer.loss = trainer.loss, noisy
    source = Drawing(source.x, source.y) if hasattr(source, "x") and fault is None else source
    trainer.fit(source, 3)
    lots = getattr(source, "lots", None)
    generators = [own, LOTS, numbers, pure, *([lots] if isinstance(lots, np.random.Generator) else [])]
    before = everything(trainer, *generators)
    diagnose(trainer, source, held_out, each)
    assert same(before, everything(trainer, *generators))
    twin = copy.deepcopy(trainer)
    torch.manual_seed(0), own.manual_seed(0), LOTS.manual_seed(0)
    batch = (held_out[0][:32], held_out[1][:32])
    one = trainer.step([batch])
    torch.manual_seed(0), own.manual_seed(0), LOTS.manual_seed(0)
    assert float(one["loss"]) == float(twin.step([batch])["loss"])


def test_a_source_that_remembers_is_left_too():
    class Remembers:
        def __init__(self, x, y):
            self.source, self.asked = sources.batches(x, y), []

        def at(self, i):
            self.asked.append(i)
            return self.source.at(i)
    run = digits_run(source=Remembers)
    diagnose(*run)
    assert run[1].asked == [] and run[1].source._epoch is None


def test_even_where_something_raises():
    trainer, source, held_out, _ = digits_run()
    trainer.fit(source, 2)
    before = everything(trainer)

    def broken(model, loss, x, y):
        torch.rand(3)
        raise ZeroDivisionError("their own")
    with pytest.raises(ZeroDivisionError, match="their own"):
        diagnose(trainer, source, held_out, broken)
    assert same(before, everything(trainer))


def test_twice_the_same():
    run = patient("the lesson's own", "learning rate")
    assert diagnose(*run) == diagnose(*run)


# What it is given


def test_bad_input_gets_one_sentence():
    trainer, source, held_out, each = digits_run()
    loose = nn.Parameter(torch.zeros(1))
    outside = Trainer(None, lambda model, x: Loss((loose - x) ** 2, n=1), optim.SGD([loose], 0.1))
    empty = (held_out[0][:0], held_out[1][:0])
    for args, error, part in [
            ((trainer.model, source, held_out, each), TypeError, "needs a Trainer, and got MLP"),
            ((outside, source, held_out, each), TypeError, "must be parameters of trainer.model"),
            ((trainer, iter([held_out]), held_out, each), TypeError, "reading would use up"),
            ((trainer, 5, held_out, each), TypeError, "int is no source"),
            ((trainer, [], held_out, each), ValueError, "gave no batch"),
            ((trainer, source, held_out[0], each), TypeError, r"held_out=\(x, y\)"),
            ((trainer, source, empty, each), TypeError, "at least one"),
            ((trainer, source, (held_out[0], held_out[1][:5]), each), TypeError, "as many rows"),
            ((trainer, source, held_out, 3), TypeError, "evaluate"),
            ((trainer, source, held_out, lambda *_: 0.5), TypeError, "must return a dict")]:
        with pytest.raises(error, match=part) as caught:
            diagnose(*args)
        assert str(caught.value).count("\n") == 0


def test_a_loss_that_can_not_be_computed_is_a_finding():
    found = diagnose(*digits_run(model=MLP(63, 32, 10, seed=0)))
    assert [f.cause for f in found] == ["the loss can not be computed"] and "shape (64, 64)" in found[0].says
    found = diagnose(*digits_run(lambda model, batch: model(batch[0]).sum()))
    assert "Loss(mean, n) is needed" in found[0].says


class Language(nn.Module):
    """Twelve tokens; the next one from the last alone."""
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Embedding(12, 16), nn.Linear(16, 12))

    def forward(self, tokens):
        return self.net(tokens)                                 # (B, T, 12)


def test_batches_that_are_no_pairs():
    def counting(n, T=9):
        return (torch.arange(n)[:, None] * 5 + torch.arange(T)) % 12

    def loss(model, tokens):
        logits = model(tokens[:, :-1])
        return Loss(nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()), n=tokens[:, 1:].numel())

    def each(model, loss, x, y):
        return {"loss": loss(model, x).mean.item()}

    def run(rate):
        model = Language()
        trainer = Trainer(model, loss, optim.Adam(model.parameters(), rate))
        return trainer, [counting(64), counting(64)], (counting(20), counting(20)), each
    assert causes(run(1e-2)) == []
    assert causes(run(1e-7))[0] == "learning rate too low"             # (any high rate learns this)


def test_tokens_in_pairs():
    def loss(model, batch):
        logits = model(batch[0])
        return Loss(nn.functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten()), n=batch[1].numel())
    tokens = torch.randint(12, (400, 9), generator=torch.Generator().manual_seed(0))
    x, y = tokens, (tokens + 1) % 12
    model = Language()
    trainer = Trainer(model, loss, optim.Adam(model.parameters(), 1e-2))
    assert diagnose(trainer, sources.batches(x[:300], y[:300]), (x[300:], y[300:]), evaluate) == []
    trainer.loss = lambda model, batch: loss(lambda x: model(x).softmax(-1), batch)
    assert causes((trainer, sources.batches(x[:300], y[:300]), (x[300:], y[300:]), evaluate))[0] == "softmax applied twice"


@pytest.mark.parametrize("fault", [None, *NAMED])
def test_it_computes_no_more_than_it_needs(fault):
    run, calls = patient("the lesson's own", fault) if fault else clinic.build(), []
    loss = run.trainer.loss

    def counted(model, batch):
        calls.append(len(batch[1]))
        return loss(model, batch)
    run.trainer.loss = counted
    diagnose(*run)
    assert len(calls) <= (120 if fault is None else 560)        # what learns at no rate is tried at nine; the seconds: benchmarks


def test_it_reads_no_more_than_it_needs():
    asked = []

    class Counted(Doodles):
        def at(self, i):
            asked.append(i)
            return super().at(i)
    model = MLP(3 * 16 * 16, 16, 2, seed=0)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), 1e-3))
    diagnose(trainer, Counted(size=16), Doodles(size=16).draw(60, seed=9), evaluate)
    assert 10 < len(asked) <= 20
