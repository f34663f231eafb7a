"""From token numbers to vectors: the first step of every language model, and the place where wrong numbers are found."""
import torch
from torch.nn import functional as F


def embed(table, ids):
    """The rows `ids` (B, T) of a table (V, C): (B, T, C).

    A token out of range gives one sentence on a CPU. On a GPU it gives NaN, which the Trainer names, and not an assertion inside
    a kernel, after which every tensor of the session is lost; nothing here waits for the device.

    >>> embed(torch.tensor([[0.0, 0.1], [1.0, 1.1]]), torch.tensor([[1, 1, 0]]))
    tensor([[[1.0000, 1.1000],
             [1.0000, 1.1000],
             [0.0000, 0.1000]]])
    """
    if not isinstance(ids, torch.Tensor) or ids.dtype not in (torch.int64, torch.int32) or ids.ndim != 2 or not ids.shape[1]:
        what = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise TypeError(f"A language model reads token numbers, an int64 tensor (B, T) with T ≥ 1; got {what}. "
                        "torch.tensor([ids]) makes one from a list.")
    if ids.device.type == "cpu":
        try:
            return F.embedding(ids, table)
        except IndexError:
            raise ValueError(f"A token is out of range: the model knows {len(table)}, numbered from 0; got {int(ids.min())} to "
                             f"{int(ids.max())}. Was the text made into tokens by another tokenizer?") from None
    wrong = (ids < 0) | (ids >= len(table))
    return F.embedding(ids.masked_fill(wrong, 0), table).masked_fill(wrong[..., None], torch.nan)
