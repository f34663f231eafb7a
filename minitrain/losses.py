"""Losses: how wrong the model is on one batch, as one number to make smaller. Each stands beside its formula.

A loss is `(model, batch) -> Loss`; a batch is `(x, y)`, inputs and what they should give. It does the forward pass and
nothing else: no gradients, no updates.
"""
import torch
from torch.nn import functional as F

from minitrain.kernels import cross_entropy as kernels
from minitrain.kernels.lang import runs_here
from minitrain.trainer import Loss

IGNORED = -100                                              # a target that is not asked for: torch's own mark
NONE_IGNORED = -2**62                                       # torch can not be told to ignore nothing


def mse(model, batch):
    """Mean squared error, mean of (prediction - y)².  x (B, …), y of the prediction's shape, floating point.

    >>> mse(lambda x: 2 * x, (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]))).mean
    tensor(0.5000)
    """
    prediction, y = _forward(model, batch)
    if prediction.shape != y.shape:
        raise ValueError(f"mse: the model gave shape {_shape(prediction)}, the targets have {_shape(y)}; subtracted, they would "
                         "spread into a table of every pair. Make them equal, with squeeze(-1) or unsqueeze(-1).")
    return Loss(F.mse_loss(prediction, y), n=len(y))


def cross_entropy(model, batch):
    """Surprise at the right class, mean of -log softmax(logits)[y], in nats.  logits (B, K), y (B,) of 0 … K-1.

    A model that knows nothing pays ln K. Logs the accuracy.

    >>> out = cross_entropy(lambda x: x, (torch.zeros(2, 10), torch.tensor([3, 7])))
    >>> out.mean                                            # ln 10
    tensor(2.3026)
    """
    logits, y = _forward(model, batch)
    if logits.ndim != 2 or y.shape != logits.shape[:1]:
        raise ValueError(f"cross_entropy: logits must be (B, K) and labels (B,); got {_shape(logits)} and {_shape(y)}.")
    if y.dtype != torch.int64:
        raise TypeError(f"cross_entropy: labels are class numbers of dtype int64; got {y.dtype}. y.long() converts.")
    if y.device.type == "cpu":
        try:
            mean = F.cross_entropy(logits, y, ignore_index=NONE_IGNORED)
        except IndexError:
            raise ValueError(f"cross_entropy: a label is out of range: the model tells {logits.shape[1]} classes apart, so "
                             f"labels go from 0 to {logits.shape[1] - 1}; got {int(y.min())} to {int(y.max())}.") from None
    else:
        mean = _cross_entropy_on_device(logits, y, NONE_IGNORED)
    return Loss(mean, n=len(y), logs={"accuracy": (logits.detach().argmax(1) == y).float().mean()})


def logistic(model, batch):
    """Surprise at a yes or no, mean of -log sigmoid(logit) where y = 1 and of -log sigmoid(-logit) where y = 0, in nats.

    logits and y have the same shape; y is 0 or 1 (a probability in between is taken as such). Logs the accuracy.

    >>> logistic(lambda x: x, (torch.zeros(2), torch.tensor([0.0, 1.0]))).mean          # ln 2
    tensor(0.6931)
    """
    logits, y = _forward(model, batch)
    if logits.shape != y.shape:
        raise ValueError(f"logistic: the model gave shape {_shape(logits)}, the labels have {_shape(y)}; make them equal, with "
                         "squeeze(-1) or unsqueeze(-1).")
    y = y.to(logits.dtype)
    mean = F.binary_cross_entropy_with_logits(logits, y)
    return Loss(mean, n=y.numel(), logs={"accuracy": ((logits.detach() > 0) == (y > 0.5)).float().mean()})


def next_token(model, batch):
    """Surprise at each right token, mean of -log softmax(logits)[y] over all that count, in nats a token.

    x (B, T), y (B, T) int64: the tokens that follow each place of x (GPT), or stand there (BERT); -100 where none is asked
    for, and n is how many are. logits (B, T, V). A batch (x, y, documents) hands the third on, as `model(x, documents=…)`.
    A model that knows nothing pays ln V; exp of the loss is the perplexity. On a GPU the logits of a model that runs on kernels
    are made and used a few rows at a time.

    >>> out = next_token(lambda x: torch.zeros(*x.shape, 50), (torch.tensor([[9, 7, 4]]), torch.tensor([[7, 4, -100]])))
    >>> out.mean, out.n                                     # ln 50
    (tensor(3.9120), 2)
    """
    packed = isinstance(batch, tuple | list) and len(batch) == 3
    more, in_parts = dict(documents=batch[2]) if packed else {}, _in_parts(model)
    logits, y = _forward(model, batch[:2] if packed else batch, model.features if in_parts else None, **more)
    if logits.ndim != 3 or y.shape != logits.shape[:2]:
        raise ValueError(f"next_token: logits must be (B, T, V) and targets (B, T), a token for each place; got {_shape(logits)} "
                         f"and {_shape(y)}.")
    if y.dtype != torch.int64:
        raise TypeError(f"next_token: targets are token numbers of dtype int64; got {y.dtype}. y.long() converts.")
    n = (y != IGNORED).sum()
    if in_parts:
        return Loss(kernels.linear_cross_entropy(logits, model.unembedding, y, IGNORED), n)         # of features, (B, T, C)
    if logits.dtype in (torch.bfloat16, torch.float16) and not runs_here(logits):
        logits = logits.float()                             # a mean of thousands needs more digits than these have
    logits, y = logits.flatten(0, 1), y.flatten()           # (B·T, V), (B·T,)
    if y.device.type != "cpu":
        return Loss(_cross_entropy_on_device(logits, y, IGNORED), n)
    if n == 0:
        raise ValueError(f"next_token: every target of the batch is {IGNORED}, so no token is asked for, and a mean over none is "
                         "no number. Look at what the source gives.")
    try:
        return Loss(F.cross_entropy(logits, y), int(n))
    except IndexError:
        asked = y[y != IGNORED]
        raise ValueError(f"next_token: a target is out of range: the model knows {logits.shape[1]} tokens, numbered from 0; got "
                         f"{int(asked.min())} to {int(asked.max())} ({IGNORED} alone is ignored). Was the text made into tokens "
                         "by another tokenizer?") from None


def variational(model, batch, *, spread=0.25):
    """Minus the evidence lower bound of a variational autoencoder, without its constant: mean of |answer - y|² / 2·spread² +
    KL(N(mean, variance) ‖ N(0, 1)), in nats a picture.  y (B, D): the inputs again.

    The model answers with three: the answer (B, D), mean and log variance of the code (B, Z). KL = Σ (mean² + variance - 1 -
    log variance) / 2.  spread: how far a pixel may be off, as a standard deviation; the smaller, the less the second part
    weighs. Logs both parts. Kingma and Welling, 2014.

    >>> zero = torch.zeros(1, 4)
    >>> variational(lambda x: (x, zero + 2, zero), (torch.ones(1, 9), torch.ones(1, 9))).mean           # 4 · 2² / 2
    tensor(8.)
    """
    answers, y = _forward(model, batch)
    if not isinstance(answers, tuple) or len(answers) != 3:
        raise TypeError("variational: the model must answer with three: x again, and mean and log variance of its code; got "
                        f"{type(answers).__name__}.")
    again, mean, log_variance = answers
    if again.shape != y.shape or again.ndim != 2:
        raise ValueError(f"variational: the model gave shape {_shape(again)}, the targets have {_shape(y)}; both are (B, D), the "
                         "inputs themselves: batches(x, x), with x.flatten(1).")
    if not spread > 0:
        raise ValueError(f"variational: spread is {spread}; it is a standard deviation, above 0.")
    off = ((again - y) ** 2).sum(1) / (2 * spread**2)                                   # (B,)
    kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum(1) / 2                   # (B,)
    return Loss((off + kl).mean(), n=len(y), logs={"off": off.detach().mean(), "kl": kl.detach().mean()})


def info_nce(model, batch, temperature=0.2):
    """Surprise at the partner among all other rows, mean of -log softmax(cosines / temperature)[partner], in nats a row.

    x (2N, …): two views of N things; y (2N,) int64: in which row the partner stands (`sources.pretext.two_views`). The model
    gives z (2N, D); a row is no candidate for itself. A model that knows nothing pays ln(2N - 1), and so does one that gives
    all rows the same z. Couples the batch: another split is another loss. Logs the accuracy. van den Oord, Li and Vinyals, 2018;
    Chen et al., 2020 (both views, cosines, temperature).

    >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> out = info_nce(lambda x: x, (z, torch.tensor([2, 3, 0, 1])), temperature=1.0)
    >>> out.mean                                            # -ln(e / (e + 2))
    tensor(0.5514)
    """
    z, y = _forward(model, batch)
    if z.ndim != 2 or y.shape != z.shape[:1] or len(z) < 4:
        raise ValueError(f"info_nce: the model must give (2N, D) for two views of N things, N at least 2, and y (2N,) the "
                         f"partner of each row; got {_shape(z)} and {_shape(y)}.")
    if not temperature > 0:
        raise ValueError(f"info_nce: temperature is {temperature}; it must be above 0.")
    rows = torch.arange(len(z), device=z.device)
    if y.dtype != torch.int64 or y.device.type == "cpu" and ((y < 0) | (y >= len(z)) | (y == rows)).any():
        raise ValueError("info_nce: y must hold, as int64, the row in which each row's partner stands, never its own. "
                         "sources.pretext.two_views makes such batches.")
    z = F.normalize(z, dim=1)
    cosines = z @ z.T / temperature                         # (2N, 2N)
    cosines = cosines.masked_fill(rows[:, None] == rows, -torch.inf)
    return Loss(F.cross_entropy(cosines, y), n=len(z), logs={"accuracy": (cosines.detach().argmax(1) == y).float().mean()})


def masked_mse(model, batch):
    """Mean squared error where it is asked for: y is NaN elsewhere, and n counts the numbers that are asked for.

    x (B, …), y of the prediction's shape, floating point.

    >>> masked_mse(lambda x: x, (torch.tensor([1.0, 2.0]), torch.tensor([3.0, torch.nan]))).mean
    tensor(4.)
    """
    prediction, y = _forward(model, batch)
    if prediction.shape != y.shape:
        raise ValueError(f"masked_mse: the model gave shape {_shape(prediction)}, the targets have {_shape(y)}; make them equal.")
    asked = ~y.isnan()
    n = asked.sum()
    if y.device.type == "cpu" and n == 0:
        raise ValueError("masked_mse: every target is NaN, so nothing is asked for, and a mean over nothing is no number.")
    error = torch.where(asked, prediction - y, 0.0)         # NaN · 0 would be NaN, in the gradient too
    return Loss(error.square().sum() / n, n=n)


def _cross_entropy_on_device(logits, y, ignored):
    """As F.cross_entropy, but a label out of range gives NaN, which the Trainer names, instead of an assertion inside
    a GPU kernel, after which every tensor of the session is lost. Nothing here waits for the device."""
    if runs_here(logits):
        return kernels.cross_entropy(logits, y, ignored)
    K = logits.shape[1]
    wrong = ((y < 0) | (y >= K)) & (y != ignored)
    return F.cross_entropy(logits, y.masked_fill(wrong, 0), ignore_index=ignored) + torch.where(wrong.any(), torch.nan, 0.0)


def _in_parts(model):
    """Whether a loss may ask for features instead of logits: on a GPU, of a model that has both and is not told to do without
    kernels. One that is compiled, or whose answer a hook watches, is called as it stands."""
    plain = isinstance(model, torch.nn.Module) and not hasattr(model, "_orig_mod") and not model._forward_hooks
    return plain and getattr(model, "kernels", False) is not False and runs_here(model.unembedding)


def _forward(model, batch, call=None, **more):
    """The model's answer to x, and y; what torch says of a wrong shape, dtype or device becomes one sentence."""
    try:
        x, y = batch
    except (TypeError, ValueError):
        raise TypeError(f"A batch is a pair (x, y); got {type(batch).__name__}.") from None
    if len(y) == 0:
        raise ValueError("The batch is empty; a mean over no examples is not a number. Look at what the source gives.")
    try:
        prediction = (model if call is None else call)(x, **more)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise type(error)(_diagnosis(model, x, error) + str(error)) from error
    first = prediction[0] if isinstance(prediction, tuple) else prediction
    if first.device != y.device:
        raise ValueError(f"The targets are on {y.device}, the model's answer on {first.device}; move them with y.to(…).")
    return prediction, y


def _diagnosis(model, x, error):
    first = next(iter(model.parameters()), None) if hasattr(model, "parameters") else None
    if not isinstance(x, torch.Tensor):
        return f"The model got {type(x).__name__} and needs a torch tensor; torch.as_tensor(x) makes one. "
    if first is not None and first.device != x.device:
        return f"The batch is on {x.device} and the model on {first.device}; x.to(…) moves it. "
    if isinstance(error, IndexError) and not x.is_floating_point() and x.numel():
        return f"The batch has numbers from {int(x.min())} to {int(x.max())}, more than the model has places for. "
    if first is not None and first.dtype != x.dtype:
        return f"The batch is {x.dtype} and the model {first.dtype}; x.to({first.dtype}) converts. "
    return f"The model could not take a batch of shape {_shape(x)}. "


def _shape(x):
    return tuple(x.shape)
