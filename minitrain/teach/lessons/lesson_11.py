"""Lesson 11, self-supervised vision: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "which": Question(
        "Five encoders learn from the same pictures, 1,200 updates each, every one by another puzzle. A straight line on their "
        "features, with five labelled pictures of each kind: whose is right most often on new pictures?",
        ["colour from grey", "which way up", "where the second patch lies", "which views belong together",
         "what is behind the grey squares"], answer="which views belong together",
        why="Its puzzle asks for what stays when size, place, light and colours change, and that is all but what we call the "
            "kind of a thing. To paint a picture, a model has to keep all that changes, too."),
    "pull": Question(
        "A simpler loss, without rivals: the numbers of the two views of a picture shall point the same way, and nothing else is "
        "asked. After 100 updates …",
        ["the loss is near 0, and the features are good", "the loss is near 0, and all pictures point the same way",
         "the loss stays where it was"], answer="the loss is near 0, and all pictures point the same way",
        why="Where nothing pushes, to say the same of everything is the easiest way to agree with oneself."),
    "frame": Question(
        "Now every picture gets a dark frame, one pixel wide, and the patches are the four quarters, frame and all. Where does "
        "the second patch lie? After 150 updates, and compared with small patches cut with care, the model is right …",
        ["about as often as before", "more often, and its features are better", "more often, and its features are worse"],
        answer="more often, and its features are worse",
        why="The frame says which corner a patch comes from. Whoever reads it need not know what a cat is."),
    "hundred": Question(
        "With five labels a class, fine-tuning the features of the longest contrast beats 600 updates from scratch on the same "
        "views. With a hundred labels a class, the lead over these is …",
        ["larger", "about the same", "smaller"], answer="smaller",
        why="What pretraining knew, a hundred labelled pictures of each kind can teach as well."),
    "turned-world": Question(
        "In another world, things lie every which way from the start. Which way up was this picture before I turned it? The "
        "share of new pictures for which the model knows is …",
        ["the same: turning is turning", "lower, and well above a guess", "hardly above a guess, one in four"],
        answer="hardly above a guess, one in four",
        why="A thing that may lie in any direction does so after a quarter turn as well: the question has no answer. A pretext "
            "task only works where the world has the regularity that it asks for."),
}


# --- the linear probe ---------------------------------------------------------------------------------------------------

def probe(x, y, classes, decay):
    target = np.eye(classes)[y]                                             # (n, K): 1 for the right class
    return np.linalg.solve(x.T @ x + decay * np.eye(x.shape[1]), x.T @ target)     # (D, K)


def _probe_dual(x, y, classes, decay):
    target = (y[:, None] == np.arange(classes)).astype(float)
    return x.T @ np.linalg.inv(x @ x.T + decay * np.eye(len(x))) @ target


def _probe_stacked(x, y, classes, decay):
    D = x.shape[1]
    rows = np.concatenate([x, np.sqrt(decay) * np.eye(D)])                  # the decay as D more examples
    return np.linalg.lstsq(rows, np.concatenate([np.eye(classes)[y], np.zeros((D, classes))]), rcond=None)[0]


def _some_features(seed):
    lots = np.random.default_rng(seed)
    n, D, K = ((4, 2, 2), (5, 3, 3), (3, 5, 2), (6, 4, 3), (8, 3, 2))[seed % 5]
    y = lots.permutation(np.arange(n) % K)
    return lots.normal(size=(n, D)).round(1), y, K, (0.5, 1.0, 2.0, 0.1, 10.0)[seed % 5]


def _ridge(matrix, target=lambda y, K: np.eye(K)[y]):
    return lambda x, y, classes, decay: np.linalg.pinv(matrix(x, decay)) @ x.T @ target(y, classes)


# --- InfoNCE ------------------------------------------------------------------------------------------------------------

def info_nce(z, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores = z @ z.T / temperature                                          # (2N, 2N)
    np.fill_diagonal(scores, -np.inf)                                       # nobody is a candidate for itself
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    rows = np.arange(len(z))
    return -log_p[rows, (rows + len(z) // 2) % len(z)].mean()


def _info_nce_row_by_row(z, temperature):
    n, total = len(z), 0.0
    unit = [row / (row @ row) ** 0.5 for row in z]
    for i in range(n):
        scores = {j: unit[i] @ unit[j] / temperature for j in range(n) if j != i}
        total += np.log(sum(np.exp(s) for s in scores.values())) - scores[(i + n // 2) % n]
    return total / n


def _some_views(seed):
    lots = np.random.default_rng(seed)
    N, D = ((2, 2), (3, 2), (2, 3), (4, 3), (5, 4))[seed % 5]
    z = lots.normal(size=(N, D))
    return np.concatenate([z, z + 0.7 * lots.normal(size=(N, D))]).round(1) + 0.05, (1.0, 0.5, 0.3, 0.7, 2.0)[seed % 5]


def _nce(unit=True, own=-np.inf, partner="other half", reduce=np.mean, sign=-1, times=False, warm=True, columns=None, rows=1):
    def loss(z, temperature):
        if unit:
            z = z / (np.linalg.norm(z, axis=1, keepdims=True) if unit is True else unit(z))
        scores = z @ z.T * temperature if times else z @ z.T / (temperature if warm else 1.0)
        n, every = len(z), np.arange(len(z))
        where = (every + n // 2) % n if partner == "other half" else every ^ 1 if partner == "next" else (every + 1) % n
        if columns == "other half":
            scores, every, where = scores[:n // 2, n // 2:], np.arange(n // 2), np.arange(n // 2)
        elif columns == "rivals":
            scores = scores.copy()
            np.fill_diagonal(scores, -np.inf)
            kept = np.exp(scores)
            kept[every, where] = 0
            return (np.log(kept.sum(1)) - scores[every, where]).mean()
        elif own != "as it is":
            np.fill_diagonal(scores, own)
        log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return reduce(sign * log_p[every, where][:int(rows * len(every))])
    return loss


# --- patch pairs without a shortcut -------------------------------------------------------------------------------------

def pair(picture, place, rng):
    step = np.array(place)                                                  # down and right: -1, 0 or 1
    first = np.where(step == 0, rng.integers(0, 2, 2), (1 - step) // 2)     # its quarter: 0 or 1 down and right
    corners = np.array([first, first + step]) * 7 + 2 + rng.integers(-1, 2, (2, 2))
    return [picture[r:r + 4, c:c + 4] for r, c in corners]


def _pair_by_trial(picture, place, rng):
    while True:
        (r, c), (s, d) = rng.integers(1, 12, (2, 2))
        side = [0 if abs(gap) <= 2 else int(np.sign(gap)) for gap in (s - r, d - c)]
        if side == list(place) and all(abs(gap) <= 2 or abs(gap) >= 5 for gap in (s - r, d - c)):
            return np.stack([picture[r:r + 4, c:c + 4], picture[s:s + 4, d:d + 4]])


def _sampler(pitch=7, start=2, jitter=1, reverse=False, swapped=False, fixed=False, own=False, same=False):
    def pair(picture, place, rng):
        rng = np.random.default_rng(0) if own else rng
        step = np.array(place)[::-1] if swapped else np.array(place)
        first = np.where(step == 0, 0 if fixed else rng.integers(0, 2, 2), (1 - step) // 2)
        moved = rng.integers(-jitter, jitter + 1, (1 if same else 2, 2)) if jitter else 0
        corners = np.array([first, first + step]) * pitch + start + moved
        found = [picture[r:r + 4, c:c + 4] for r, c in corners]
        return found[::-1] if reverse else found
    return pair


def _judge_pair(answer):
    """None, or which shortcut is open, in words without numbers that depend on luck."""
    rows, columns = np.meshgrid(np.arange(16.0), np.arange(16.0), indexing="ij")
    picture = np.stack([rows, columns, 16 * rows + columns], 2)             # every pixel says where it lies
    lots, open_ = np.random.default_rng(1), set()
    places = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    starts, steps = {place: set() for place in places}, {place: set() for place in places}
    for place in places * 60:
        given = answer(picture.copy(), place, lots)
        if given is None or len(given) != 2:
            return "Return two patches: the first and the second."
        first, second = (np.asarray(patch, float) for patch in given)
        if first.shape != (4, 4, 3) or second.shape != (4, 4, 3):
            return "Each patch should have the shape (4, 4, 3). (A slice that runs past the border comes out smaller.)"
        corners = np.array([first[0, 0, :2], second[0, 0, :2]])
        for patch, corner in zip((first, second), corners):
            if not np.array_equal(patch[:, :, :2] - corner, picture[:4, :4, :2]):
                return "The patches should be 4 × 4 pieces of the picture as they are, cut along rows and columns."
        gap = corners[1] - corners[0]
        found = np.where(np.abs(gap) >= 4, np.sign(gap), 0)
        if not np.array_equal(found, place):
            open_.add("reversed" if np.array_equal(found, -np.array(place)) else "swapped" if
                      np.array_equal(found, np.array(place)[::-1]) else "elsewhere")
        if corners.min() < 1 or corners.max() + 4 > 15:
            open_.add("border")
        if (np.abs(gap) <= 4).all():
            open_.add("touch")
        starts[place].add(tuple(corners[0]))
        steps[place].add(tuple(gap))
    if "elsewhere" not in open_ and open_ & {"reversed", "swapped"}:
        return ("Down and right have changed places: the first number of place is down, the second is right."
                if "swapped" in open_ else "The second patch lies on the opposite side: place is seen from the first patch.")
    if "elsewhere" in open_:
        return "The second patch does not lie where place says, seen from the first."
    if "border" in open_:
        return "A patch takes in pixels of the picture's outermost ring: a frame there would give the place away."
    if "touch" in open_:
        return "Two patches touch: a line that goes on from one into the other gives the place away. Leave a pixel between them."
    if len({np.asarray(answer(picture.copy(), (0, 1), np.random.default_rng(i))).tobytes() for i in range(20)}) == 1:
        return "Whatever rng gives, the patches for one place are the same: move each by lots drawn from rng."
    if len(starts[1, 1]) == 1:
        return "For one place the first patch is always cut at the same spot. Move each patch by chance."
    if len(steps[1, 1]) == 1:
        return "The second patch always lies at exactly the same distance. Move each patch by a lot of its own."
    if max(row for row, _ in starts[0, 1]) - min(row for row, _ in starts[0, 1]) < 4:
        return "With place (0, 1), the first patch is always in the same half: choose among the quarters that place allows."
    alike = [np.asarray(answer(picture.copy(), (1, 1), np.random.default_rng(2))) for _ in range(2)]
    if not np.array_equal(*alike):
        return "With the same rng, the patches came out differently twice: draw all lots from rng."
    return None


EXERCISES = {
    "probe": Exercise(
        task="Return the weights (D, classes) of the probe: those that make |x @ weights - target|² + decay · |weights|² least, "
             "target being 1 for the right class and 0 for the others.",
        reference=probe, inputs=_some_features, alternatives=[_probe_dual, _probe_stacked], any_sequence=True,
        hint="Set the gradient to zero: xᵀ(x w − t) + decay · w = 0, so (xᵀx + decay · I) w = xᵀt. np.eye(classes)[y] makes the "
             "targets, np.linalg.solve(A, B) solves A w = B.",
        misconceptions=[
            Misconception(lambda x, y, classes, decay: np.linalg.pinv(x) @ np.eye(classes)[y],
                          "decay is not used. With fewer examples than features many weights fit the labels perfectly; decay "
                          "picks small ones."),
            Misconception(_ridge(lambda x, decay: x.T @ x + decay),
                          "You added decay to every number of xᵀx. It belongs on the diagonal alone: decay · I."),
            Misconception(_ridge(lambda x, decay: x.T @ x + decay * len(x) * np.eye(x.shape[1])),
                          "You multiplied decay by the number of examples. That is for a mean of squares; here they are summed."),
            Misconception(_ridge(lambda x, decay: x.T @ x / len(x) + decay * np.eye(x.shape[1])),
                          "You took the mean of xᵀx on one side and the sum of xᵀt on the other."),
            Misconception(_ridge(lambda x, decay: x.T @ x + decay ** 2 * np.eye(x.shape[1])),
                          "decay is squared in your formula; it stands as it is."),
            Misconception(_ridge(lambda x, decay: x.T @ x + decay / 2 * np.eye(x.shape[1])),
                          "Half of the decay is lost. Both squares have a 2 in their slope, and it cancels on both sides."),
            Misconception(_ridge(lambda x, decay: x.T @ x + 2 * decay * np.eye(x.shape[1])),
                          "The decay counts twice. Both squares have a 2 in their slope, and it cancels on both sides."),
            Misconception(_ridge(lambda x, decay: x.T @ x - decay * np.eye(x.shape[1])),
                          "The sign of decay: brought to one side, both terms with the weights are added."),
            Misconception(_ridge(lambda x, decay: x.T @ x + decay * np.eye(x.shape[1]), lambda y, K: 2 * np.eye(K)[y] - 1),
                          "Your targets are 1 and -1; here they are 1 for the right class and 0 for the others."),
            Misconception(lambda x, y, classes, decay: probe(x - x.mean(0), y, classes, decay),
                          "You took the mean off the features first. Here they are used as they come."),
            Misconception(lambda x, y, classes, decay: x @ probe(x, y, classes, decay),
                          "Those are the scores of these pictures. Return the weights, (D, classes)."),
            Misconception(lambda x, y, classes, decay: probe(x, y, classes, decay).T,
                          "A column for each class: (D, classes), so that x @ weights has one for each class as well."),
            Misconception(lambda x, y, classes, decay:
                          np.linalg.solve(x.T @ x + decay * np.eye(x.shape[1]), x.T @ y),
                          "You fitted the class number itself. Class 2 is not twice class 1: give each class a column of 0 and "
                          "1, np.eye(classes)[y]."),
            Misconception(lambda x, y, classes, decay: x.T @ np.eye(classes)[y] / decay,
                          "That leaves xᵀx out: it counts what goes with each class and forgets that features go with each "
                          "other."),
            Misconception(lambda x, y, classes, decay: probe(x, y, classes, decay) @ np.ones((classes, classes)) / classes,
                          "All columns came out alike: each class needs targets of its own."),
        ]),
    "info-nce": Exercise(
        task="Return the InfoNCE loss of z (2N, D), rows i and i + N being two views of one picture: the mean surprise, in nats, "
             "at the partner among all other rows, by softmax of cosine / temperature.",
        reference=info_nce, inputs=_some_views, alternatives=[_info_nce_row_by_row],
        hint="Divide each row by its length; then z @ z.T holds every cosine. Divide by temperature, set the diagonal to -inf, "
             "and you have logits: each row's right answer is the column of its partner, (row + N) % 2N. The rest is "
             "cross-entropy.",
        misconceptions=[
            Misconception(_nce(unit=False), "The rows have not been brought to length 1: with inner products instead of cosines "
                                            "a model can win by long rows."),
            Misconception(_nce(unit=lambda z: np.linalg.norm(z, axis=0)),
                          "You divided each column by its length. Divide each row, a view's numbers, by the row's own: axis=1, "
                          "keepdims=True."),
            Misconception(_nce(unit=np.linalg.norm),
                          "You divided by the length of the whole array. Each row has a length of its own: axis=1, "
                          "keepdims=True."),
            Misconception(_nce(own="as it is"),
                          "Each row is still a candidate for itself, and no other is as similar to it. Set the diagonal to -inf "
                          "before the softmax."),
            Misconception(_nce(own=0.0),
                          "With 0 on the diagonal each row still stands among its candidates, as exp(0) is 1. Only -inf leaves "
                          "it out."),
            Misconception(_nce(times=True), "You multiplied by the temperature. Divide: the colder, the larger the differences."),
            Misconception(_nce(warm=False), "The temperature is not used: divide the cosines by it."),
            Misconception(_nce(partner="next"), "You took neighbours as partners, rows 0 and 1. The partner of row i is N rows "
                                                "on."),
            Misconception(_nce(partner="following"), "You took the next row as the partner. The partner of row i is N rows on."),
            Misconception(_nce(reduce=np.sum), "That is the sum over the rows; the loss is their mean."),
            Misconception(_nce(rows=0.5), "Only the first N rows ask in yours. The second views look for their partners, too."),
            Misconception(_nce(reduce=lambda surprise: -np.exp(-surprise).mean()),
                          "That is the mean probability of the partner, with a minus. Surprise is minus its logarithm."),
            Misconception(_nce(reduce=lambda surprise: -np.log(np.exp(-surprise).mean())),
                          "You took the logarithm of the mean probability. Take it of each row's, and then the mean."),
            Misconception(_nce(reduce=lambda surprise: surprise.mean() / np.log(2)),
                          "That is in bits. With np.log, the natural logarithm, it is in nats."),
            Misconception(_nce(sign=1), "The sign: the logarithm of a probability is negative; the surprise is minus that."),
            Misconception(_nce(columns="other half"), "Only the N other views are candidates in yours, and only N rows ask. Here "
                                                      "each of the 2N rows asks, and all 2N - 1 others stand for choice."),
            Misconception(_nce(columns="rivals"), "The partner is missing from the sum below. It is one of the candidates, so "
                                                  "the probabilities of all of them add up to 1."),
        ]),
    "pair": Exercise(
        task="Cut two 4 × 4 patches from picture (16, 16, 3), the second lying as place says, seen from the first. No pixel of "
             "the outermost ring, at least one pixel between them, both moved by chance, all lots from rng.",
        reference=pair, judge=_judge_pair, alternatives=[_pair_by_trial],
        hint="Think of four quarters, numbered 0 and 1 down and right. A step of 1 starts in 0, a step of -1 in 1, a step of 0 "
             "in either: rng.integers(0, 2). Corners at 2 and 9, each moved by rng.integers(-1, 2), stay off the ring and apart.",
        misconceptions=[
            Misconception(_sampler(pitch=12, start=0, jitter=0),
                          "Your patches reach into the outermost ring of pixels. If pictures have a frame, a dark rim or a "
                          "fringe of colour there, the model reads the place from it, and need not look at the thing."),
            Misconception(_sampler(pitch=4, start=4),
                          "Your patches touch, or overlap. A line that runs across their border tells where the other one lies. "
                          "Leave a gap."),
            Misconception(_sampler(jitter=0),
                          "Right places, and always the same ones. With corners that never move, a model can learn what goes on "
                          "at exactly that distance. Move each patch by chance."),
            Misconception(_sampler(same=True),
                          "Both patches are moved together, so that their distance never changes. Give each a lot of its own."),
            Misconception(_sampler(reverse=True), "The first patch comes first: place says where the second lies, seen from it."),
            Misconception(_sampler(swapped=True), "place is (down, right), as rows come before columns in picture."),
            Misconception(_sampler(fixed=True),
                          "Where place leaves a choice, your first patch is always in the same half: then to know where the "
                          "second patch lies in the picture is to know the answer. Draw the half."),
            Misconception(_sampler(own=True),
                          "Whatever rng gives, every pair for a place is cut alike. Patches that never move can be learned by "
                          "heart: move each by lots of its own, drawn from rng and from no other generator."),
        ]),
}
