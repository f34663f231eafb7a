"""Squared ReLU, max(x, 0)²: the activation that an automatic search for better transformers came back with (So et al., 2021)."""
import torch
from torch.nn import functional as F


def squared_relu(x):
    """F.relu(x).square(), with the derivative written down: 2·max(x, 0).

    Left to autograd, the derivative reads and writes all numbers three times, and the whole takes twice as long on a CPU.

    >>> x = torch.tensor([-1.0, 0.0, 3.0], requires_grad=True)
    >>> squared_relu(x).sum().backward(); x.grad
    tensor([0., 0., 6.])
    """
    return _SquaredReLU.apply(x)


class _SquaredReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        bent = F.relu(x)
        ctx.save_for_backward(bent)
        return bent * bent

    @staticmethod
    def backward(ctx, grad):
        bent, = ctx.saved_tensors
        return (grad * bent).mul_(2)
