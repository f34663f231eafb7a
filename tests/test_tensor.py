"""Every operation against finite differences and against torch, on shapes that hypothesis makes up; graphs, misuse, training."""
import copy
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minitrain import Loss, Trainer, optim
from minitrain.models.mlp import MLP
from minitrain.tensor import Tensor

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)
PAIRS = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3).map(lambda both: both.input_shapes)


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in shapes]


def weighted(value):
    """One number that depends on every element of `value`, on each with another weight."""
    size = math.prod(value.shape)
    weights = np.cos(np.arange(size)).reshape(tuple(value.shape))
    return (value * (torch.tensor(weights, dtype=value.dtype) if isinstance(value, torch.Tensor) else weights)).sum()


def by_engine(f, arrays):
    tensors = [Tensor(a) for a in arrays]
    loss = weighted(f(*tensors))
    loss.backward()
    return float(loss), [t.grad for t in tensors]


def by_torch(f, arrays):
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    loss = weighted(f(*tensors))
    loss.backward()
    return float(loss.detach()), [t.grad.numpy() for t in tensors]


def by_differences(f, arrays, eps=1e-6):
    grads = [np.zeros_like(a) for a in arrays]
    for a, grad in zip(arrays, grads):
        for i in np.ndindex(a.shape):
            at = a[i]
            ends = []
            for a[i] in (at + eps, at - eps):
                ends.append(float(weighted(f(*map(Tensor, arrays)))))
            a[i] = at
            grad[i] = (ends[0] - ends[1]) / (2 * eps)
    return grads


def agrees(arrays, ours, theirs=None):
    value, grads = by_engine(ours, arrays)
    expected, expected_grads = by_torch(theirs or ours, arrays)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    for a, g, by_t, by_d in zip(arrays, grads, expected_grads, by_differences(ours, arrays)):
        assert g.shape == a.shape
        np.testing.assert_allclose(g, by_t, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(g, by_d, rtol=1e-5, atol=1e-6)


UNARY = {
    "exp": lambda a: a.exp(),
    "tanh": lambda a: a.tanh(),
    "relu": lambda a: a.relu(),
    "log": lambda a: (a * a + 0.5).log(),
    "negative": lambda a: -a,
    "cube": lambda a: a**3,
    "root": lambda a: (a * a + 0.5) ** 0.5,
    "constants on the left": lambda a: 2.0 - a + 3.0 * a + 1.0 / (a * a + 0.5),
    "constants on the right": lambda a: (a - 2.0) / 4.0 + a * 3.0,
    "reused": lambda a: a * a + a.tanh() * a,
}
BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (b * b + 0.5),
}


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, seed=SEEDS)
def test_elementwise(name, shape, seed):
    agrees(normal(seed, shape), UNARY[name])


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=40, deadline=None)
@given(shapes=PAIRS, seed=SEEDS)
def test_broadcasting(name, shapes, seed):
    agrees(normal(seed, *shapes), BINARY[name])


@settings(max_examples=80, deadline=None)
@given(batch=PAIRS, n=st.integers(0, 3), k=st.integers(1, 3), m=st.integers(0, 3), seed=SEEDS)
def test_matmul(batch, n, k, m, seed):
    """n or m of 0 stand for a vector on that side."""
    a = (*batch[0], n, k) if n else (k,)
    b = (*batch[1], k, m) if m else (k,)
    agrees(normal(seed, a, b), lambda a, b: a @ b)


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=SEEDS, keepdims=st.booleans())
def test_reductions(name, data, seed, keepdims):
    shape = data.draw(SHAPES)
    axes = st.none()
    if shape:
        axes |= hnp.valid_tuple_axes(len(shape), min_size=1) | st.integers(-len(shape), len(shape) - 1)
    axis = data.draw(axes)
    every = tuple(range(len(shape))) if axis is None else axis
    agrees(normal(seed, shape), lambda a: getattr(a, name)(axis, keepdims=keepdims),
           lambda a: getattr(a, "amax" if name == "max" else name)(every, keepdim=keepdims))


@settings(max_examples=20, deadline=None)
@given(shape=hnp.array_shapes(max_dims=3, max_side=4), seed=SEEDS, axis=st.integers(0, 0) | st.none())
def test_equal_maxima_share_the_gradient(shape, seed, axis):
    array = np.random.default_rng(seed).integers(0, 2, shape).astype(float)
    _, grads = by_engine(lambda a: a.max(axis), [array])
    _, expected = by_torch(lambda a: a.amax(tuple(range(len(shape))) if axis is None else axis), [array])
    np.testing.assert_allclose(grads[0], expected[0], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_slices_and_numbers_as_index(data, seed):
    array, = normal(seed, data.draw(hnp.array_shapes(max_dims=3, max_side=4)))
    index = data.draw(hnp.basic_indices(array.shape, allow_newaxis=True))
    grads = by_engine(lambda a: a[index], [array])[1]
    picked = array[index]
    expected = np.zeros_like(array)
    expected[index] = np.cos(np.arange(picked.size)).reshape(picked.shape)
    np.testing.assert_allclose(grads[0], expected, atol=1e-12)
    np.testing.assert_allclose(grads[0], by_differences(lambda a: a[index], [array])[0], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_arrays_as_index_also_where_one_place_is_picked_twice(data, seed):
    array, = normal(seed, data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    index = data.draw(hnp.integer_array_indices(array.shape[:1], result_shape=hnp.array_shapes(max_dims=2, max_side=4))
                      | hnp.arrays(bool, array.shape))
    theirs = tuple(map(torch.tensor, index)) if isinstance(index, tuple) else torch.tensor(index)
    agrees([array], lambda a: a[index], lambda a: a[theirs])


@settings(max_examples=30, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_reshape_and_transpose(data, seed):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=3))
    axes = data.draw(st.permutations([i - data.draw(st.sampled_from([0, len(shape)])) for i in range(len(shape))]))
    agrees(normal(seed, shape), lambda a: a.transpose(*axes), lambda a: a.permute(*axes))
    agrees(normal(seed, shape), lambda a: a.reshape(-1))
    if len(shape) == 2:
        agrees(normal(seed, shape), lambda a: a.T)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 5), k=st.integers(1, 5), scale=st.sampled_from([1.0, 30.0]), seed=SEEDS)
def test_cross_entropy(n, k, scale, seed):
    labels = np.random.default_rng(seed).integers(0, k, n)
    agrees([scale * normal(seed, (n, k))[0]], lambda a: a.cross_entropy(labels),
           lambda a: torch.nn.functional.cross_entropy(a, torch.tensor(labels)))


def test_cross_entropy_survives_large_logits():
    logits = Tensor([[1000.0, -1000.0]])
    loss = logits.cross_entropy(np.array([1]))
    loss.backward()
    assert float(loss) == 2000.0
    assert logits.grad.tolist() == [[1.0, -1.0]]


PLACES = st.integers(0, 99)
STEPS = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a @ b, lambda a, b: (a - b).tanh(), lambda a, b: a[0] + b,
         lambda a, b: a.sum(0) - b, lambda a, b: a.relu() * b.mean(), lambda a, b: a.T @ b]


@settings(max_examples=60, deadline=None)
@given(program=st.lists(st.tuples(st.sampled_from(STEPS), PLACES, PLACES), min_size=2, max_size=12), seed=SEEDS)
def test_gradients_accumulate_in_random_graphs(program, seed):
    """Each line combines any two earlier results, so that many are used several times."""
    def run(*pool):
        pool = list(pool)
        for step, i, j in program:
            pool.append((step(pool[i % len(pool)], pool[j % len(pool)]) * 0.3).tanh())
        return sum(pool[1:], pool[0])
    arrays = normal(seed, (3, 3), (3, 3))
    value, grads = by_engine(run, arrays)
    expected, expected_grads = by_torch(run, arrays)
    assert value == pytest.approx(expected, rel=1e-10, abs=1e-10)
    for g, e in zip(grads, expected_grads):
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-9)


def test_ten_thousand_operations_deep():
    x = y = Tensor([1.0, 2.0])
    for _ in range(5_000):
        y = y * 1.0001 + x * 0.001
    loss = y.sum()
    loss.backward()
    assert len(loss.graph()) > 10_000
    np.testing.assert_allclose(x.grad, y.data / x.data, rtol=1e-9)                 # y is x times a number
    del y, loss


def test_deep_graph_is_dropped_without_backward():
    y = Tensor(1.0)
    for _ in range(50_000):
        y = -y
    del y


def test_gradients_add_up_over_backward_calls():
    w = Tensor([1.0, -2.0])
    first, second = (w * w).sum(), (w * 3.0).sum()
    first.backward()
    once = w.grad
    second.backward()
    assert once.tolist() == [2.0, -4.0]
    assert w.grad.tolist() == [5.0, -1.0]


def test_no_two_tensors_share_a_gradient():
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    (a + b).sum().backward()
    a.grad /= 2
    assert b.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_gradients_have_it(dtype):
    w, other = Tensor(np.ones((3, 2), dtype)), Tensor(np.ones(2, np.float64))
    for loss in ((2.0 * w.tanh() / 3 + 1).mean() ** 2, w[[0, 0]].max(0).sum(), w.cross_entropy(np.array([0, 1, 1]))):
        assert loss.data.dtype == dtype
        loss.backward()
        assert w.grad.dtype == dtype
    (w * other).sum().backward()
    assert (w.grad.dtype, other.grad.dtype) == (dtype, np.float64)


def test_arrays_are_constants():
    x, w = np.ones((2, 3)), Tensor(np.ones((3, 1)))
    out = x @ w + torch.ones(2, 1, dtype=torch.float64) + np.float64(1) - [1.0]
    assert isinstance(out, Tensor)
    assert out.data.tolist() == [[4.0], [4.0]]
    assert set(out.graph()) >= {w}
    assert [t.op for t in out.graph()] == ["", "matmul", "add", "add", "subtract"]
    assert Tensor([1, 2]).data.dtype == np.float64


def test_data_is_copied_from_its_maker_and_a_leaf_can_be_copied():
    mine = np.ones(2)
    w = Tensor(mine)
    w.data -= 1
    assert mine.tolist() == [1.0, 1.0]
    twin = copy.deepcopy(w)
    (twin * 2.0).sum().backward()
    assert (w.grad, twin.grad.tolist()) == (None, [2.0, 2.0])


def test_graph_and_steps_show_the_whole_pass():
    x, w = Tensor(3.0), Tensor(-2.0)
    product = x * w
    loss = (product + x) ** 2
    assert [t.op for t in loss.graph()] == ["", "", "multiply", "add", "power"]
    sent = [(t.op, i.op, float(g)) for t, i, g in loss.backward_steps()]
    assert sent == [("power", "add", -6.0), ("add", "multiply", -6.0), ("add", "", -6.0),
                    ("multiply", "", 12.0), ("multiply", "", -18.0)]
    assert (float(x.grad), float(w.grad), float(product.grad)) == (6.0, -18.0, -6.0)
    assert loss.graph()[-1] is loss                                                # still there to be drawn after backward


# Misuse: one clear sentence, and nothing changed.

def test_backward_twice():
    w = Tensor([2.0])
    loss = (w * w).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="was backpropagated before"):
        loss.backward()
    assert w.grad.tolist() == [4.0]


def test_backward_through_a_part_that_was_used_up():
    w = Tensor([2.0])
    shared = w * w
    a, b = shared.sum(), (shared * 2.0).sum()
    a.backward()
    with pytest.raises(RuntimeError, match="add the losses and call backward once"):
        b.backward()
    assert w.grad.tolist() == [4.0]


def test_backward_needs_one_number():
    w = Tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"starts from one number, and this has shape \(2, 3\); take its .mean\(\) or .sum\(\)"):
        (w * 2.0).backward()
    assert w.grad is None


def swap_rows(w):
    w.data[[0, 1]] = w.data[[1, 0]]


def via_a_view(w):
    row = w.data[0]
    row += 1


CHANGES = {
    "augmented": lambda w: setattr(w, "data", w.data.__isub__(0.1)),
    "one element, a little": lambda w: w.data.__setitem__((0, 1), w.data[0, 1] + 1e-9),
    "one element, by the least there is": lambda w: w.data.__setitem__((0, 1), np.nextafter(w.data[0, 1], 9)),
    "to nan": lambda w: w.data.__setitem__((1, 0), np.nan),
    "sign": lambda w: np.negative(w.data, out=w.data),
    "order": swap_rows,
    "view": via_a_view,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("use", [lambda w: w * w, lambda w: w / w, lambda w: w**3, lambda w: w.log(), lambda w: w.T @ w,
                                 lambda w: w[0] * w, lambda w: np.ones((1, 2)) @ w @ w])
def test_change_in_place_is_noticed(use, change):
    w = Tensor([[2.0, 1.0], [5.0, 3.0]])
    loss = use(w).sum()
    change(w)
    with pytest.raises(RuntimeError, match="changed in place since the forward pass"):
        loss.backward()
    assert w.grad is None


@pytest.mark.parametrize("use", ["exp", "tanh", "relu"])
def test_change_of_a_result_in_place_is_noticed(use):
    w = Tensor([1.0, 2.0])
    hidden = getattr(w, use)()
    loss = hidden.sum()
    hidden.data += 1
    with pytest.raises(RuntimeError, match=f"backward of {use} needs was changed in place"):
        loss.backward()


def test_change_of_a_constant_in_place_is_noticed_and_of_an_index_does_no_harm():
    x, index, w = np.array([1.0, 2.0]), np.array([0, 0]), Tensor([3.0, 4.0])
    picked = w[index].sum()
    index[:] = 1
    picked.backward()
    assert w.grad.tolist() == [2.0, 0.0]
    loss = (w * x).sum()
    x *= 2
    with pytest.raises(RuntimeError, match="backward of multiply"):
        loss.backward()


def test_changes_that_backward_does_not_need_are_allowed():
    w, b = Tensor([[1.0, 2.0]]), Tensor([0.5, math.nan])
    kept = w * w                                            # a prediction that nobody backpropagates
    loss = (w * 3.0 + b).sum()
    b.data += 1.0                                           # a sum needs none of its terms
    loss.backward()
    w.data -= 0.1 * w.grad
    w.data[0, 0] = 9.0
    assert kept.data.tolist() == [[1.0, 4.0]]
    loss = (b * b).sum()                                    # NaN is not equal to itself, and yet unchanged
    loss.backward()
    assert np.isnan(b.grad[1])


def test_new_data_is_no_change_in_place():
    w = Tensor([3.0])
    loss = (w * w).sum()
    w.data = np.array([100.0])
    loss.backward()
    assert w.grad.tolist() == [6.0]


A = np.ones((2, 3))


@pytest.mark.parametrize(("wrong", "error", "sentence"), [
    (lambda t: t + np.ones(2), ValueError, "add got float64 (2, 3), float64 (2,); it takes real numbers in arrays whose sizes"),
    (lambda t: np.ones(2) - t, ValueError, "subtract got float64 (2,), float64 (2, 3)"),
    (lambda t: t @ t, ValueError, "matmul got float64 (2, 3), float64 (2, 3); it takes (…, N, K) @ (…, K, M)"),
    (lambda t: t @ 3, TypeError, "matmul got float64 (2, 3), 3"),
    (lambda t: t * "a", TypeError, "multiply got float64 (2, 3), 'a'"),
    (lambda t: t * np.ones(3, complex), TypeError, "multiply got float64 (2, 3), complex128 (3,); it takes real numbers"),
    (lambda t: t * np.array([None]), TypeError, "multiply got float64 (2, 3), object (1,)"),
    (lambda t: t**t, TypeError, "an array and a constant exponent"),
    (lambda t: t.sum(axis=2), IndexError, "sum got float64 (2, 3), ('axis', 2); it takes an array, an axis (or several)"),
    (lambda t: t.sum(dim=0), TypeError, "sum got float64 (2, 3), ('dim', 0); it takes an array, an axis (or several)"),
    (lambda t: t[:0].max(), ValueError, "max got float64 (0, 3); it takes an array of at least one number"),
    (lambda t: t.reshape(4), ValueError, "reshape got float64 (2, 3), 4; it takes a shape of equal size"),
    (lambda t: t.transpose(0), ValueError, "transpose got float64 (2, 3), 0; it takes an array and a new order of all its axes"),
    (lambda t: t[5], IndexError, "getitem got float64 (2, 3), 5; it takes an array and an index inside it"),
    (lambda t: t[Tensor(0.0)], IndexError, "getitem got float64 (2, 3), float64 ()"),
    (lambda t: t.cross_entropy(np.array([0, 3])), IndexError,
     "int64 (2,); it takes logits (N, K) and N whole-number labels from 0 to K - 1"),
    (lambda t: t.cross_entropy(np.array([0, -1])), ValueError, "int64 (2,); it takes logits"),
    (lambda t: t.cross_entropy(np.array([0.0, 1.0])), ValueError, "float64 (2,); it takes logits"),
    (lambda t: t.cross_entropy(np.array([0, 1, 1])), ValueError, "int64 (3,); it takes logits"),
    (lambda t: t.cross_entropy([0, 1]), TypeError, "[0, 1]; it takes logits"),
    (lambda t: t[:0].cross_entropy(np.array([], int)), ValueError, "int64 (0,); it takes logits"),
    (lambda t: Tensor(["a"]), TypeError, "A tensor holds float32 or float64, not <U1"),
    (lambda t: Tensor(np.ones(2, np.float16)), TypeError, "not float16; convert first"),
    (lambda t: Tensor([1j]), TypeError, "not complex128"),
    (lambda t: Tensor(None), TypeError, "not object"),
])
def test_bad_input_gets_one_sentence(wrong, error, sentence):
    with pytest.raises(error) as caught:
        wrong(Tensor(A))
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


# Training under the loop that trains everything else.

class Net:
    """The same tanh network as models.mlp.MLP, from the same start."""
    def __init__(self, twin):
        self.layers = [(Tensor(w.detach().numpy().T), Tensor(b.detach().numpy())) for w, b in self.pairs(twin)]

    @staticmethod
    def pairs(twin):
        ps = list(twin.parameters())
        return list(zip(ps[::2], ps[1::2]))

    def parameters(self):
        return [p for layer in self.layers for p in layer]

    def __call__(self, x):
        for i, (w, b) in enumerate(self.layers):
            x = (x if i == 0 else x.tanh()) @ w + b
        return x


def engine_loss(model, batch):
    x, y = batch
    return Loss(model(x).cross_entropy(y), n=len(y))


def torch_loss(model, batch):
    x, y = batch
    return Loss(torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y)), n=len(y))


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, 0.3, clip=0.5),
    "momentum": lambda p: optim.Momentum(p, 0.1, nesterov=True),
    "adamw": lambda p: optim.AdamW(p, 0.02),
}


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_trains_as_torch_does_under_the_same_trainer(make, accumulate):
    rng = np.random.default_rng(0)
    data = [(x := rng.normal(size=(n, 2)), (x[:, 0] * x[:, 1] > 0).astype(int)) for n in (20, 30, 50)]
    twin = MLP(2, 16, 16, 2, activation="tanh", seed=0).double()
    ours = Net(twin)
    histories = []
    for model, loss in ((ours, engine_loss), (twin, torch_loss)):
        trainer = Trainer(model, loss, make(list(model.parameters())), accumulate=accumulate, schedule=optim.warmup(5))
        trainer.fit(data, steps=40)
        histories.append([logs["loss"] for logs in trainer.history])
    np.testing.assert_allclose(*histories, rtol=1e-10)
    assert histories[0][-1] < 0.95 * histories[0][0]
    for (w, b), (w_twin, b_twin) in zip(ours.layers, Net.pairs(twin)):
        np.testing.assert_allclose(w.data, w_twin.detach().numpy().T, atol=1e-9)
        np.testing.assert_allclose(b.data, b_twin.detach().numpy(), atol=1e-9)


def test_imports_no_torch():
    code = "import sys, minitrain.tensor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
