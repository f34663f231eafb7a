"""Groups and maps without labels against scikit-learn on the digits, against formulas, and what bad input gets."""
import math
import warnings

import numpy as np
import pytest
import torch

from minitrain import sources
from minitrain.sources.points import points
from minitrain.unsupervised import tsne as t_sne
from minitrain.unsupervised import umap as u_map
from minitrain.unsupervised.dbscan import dbscan
from minitrain.unsupervised.kmeans import kmeans, lloyd, spread_out
from minitrain.unsupervised.neighbours import nearest, squared_distances, trustworthiness
from minitrain.unsupervised.pca import pca
from minitrain.unsupervised.tsne import tsne
from minitrain.unsupervised.umap import umap


def lots(seed):
    return torch.Generator().manual_seed(seed)


def cloud(n, d, seed=0, **how):
    return torch.randn(n, d, generator=lots(seed), **how)


def few_digits(n):
    return sources.digits()[0][:n]


# neighbours

def test_distances_and_neighbours_are_those_of_a_table(monkeypatch):
    x = cloud(40, 5, dtype=torch.float64) + 100                                 # far from 0: squared lengths are large
    table = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.allclose(squared_distances(x, x[:7]), table[:, :7] ** 2, atol=1e-8)
    order = table.fill_diagonal_(torch.inf).argsort(1)[:, :6]
    for rows in (2**24, 40 * 7):                                                # in one block, and in several
        monkeypatch.setattr("minitrain.unsupervised.neighbours.ROWS", rows)
        d, near = nearest(x, 6)
        assert torch.equal(near, order) and torch.allclose(d, table.gather(1, order), atol=1e-8)
    with pytest.raises(ValueError, match="40 neighbours were asked for; of 40 points each has 39 others"):
        nearest(x, 40)


def test_trustworthiness_is_scikit_learns(monkeypatch):
    from sklearn.manifold import trustworthiness as theirs
    x = cloud(120, 6, dtype=torch.float64)
    for y in (x[:, :2], cloud(120, 2, seed=1, dtype=torch.float64)):
        for k in (5, 12):
            assert trustworthiness(x, y, k=k) == pytest.approx(theirs(x.numpy(), y.numpy(), n_neighbors=k), abs=1e-12)
    monkeypatch.setattr("minitrain.unsupervised.neighbours.ROWS", 120 * 50)
    assert trustworthiness(x, y) == pytest.approx(theirs(x.numpy(), y.numpy(), n_neighbors=12), abs=1e-12)
    with pytest.raises(ValueError, match="120 points, 119 on the map"):
        trustworthiness(x, y[1:])
    with pytest.raises(ValueError, match="k below half"):
        trustworthiness(x, y, k=60)


# k-means

@pytest.mark.parametrize("k", [3, 10, 25])
def test_kmeans_is_as_tight_as_scikit_learns(k):
    from sklearn.cluster import KMeans
    x, _ = sources.digits()
    ours, theirs = kmeans(x, k, tries=10, seed=0), KMeans(k, n_init=10, random_state=0).fit(x.numpy()).inertia_
    assert ours.inertia <= 1.01 * theirs
    assert ours.inertia == pytest.approx(float(((x - ours.centres[ours.labels]) ** 2).sum()), rel=1e-5)
    assert ours.labels.unique().tolist() == list(range(k))


def test_rounds_of_kmeans_end_where_both_steps_help_no_more():
    x = cloud(200, 3, dtype=torch.float64)
    found = lloyd(x, x[:6])
    assert torch.equal(torch.cdist(x, found.centres).argmin(1), found.labels)
    for k in range(6):
        assert torch.allclose(x[found.labels == k].mean(0), found.centres[k])
    inertia = [lloyd(x, x[:6], rounds).inertia for rounds in range(1, found.rounds + 1)]
    assert inertia == sorted(inertia, reverse=True) and inertia[-1] == found.inertia < inertia[0]


def test_a_centre_without_points_goes_to_the_farthest():
    x = torch.tensor([[0.0], [1.0], [2.0], [50.0]])
    found = lloyd(x, torch.tensor([[1.0], [-900.0]]))
    assert sorted(found.centres[:, 0].tolist()) == [1.0, 50.0] and found.inertia == 2.0


def test_starts_are_drawn_by_squared_distance():
    x = torch.tensor([[0.0], [0.0], [3.0], [4.0]])
    drawn = [spread_out(x, 2, lots(seed))[:, 0].tolist() for seed in range(4000)]
    second = [b for a, b in drawn if a == 0]
    assert len(second) / 4000 == pytest.approx(1 / 2, abs=0.03)
    assert second.count(3) / len(second) == pytest.approx(9 / 25, abs=0.04) and 0 not in second
    assert sorted(spread_out(x, 3, lots(0))[:, 0].tolist()) == [0, 3, 4]


def test_kmeans_says_what_is_wrong():
    x = cloud(5, 2)
    for bad, k, said in [(x, 6, "k is 6, and there are 5 points; ask for 1 to 5 groups"), (x, 0, "k is 0"),
                         (x[:1].expand(5, 2), 2, "all 5 points are equal"),
                         (x[[0, 0, 1, 1, 1]], 3, "k is 3, but only 2 of the 5 points differ; ask for at most 2"),
                         (x.where(x != x[3, 1], math.nan), 2, "1 of 5 points hold a number that is not finite.*point 3"),
                         (x[:0], 1, "got 0 points"), (x[:, 0], 2, r"got shape \(5,\)"), ([[1.0]], 1, "got list")]:
        with pytest.raises(ValueError, match=f"(?s)kmeans.*{said}"):
            kmeans(bad, k)
    with pytest.raises(ValueError, match="tries=0"):
        kmeans(x, 2, tries=0)
    assert kmeans(x[:1].expand(5, 2), 1).inertia == pytest.approx(0, abs=1e-9)      # one group of them is no riddle


def test_kmeans_far_from_zero_is_kmeans_near_it():
    x = points("blobs", 300)[0]
    near, far = kmeans(x, 2), kmeans(x + 3000, 2)
    assert torch.equal(near.labels, far.labels) and far.inertia == pytest.approx(near.inertia, rel=1e-2)


# DBSCAN

@pytest.mark.parametrize("radius, least", [(1.0, 4), (1.2, 5), (1.4, 10), (0.01, 1), (1.1, 1)])
def test_dbscan_of_digits_is_scikit_learns(radius, least):
    same_groups(sources.digits()[0], radius, least)


@pytest.mark.parametrize("seed", range(6))
def test_dbscan_of_points_is_scikit_learns(seed):
    """On a grid many distances are exactly the radius, and many borders are shared."""
    x = torch.randint(0, 14, (150, 2), generator=lots(seed)).float()
    for radius, least in ((1.0, 4), (math.sqrt(2), 6), (2.0, 11)):
        same_groups(x.double(), radius, least)
    for kind in ("moons", "rings"):
        same_groups(points(kind, 300, seed=seed)[0], 0.3, 5)


def same_groups(x, radius, least):
    from sklearn.cluster import DBSCAN
    theirs = torch.from_numpy(DBSCAN(eps=radius, min_samples=least).fit(x.numpy()).labels_)
    ours = dbscan(x, radius, least=least)
    assert torch.equal(ours == -1, theirs == -1)
    pairs = torch.stack([ours, theirs]).unique(dim=1)                           # one to one: equal up to renaming
    assert pairs.shape[1] == len(ours.unique()) == len(theirs.unique())


def test_dbscan_of_many_blocks_and_of_a_long_chain(monkeypatch):
    x = torch.arange(500.0)[torch.randperm(500, generator=lots(0)), None]
    whole = dbscan(x, 1.0, least=2)
    monkeypatch.setattr("minitrain.unsupervised.dbscan.ROWS", 500 * 33)
    assert (whole == 0).all() and torch.equal(dbscan(x, 1.0, least=2), whole)
    assert (dbscan(x, 0.5, least=2) == -1).all()


def test_dbscan_says_what_is_wrong():
    x = cloud(5, 2)
    with pytest.raises(ValueError, match="radius=0 and least=5"):
        dbscan(x, 0)
    with pytest.raises(ValueError, match="least=0"):
        dbscan(x, 1.0, least=0)
    with pytest.raises(ValueError, match="dbscan: all 5 points are equal"):
        dbscan(torch.ones(5, 2), 1.0)
    with pytest.raises(ValueError, match="dbscan: 5 of 5 points hold a number that is not finite"):
        dbscan(x / 0, 1.0)


# PCA

def test_pca_is_scikit_learns():
    from sklearn.decomposition import PCA
    for x in (sources.digits()[0], cloud(20, 50), cloud(50, 3) + 1000):
        k = min(len(x) - 1, 10, x.shape[1])
        ours, theirs = pca(x, k), PCA(k, svd_solver="full").fit(x.double().numpy())
        wanted = torch.tensor(theirs.components_)
        signs = (ours.components * wanted).sum(1, keepdim=True).sign()
        assert (signs * ours.components - wanted).abs().max() < 1e-5
        assert torch.allclose(ours.variance.double(), torch.tensor(theirs.explained_variance_), rtol=1e-5)
        assert torch.allclose(ours.kept.double(), torch.tensor(theirs.explained_variance_ratio_), rtol=1e-5)
        places = torch.tensor(theirs.transform(x.double().numpy()))
        assert torch.allclose(ours.project(x).double(), signs[:, 0] * places, atol=1e-3)


def test_all_components_give_the_points_back():
    x = cloud(30, 4)
    found = pca(x, 4)
    assert torch.allclose(found.back(found.project(x)), x, atol=1e-5)
    assert float(found.kept.sum()) == pytest.approx(1, abs=1e-6)
    less = pca(x, 2)
    lost = ((less.back(less.project(x)) - x) ** 2).sum() / 29
    assert float(lost) == pytest.approx(float(found.variance[2:].sum()), rel=1e-4)


def test_pca_says_what_is_wrong():
    x = cloud(5, 3)
    for bad, k, said in [(x, 4, "k is 4; 5 points of 3 numbers have 1 to 3"), (x, 0, "k is 0"),
                         (x[:1], 1, "got 1 point; it needs"), (x.log(), 1, "not finite"),
                         (torch.ones(5, 3), 1, "all 5 points are equal")]:
        with pytest.raises(ValueError, match=f"pca.*{said}"):
            pca(bad, k)


# maps

def test_affinities_are_shares_of_the_wanted_perplexity():
    from scipy.spatial.distance import squareform
    from sklearn.manifold._t_sne import _joint_probabilities
    for n, perplexity in ((46, 15), (300, 99.7)):                               # the 3 · perplexity nearest are all there are
        x = few_digits(n)
        p = t_sne.affinities(x, perplexity)
        assert torch.equal(p, p.T) and float(p.sum()) == pytest.approx(1) and not p.diagonal().any()
        theirs = squareform(_joint_probabilities((torch.cdist(x.double(), x.double()) ** 2).numpy(), perplexity, 0))
        assert np.abs(p.numpy() - theirs).sum() < 1e-4
    cut = t_sne.affinities(x, 20)
    assert ((cut > 0).sum(1) >= 60).all() and (cut == 0).any() and float(cut.sum()) == pytest.approx(1)


def test_the_gradient_of_tsne_is_that_of_its_divergence():
    p = t_sne.affinities(cloud(25, 4, dtype=torch.float64), 6)
    y = cloud(25, 2, seed=1, dtype=torch.float64).requires_grad_()
    for more in (1.0, 12.0):
        w = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(-1))
        w = w - torch.diag(w.diagonal())
        kl = -more * (p * (w + (p == 0)).log()).sum() + w.sum().log()           # Σ P ln(P/Q), but for what does not depend on y
        wanted, = torch.autograd.grad(kl, y)
        assert torch.allclose(t_sne.gradient(p, y.detach(), more), wanted, atol=1e-10)


def test_the_forces_of_umap_are_slopes_of_its_loss():
    a, b = u_map.curve(0.1)
    apart = cloud(50, 2, dtype=torch.float64).requires_grad_()
    v = 1 / (1 + a * (apart**2).sum(1) ** b)
    wanted, = torch.autograd.grad(v.log().sum(), apart, retain_graph=True)
    assert torch.allclose(u_map.pull(apart.detach(), a, b), wanted.clamp(-4, 4), atol=1e-9)
    wanted, = torch.autograd.grad((1 - v).log().sum(), apart)
    far = (apart**2).sum(1) > 0.5                                               # near 0 the force is tamed
    assert torch.allclose(u_map.push(apart.detach(), a, b)[far], wanted[far].clamp(-4, 4), rtol=2e-3, atol=1e-3)


def test_the_curve_of_umap_is_the_nearest():
    from scipy.optimize import curve_fit
    d = np.linspace(0, 3, 300)[1:]
    for gap in (0.0, 0.1, 0.5, 1.0, 2.0):
        (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, np.where(d <= gap, 1, np.exp(gap - d)))
        assert u_map.curve(gap) == pytest.approx((a, b), rel=1e-3)


def test_links_of_umap_are_its_formula():
    x = cloud(60, 3, dtype=torch.float64)
    d, near = nearest(x, 8)
    i, j, strength = u_map.links(x, 8)
    w = torch.zeros(60, 60, dtype=torch.float64)
    for n in range(60):
        def total(sigma, n=n): return float((-(d[n] - d[n, 0]) / sigma).exp().sum())
        low, high = 1e-6, 1e3
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (low, middle) if total(middle) > 3 else (middle, high)
        w[n, near[n]] = (-(d[n] - d[n, 0]) / low).exp()
    w = w + w.T - w * w.T
    assert torch.allclose(torch.zeros_like(w).index_put_((i, j), strength), w, atol=1e-9) and len(i) == (w > 0).sum()


@pytest.mark.parametrize("draw", [tsne, umap])
def test_maps_keep_groups_and_seeds_and_survive_equal_points(draw):
    how = dict(perplexity=8, iterations=120) if draw is tsne else dict(neighbours=8, epochs=80)
    x = torch.cat([cloud(40, 5, seed) + 8 * seed for seed in range(3)])
    state, y = torch.random.get_rng_state(), draw(x, **how)
    assert torch.equal(state, torch.random.get_rng_state()) and torch.equal(y, draw(x, **how))
    groups = torch.arange(120) // 40
    assert (groups[nearest(y, 5)[1]] == groups[:, None]).float().mean() > 0.99
    assert draw(x, **how, seed=1).ne(y).any()
    doubled = torch.cat([x[:30], x[:1].expand(60, 5)])                          # 60 equal ones among them
    assert draw(doubled, **how).isfinite().all() and draw(x[:, :1], **how).isfinite().all()
    seen = []
    draw(x, **how, each=lambda t, y: seen.append((t, y.shape)))
    assert seen == [(t, (120, 2)) for t in range(how.get("iterations", how.get("epochs")))]


@pytest.mark.parametrize("draw", [tsne, umap])
def test_on_a_map_a_narrow_group_is_as_wide_as_a_wide_one(draw):
    """They show neighbours, not sizes; and a crowd that starts on one spot does not burst."""
    x = torch.cat([cloud(100, 10), 10 * cloud(100, 10, 1) + 100 * torch.eye(10)[0]])
    narrow, wide = (float(g.std(0).norm()) for g in draw(x).split(100))
    assert 0.6 < wide / narrow < 1.5


def test_maps_say_what_is_wrong():
    x = cloud(31, 4)
    for draw, bad, how, said in [
            (tsne, x, dict(perplexity=11), "perplexity of 11 is a soft count of neighbours; with 31 points it is 1 to 10"),
            (tsne, x, dict(perplexity=0.5), "perplexity of 0.5"), (tsne, x, dict(perplexity=5, iterations=0), "iterations=0"),
            (tsne, torch.ones(31, 4), dict(perplexity=5), "all 31 points are equal"), (tsne, x / 0, {}, "not finite"),
            (tsne, x[:3], {}, "3 points; it needs at least 5"),
            (umap, x, dict(neighbours=31), "neighbours is 31; with 31 points it is 2 to 30"), (umap, x, dict(gap=-1), "gap=-1"),
            (umap, x, dict(epochs=0), "at least 1 epoch"), (umap, torch.ones(31, 4), {}, "all 31 points are equal"),
            (umap, x.log(), {}, "not finite")]:
        with pytest.raises(ValueError, match=said):
            draw(bad, **how)


@pytest.mark.slow
def test_maps_of_all_digits_are_as_trustworthy_as_the_best_known():
    from sklearn.manifold import TSNE
    x, _ = sources.digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = trustworthiness(x, torch.from_numpy(TSNE(random_state=0).fit_transform(x.numpy())))
    for seed in range(3):
        assert trustworthiness(x, tsne(x, seed=seed)) > theirs - 0.005
        assert trustworthiness(x, umap(x, seed=seed)) > 0.98


def test_maps_of_some_digits_are_as_trustworthy():
    from sklearn.manifold import TSNE
    x = few_digits(500)
    theirs = trustworthiness(x, torch.from_numpy(TSNE(random_state=0).fit_transform(x.numpy())))
    assert trustworthiness(x, tsne(x)) > theirs - 0.005
    assert trustworthiness(x, umap(x)) > 0.97
    assert trustworthiness(x, pca(x, 2).project(x)) < 0.9


@pytest.mark.gpu
def test_on_a_gpu_the_same_groups_and_maps_as_good():
    x, _ = sources.digits()
    gpu = x.cuda()
    assert kmeans(gpu, 10).inertia == pytest.approx(kmeans(x, 10).inertia, rel=0.01)
    assert torch.equal(dbscan(gpu, 1.2).cpu(), dbscan(x, 1.2))
    assert torch.allclose(pca(gpu, 10).components.cpu(), pca(x, 10).components, atol=1e-5)
    assert trustworthiness(x, tsne(gpu).cpu()) > 0.985 and trustworthiness(gpu, umap(gpu)) > 0.98
