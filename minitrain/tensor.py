"""Reverse-mode automatic differentiation on NumPy arrays, in one sitting: the engine that lesson 04 builds.

A `Tensor` is an array that remembers which operation made it, and from which tensors. `backward()` walks that record from
the loss back to the start and leaves in every tensor's `grad` how fast the loss grows with each of its numbers.

An operation gives its value and then, for each input, a function from the gradient of the value to the gradient of that
input (a vector-Jacobian product). Plain arrays and numbers are constants: they are used, and get no gradient.

It refuses to know devices, second derivatives, convolutions, and every dtype but float32 and float64.
"""
from itertools import count
from zlib import crc32

import numpy as np

_ages = count()


def operation(forward, name=None, takes="real numbers in arrays whose sizes, from the last axis on, are equal or 1"):
    """Make an operation on tensors of `forward(*arrays, **options) -> value, backward, …`, one backward an input.

    What a backward needs is what its closure holds. The record keeps those arrays' fingerprints and compares before it
    uses them: a change in place is noticed, however it was made (`w.data -= …`, `w.data[0] = …`, a view, `out=`). Arrays
    set read-only would cost less, but then any prediction that you keep would lock the weights that made it.
    """
    name, takes = name or forward.__name__.strip("_"), forward.__doc__ or takes

    def apply(*args, **options):
        values = [a.data if isinstance(a, Tensor) else np.asarray(a) if hasattr(a, "__array__") else a for a in args]
        try:
            value, *backwards = forward(*values, **options)
            if value.dtype.char not in "fd" or any(isinstance(a, Tensor) for a in args[len(backwards):]):
                raise TypeError
        except (IndexError, ValueError, TypeError, AttributeError) as error:
            kind = next((k for k in (IndexError, ValueError) if isinstance(error, k)), TypeError)
            given = ", ".join(f"{v.dtype} {v.shape}" if hasattr(v, "dtype") else repr(v) for v in [*values, *options.items()])
            raise kind(f"{name} got {given}; it takes {takes}.") from None
        record = [(x, backward, [(c.cell_contents, fingerprint(c.cell_contents)) for c in backward.__closure__ or ()
                                 if isinstance(c.cell_contents, np.ndarray)])
                  for x, backward in zip(args, backwards) if isinstance(x, Tensor)]
        return Tensor(value, op=name, record=record)

    apply.__name__, apply.__doc__ = name, f"Takes {takes}."
    return apply


def fingerprint(array):
    """A checksum of the array's bytes: it changes when any element does, by however little, to nan or from it."""
    return crc32(np.ascontiguousarray(array))


def unbroadcast(g, shape):
    """Sum the gradient `g` over the axes along which an array of `shape` was repeated: used often, blamed often.

    >>> unbroadcast(np.ones((5, 3)), (3,)), unbroadcast(np.ones((2, 3)), (2, 1)).tolist()
    (array([5., 5., 5.]), [[3.0], [3.0]])
    """
    if g.shape == shape:
        return g
    g = g.sum(tuple(range(g.ndim - len(shape))))                                        # axes added in front
    return g.sum(tuple(i for i, size in enumerate(shape) if size == 1), keepdims=True)  # shape


def unreduce(g, shape, axis, keepdims):
    """Repeat `g`, the gradient of a reduction over `axis`, back to the `shape` that was reduced."""
    return np.broadcast_to(g if axis is None or keepdims else np.expand_dims(g, axis), shape)


class Tensor:
    """An array that remembers how it was made.  data: the array (yours is copied; whole numbers become float64).

    grad: None, or an array like data; backward adds to it.  op, inputs: what made it ("" and () if you did).

    >>> w, x = Tensor([2.0, -1.0]), np.array([3.0, 4.0])
    >>> loss = (w * x).sum() ** 2
    >>> loss.backward()
    >>> float(loss), w.grad
    (4.0, array([12., 16.]))
    """
    __slots__ = ("age", "data", "grad", "inputs", "op", "record")
    __array_ufunc__ = None                              # `array * tensor` is for the tensor to answer

    def __init__(self, data, *, op="", record=()):
        data = np.asarray(data) if record else np.array(data)
        self.data = data.astype(np.float64) if data.dtype.kind in "iub" else data
        if self.data.dtype.char not in "fd":
            raise TypeError(f"A tensor holds float32 or float64, not {data.dtype}; convert first: np.asarray(data, float).")
        self.grad, self.op, self.record, self.age = None, op, record, next(_ages)
        self.inputs = tuple(x for x, _, _ in record)

    def graph(self):
        """The tensors that this one was computed from, and itself, oldest first: each after its inputs."""
        found, stack = {self}, [self]
        while stack:                                    # no recursion: a graph may be deeper than Python's stack
            new = set(stack.pop().inputs) - found
            found |= new
            stack.extend(new)
        return sorted(found, key=lambda tensor: tensor.age)

    def backward(self):
        """Add to every `grad` in the graph the derivative of this one number by it. Once: it uses the record up."""
        for _ in self.backward_steps():
            pass

    def backward_steps(self):
        """`backward`, an edge at a time: yields (tensor, one of its inputs, the gradient that went to that input)."""
        if self.data.size != 1:
            raise ValueError(f"backward starts from one number, and this has shape {self.shape}; take its .mean() or .sum().")
        order = self.graph()
        for tensor in order:
            if tensor.record is None:
                raise RuntimeError("This graph, or a part of it, was backpropagated before, and its record is used up; run the "
                                   "forward pass again, or add the losses and call backward once.")
            if any(fingerprint(x) != then for _, _, held in tensor.record for x, then in held):
                raise RuntimeError(f"Data that the backward of {tensor.op} needs was changed in place since the forward pass; "
                                   "run the forward pass again, and change data only after backward.")
        steps = [(tensor, *step) for tensor in reversed(order) for step in tensor.record]
        for tensor in order:
            tensor.record = tensor.record and None      # a tensor that you made keeps its (): it can be used again
        self.grad = np.ones_like(self.data) + (0 if self.grad is None else self.grad)
        for tensor, x, backward, _ in steps:
            g = np.array(unbroadcast(backward(tensor.grad), x.shape), x.data.dtype)     # a copy: no two share a grad
            x.grad = g if x.grad is None else np.asarray(x.grad + g)
            yield tensor, x, g

    __add__ = operation(lambda a, b: (a + b, lambda g: g, lambda g: g), "add")
    __sub__ = operation(lambda a, b: (a - b, lambda g: g, lambda g: -g), "subtract")
    __mul__ = operation(lambda a, b: (a * b, lambda g: g * b, lambda g: g * a), "multiply")
    __truediv__ = operation(lambda a, b: (a / b, lambda g: g / b, lambda g: -g * a / b**2), "divide")
    __pow__ = operation(lambda a, n: (a**n, lambda g: g * n * a ** (n - 1)), "power", "an array and a constant exponent")
    __neg__ = operation(lambda a: (-a, lambda g: -g), "negative")
    log = operation(lambda a: (np.log(a), lambda g: g / a), "log")
    exp = operation(lambda a: (y := np.exp(a), lambda g: g * y), "exp")
    tanh = operation(lambda a: (y := np.tanh(a), lambda g: g * (1 - y**2)), "tanh")
    relu = operation(lambda a: (y := np.maximum(a, 0), lambda g: g * (y > 0)), "relu")
    reshape = operation(lambda a, *to: (a.reshape(*to), lambda g, s=a.shape: g.reshape(s)), "reshape", "a shape of equal size")

    @operation
    def __matmul__(a, b):
        """(…, N, K) @ (…, K, M); K numbers alone are a row on the left, a column on the right"""
        if b.ndim == 1:                                                             # (…, N, K) @ (K) -> (…, N)
            return a @ b, lambda g: g[..., None] * b, lambda g: g[..., None] * a
        if a.ndim == 1:                                                             # (K) @ (…, K, M) -> (…, M)
            return a @ b, lambda g: (b @ g[..., None])[..., 0], lambda g: a[:, None] * g[..., None, :]
        return a @ b, lambda g: g @ b.swapaxes(-1, -2), lambda g: a.swapaxes(-1, -2) @ g

    __radd__, __rmul__ = __add__, __mul__
    __rsub__, __rtruediv__, __rmatmul__ = (lambda b, a, op=op: op(a, b) for op in (__sub__, __truediv__, __matmul__))

    @operation
    def sum(a, axis=None, keepdims=False):
        """an array, an axis (or several) that it has, and keepdims"""
        shape = a.shape
        return a.sum(axis, keepdims=keepdims), lambda g: unreduce(g, shape, axis, keepdims)

    @operation
    def mean(a, axis=None, keepdims=False):
        """an array, an axis (or several) that it has, and keepdims"""
        value, shape = a.mean(axis, keepdims=keepdims), a.shape
        return value, lambda g: unreduce(g, shape, axis, keepdims) * (value.size / np.prod(shape))

    @operation
    def max(a, axis=None, keepdims=False):
        """an array of at least one number, an axis (or several) that it has, and keepdims"""
        value, hit = a.max(axis, keepdims=keepdims), a == a.max(axis, keepdims=True)
        share = hit / hit.sum(axis, keepdims=True)      # equal maxima share the gradient
        return value, lambda g: unreduce(g, share.shape, axis, keepdims) * share

    @operation
    def transpose(a, *axes):
        """an array and a new order of all its axes, as in x.transpose(1, 0, 2); without one it is reversed"""
        back = tuple(np.argsort([i % a.ndim for i in axes])) or None
        return a.transpose(*axes), lambda g: g.transpose(back)

    @operation
    def __getitem__(a, index):
        """an array and an index inside it: whole numbers, slices, whole-number or true/false arrays"""
        places, shape, size = np.arange(a.size).reshape(a.shape)[index], a.shape, a.size    # where each picked number stood
        return a[index], lambda g: np.bincount(places.ravel(), g.ravel(), size).reshape(shape)

    @operation
    def cross_entropy(logits, labels):
        """logits (N, K) and N whole-number labels from 0 to K - 1"""
        N, K = logits.shape
        if labels.shape != (N,) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError
        shifted = logits - logits.max(1, keepdims=True)                             # (N, K), exp can not overflow
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))             # (N, K)
        one_hot = labels[:, None] == np.arange(K)                                   # (N, K)
        return -log_p[np.arange(N), labels].mean(), lambda g: g * (np.exp(log_p) - one_hot) / N

    shape, T = property(lambda self: self.data.shape), property(transpose)

    def __float__(self):
        return float(self.data.item())

    def __repr__(self):
        return f"Tensor({self.data!r})"
