"""A resumed run is the run that was never stopped, whenever it was killed; and no file that lies is believed."""
import errno
import hashlib
import json
import math
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import minitrain.checkpoint
from minitrain import Loss, Trainer, losses, optim, sources
from minitrain.callbacks import Evaluate, together
from minitrain.checkpoint import Checkpoints, Unusable, file, load, save
from minitrain.models.mlp import MLP
from minitrain.tensor import Tensor


def data(n=96):
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 5, generator=g), torch.randint(0, 3, (n,), generator=g)


def source():
    return sources.batches(*data(), size=16, seed=0, augment=lambda x, g: x + 0.1 * torch.randn(x.shape, generator=g))


def net(width=8, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 3))


def run(model=None, rule=optim.AdamW, seed=0, **settings):
    """A trainer; another seed makes another start of everything that a checkpoint must bring back."""
    random.seed(seed)
    np.random.seed(seed)
    model = model or net(seed=seed)
    return Trainer(model, losses.cross_entropy, rule(model.parameters()), schedule=optim.warmup(3, optim.cosine(20)), **settings)


def weights(trainer):
    return torch.cat([x.detach().flatten().double() for x in trainer.model.state_dict().values()])


def draws():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random(), random.gauss(0, 1)


def same(a, b):
    return torch.equal(weights(a), weights(b)) and a.t == b.t and a.history == b.history and len(a.history) == a.t


RULES = {
    "SGD": lambda ps: optim.SGD(ps, rate=0.1),
    "Momentum": lambda ps: optim.Momentum(ps, rate=0.1, nesterov=True),
    "Adam": optim.Adam,
    "AdamW": lambda ps: optim.AdamW(ps, rate=0.01, clip=0.5),
    "groups": lambda ps: optim.AdamW([{"params": [p], "rate": 0.01 * 2**-i} for i, p in enumerate(ps)]),
    "Muon": lambda ps: optim.Muon(ps, dtype=torch.bfloat16),
    "torch Adam": lambda ps: optim.FromTorch(torch.optim.Adam(ps, lr=0.01, amsgrad=True)),
    "torch SGD": lambda ps: optim.FromTorch(torch.optim.SGD(ps, lr=0.1, momentum=0.9)),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_resumed_run_is_the_run_that_was_never_stopped(rule, tmp_path):
    whole = run(rule=rule)
    whole.fit(source(), until=20, each=Evaluate(*data(), every=5))
    after = draws()
    first = run(rule=rule)
    first.fit(source(), until=7, each=Evaluate(*data(), every=5))
    save(tmp_path / "a", first)
    second = run(rule=rule, seed=1)
    second.fit(source(), until=11)                              # further than the checkpoint, and elsewhere
    assert not torch.equal(weights(first), weights(second))
    load(tmp_path / "a", second)
    assert same(first, second)
    second.fit(source(), until=20, each=Evaluate(*data(), every=5))
    assert same(whole, second) and draws() == after
    assert all(isinstance(value, int | float) for logs in second.history for value in logs.values())
    assert [type(value) for value in second.history[0].values()] == [int, int, float, float]


def test_dropout_goes_on_where_it_was(tmp_path):
    def dropped(seed):
        model = MLP(5, 7, 3, dropout=0.5, seed=seed)
        return Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.1))
    whole, first, second = dropped(0), dropped(0), dropped(1)
    whole.fit(source(), until=20)
    first.fit(source(), until=7)
    save(tmp_path / "a", first)
    load(tmp_path / "a", second)
    second.fit(source(), until=20)
    assert same(whole, second) and not torch.equal(weights(first), weights(whole))


def test_saving_leaves_no_trace_in_the_run(tmp_path):
    without = run()
    without.fit(source(), until=12)
    after = draws()
    with_it = run()
    with_it.fit(source(), until=12, each=lambda trainer, logs: save(tmp_path / "a", trainer) and None)
    assert same(without, with_it) and draws() == after


class Walk:
    """A source that is no function of t: it draws on from where it is."""
    def __init__(self, seed):
        self.place, self.lots, self.order = 0, np.random.default_rng(seed), random.Random(seed)

    def __iter__(self):
        x, y = data()
        while True:
            self.place = (self.place + self.order.randrange(1, 9)) % len(x)
            rows = self.lots.integers(0, len(x), 16) + self.place
            yield x[rows % len(x)], y[rows % len(x)]

    def state_dict(self):
        return {"place": self.place, "lots": self.lots.bit_generator.state, "order": self.order.getstate()}

    def load_state_dict(self, state):
        self.place, self.lots.bit_generator.state = state["place"], state["lots"]
        self.order.setstate(state["order"])


def test_a_source_with_a_state_goes_on_from_there(tmp_path):
    whole = run()
    whole.fit(Walk(0), until=12)
    first, walk = run(), Walk(0)
    first.fit(walk, until=5)
    save(tmp_path / "a", first, source=walk)
    second, walk = run(seed=1), Walk(1)
    load(tmp_path / "a", second, source=walk)
    second.fit(walk, until=12)
    assert same(whole, second)
    with pytest.raises(TypeError, match="list can not be resumed: a source needs at"):
        save(tmp_path / "b", first, source=[1, 2])
    assert not (tmp_path / "b").exists()


def test_generators_that_are_given_go_on_too(tmp_path):
    def make(seed):
        return {"torch's": torch.Generator().manual_seed(seed), "python's": random.Random(seed),
                "old": np.random.RandomState(seed), **{bits.__name__: np.random.Generator(bits(seed)) for bits in
                   (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64)}}

    def draw(made):
        return [torch.rand(2, generator=g).tolist() if isinstance(g, torch.Generator) else [g.random(), g.random()]
                for g in made.values()]
    a, b = make(0), make(1)
    draw(a)
    save(tmp_path / "a", run(), generators=a)
    expected = draw(a)
    load(tmp_path / "a", run(), generators=b)
    assert draw(b) == expected != draw(make(1))
    with pytest.raises(TypeError, match="The generator 'lots' is a int"):
        save(tmp_path / "a", run(), generators={"lots": 3})


class Engine:
    """A network on the NumPy engine: no torch, no names."""
    def __init__(self, seed):
        lots = np.random.default_rng(seed)
        self.weights = [Tensor(lots.normal(size=shape)) for shape in [(5, 7), (7,), (7, 3), ()]]

    def parameters(self):
        return self.weights

    def loss(self, model, batch):
        x, y = (part.numpy() for part in batch)
        a, b, c, d = self.weights
        return Loss(((x.astype(float) @ a + b).tanh() @ c * d).cross_entropy(y), n=len(y))


@pytest.mark.parametrize("rule", [optim.AdamW, optim.Muon])
def test_arrays_resume_as_tensors_do(rule, tmp_path):
    def make(seed):
        model = Engine(seed)
        return Trainer(model, model.loss, rule(model.parameters()))

    def arrays(trainer):
        return [p.data.tolist() for p in trainer.model.parameters()]
    whole, first, second = make(0), make(0), make(1)
    whole.fit(source(), until=20)
    first.fit(source(), until=8)
    save(tmp_path / "a", first)
    load(tmp_path / "a", second)
    kinds = [[type(x) for group in trainer.optimizer.groups for state in group.state for x in state.values()]
             for trainer in (first, second)]
    assert kinds[0] == kinds[1] and {np.ndarray, np.float64} == set(kinds[0])       # an array without axes remembers scalars
    second.fit(source(), until=20)
    assert arrays(whole) == arrays(second) and whole.history == second.history
    with pytest.raises(ValueError, match=r"the model's 0.weight is missing in the checkpoint and float32 \(8, 5\) here"):
        load(tmp_path / "a", run(rule=rule))


def test_parameters_outside_of_the_model_are_the_runs_too(tmp_path):
    def make(start):
        model, heat = MLP(5, 3), nn.Parameter(torch.tensor(start))
        def loss(model, batch):
            return Loss(nn.functional.cross_entropy(model(batch[0]) * heat, batch[1]), n=16)
        return Trainer(model, loss, optim.AdamW([*model.parameters(), heat], rate=0.1)), heat
    (whole, heat), (first, _), (second, other) = make(1.0), make(1.0), make(5.0)
    whole.fit(source(), until=9)
    first.fit(source(), until=4)
    save(tmp_path / "a", first)
    load(tmp_path / "a", second)
    second.fit(source(), until=9)
    assert same(whole, second) and torch.equal(heat, other) and not math.isclose(heat.item(), 1.0)

    alone = Trainer(None, lambda model, batch: Loss(heat * heat, n=1), optim.SGD([heat], rate=0.1))
    save(tmp_path / "b", alone)
    was = heat.item()
    alone.fit([0], steps=3)
    load(tmp_path / "b", alone)
    assert heat.item() == was and alone.t == 0


def test_an_optimizers_memory_keeps_its_order_in_memory(tmp_path):
    def make():
        model = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
        return Trainer(model, lambda model, x: Loss(model(x).square().mean(), n=1), optim.AdamW(model.parameters()))
    first, second = make(), make()
    first.fit([torch.ones(2, 4, 5, 5)], steps=2)
    save(tmp_path / "a", first)
    load(tmp_path / "a", second)
    strides = [trainer.optimizer.groups[0].state[0]["m"].stride() for trainer in (first, second)]
    assert strides[0] == strides[1] == second.model.weight.stride() != torch.empty(6, 4, 3, 3).stride()


def test_settings_come_back_as_saved_and_this_is_said(tmp_path):
    trainer = run(rule=lambda ps: optim.AdamW(ps, rate=0.01))
    save(tmp_path / "a", trainer)
    other = run(rule=lambda ps: optim.AdamW(ps, rate=0.5, clip=1.0))
    with pytest.warns(RuntimeWarning, match=r"a, the optimizer goes on with clip None \(not 1.0\), rate 0.01 \(not 0.5\)\. To"):
        load(tmp_path / "a", other)
    assert other.optimizer.groups[0].rate == 0.01 and other.optimizer.clip is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "a", trainer)


def test_an_optimizer_of_ones_own_resumes_too(tmp_path):
    class Swinging(optim.SGD):                                  # with memory, and other names for its parameters
        def __init__(self, params):
            super().__init__(params, rate=0.1)
            self.all, self.first, self.seen, self.sizes = self.groups[0].params, self.groups[0].params[0], 0, {}

        def step(self, scale=1.0):
            self.seen += 1
            self.sizes[self.seen % 3] = self.first.detach().norm()
            super().step(scale * (1 + self.seen % 3) * float(self.sizes.get(1, 1)))
    whole = run(rule=Swinging)
    whole.fit(source(), until=11)
    first = run(rule=Swinging)
    first.fit(source(), until=7)
    save(tmp_path / "a", first)
    second = run(rule=Swinging, seed=1)
    with pytest.warns(RuntimeWarning, match=r"seen 7 \(not 0\)"):
        load(tmp_path / "a", second)
    second.fit(source(), until=11)
    assert same(whole, second) and second.optimizer.first is second.model[0].weight is second.optimizer.all[0]


def test_what_can_not_be_saved_is_named_and_nothing_is_written(tmp_path):
    eighth = torch.ones(1).to(torch.float8_e5m2)
    for x, what in ((len, "a builtin"), ({(1, 2): 3}, "a dict"), (eighth, "a Tensor of torch.float8")):
        trainer = run()
        trainer.optimizer.rule = x
        with pytest.raises(TypeError, match=rf"can not hold run.optimizer.settings.rule, {what}"):
            save(tmp_path / "a", trainer)
    assert list(tmp_path.iterdir()) == []


# the file

numbers = st.none() | st.booleans() | st.integers(-2**70, 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
trees = st.recursive(numbers, lambda x: st.lists(x, max_size=3) | st.lists(x, max_size=3).map(tuple) | st.dictionaries(
    st.text(max_size=5) | st.sampled_from(["$tensor", "a.b", "a", "b"]) | st.integers(0, 5), x, max_size=3), max_leaves=12)


@settings(max_examples=100, deadline=None)
@given(tree=trees)
def test_a_tree_comes_back_as_it_was(tree, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "tree"
    assert repr(file.read(file.write(path, tree))) == repr(tree)            # repr: True is not 1, -0.0 not 0.0


def test_tensors_come_back_bit_by_bit(tmp_path):
    g = torch.Generator().manual_seed(0)
    made = {str(kind): torch.randint(0, 2, (3, 5), generator=g).to(kind) for kind in file.KINDS}
    made |= {"nan": torch.tensor([math.nan, -0.0, math.inf]), "none": torch.empty(0, 3), "one": torch.tensor(1.5),
             "a.b": torch.ones(1), "across": torch.arange(6.0).reshape(2, 3).T, "graph": torch.ones(2, requires_grad=True) * 2}
    arrays = {"array": np.arange(6).reshape(2, 3).T, "back": np.arange(5.0)[::-1], "zero": np.array(2.5),
              "scalar": np.float64(0.1)}
    back = file.read(file.write(tmp_path / "a", {**made, **arrays, "a": {"b": torch.zeros(1)}, "kind": torch.float16}))

    def bits(x):
        return x.dtype, x.shape, x.detach().contiguous().reshape(-1).view(torch.uint8).tolist()
    for name, x in made.items():
        assert bits(back[name]) == bits(x), name
    assert back["a"]["b"].item() == 0 and back["kind"] is torch.float16
    for name, x in arrays.items():
        assert type(back[name]) is type(x) and back[name].dtype == x.dtype and np.array_equal(back[name], x), name


def test_any_tool_for_safetensors_opens_it(tmp_path):
    trainer = run()
    trainer.fit(source(), steps=2)
    path = save(tmp_path / "a.safetensors", trainer, note={"why": "a test"})
    found = safetensors.torch.load_file(path)
    for name, x in trainer.model.state_dict().items():
        assert torch.equal(found[f"run.model.{name}"], x)
    with safetensors.safe_open(path, "pt") as opened:
        about = opened.metadata()
    assert about["minitrain"] == "1" and json.loads(about["tree"])["note"] == {"why": "a test"}
    raw = path.read_bytes()
    assert hashlib.sha256(raw.replace(about["sha256"].encode(), b"0" * 64)).hexdigest() == about["sha256"]


def test_every_bit_that_flips_is_found(tmp_path):
    path = file.write(tmp_path / "a", {"t": 3, "w": torch.arange(3.0)})
    raw = path.read_bytes()
    for i in range(8 * len(raw)):
        bad = bytearray(raw)
        bad[i // 8] ^= 1 << i % 8
        path.write_bytes(bad)
        with pytest.raises(Unusable, match=f"{path} (is damaged|is no checkpoint, or|was cut short|holds tensors, but is no)"):
            file.read(path)
    path.write_bytes(raw)
    assert file.read(path)["t"] == 3


def test_every_cut_and_every_addition_is_found(tmp_path):
    path = file.write(tmp_path / "a", {"t": 3, "w": torch.arange(3.0)})
    raw = path.read_bytes()
    for n in range(len(raw)):
        path.write_bytes(raw[:n])
        with pytest.raises(Unusable, match=f"cut short: (its header can not be read|it ends after {n:,} of {len(raw):,} bytes)"):
            file.read(path)
    path.write_bytes(raw + b"x")
    with pytest.raises(Unusable, match="damaged"):
        file.read(path)


def test_what_is_no_checkpoint_is_refused_and_nothing_runs(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "bang"),)
    trainer, path = run(), tmp_path / "a"
    before = weights(trainer)
    for write in (lambda: torch.save({"w": Bomb()}, path), lambda: path.write_bytes(pickle.dumps(Bomb())), lambda: path.touch(),
                  lambda: safetensors.torch.save_file(trainer.model.state_dict(), path), lambda: path.write_text('{"t": 3}')):
        write()
        with pytest.raises(Unusable, match="is no checkpoint"):
            load(path, trainer)
    assert not (tmp_path / "bang").exists() and torch.equal(weights(trainer), before)
    with pytest.raises(Unusable, match=f"{tmp_path} can not be read: Is a directory"):
        load(tmp_path, trainer)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint .*b"):
        load(tmp_path / "b", trainer)
    code = "".join(part.read_text() for part in Path(minitrain.checkpoint.__file__).parent.glob("*.py"))
    assert not re.search(r"pickle|(?<!\.)eval\(|exec\(|(?<!safetensors\.)torch\.(load|save)", code)


def test_it_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """A kill does not show this, a power cut would: the bytes are forced out before the rename, and the rename after it."""
    events, path = [], tmp_path / "a"

    def fsync(fd):
        name = os.readlink(f"/proc/self/fd/{fd}")
        events.append(("sync", Path(name).name, os.fstat(fd).st_size if name.endswith(".tmp") else None))
    replace = os.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append(("rename", Path(a).name, Path(b).name)), replace(a, b)))
    file.write(path, {"w": torch.ones(1000)})
    assert events == [("sync", "a.tmp", path.stat().st_size), ("rename", "a.tmp", "a"), ("sync", tmp_path.name, None)]


# another model

def variants():
    return {
        "wider": (lambda: run(net(9)), r"0.weight is float32 \(8, 5\) in the .* and float32 \(9, 5\) here"),
        "deeper": (lambda: run(nn.Sequential(*net(), nn.Linear(3, 3))), "5.weight is missing in the checkpoint and float32"),
        "shallower": (lambda: run(net()[:4]), r"the model's 4.weight is float32 \(3, 8\) in the checkpoint and missing here"),
        "in double": (lambda: run(net().double()), r"0.weight is float32 \(8, 5\) in the checkpoint and float64 \(8, 5\) here"),
        "another rule": (lambda: run(rule=optim.Adam), "the optimizer is AdamW in the checkpoint and Adam here"),
        "torch's rule": (lambda: run(rule=lambda ps: optim.FromTorch(torch.optim.SGD(ps, lr=1.0))), "AdamW .* and SGD here"),
        "another order": (lambda: run(rule=lambda ps: optim.AdamW(list(ps)[::-1])), r"parameter 0 .*float32 \(8, 5\)"),
        "fewer trained": (lambda: run(rule=lambda ps: optim.AdamW(list(ps)[:2])), "parameter 2 of .* and missing here"),
    }


@pytest.mark.parametrize("name", variants())
def test_another_models_checkpoint_is_refused_with_the_first_difference(name, tmp_path):
    make, difference = variants()[name]
    first = run()
    first.fit(source(), until=5)
    path = save(tmp_path / "step-00000005.safetensors", first)
    other = make()
    other.t, before, rows = 2, weights(other), [*other.history]
    state = [torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()]
    for attempt in (lambda: load(path, other), lambda: Checkpoints(tmp_path).resume(other)):        # nor starts it afresh
        with pytest.raises(ValueError, match=rf"step-00000005.safetensors is another run's: .*{difference}.*Nothing was changed"):
            attempt()
        assert torch.equal(weights(other), before) and other.t == 2 and other.history == rows
        assert state == [torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()]


def test_a_missing_source_or_generator_is_a_difference(tmp_path):
    trainer = run()
    path = save(tmp_path / "a", trainer, source=Walk(0), generators={"lots": np.random.default_rng(0)})
    for here, difference in (({}, "the source is Walk in the checkpoint and missing here"),
                             ({"source": Walk(0)}, "the generator 'lots' is NumPy's PCG64 in the checkpoint and missing here"),
                             ({"source": Walk(0), "generators": {"lots": random.Random(0)}}, "PCG64 .* a random.Random here")):
        with pytest.raises(ValueError, match=difference):
            load(path, trainer, **here)


# a folder of them

def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_k_and_the_best_are_kept(tmp_path):
    scores = iter([5, 3, math.nan, 1, 4, 9, 2, 7])
    def measure(trainer, logs):
        logs["score"] = next(scores)
    trainer, checkpoints = run(), Checkpoints(tmp_path, every=1, keep=2, best="score")
    trainer.fit(source(), until=4, each=together(measure, checkpoints))
    assert names(tmp_path) == ["step-00000003.safetensors", "step-00000004.safetensors"]
    trainer.fit(source(), until=7, each=together(measure, checkpoints))
    assert names(tmp_path) == [f"step-0000000{i}.safetensors" for i in (4, 6, 7)]
    assert checkpoints.best_file.name == "step-00000004.safetensors"
    other, later = run(), Checkpoints(tmp_path, every=1, keep=2, best="score", lower_is_better=False)
    assert later.resume(other) == f"Resumed at update 7 from {tmp_path}/step-00000007.safetensors."
    assert torch.equal(weights(trainer), weights(other)) and math.isnan(other.history[2]["score"])
    assert later.best_file.name == "step-00000006.safetensors"                              # of those that are there
    later = Checkpoints(tmp_path, every=1, keep=1, best="score")
    later.resume(other)
    other.fit(source(), until=8, each=together(measure, later))
    assert names(tmp_path) == [f"step-0000000{i}.safetensors" for i in (4, 8)]
    load(later.best_file, other)
    assert other.t == 4 and other.history[-1]["score"] == 1


def test_mistakes_with_a_folder_get_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="every=0 and keep=3; both must be at least 1"):
        Checkpoints(tmp_path, every=0)
    with pytest.raises(ValueError, match="every=1 and keep=0"):
        Checkpoints(tmp_path, every=1, keep=0)
    trainer = run()
    with pytest.raises(ValueError, match="the best 'held_out_loss', but at update 2 the logs hold only t, n, loss, accuracy"):
        trainer.fit(source(), steps=5, each=Checkpoints(tmp_path, every=2, best="held_out_loss"))
    Checkpoints(tmp_path).save(trainer)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for attempt in (lambda: trainer.fit(source(), steps=9, each=Checkpoints(tmp_path, every=1)),
                    lambda: Checkpoints(tmp_path).save(trainer)):
        with pytest.raises(FileExistsError, match=r"already holds checkpoints: call resume\(trainer\)"):
            attempt()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[-77] ^= 4
    path.write_bytes(raw)


def half_written(path):
    path.write_bytes(path.read_bytes()[:-2000] + bytes(2000))           # what a power cut may leave: the length, and zeros


def emptied(path):
    path.write_bytes(b"")


def from_tomorrow(path):
    tree = file.read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "VERSION", 2)
        file.write(path, tree)


HARM = {cut: "was cut short: it ends after", flip: "is damaged: its bytes are not those that were saved",
        half_written: "is damaged", emptied: "is no checkpoint, or damaged, or cut short",
        from_tomorrow: "was saved by a newer minitrain, in format 2; this one reads up to 1"}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_lies_is_named_left_alone_and_the_one_before_is_used(harm, tmp_path):
    whole = run()
    whole.fit(source(), until=20)
    first = run()
    first.fit(source(), until=12, each=Checkpoints(tmp_path, every=4, keep=2))
    bad = tmp_path / "step-00000012.safetensors"
    harm(bad)
    raw = bad.read_bytes()
    (tmp_path / "step-00000016.safetensors.tmp").write_bytes(b"half of one")        # what a kill left
    second, checkpoints = run(seed=1), Checkpoints(tmp_path, every=4, keep=2)
    with pytest.warns(RuntimeWarning) as warned:
        assert checkpoints.resume(second) == f"Resumed at update 8 from {tmp_path}/step-00000008.safetensors."
    said = [str(w.message) for w in warned]
    assert len(said) == 1 and said[0].startswith(f"{bad} {HARM[harm]}")
    assert said[0].endswith("; it was left as it is, and step-00000008.safetensors was loaded instead.")
    second.fit(source(), until=20, each=checkpoints)
    assert same(whole, second) and bad.read_bytes() == raw
    assert names(tmp_path) == [f"step-{name}.safetensors" for name in ("00000012", "00000016", "00000020")]
    with pytest.warns(RuntimeWarning):
        assert "update 20" in Checkpoints(tmp_path).resume(run(seed=1))


def test_where_none_is_good_the_run_starts_and_says_why(tmp_path):
    first = run()
    first.fit(source(), until=8, each=Checkpoints(tmp_path, every=4))
    for path in tmp_path.iterdir():
        flip(path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    second, checkpoints = run(), Checkpoints(tmp_path, every=4, keep=1)
    with pytest.warns(RuntimeWarning) as warned:
        assert checkpoints.resume(second) == f"Starts at update 0: {tmp_path} holds no checkpoint that can be used."
    for path, warning in zip(sorted(before), warned, strict=True):
        assert re.match(f"{path} is damaged.*; it was left as it is, and training starts at update 0", str(warning.message))
    second.fit(source(), until=8, each=checkpoints)
    assert {path: path.read_bytes() for path in before} == before
    assert names(tmp_path) == [f"step-0000000{name}.safetensors" for name in ("4", "8.1", "8")]
    assert "Starts at update 0" in Checkpoints(tmp_path / "new").resume(run())


# a full disk

def with_a_full_device(folder, monkeypatch):
    (folder / "step-00000004.safetensors.tmp").symlink_to("/dev/full")             # the kernel's own "No space left on device"


def full_when_forced_out(folder, monkeypatch):
    def fsync(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "fsync", fsync)


def full_at_the_rename(folder, monkeypatch):
    def replace(a, b):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "replace", replace)


def check_full(folder, fill, free):
    whole = run()
    whole.fit(source(), until=8)
    trainer, checkpoints = run(), Checkpoints(folder, every=2, keep=1)
    trainer.fit(source(), until=2, each=checkpoints)
    good = folder / "step-00000002.safetensors"
    raw = good.read_bytes()
    fill()
    sentence = (r"step-00000004.safetensors could not be saved: No space left on device \([\d,]+ bytes needed, [\d,]+ free\)\. "
                r"No checkpoint was overwritten or deleted, and the training can go on\. The newest good checkpoint is step-0+2")
    with pytest.raises(OSError, match=sentence) as error:
        trainer.fit(source(), until=8, each=checkpoints)
    assert error.value.errno == errno.ENOSPC and good.read_bytes() == raw and trainer.t == 4
    free()
    assert names(folder) == [good.name]
    other = run(seed=1)
    Checkpoints(folder).resume(other)
    assert other.t == 2
    other.fit(source(), until=8)
    trainer = run()
    load(good, trainer)
    trainer.fit(source(), until=8, each=checkpoints)                                # the same object, once there is room
    assert same(whole, trainer) and same(whole, other) and names(folder) == ["step-00000008.safetensors"]


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("how", [with_a_full_device, full_when_forced_out, full_at_the_rename])
def test_a_full_disk_costs_nothing(how, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        check_full(tmp_path, lambda: how(tmp_path, patch), patch.undo)


def test_a_disk_that_is_really_full(tmp_path):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", tmp_path], capture_output=True) \
        if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        def fill():
            with open(tmp_path / "filling", "wb", buffering=0) as filling, pytest.raises(OSError, match="No space"):
                while True:
                    filling.write(bytes(4096))
            os.truncate(tmp_path / "filling", os.path.getsize(tmp_path / "filling") - 4096)        # room for a part of one
        check_full(tmp_path, fill, lambda: (tmp_path / "filling").unlink())
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere/a could not be saved: No such file or directory"):
        save(tmp_path / "nowhere" / "a", run())


# a GPU

@pytest.mark.gpu
def test_between_devices_and_exactly_on_one(tmp_path):
    def make(device, seed=0):
        trainer = run(net(seed=seed).to(device))
        torch.cuda.manual_seed_all(seed)
        x, y = (part.to(device) for part in data())
        return trainer, sources.batches(x, y, size=16, seed=0)
    whole, batches = make("cuda")
    whole.fit(batches, until=12)
    first, batches = make("cuda")
    first.fit(batches, until=5)
    path = save(tmp_path / "a", first)
    second, batches = make("cuda", seed=1)
    load(path, second)
    second.fit(batches, until=12)
    assert same(whole, second)
    there, batches = make("cpu", seed=1)
    load(path, there)
    assert torch.equal(weights(there), weights(first).cpu()) and there.optimizer.groups[0].state[0]["m"].device.type == "cpu"
    there.fit(batches, until=7)
    back, batches = make("cuda", seed=1)
    load(save(tmp_path / "b", there), back)
    assert back.optimizer.groups[0].state[0]["m"].device.type == "cuda"
    back.fit(batches, until=12)
    assert back.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=0.5)


# kill -9

NURSERY = '''
"""Starts runs as processes of their own, one a line of stdin; forked, since importing torch takes longer than they live."""
import hashlib, json, os, random, signal, sys, time, warnings
import numpy as np
import torch
from minitrain import Trainer, losses, optim, sources
from minitrain.callbacks import Evaluate, together
from minitrain.checkpoint import Checkpoints, file
from test_checkpoint import Walk

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_at(point, nth):
    """SIGKILL at this point of the nth write of this process."""
    seen = {}
    def here(name):
        seen[name] = seen.get(name, 0) + 1
        if name == point and seen[name] == nth:
            die()
    class Dying:
        def __init__(self, opened):
            self.opened, self.pieces = opened, 0
        def __getattr__(self, name):
            return getattr(self.opened, name)
        def __enter__(self):
            return self
        def __exit__(self, *_):
            self.opened.close()
        def write(self, piece):
            self.pieces += 1
            half = len(piece) // 2
            self.opened.write(bytes(piece)[:half])
            self.opened.flush()
            if self.pieces == 9:
                here("in the middle of the bytes")
            self.opened.write(bytes(piece)[half:])
    def opening(*args):
        opened = Dying(open(*args))
        here("after the file was opened")
        return opened
    fsync, replace, unlink = os.fsync, os.replace, file.Path.unlink
    def syncing(fd):
        here("before the name is forced out" if os.path.isdir(f"/proc/self/fd/{fd}") else "before the bytes are forced out")
        fsync(fd)
    def replacing(a, b):
        here("before the rename")
        replace(a, b)
        here("after the rename")
    def unlinking(path, missing_ok=False):
        old = path.suffix == ".safetensors"
        old and here("before an old one is deleted")
        unlink(path, missing_ok=missing_ok)
        old and here("after an old one is deleted")
    file.open, os.fsync, os.replace, file.Path.unlink = opening, syncing, replacing, unlinking

def train(kind, folder, log, steps, point, nth, ready):
    warnings.simplefilter("error")                          # a kill never leaves a file that resume must warn of
    seed = os.getpid()                                      # nothing may hang on what the process brings along
    torch.manual_seed(seed), random.seed(seed), np.random.seed(seed)
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 5, generator=g), torch.randint(0, 3, (200,), generator=g)
    net = torch.nn.Sequential(torch.nn.Linear(5, 96), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(96, 96),
                              torch.nn.BatchNorm1d(96), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(96, 3))
    noise = np.random.default_rng(seed)
    def loss(model, batch):                                 # draws from everything there is
        x, y = batch
        x = x + float(noise.normal()) * 0.1 + random.random() * 0.1 + float(np.random.rand()) * 0.1
        return losses.cross_entropy(model, (x, y))
    if kind == "indexed":
        source = sources.batches(x, y, size=16, seed=0, augment=lambda x, g: x + 0.1 * torch.randn(x.shape, generator=g))
        rule = optim.AdamW(net.parameters(), rate=0.01, clip=1.0)
    else:
        source = Walk(seed)
        rule = optim.Muon(net.parameters()) if kind == "walk" else optim.FromTorch(torch.optim.Adam(net.parameters(), lr=0.01))
    trainer = Trainer(net, loss, rule, schedule=optim.cosine(steps))
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    def record(trainer, logs):
        digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.state_dict().values())).hexdigest()
        os.write(out, f"{trainer.t} {digest} {logs.get(\'held_out_loss\')!r}\\n".encode())
    each = [Evaluate(x, y, every=2, loss=losses.cross_entropy), record]
    if folder:
        each.append(Checkpoints(folder, every=2, keep=2, best="held_out_loss", source=source, generators={"noise": noise}))
    if not folder or each[-1].resume(trainer).startswith("Starts"):
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(0.2 * torch.randn(p.shape, generator=g))
        torch.manual_seed(0), random.seed(0), np.random.seed(0)
        noise.bit_generator.state = np.random.default_rng(0).bit_generator.state
        if kind != "indexed":
            source.load_state_dict(Walk(0).state_dict())
    die_at(point, nth)
    os.write(ready, b"!")
    trainer.fit(source, until=steps, each=together(*each))
    os.write(out, f"end {trainer.history!r} {torch.rand(3).tolist()} {random.random()} {np.random.rand()}\\n".encode())

p = torch.nn.Parameter(torch.ones(1))
p.grad = torch.ones(1)
torch.optim.Adam([p]).step()                                # its first step imports for seconds: once, here
for line in sys.stdin:
    job, (hears, ready) = json.loads(line), os.pipe()
    after = job.pop("after")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(**job, ready=ready)
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    os.close(ready)
    os.read(hears, 1)
    start = time.monotonic()
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)                        # not waited for yet: the number is still its own
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(hears)
    print(json.dumps([status, time.monotonic() - start]), flush=True)
'''
POINTS = ["after the file was opened", "in the middle of the bytes", "before the bytes are forced out", "before the rename",
          "after the rename", "before the name is forced out", "before an old one is deleted", "after an old one is deleted"]
STEPS = 60


class Nursery:
    """A process that starts runs, see above."""
    def __init__(self):
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
        self.process = subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=env, cwd=Path(__file__).parent.parent)

    def run(self, kind, folder, log, point=None, nth=0, after=None):
        """One run: its exit status (0: it came to its end) and its seconds. It is killed at a point of its nth write, or after
        so many seconds."""
        job = {"kind": kind, "folder": folder and str(folder), "log": str(log), "steps": STEPS, "point": point, "nth": nth}
        self.process.stdin.write(json.dumps({**job, "after": after}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=60)


def lines(log):
    return log.read_text().splitlines() if log.exists() else []


def kill_and_resume(tmp_path, kills, seed):
    """So many kills at random moments, and after each one at a point of a write. Every update of every process is compared
    with the same update of a run that never saved nor stopped: weights, held-out loss; at the end history and generators."""
    lots, counts = random.Random(seed), dict.fromkeys(["in a step", "in a write", *POINTS, "ran to the end"], 0)
    expected, seconds, rounds, done = {}, {}, dict.fromkeys(["indexed", "walk", "torch"], 0), 0
    points = lots.sample(POINTS, len(POINTS))

    def run(kind, **how):
        folder, log = tmp_path / f"{kind}-{rounds[kind]}", tmp_path / f"{kind}-{rounds[kind]}.log"
        before = len(lines(log))
        for left in folder.glob("*.tmp"):
            left.rename(left.with_suffix(".left"))                          # so that it is seen what this one leaves
        status, took = nursery.run(kind, folder, log, **how)
        new = lines(log)[before:]
        first = expected[kind].index(new[0]) if new else 0                  # a ValueError: an update that never was
        assert new == expected[kind][first:first + len(new)], f"{kind}, {how}: from update {first} on it is another run"
        for left in folder.glob("*.left"):
            left.unlink()
        if status == 0:
            assert lines(log)[-1] == expected[kind][-1]
            best = min((float(line.split()[2]), line.split()[0]) for line in expected[kind][1:-1:2])[1]
            kept, wanted = {int(path.stem[5:]) for path in folder.glob("*.safetensors")}, {int(best), STEPS - 2, STEPS}
            assert kept >= wanted and len(kept - wanted) <= (not new[1:])   # killed after its last write, it left one too many
            counts["ran to the end"] += 1
            rounds[kind] += 1
            seconds[kind] = took
        return status, folder

    with Nursery() as nursery:
        for kind in rounds:
            assert nursery.run(kind, None, tmp_path / kind)[0] == 0
            expected[kind] = lines(tmp_path / kind)
            assert len(set(expected[kind])) == STEPS + 1
            assert run(kind)[0] == 0                                        # saving leaves no trace, and how long it takes
        while done < 2 * kills:
            kind = list(rounds)[done % len(rounds)]
            how = {"point": points[done // 2 % len(points)], "nth": lots.randrange(1, 4)} if done % 2 else \
                {"after": lots.uniform(0, seconds[kind])}
            status, folder = run(kind, **how)
            assert status in (0, -signal.SIGKILL)
            if status:
                done += 1
                counts[how.get("point") or ("in a write" if list(folder.glob("*.tmp")) else "in a step")] += 1
        for kind in rounds:
            assert run(kind)[0] == 0
    return counts


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="forks, and looks into /proc")
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_bit_by_bit(kills, tmp_path):
    counts = kill_and_resume(tmp_path, kills, seed=time.time_ns())
    print({name: n for name, n in counts.items() if n})
    assert counts["in a step"] + counts["in a write"] == kills == sum(counts[point] for point in POINTS)
    assert kills == 5 or all(counts.values())
