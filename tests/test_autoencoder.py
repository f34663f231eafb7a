"""Autoencoders: shapes, the variational loss against its formula, and whether a judge knows what is drawn."""
import math
from functools import partial

import pytest
import torch

from minitrain import Trainer, losses, optim, sources
from minitrain.models.autoencoder import Autoencoder, VariationalAutoencoder
from minitrain.models.convnet import ConvNet
from minitrain.sources.augment import affine


def pictures(n=20, seed=0):
    return torch.rand(n, 64, generator=torch.Generator().manual_seed(seed))


def test_variational_loss_is_its_formula():
    g = torch.Generator().manual_seed(0)
    again, mean, log_variance, y = (torch.randn(7, d, generator=g, dtype=torch.float64) for d in (9, 4, 4, 9))
    leaves = [t.clone().requires_grad_() for t in (again, mean, log_variance)]
    out = losses.variational(lambda x: tuple(leaves), (y, y), spread=0.4)
    out.mean.backward()
    out.mean = out.mean.detach()
    twins = [t.clone().requires_grad_() for t in (again, mean, log_variance)]
    normal, pixel = torch.distributions.Normal(twins[1], (twins[2] / 2).exp()), torch.distributions.Normal(twins[0], 0.4)
    kl = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1)
    constant = 9 * math.log(0.4 * math.sqrt(2 * math.pi))
    wanted = (-pixel.log_prob(y).sum(1) - constant + kl).mean()
    wanted.backward()
    assert float(out.mean) == pytest.approx(float(wanted.detach()), rel=1e-12) and out.n == 7
    for ours, theirs in zip(leaves, twins):
        assert torch.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-12)
    assert float(out.logs["kl"]) == pytest.approx(float(kl.mean().detach())) and not out.logs["kl"].requires_grad
    assert float(out.logs["kl"] + out.logs["off"]) == pytest.approx(float(out.mean))


def test_a_point_is_drawn_from_the_cloud_and_the_gradient_reaches_it():
    model = VariationalAutoencoder(64, 16, code=3, seed=0)
    x = pictures(1).expand(20_000, 64)
    mean, log_variance = (t[0].detach() for t in model.cloud(x[:1]))
    seen = []
    model.decode = lambda z: seen.append(z) or z
    model(x)
    z, = seen
    assert torch.allclose(z.mean(0), mean, atol=0.03) and torch.allclose(z.var(0), log_variance.exp(), rtol=0.05)
    (z**2).sum().backward()
    assert all(rows.any() for rows in model.encoder.layers[-1].weight.grad.split(3))            # of the means, of the variances
    model.eval()
    assert torch.equal(model(x[:1])[0], model.encode(x[:1]))


def test_both_are_of_one_size_and_a_picture_stays_within_its_range():
    plain, cloudy = Autoencoder(64, 32, 16, code=4, seed=0), VariationalAutoencoder(64, 32, 16, code=4, seed=0)
    def numbers(model): return sum(p.numel() for p in model.parameters())
    assert numbers(cloudy) - numbers(plain) == 17 * 4                           # the log variances, and nothing else
    assert numbers(plain.decoder) == numbers(cloudy.decoder)
    for model in (plain, cloudy):
        drawn = model.decode(100 * torch.randn(50, 4))
        assert drawn.shape == (50, 64) and drawn.min() >= 0 and drawn.max() <= 1
    one, other = Autoencoder(64, 8, seed=0), Autoencoder(64, 8, seed=1)
    assert not torch.equal(one.encoder.layers[0].weight, other.encoder.layers[0].weight)
    assert torch.equal(cloudy.draw(3, torch.Generator().manual_seed(1)), cloudy.draw(3, torch.Generator().manual_seed(1)))
    with pytest.raises(ValueError, match="VariationalAutoencoder got code=0"):
        VariationalAutoencoder(64, code=0)


def test_a_resumed_run_draws_what_it_would_have():
    def trainer():
        model = VariationalAutoencoder(64, 16, code=2, seed=3)
        return Trainer(model, losses.variational, optim.SGD(model.parameters(), 1e-3))
    source, state = sources.batches(pictures(), pictures(), size=8), torch.random.get_rng_state()
    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(source, 6)
    first.fit(source, 3)
    second.model.load_state_dict(first.model.state_dict())
    second.t = 3
    second.fit(source, until=6)
    for a, b in zip(whole.model.parameters(), second.model.parameters()):
        assert torch.equal(a, b)
    assert torch.equal(state, torch.random.get_rng_state())


def test_variational_says_what_does_not_fit():
    x = pictures(4)
    with pytest.raises(TypeError, match="must answer with three.*got Tensor"):
        losses.variational(Autoencoder(64, 8), (x, x))
    with pytest.raises(ValueError, match=r"gave shape \(4, 64\), the targets have \(4,\)"):
        losses.variational(VariationalAutoencoder(64, 8), (x, torch.arange(4)))
    with pytest.raises(ValueError, match="spread is 0"):
        losses.variational(VariationalAutoencoder(64, 8), (x, x), spread=0)
    with pytest.raises(RuntimeError, match=r"could not take a batch of shape \(4, 63\)"):
        losses.variational(VariationalAutoencoder(64, 8), (x[:, 1:], x))


def fit(model, loss, source, steps, rate, warmup):
    schedule = optim.warmup(warmup, optim.cosine(steps - warmup))
    trainer = Trainer(model, loss, optim.AdamW(model.parameters(), rate), schedule=schedule)
    trainer.fit(source, steps)
    return model.eval()


@pytest.mark.slow
def test_what_is_drawn_from_lots_is_a_digit():
    """By a judge that never saw a drawing: the variational one's, a plain one's of the same size, and noise."""
    (x, y), (x_held, y_held) = sources.split(*sources.digits(), held_out=0.2, seed=0)
    made = sources.batches(x.view(-1, 1, 8, 8), y, size=48, seed=3, augment=affine(10, 0.1, 0.05))
    judge = fit(ConvNet(1, (32, 64), classes=10, size=8, seed=3), losses.cross_entropy, made, 1000, 5e-3, 20)

    @torch.no_grad()
    def known(pictures):                                    # the share of all, by class, that it is more than 80 % sure of
        sure, which = judge(pictures.view(-1, 1, 8, 8)).softmax(1).max(1)
        return which[sure > 0.8].bincount(minlength=10) / len(pictures)

    with torch.no_grad():
        assert (judge(x_held.view(-1, 1, 8, 8)).argmax(1) == y_held).float().mean() > 0.98
    assert 0.2 < known(torch.rand(2000, 64, generator=torch.Generator().manual_seed(0))).sum() < 0.5
    shares = []
    for seed in range(3):
        source = sources.batches(x, x, size=128, seed=seed)
        cloudy = fit(VariationalAutoencoder(64, 128, 64, code=16, seed=seed), partial(losses.variational, spread=0.35),
                     source, 200 * len(source), 0.012, 100)
        plain = fit(Autoencoder(64, 128, 64, code=16, seed=seed), losses.mse, source, 200 * len(source), 0.012, 100)
        lots = torch.Generator().manual_seed(5)
        with torch.no_grad():
            drawn, codes = cloudy.draw(2000, lots), plain.encode(x)
            z = torch.randn(2000, 16, generator=lots)
            from_0_1, fitted = plain.decode(z), plain.decode(codes.mean(0) + codes.std(0) * z)
        assert known(drawn).min() > 0.04
        shares.append([float(known(p).sum()) for p in (drawn, from_0_1, fitted)])
    cloudy, from_0_1, fitted = torch.tensor(shares).T
    assert cloudy.mean() > 0.87 and cloudy.min() > 0.85
    assert from_0_1.max() < 0.68 and fitted.max() < 0.75
