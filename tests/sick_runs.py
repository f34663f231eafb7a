"""Runs for `diagnose`: fifty healthy ones, of different models, sources and optimizers, and the clinic's faults in five."""
import torch
from torch import nn

from minitrain import Loss, Trainer, losses, optim, sources
from minitrain.callbacks import evaluate
from minitrain.models.convnet import ConvNet
from minitrain.models.deep import DeepMLP
from minitrain.models.mlp import MLP
from minitrain.sources.bag_of_words import BagOfWords
from minitrain.sources.doodles import Doodles
from minitrain.sources.mailbox import Mailbox
from minitrain.sources.points import points
from minitrain.teach import clinic


class Pictures(nn.Module):
    """A convnet on digits that come as rows of 64."""

    def __init__(self, seed=0):
        super().__init__()
        self.net = ConvNet(1, (8, 16), classes=10, size=8, seed=seed)

    def forward(self, x):
        return self.net(x.view(-1, 1, 8, 8))


def normed(seed=0):
    return nn.Sequential(MLP(64, 64, seed=seed), nn.BatchNorm1d(64), nn.ReLU(), MLP(64, 10, seed=seed + 1))


def dropped(*sizes, seed=0):
    return nn.Sequential(MLP(*sizes[:-1], seed=seed), nn.ReLU(), nn.Dropout(0.3), MLP(*sizes[-2:], seed=seed + 1))


def mails(seed=0):
    """(x, y) of word counts and 0 or 1."""
    box = Mailbox().draw(800, seed=seed)
    counts = BagOfWords([mail.text for mail in box], least=3, most=400).counts([mail.text for mail in box])
    return counts, torch.tensor([mail.label for mail in box])


def mail_model(seed, *hidden):
    return MLP(400, *hidden, 2, seed=seed)


def labelled(model, batch):
    """The logistic loss of whole labels."""
    return losses.logistic(lambda x: model(x).squeeze(-1), (batch[0], batch[1].float()))


def smoothed(model, batch):
    x, y = batch
    return Loss(nn.functional.cross_entropy(model(x), y, label_smoothing=0.1), n=len(y))


def brier(model, batch):
    x, y = batch
    p = model(x).softmax(1)
    return Loss(((p - nn.functional.one_hot(y, p.shape[1])) ** 2).sum(1).mean(), n=len(y))


def line(seed=0, n=500):
    lots = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=lots)
    return x, (x @ torch.tensor([1.0, -2, 0.5, 3]))[:, None] + 0.3 * torch.randn(n, 1, generator=lots)


def assembled(model, xy, loss, optimizer, *, schedule=None, accumulate=1, size=64, seed=0, source=None, held_out=None):
    torch.manual_seed(seed)
    if source is None:
        if xy[1].is_floating_point():
            n = len(xy[0]) // 5
            held_out, xy = tuple(part[:n] for part in xy), tuple(part[n:] for part in xy)
        else:
            xy, held_out = sources.split(*xy, seed=seed)
        source = sources.batches(*xy, size=size, seed=seed)
    trainer = Trainer(model, loss, optimizer(model.parameters()), schedule=schedule, accumulate=accumulate)
    return trainer, source, held_out, evaluate


def sgd(rate, **more): return lambda ps: optim.SGD(ps, rate, **more)
def momentum(rate, **more): return lambda ps: optim.Momentum(ps, rate, **more)
def adam(rate, **more): return lambda ps: optim.Adam(ps, rate, **more)
def adamw(rate, **more): return lambda ps: optim.AdamW(ps, rate, **more)
def muon(rate): return lambda ps: optim.Muon(ps, rate)
def theirs(rate): return lambda ps: optim.FromTorch(torch.optim.Adam(ps, lr=rate))


ON_DIGITS = {                                                   # name: (model, optimizer, more)
    "mlp, sgd": (lambda s: MLP(64, 32, 10, seed=s), sgd(0.3), {}),
    "mlp, slow sgd": (lambda s: MLP(64, 32, 10, seed=s), sgd(0.05), {}),
    "mlp, momentum": (lambda s: MLP(64, 64, 10, seed=s), momentum(0.05), {}),
    "mlp, adam": (lambda s: MLP(64, 64, 32, 10, seed=s), adam(3e-3), {}),
    "mlp, slow adam": (lambda s: MLP(64, 64, 10, seed=s), adam(5e-4), {}),
    "mlp, adamw, batches of 8": (lambda s: MLP(64, 32, 10, seed=s), adamw(2e-3), dict(size=8)),
    "mlp, muon": (lambda s: MLP(64, 64, 10, seed=s), muon(0.02), {}),
    "mlp, torch's adam": (lambda s: MLP(64, 64, 10, seed=s), theirs(2e-3), {}),
    "tanh, clipped": (lambda s: MLP(64, 32, 10, activation="tanh", seed=s), sgd(0.3, clip=1.0), {}),
    "sigmoid": (lambda s: MLP(64, 32, 10, activation="sigmoid", seed=s), adam(1e-2), {}),
    "gelu, cosine": (lambda s: MLP(64, 64, 10, activation="gelu", seed=s), adamw(3e-3), dict(schedule=optim.cosine(500))),
    "linear": (lambda s: MLP(64, 10, seed=s), sgd(0.5), {}),
    "linear from zero": (lambda s: zeroed(MLP(64, 10, seed=s)), sgd(0.5), {}),
    "mlp, warmup": (lambda s: MLP(64, 64, 10, seed=s), adamw(3e-3), dict(schedule=optim.warmup(200))),
    "mlp, accumulate": (lambda s: MLP(64, 32, 10, seed=s), momentum(0.05), dict(size=16, accumulate=4)),
    "dropout": (lambda s: dropped(64, 64, 10, seed=s), adamw(3e-3), {}),
    "batch norm": (normed, sgd(0.1), {}),
    "convnet, momentum": (Pictures, momentum(0.05), {}),
    "convnet, adamw": (Pictures, adamw(3e-3), {}),
    "deep, residual, norm": (lambda s: DeepMLP(64, 32, 10, depth=8, norm=True, residual=True, seed=s), adamw(1e-3), {}),
    "deep, he": (lambda s: DeepMLP(64, 32, 10, depth=4, seed=s), sgd(0.05), {}),
    "smoothed labels": (lambda s: MLP(64, 32, 10, seed=s), adam(3e-3), dict(loss=smoothed)),
    "squared error of probabilities": (lambda s: MLP(64, 32, 10, seed=s), sgd(1.0), dict(loss=brier)),
    "all at once": (lambda s: MLP(64, 32, 10, seed=s), sgd(0.5), dict(size=2000)),
    "tenth of the data": (lambda s: MLP(64, 32, 10, seed=s), momentum(0.05), dict(few=180)),
}


def zeroed(model):
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


def digits_run(name, seed=0):
    model, optimizer, more = ON_DIGITS[name]
    more = dict(more)
    few, loss = more.pop("few", None), more.pop("loss", losses.cross_entropy)
    x, y = sources.digits()
    return assembled(model(seed), (x[:few], y[:few]), loss, optimizer, seed=seed, **more)


def points_run(kind, model, optimizer, loss=losses.cross_entropy, seed=0, n=400, noise=0.1, **more):
    return assembled(model, points(kind, n=n, noise=noise, seed=seed), loss, optimizer, seed=seed, **more)


def doodles_run(kinds, model, optimizer, seed=0, endless=False, n=600, **how):
    if endless:
        source = Doodles(kinds, seed=seed, **how)
        return assembled(model, None, losses.cross_entropy, optimizer, source=source, held_out=source.draw(200, seed=1_000_000))
    return assembled(model, Doodles(kinds, **how).draw(n, seed=seed), losses.cross_entropy, optimizer, seed=seed)


SIX = ("square", "circle", "cat", "dog", "aeroplane", "hot dog")
TWO = ("square", "circle")
OTHERS = {
    "rings, mlp": lambda s: points_run("rings", MLP(2, 16, 2, seed=s), sgd(0.3), seed=s),
    "rings, adam": lambda s: points_run("rings", MLP(2, 8, 8, 2, seed=s), adam(1e-2), seed=s),
    "spirals, deep": lambda s: points_run("spirals", MLP(2, 32, 32, 2, seed=s), adamw(1e-2), seed=s),
    "moons, all at once": lambda s: points_run("moons", MLP(2, 16, 2, seed=s), sgd(0.5), size=1000, seed=s),
    "xor, tanh": lambda s: points_run("xor", MLP(2, 16, 2, activation="tanh", seed=s), momentum(0.1), seed=s),
    "blobs, linear": lambda s: points_run("blobs", MLP(2, 2, seed=s), sgd(0.1), seed=s),
    "blobs, logistic": lambda s: points_run("blobs", MLP(2, 1, seed=s), sgd(0.1), labelled, seed=s),
    "rings, logistic": lambda s: points_run("rings", MLP(2, 16, 1, seed=s), adam(1e-2), labelled, seed=s),
    "blobs that overlap": lambda s: points_run("blobs", MLP(2, 16, 2, seed=s), adam(3e-3), noise=1.2, seed=s),
    "few spirals": lambda s: points_run("spirals", MLP(2, 32, 2, seed=s), muon(0.02), n=100, seed=s),
    "doodles, convnet": lambda s: doodles_run(TWO, ConvNet(3, (8, 16), classes=2, size=32, seed=s), momentum(0.02), s),
    "doodles, endless": lambda s: doodles_run(TWO, ConvNet(3, (8, 16), classes=2, size=32, seed=s), adamw(2e-3), s, endless=True),
    "hard doodles": lambda s: doodles_run(TWO, ConvNet(3, (8, 16), classes=2, size=32, seed=s), adamw(2e-3), s, endless=True,
                                          colours="any", turn=45),
    "six doodles": lambda s: doodles_run(SIX, ConvNet(3, (8, 16), classes=6, size=32, seed=s), adamw(2e-3), s),
    "six doodles, mlp": lambda s: doodles_run(SIX, MLP(3072, 32, 6, seed=s), adamw(5e-4), s, size=32),
    "doodles with wrong labels": lambda s: doodles_run(TWO, ConvNet(3, (8,), classes=2, size=32, seed=s), adamw(2e-3), s,
                                                       label_noise=0.2),
    "mail, linear": lambda s: assembled(mail_model(s), mails(s), losses.cross_entropy, sgd(0.1), seed=s),
    "mail, mlp": lambda s: assembled(mail_model(s, 16), mails(s), losses.cross_entropy, adam(3e-3), seed=s),
    "line, sgd": lambda s: assembled(MLP(4, 1, seed=s), line(s), losses.mse, sgd(0.1), seed=s),
    "line, mlp": lambda s: assembled(MLP(4, 32, 1, seed=s), line(s), losses.mse, adam(1e-2), seed=s),
    "line, list of batches": lambda s: assembled(MLP(4, 1, seed=s), None, losses.mse, sgd(0.05), source=[line(s), line(s + 100)],
                                                 held_out=line(s + 200)),
    "clinic": lambda s: clinic.build(seed=s),
    "digits, trained before": lambda s: after(digits_run("mlp, momentum", s), 100),
    "digits, nearly done": lambda s: after(digits_run("mlp, adam", s), 600),
    "dropout, trained before": lambda s: after(digits_run("dropout", s), 100),
}


def after(run, updates):
    run[0].fit(run[1], updates)
    return run


HEALTHY = {**{f"digits: {name}": lambda s, name=name: digits_run(name, s) for name in ON_DIGITS}, **OTHERS}
TEN = ["digits: mlp, momentum", "digits: dropout", "digits: convnet, adamw", "digits: deep, residual, norm",
       "digits: mlp, warmup", "rings, adam", "doodles, endless", "mail, mlp", "line, mlp", "digits, trained before"]


# The clinic's faults, in other models: what `clinic.build` takes, with a rate a hundred times too high for each

PATIENTS = {
    "the lesson's own": dict(rate=0.05),
    "a convnet, AdamW": dict(model=lambda seed: nn.Sequential(Pictures(seed), nn.Dropout(0.1)), optimizer=optim.AdamW, rate=3e-3),
    "three layers and dropout, SGD": dict(model=lambda seed: dropped(64, 64, 64, 10, seed=seed), optimizer=optim.SGD, rate=0.1),
    "batch norm, Momentum": dict(model=normed, rate=0.05),
    "doodles, a plain network, Adam": dict(model=lambda seed: dropped(3072, 64, 32, 6, seed=seed), optimizer=optim.Adam,
                                           rate=5e-4, data=Doodles(SIX).draw(900, seed=0)),
}


def patient(name, fault, seed=0):
    part = dict(clinic.FAULTS[fault])
    if fault == "learning rate":
        part = dict(rate=100 * PATIENTS[name]["rate"])
    return clinic.build(**{**PATIENTS[name], **part, "seed": seed})
