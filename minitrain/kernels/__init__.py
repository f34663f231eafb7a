"""Kernels: what a GPU does for a language model, one operation a file, each a ladder from its formula to a public name.

| file | public names | in one pass, instead of several |
|---|---|---|
| `vector_add.py` | `add` | nothing yet: the smallest kernel, to learn the parts by |
| `softmax.py` | `softmax` | largest, exponentials, sum, quotient of a row |
| `matmul.py` | `matmul` | a product of matrices, then bias and activation while it is still in registers |
| `norm.py` | `layer_norm`, `rms_norm` | residual sum, mean, variance, gain and shift |
| `cross_entropy.py` | `cross_entropy`, `linear_cross_entropy` | loss and gradient; the second never holds all logits |
| `attention.py` | `attention` | causal attention, without ever holding all weights |
| `adamw.py` | `adamw_` | the update of all parameters |

A file's `reference…` is plain PyTorch, obviously right; its public names have the same signature and the same result on every
machine: Triton kernels on an NVIDIA GPU, PyTorch's own fused operations elsewhere, and for what no kernel takes.
"""
