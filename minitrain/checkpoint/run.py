"""What of a run goes into a checkpoint, and how it gets back. It refuses to know files.

Weights and buffers, whatever the optimizer remembers, `t` (which is where the schedule and an indexed source are), the state
of a source that has one, the history, and the state of all generators: leave one out, and a resumed run is another run.
"""
import random
from itertools import chain

import numpy as np
import torch

from minitrain.optim import FromTorch


def capture(trainer, source, generators):
    """The run as a tree. Tensors are the trainer's own, not copies."""
    return {"t": trainer.t, "model": _weights(trainer.model), "others": [p.data for p in _others(trainer)],
            "optimizer": _optimizer(trainer.optimizer), "source": source.state_dict() if _stateful(source) else None,
            "generators": {name: get() for name, (_, get, _) in _generators(generators).items()},
            "history": _columns(trainer.history)}


def restore(tree, trainer, source, generators):
    """The way back, onto the devices where everything is. Returns which of the optimizer's settings this changed, in words."""
    if _stateful(source):
        source.load_state_dict(tree["source"])
    for name, (_, _, put) in _generators(generators).items():
        if name in tree["generators"]:                          # a GPU's are missing where there was none
            put(tree["generators"][name])
    changed = _restore_optimizer(trainer.optimizer, tree["optimizer"])
    if hasattr(trainer.model, "load_state_dict"):
        trainer.model.load_state_dict(tree["model"])
    else:
        _put(_parameters(trainer.model).values(), tree["model"].values())
    _put(_others(trainer), tree["others"])
    trainer.t = tree["t"]
    trainer.history.clear()
    trainer.history.extend(_rows(tree["history"]))
    return changed


def fits(trainer, source, generators):
    """What a checkpoint and the trainer that loads it must have in common, in words."""
    def kind(x):
        return f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__
    rule = trainer.optimizer.optimizer if isinstance(trainer.optimizer, FromTorch) else trainer.optimizer
    named = _generators(generators)
    return {**{f"the model's {name}": kind(x) for name, x in _weights(trainer.model).items()},
            "the optimizer": type(rule).__name__,
            **{f"parameter {j} of the optimizer's group {i}": kind(p.data)
               for i, group in enumerate(trainer.optimizer.groups) for j, p in enumerate(group.params)},
            **({"the source": type(source).__name__} if _stateful(source) else {}),
            **{f"the generator {name!r}": named[name][0] for name in generators or {}}}


def _parameters(model):
    if hasattr(model, "named_parameters"):
        return dict(model.named_parameters())
    return {str(i): p for i, p in enumerate(model.parameters())} if hasattr(model, "parameters") else {}


def _weights(model):
    return model.state_dict() if hasattr(model, "state_dict") else {name: p.data for name, p in _parameters(model).items()}


def _others(trainer):
    """Parameters that are trained and not the model's: a temperature, say, or all of them where the model is a function."""
    known = {id(p) for p in _parameters(trainer.model).values()}
    return [p for group in trainer.optimizer.groups for p in group.params if id(p) not in known]


def _put(params, saved):
    for p, data in zip(params, saved, strict=True):
        if isinstance(p.data, torch.Tensor):
            p.data.copy_(data)                                  # its device, its memory order
        else:
            p.data = data


def _optimizer(optimizer):
    own = {id(p) for group in optimizer.groups for p in group.params}
    settings = {name: x for name, x in vars(optimizer).items()                      # another name for a parameter is no memory
                if own.isdisjoint(map(id, x if isinstance(x, list) else [x]))}
    inner = None
    if isinstance(optimizer, FromTorch):
        inner = settings.pop("optimizer").state_dict()
    groups = [{name: value for name, value in vars(group).items() if name != "params"} for group in settings.pop("groups")]
    return {"settings": settings, "groups": groups, "inner": inner}


def _restore_optimizer(optimizer, saved):
    changed = []
    for owner, values in [(optimizer, saved["settings"]), *zip(optimizer.groups, saved["groups"], strict=True)]:
        for name, value in values.items():
            if name not in ("t", "norm", "state") and (here := getattr(owner, name, None)) != value:
                changed.append(f"{name} {value} (not {here})")
            setattr(owner, name, value)
    for group in optimizer.groups:
        group.state = [{name: _beside(p.data, x) for name, x in state.items()} for p, state in zip(group.params, group.state)]
    if isinstance(optimizer, FromTorch):
        optimizer.optimizer.load_state_dict(saved["inner"])
    return changed


def _beside(p, x):
    """x on p's device and, where it has p's shape, in its memory order: that decides in which order numbers are added."""
    if not (isinstance(p, torch.Tensor) and isinstance(x, torch.Tensor)):
        return x
    return torch.empty_like(p, dtype=x.dtype).copy_(x) if p.shape == x.shape else x.to(p.device)


def _stateful(source):
    if source is None or hasattr(source, "at") and not hasattr(source, "state_dict"):
        return False
    if hasattr(source, "state_dict") and hasattr(source, "load_state_dict"):
        return True
    raise TypeError(f"{type(source).__name__} can not be resumed: a source needs at(i), so that t tells which batch is next, or "
                    "state_dict() and load_state_dict(state).")


def _generators(given):
    """The global generators and those given, by name: what each is, how its state is read, and how it is set."""
    gpus = torch.cuda.default_generators if torch.cuda.is_available() else ()
    named = {"python": random.getstate.__self__, "numpy": np.random.get_state.__self__, "torch": torch.default_generator,
             **{f"cuda:{i}": g for i, g in enumerate(gpus)}, **(given or {})}
    return {name: _access(name, g) for name, g in named.items()}


def _access(name, g):
    match g:
        case torch.Generator():
            return f"a torch.Generator on {g.device.type}", g.get_state, g.set_state
        case np.random.Generator():
            bits = g.bit_generator
            return f"NumPy's {type(bits).__name__}", lambda: bits.state, lambda state: setattr(bits, "state", state)
        case np.random.RandomState():
            return "NumPy's RandomState", lambda: g.get_state(legacy=False), g.set_state
        case random.Random():
            return "a random.Random", g.getstate, g.setstate
    raise TypeError(f"The generator {name!r} is a {type(g).__name__}; a checkpoint knows those of torch, NumPy and Python.")


def _columns(rows):
    """The history as one array a name; `at` says in which rows its numbers stand."""
    at = {name: [i for i, row in enumerate(rows) if name in row] for name in dict.fromkeys(chain.from_iterable(rows))}
    return {"rows": len(rows), "at": {name: np.array(i) for name, i in at.items()},
            "values": {name: np.array([rows[i][name] for i in at[name]]) for name in at}}


def _rows(history):
    rows = [{} for _ in range(history["rows"])]
    for name, values in history["values"].items():
        for i, value in zip(history["at"][name].tolist(), values.tolist(), strict=True):
            rows[i][name] = value
    return rows
