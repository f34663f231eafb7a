"""Optimizers, schedules and clipping: step 4 of the loop.

An optimizer has `groups` (parameters and a base rate each), `zero_grad()` and `step(scale)`; `scale` is the schedule's
factor of every base rate. A rule is written once, in operators that NumPy arrays, torch tensors and plain numbers share;
torch parameters take a path that does the same to all of them in a few calls. A parameter is anything with `.data` and
`.grad`; a missing gradient counts as zero. Left out: per-parameter options beyond rate and decay, closures (L-BFGS).

>>> import torch
>>> p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
>>> p.grad = torch.tensor([1.0, -1.0])
>>> SGD([p], rate=0.5).step()
>>> p.data.tolist()
[0.5, 2.5]
"""
import math
from dataclasses import dataclass, field

import torch

from minitrain.kernels.adamw import adamw_
from minitrain.kernels.lang import runs_here


@dataclass
class Group:
    """Parameters that share a base rate and a weight decay."""
    params: list
    rate: float
    decay: float = 0.0
    state: list = field(default_factory=list)       # one dict a parameter: what the rule remembers between steps


class Optimizer:
    """What all optimizers share. A rule is `update(p, g, state, rate, group)`, which changes `p` in place and returns it.

    params: parameters, or dicts with "params" and, where they differ, "rate" and "decay".  rate: base learning rate.
    clip: largest joint norm of all gradients, or None; the norm before clipping is kept in `.norm`.
    """

    def __init__(self, params, rate, decay=0.0, clip=None):
        params = list(params)
        dicts = params if params and isinstance(params[0], dict) else [{"params": params}]
        self.groups = [Group(list(d["params"]), d.get("rate", rate), d.get("decay", decay)) for d in dicts]
        for group in self.groups:
            if not group.rate >= 0:
                raise ValueError(f"The learning rate is {group.rate}; it must be zero or more.")
            group.state = [{} for _ in group.params]
        if not any(group.params for group in self.groups):
            raise ValueError(f"{type(self).__name__} got no parameters; model.parameters() may have been used up before.")
        self.clip, self.norm, self.t = clip, None, 0

    def zero_grad(self):
        for group in self.groups:
            for p in group.params:
                p.grad = None

    def step(self, scale=1.0):
        """One update at `scale` times the base rates."""
        if self.clip is not None:
            self.norm = clip_global_norm([p for group in self.groups for p in group.params], self.clip)
        self.t += 1
        for group in self.groups:
            rate = group.rate * scale
            if all(isinstance(p, torch.Tensor) for p in group.params):
                gs = [torch.zeros_like(p.data) if p.grad is None else p.grad for p in group.params]
                self.update_together([p.data for p in group.params], gs, group.state, rate, group)
            else:
                for p, state in zip(group.params, group.state, strict=True):
                    p.data = self.update(p.data, 0.0 if p.grad is None else p.grad, state, rate, group)

    def update(self, p, g, state, rate, group):
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def update_together(self, ps, gs, states, rate, group):
        """The same rule for many torch tensors; a subclass may do it in fewer calls."""
        for p, g, state in zip(ps, gs, states, strict=True):
            self.update(p, g, state, rate, group)


class SGD(Optimizer):
    """Step against the gradient: p -= rate · g. (Robbins and Monro, 1951)"""

    def update(self, p, g, state, rate, group):
        p -= rate * g
        return p

    def update_together(self, ps, gs, states, rate, group):
        torch._foreach_add_(ps, gs, alpha=-rate)


class Momentum(Optimizer):
    """A ball that keeps `beta` of its speed: m = beta·m + g, p -= rate · m. (Polyak, 1964)

    nesterov: look ahead along the speed before stepping, p -= rate · (g + beta·m). (Sutskever et al., 2013)
    """

    def __init__(self, params, rate, beta=0.9, nesterov=False, clip=None):
        super().__init__(params, rate, clip=clip)
        self.beta, self.nesterov = beta, nesterov

    def update(self, p, g, state, rate, group):
        m = state["m"] = self.beta * state.get("m", 0.0) + g
        p -= rate * (g + self.beta * m if self.nesterov else m)
        return p

    def update_together(self, ps, gs, states, rate, group):
        ms = _remembered("m", ps, states)
        torch._foreach_mul_(ms, self.beta)
        torch._foreach_add_(ms, gs)
        if self.nesterov:
            torch._foreach_add_(ps, gs, alpha=-rate)
        torch._foreach_add_(ps, ms, alpha=-rate * (self.beta if self.nesterov else 1.0))


class AdamW(Optimizer):
    """Each weight's own step: the mean gradient over its usual size, both forgotten slowly, and weights that shrink.

    m = b1·m + (1-b1)·g,  v = b2·v + (1-b2)·g²,  p -= rate · (m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps) + decay·p).
    Kingma and Ba, 2015 (the rule); Loshchilov and Hutter, 2019 (the decay, apart from the gradient).
    """

    def __init__(self, params, rate=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.01, clip=None):
        super().__init__(params, rate, decay, clip)
        self.betas, self.eps = betas, eps

    def update(self, p, g, state, rate, group):
        b1, b2 = self.betas
        m = state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
        v = state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g * g
        p *= 1 - rate * group.decay
        p -= rate * (m / (1 - b1**self.t)) / ((v / (1 - b2**self.t)) ** 0.5 + self.eps)
        return p

    def update_together(self, ps, gs, states, rate, group):
        b1, b2 = self.betas
        ms, vs = _remembered("m", ps, states), _remembered("v", ps, states)
        if any(map(runs_here, ps)):                                                 # on a GPU: all in one launch
            adamw_(ps, gs, ms, vs, step=self.t, rate=rate, betas=self.betas, eps=self.eps, decay=group.decay)
            return
        torch._foreach_mul_(ms, b1)
        torch._foreach_add_(ms, gs, alpha=1 - b1)
        torch._foreach_mul_(vs, b2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - b2)
        size = torch._foreach_sqrt(vs)
        torch._foreach_div_(size, math.sqrt(1 - b2**self.t))
        torch._foreach_add_(size, self.eps)
        if group.decay:
            torch._foreach_mul_(ps, 1 - rate * group.decay)
        torch._foreach_addcdiv_(ps, ms, size, -rate / (1 - b1**self.t))


class Adam(AdamW):
    """AdamW without decay. (Kingma and Ba, 2015)"""

    def __init__(self, params, rate=1e-3, betas=(0.9, 0.999), eps=1e-8, clip=None):
        super().__init__(params, rate, betas, eps, decay=0.0, clip=clip)


class Muon(AdamW):
    """Matrices step by their momentum with all directions made equally strong; everything else steps by AdamW.

    Of a momentum U·S·Vᵀ the step keeps U·Vᵀ alone, so that directions with small gradients move as far as those with
    large ones. Made for hidden matrices (convolutions count as matrices, outputs × the rest): name embeddings and output
    layers in `adam`; vectors and scalars go there by themselves. Jordan et al., "Muon: an optimizer for hidden layers
    in neural networks", 2024.

    params: all parameters.  rate: for the matrices.  adam: parameters that take AdamW's rule at `adam_rate` instead.
    dtype: in what to orthogonalise (torch only); bfloat16 is precise enough and faster where matmuls in it are.
    """

    def __init__(self, params, rate=0.02, momentum=0.95, *, adam=(), adam_rate=3e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0,
                 clip=None, dtype=None):
        params, named = list(params), {id(p) for p in adam}
        groups = [{"params": [p for p in params if p.data.ndim >= 2 and id(p) not in named]},
                  {"params": [p for p in params if p.data.ndim < 2 or id(p) in named], "rate": adam_rate}]
        super().__init__(groups, rate, betas, eps, decay, clip)
        self.momentum, self.dtype = momentum, dtype

    def update(self, p, g, state, rate, group):
        if group is not self.groups[0]:
            return super().update(p, g, state, rate, group)
        m = state["m"] = self.momentum * state.get("m", 0.0) + (1 - self.momentum) * g
        look_ahead = (1 - self.momentum) * g + self.momentum * m
        step = orthogonalize(look_ahead.reshape(len(p), -1), self.dtype)            # (outputs, the rest)
        p *= 1 - rate * group.decay
        p -= rate * max(1, step.shape[0] / step.shape[1]) ** 0.5 * step.reshape(p.shape)
        return p

    def update_together(self, ps, gs, states, rate, group):
        if not ps:
            return                                                                  # torch's foreach calls want one at least
        if group is not self.groups[0]:
            super().update_together(ps, gs, states, rate, group)
            return
        ms = _remembered("m", ps, states)
        torch._foreach_lerp_(ms, gs, 1 - self.momentum)
        ahead = [x.flatten(1) for x in torch._foreach_lerp(gs, ms, self.momentum)]
        if group.decay:
            torch._foreach_mul_(ps, 1 - rate * group.decay)
        kinds = [(x.shape, x.dtype, x.device) for x in ahead]
        for kind in dict.fromkeys(kinds):                                           # matrices of one shape, in one call
            same, shape = [i for i, other in enumerate(kinds) if other == kind], kind[0]
            steps = orthogonalize(torch.stack([ahead[i] for i in same]), self.dtype)
            steps = [step.view_as(ps[i]) for i, step in zip(same, steps, strict=True)]
            torch._foreach_add_([ps[i] for i in same], steps, alpha=-rate * max(1, shape[0] / shape[1]) ** 0.5)


def orthogonalize(x, dtype=None, steps=5):
    """U·Vᵀ of x = U·S·Vᵀ, nearly: singular values end between about 0.7 and 1.2.  x (…, M, N), one matrix or a stack.

    Newton–Schulz: an odd polynomial of x acts on its singular values alone; this one, five times, lifts all of them
    from (0, 1] to about 1, in matrix products instead of a decomposition. Coefficients: Jordan et al., 2024.

    >>> x = torch.tensor([[3.0, 0.0], [0.0, 0.01]])
    >>> orthogonalize(x).diagonal()
    tensor([0.6964, 1.1582])
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    kind = x.dtype
    x = x / ((x * x).sum((-2, -1))[..., None, None] ** 0.5 + 1e-7)
    x = x if dtype is None else x.to(dtype)
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    for _ in range(steps):
        gram = x @ x.mT                                                             # (…, M, M), the smaller side
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = x if wide else x.mT
    return x if dtype is None else x.to(kind)


class FromTorch:
    """A torch.optim optimizer that keeps this file's protocol.

    >>> p = torch.nn.Parameter(torch.ones(2))
    >>> wrapped = FromTorch(torch.optim.SGD([p], lr=0.1))
    >>> p.grad = torch.ones(2); wrapped.step(scale=5.0); p.data.tolist()
    [0.5, 0.5]
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.groups = [Group(list(g["params"]), float(g["lr"]), g.get("weight_decay", 0.0)) for g in optimizer.param_groups]

    def zero_grad(self):
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, scale=1.0):
        for own, theirs in zip(self.groups, self.optimizer.param_groups, strict=True):
            theirs["lr"] = own.rate * scale
        self.optimizer.step()


def clip_global_norm(params, limit):
    """Scale all gradients by one factor so that their joint L2 norm is at most `limit`.

    One factor keeps the direction of the step; capping each value on its own (also called clipping) would turn it.
    Returns the norm before clipping: a number worth plotting. Pascanu et al., 2013.

    >>> p = torch.nn.Parameter(torch.tensor([3.0, 4.0])); p.grad = torch.tensor([6.0, 8.0])
    >>> float(clip_global_norm([p], limit=5.0)), p.grad.tolist()
    (10.0, [3.0, 4.0])
    """
    grads = [p.grad for p in params if p.grad is not None]
    if grads and all(isinstance(g, torch.Tensor) for g in grads):
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, limit / norm.clamp(min=limit))           # no `if`: that would wait for the device
        return norm
    norm = math.sqrt(sum(float((g * g).sum()) if hasattr(g, "sum") else g * g for g in grads))
    for p in params:
        if p.grad is not None:
            p.grad *= limit / max(norm, limit)
    return norm


def constant():
    """The base rate throughout."""
    return lambda t: 1.0


def cosine(steps, floor=0.0):
    """From 1 down to `floor` along half a cosine over `steps` updates, then `floor`. (Loshchilov and Hutter, 2017)

    >>> [round(cosine(4, floor=0.2)(t), 2) for t in (0, 2, 4, 9)]
    [1.0, 0.6, 0.2, 0.2]
    """
    _at_least_one("cosine", steps)
    return lambda t: floor + (1 - floor) * (1 + math.cos(math.pi * min(t, steps) / steps)) / 2


def warmup(steps, then=None):
    """Up to 1 in a straight line over the first `steps` updates; after them, `then` (counted from zero).

    >>> [warmup(4, then=cosine(2))(t) for t in (0, 3, 4, 5)]
    [0.25, 1.0, 1.0, 0.5]
    """
    _at_least_one("warmup", steps)
    then = then or constant()
    return lambda t: (t + 1) / steps if t < steps else then(t - steps)


def _at_least_one(name, steps):
    if steps < 1:
        raise ValueError(f"{name}: steps is {steps}; it must be at least 1.")


def _remembered(name, ps, states):
    for p, state in zip(ps, states, strict=True):
        if name not in state:
            state[name] = torch.zeros_like(p, memory_format=torch.preserve_format)
    return [state[name] for state in states]
