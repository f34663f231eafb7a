"""Lesson 10, unsupervised learning: what it asks."""
import torch

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "moons": Question(
        "Two crescents, each with a horn in the other's hollow. k-means is asked for two groups. It …",
        ["gives each crescent a group of its own", "cuts straight through both", "puts nearly all points into one group"],
        answer="cuts straight through both",
        why="A point goes to the nearer of two centres, and the border between two centres is a straight line. The shape of a "
            "crowd is nothing that k-means could see."),
    "sizes": Question(
        "Two groups of points, ten numbers a point; the second is ten times as wide as the first. On a t-SNE map the second "
        "group is …",
        ["about ten times as wide as the first", "about as wide as the first", "narrower than half of the first"],
        answer="about as wide as the first",
        why="Each point measures distance by the distance of its own neighbours, thirty or so of them. In a wide group everybody "
            "is far from everybody, so far counts as near there."),
    "judge": Question(
        "The judge was trained on digits alone. Of 100 pictures of pure noise, how many does it call a certain digit, more than "
        "80 % sure?",
        ["fewer than 10", "between 10 and 70", "more than 70"], answer="between 10 and 70",
        why="It was never taught to say that something is no digit: its ten probabilities add up to 1 whatever it is shown."),
    "drawn": Question(
        "Two networks of one size draw from codes chosen by lot: the plain one from a bell curve laid over the codes of real "
        "digits, the variational one from N(0, 1). Whose pictures does the judge know more often?",
        ["the plain one's, as it copies better", "about as often", "the variational one's, by 8 points or more"],
        answer="the variational one's, by 8 points or more",
        why="The plain network was asked to draw from the codes of real digits and from nowhere else; between them lies "
            "nothing that anybody trained. The variational one was trained on clouds that overlap."),
}


# --- a step of k-means --------------------------------------------------------------------------------------------------

def kmeans_step(x, centres):
    d = ((x[:, None] - centres) ** 2).sum(2)                    # (n, k): squared distances
    nearest = d.argmin(1)                                       # (n,)
    return torch.stack([x[nearest == k].mean(0) for k in range(len(centres))])


def _step_by_membership(x, centres):
    member = torch.nn.functional.one_hot(torch.cdist(x, centres).argmin(1), len(centres)).to(x.dtype)       # (n, k)
    return member.T @ x / member.sum(0)[:, None]


def _some_points(seed):
    lots = torch.Generator().manual_seed(seed)
    n, d, k = ((9, 2, 2), (12, 3, 3), (10, 2, 3), (14, 2, 2), (11, 3, 2))[seed % 5]
    x = (4 * torch.randn(n, d, generator=lots, dtype=torch.float64)).round(decimals=1) + 3
    return x, x[:k] + 0.2                                       # each near a point: none is without points


def _step(measure=None, new=None):
    def step(x, centres):                                       # a centre without points is NaN, as in the reference
        away = x[:, None] - centres
        nearest = measure(x, away, centres) if measure else (away**2).sum(2).argmin(1)
        make = new or (lambda own, k: own.mean(0))
        return torch.stack([make(x[nearest == k], k) for k in range(len(centres))])
    return step


def _over_all(x, centres):
    nearest = torch.cdist(x, centres).argmin(1)
    return torch.stack([x[nearest == k].sum(0) / len(x) for k in range(len(centres))])


# --- PCA by SVD ---------------------------------------------------------------------------------------------------------

def pca_by_svd(x, k):
    mean = x.mean(0)
    _, s, v = torch.linalg.svd(x - mean, full_matrices=False)   # v: a direction in each row
    back = (x - mean) @ v[:k].T @ v[:k] + mean                  # (n, d)
    return back, (s[:k] ** 2).sum() / (s**2).sum()


def _pca_by_eigenvectors(x, k):
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred)    # smallest first
    chosen = vectors[:, -k:]
    return centred @ chosen @ chosen.T + x.mean(0), values[-k:].sum() / values.sum()


def _some_cloud(seed):
    lots = torch.Generator().manual_seed(seed)
    n, d, k = ((6, 4, 2), (8, 4, 1), (7, 5, 3), (5, 3, 2), (9, 4, 2))[seed % 5]
    x = torch.randn(n, d, generator=lots, dtype=torch.float64) * torch.tensor([1.0, 3.0, 2.0, 0.5, 1.5])[:d] + 2
    return x.round(decimals=1), k


def _pca(centre=lambda x: x.mean(0), pick=lambda v, k: v[:k], kept=lambda s, k: (s[:k] ** 2).sum() / (s**2).sum(), add=True):
    def answer(x, k):
        mean = centre(x)
        _, s, v = torch.linalg.svd(x - mean, full_matrices=False)
        w = pick(v, k)
        return (x - mean) @ w.T @ w + (mean if add else 0), kept(s, k)
    return answer


def _directions(x, k):
    return torch.linalg.svd(x - x.mean(0), full_matrices=False)[2][:k]


def _standardised(x, k):
    mean, spread = x.mean(0), x.std(0)
    back, kept = pca_by_svd((x - mean) / spread, k)
    return back * spread + mean, kept


# --- the reparametrised sample ------------------------------------------------------------------------------------------

def sample(mean, log_variance, noise):
    return mean + torch.exp(log_variance / 2) * noise           # the standard deviation is the root of the variance


def _sample_by_root(mean, log_variance, noise):
    return mean + log_variance.exp().sqrt() * noise


def _some_cloud_and_noise(seed):
    lots = torch.Generator().manual_seed(seed)
    B, Z = ((2, 2), (3, 2), (1, 3), (4, 1), (2, 3))[seed % 5]
    mean, log_variance, noise = (torch.randn(B, Z, generator=lots, dtype=torch.float64).round(decimals=1) for _ in range(3))
    return mean + 1, 2 * log_variance - 0.5, noise + 0.05


EXERCISES = {
    "kmeans-step": Exercise(
        task="One step of k-means: each point goes to its nearest centre; return the mean of each centre's points, (k, d).",
        reference=kmeans_step, inputs=_some_points,
        hint="x[:, None] - centres is (n, k, d): every point minus every centre. Square, add up over d, and argmin over k says "
             "for each point which centre is nearest. x[nearest == 0] are the points of centre 0.",
        misconceptions=[
            Misconception(_step(lambda x, away, c: away.abs().sum(2).argmin(1)),
                          "You measured distance by the sum of absolute differences. k-means takes the squares: the mean is the "
                          "point with the smallest sum of squared distances, and of no other kind."),
            Misconception(_step(lambda x, away, c: (away**2).sum(2).argmax(1)),
                          "Each point went to the centre that is farthest away: argmin, not argmax."),
            Misconception(_step(lambda x, away, c: (x @ c.T).argmax(1)),
                          "You took the largest product of point and centre. That favours centres far from 0; the nearest centre "
                          "has the smallest squared difference."),
            Misconception(_step(new=lambda own, k: own.sum(0)),
                          "You added a centre's points up; divide by how many they are."),
            Misconception(_over_all, "You divided by the number of all points. Each centre has its own number of points."),
            Misconception(_step(new=lambda own, k: own.median(0).values),
                          "That is the median of each coordinate. It makes the sum of absolute distances smallest (k-medians); "
                          "for squared distances it is the mean."),
            Misconception(lambda x, centres: (centres + kmeans_step(x, centres)) / 2,
                          "You went half of the way. A centre moves to the mean of its points at once: no other place has a "
                          "smaller sum of squares."),
            Misconception(lambda x, centres: torch.cdist(x, centres).argmin(1),
                          "You returned which centre each point goes to: the first half. Return where the centres go, (k, d)."),
            Misconception(lambda x, centres: x[torch.cdist(x, centres).argmin(0)],
                          "You looked for the point that is nearest to each centre (argmin over the points). Each point looks "
                          "for its centre: argmin over the centres, axis 1."),
            Misconception(_step(new=lambda own, k: own.mean()),
                          "You took one mean over all numbers of a group. Each coordinate has its own: .mean(0)."),
            Misconception(_step(lambda x, away, c: away.sum(2).argmin(1)),
                          "You added differences up without squaring them: far to the left counts as nearer than on the spot. "
                          "Square first."),
            Misconception(_step(lambda x, away, c: (away**2).sum(1).argmin(1)),
                          "You added up over the centres (axis 1 of n, k, d). A distance adds up over the coordinates, axis 2."),
            Misconception(lambda x, centres: ((x[:, None] - centres) ** 2).sum(2),
                          "These are the squared distances, (n, k). argmin(1) of them says which centre is nearest; the means "
                          "of the points come after that."),
            Misconception(lambda x, centres: centres[torch.cdist(x, centres).argmin(1)],
                          "You gave each point its centre, (n, d). Asked for is where each centre goes, (k, d): the mean of "
                          "the points that chose it."),
            Misconception(lambda x, centres: (kmeans_step(x, centres), torch.cdist(x, centres).argmin(1)),
                          "The centres are right; return them alone, without each point's group."),
            Misconception(lambda x, centres: centres, "The centres stayed where they were."),
        ],
        alternatives=[_step_by_membership]),
    "pca": Exercise(
        task="Say each row of x (n, d) in k numbers, along the k directions of most variance, and bring it back: return the rows "
             "as they come back, (n, d), and the share of the variance that was kept, one number.",
        reference=pca_by_svd, inputs=_some_cloud,
        hint="Take the mean row away. u, s, v = torch.linalg.svd(…, full_matrices=False): the rows of v are the directions, the "
             "largest first. (x - mean) @ v[:k].T are the k numbers; @ v[:k] brings them back; then the mean again. The variance "
             "along direction i goes with s[i]².",
        misconceptions=[
            Misconception(_pca(centre=lambda x: torch.zeros_like(x[0])),
                          "You did not take the mean away, so the first direction is spent on pointing at the middle of the "
                          "cloud. Variance is measured from the mean."),
            Misconception(_pca(add=False),
                          "The mean is missing at the end: what comes back lies around 0, not around the points."),
            Misconception(_pca(kept=lambda s, k: s[:k].sum() / s.sum()),
                          "The share is of the wrong thing: singular values go with standard deviations; variances with their "
                          "squares."),
            Misconception(_pca(kept=lambda s, k: (s[:k] ** 2).sum()),
                          "You returned an amount; the share is that amount divided by the sum over all directions."),
            Misconception(_pca(kept=lambda s, k: 1 - (s[:k] ** 2).sum() / (s**2).sum()),
                          "That is the share that is lost. Asked for is what is kept."),
            Misconception(_pca(pick=lambda v, k: v[-k:]), "You took the directions of least variance: the largest come first."),
            Misconception(_pca(pick=lambda v, k: v.T[:k]),
                          "You took columns of v. torch gives the directions as its rows (in books it is often called Vᵀ)."),
            Misconception(_pca(centre=lambda x: x.mean(1, keepdim=True)),
                          "You took each row's own mean away. What all points share is the mean of each column, .mean(0)."),
            Misconception(_pca(centre=lambda x: x.mean()),
                          "You took one mean over all numbers away. Each column has its own, .mean(0)."),
            Misconception(_standardised,
                          "You divided each column by its spread. That is PCA of other data, in which every column counts the "
                          "same; here the units are all the same, and spread is what is asked about."),
            Misconception(lambda x, k: ((x - x.mean(0)) @ _directions(x, k).T, pca_by_svd(x, k)[1]),
                          "These are the k numbers of each row. Bring them back to d numbers: @ v[:k], then the mean again."),
            Misconception(lambda x, k: (x @ _directions(x, k).T @ _directions(x, k) + x.mean(0), pca_by_svd(x, k)[1]),
                          "The directions are those of the centred rows, but you projected the rows as they are: "
                          "(x - mean) @ v[:k].T, and the mean comes back at the end."),
            Misconception(lambda x, k: (x @ _directions(x, k).T @ _directions(x, k), pca_by_svd(x, k)[1]),
                          "The directions go through the mean, not through 0: take the mean away before you project, and add it "
                          "at the end."),
            Misconception(_pca(kept=lambda s, k: s[:k] ** 2 / (s**2).sum()),
                          "That is the share of each direction. Add the k of them up: one number."),
            Misconception(_pca(kept=lambda s, k: k / len(s)),
                          "That is the share of the directions. They do not vary alike: the share of the variance goes with s²."),
            Misconception(lambda x, k: pca_by_svd(x, k)[::-1], "The other way round: first the rows, then the share."),
            Misconception(lambda x, k: pca_by_svd(x, k)[0],
                          "Two things are asked for: the rows as they come back, and the share."),
        ],
        alternatives=[_pca_by_eigenvectors]),
    "sample": Exercise(
        task="Turn noise from N(0, 1) into a draw from N(mean, variance); given is the log of the variance.",
        reference=sample, inputs=_some_cloud_and_noise,
        hint="Noise times a number s has the standard deviation s; adding the mean moves it. From the log of a variance to a "
             "standard deviation: exp, then the root; or half of the log first, then exp.",
        misconceptions=[
            Misconception(lambda m, lv, e: m + lv.exp() * e,
                          "You multiplied by the variance. Its root, the standard deviation, has the unit of the numbers."),
            Misconception(lambda m, lv, e: m + lv * e,
                          "That is the log of the variance, which can be negative. First back from the log: exp."),
            Misconception(lambda m, lv, e: m + lv / 2 * e,
                          "Half of the log is the log of the standard deviation; exp is missing."),
            Misconception(lambda m, lv, e: m + lv.sqrt() * e,
                          "You took the root of the log, which is negative for a variance below 1. First exp, then the root."),
            Misconception(lambda m, lv, e: m + lv.abs().sqrt() * e,
                          "You took the root of the log. First exp, then the root."),
            Misconception(lambda m, lv, e: m + torch.exp(lv) / 2 * e,
                          "You halved the variance. The root is half of its log: halve first, then exp."),
            Misconception(lambda m, lv, e: m + torch.exp(lv / 4) * e,
                          "You took the root twice: exp(log_variance / 2) is the standard deviation already."),
            Misconception(lambda m, lv, e: m + e / torch.exp(lv / 2),
                          "You divided by the standard deviation: that takes the stretch out. Here it goes in: multiply."),
            Misconception(lambda m, lv, e: (e - m) / torch.exp(lv / 2),
                          "That turns a draw back into noise. Turn noise into a draw: stretch, then add the mean."),
            Misconception(lambda m, lv, e: m + torch.exp(lv / 2) + e,
                          "You added the standard deviation: it moves the draw and does not stretch the noise. Multiply."),
            Misconception(lambda m, lv, e: m + torch.exp(lv / 2),
                          "The noise is missing: this is the same point every time, one standard deviation from the mean."),
            Misconception(lambda m, lv, e: m + e, "Every cloud came out with a variance of 1: the noise must be stretched."),
            Misconception(lambda m, lv, e: torch.exp(lv / 2) * e, "The mean is missing: all clouds lie around 0."),
            Misconception(lambda m, lv, e: (m + e) * torch.exp(lv / 2),
                          "You stretched the mean as well. Stretch the noise, then add the mean."),
            Misconception(lambda m, lv, e: m * torch.exp(lv / 2) * e, "The mean is to be added, not multiplied."),
            Misconception(lambda m, lv, e: m + torch.exp(2 * lv) * e,
                          "The root of a variance is half of its log, not twice: exp(log_variance / 2)."),
            Misconception(lambda m, lv, e: m, "That is the mean alone: no draw."),
        ],
        alternatives=[_sample_by_root]),
}
