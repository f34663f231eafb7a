"""Lesson 21, human feedback: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "proxy": Question(
        "A rater likes right answers, and long ones besides: seven words more are worth a right answer to them. A reward model "
        "learns from the ratings, and the assistant is trained on its score without a leash. Score, and what was meant …",
        ["both rise", "the score rises, what was meant falls", "the score stays, what was meant falls"],
        answer="the score rises, what was meant falls",
        why="The score is what is made larger, and nothing else. Where it and what was meant part ways, training follows the "
            "score."),
    "same": Question(
        "Ratings by raters of the same taste: 3,000 pairs through a reward model and GRPO, 300 pairs straight into DPO. What was "
        "meant …",
        ["rises with both", "rises only with the reward model", "rises only with DPO", "rises with neither"],
        answer="rises with both",
        why="Both make likelier what the raters chose, near the reference: one by way of a model of the raters, the other "
            "straight from the pairs."),
    "minority": Question(
        "Three of five raters want the plain truth, and two love flattery. The assistant answers each question sixteen times, "
        "and the answer that the votes of all five like best is given. It flatters …",
        ["more than before", "about as before", "less than before"], answer="more than before",
        why="Three to two would be the vote if all cared alike. The three hardly mind a compliment and vote on other things; the "
            "two always vote for it."),
}


# --- Bradley and Terry --------------------------------------------------------------------------------------------------

def bradley_terry(chosen, rejected):
    margin = chosen - rejected                                  # (n,)
    return np.mean(np.log(1 + np.exp(-margin)))                 # -log sigmoid(margin)


def _scores(seed):
    lots = np.random.default_rng(seed)
    n = (1, 4, 6, 3, 5)[seed % 5]
    return lots.normal(0.5, 1, n), lots.normal(0, 1, n)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- a group's advantages -----------------------------------------------------------------------------------------------

def advantages(rewards):
    off = rewards - rewards.mean(axis=1, keepdims=True)         # (prompts, answers)
    spread = rewards.std(axis=1, keepdims=True)
    return off / np.where(spread == 0, 1, spread)


def _by_loop(rewards):
    found = np.zeros(rewards.shape)
    for i, row in enumerate(rewards):
        if row.max() > row.min():
            found[i] = (row - row.mean()) / row.std()
    return found


def _groups(seed):
    lots = np.random.default_rng(seed)
    rewards = lots.integers(-2, 3, ((2, 3), (1, 4), (3, 2), (4, 5), (3, 6))[seed % 5]).astype(float)
    rewards[0, 0] += 1.5
    if len(rewards) > 1:
        rewards[-1] = 1.0                                       # a group that is all alike
    return (rewards,)


def _divided(scale, centre=lambda r: r.mean(1, keepdims=True)):
    def wrong(rewards):
        s = scale(rewards)
        return (rewards - centre(rewards)) / np.where(s == 0, 1, s)
    return wrong


def _undefined(rewards):
    with np.errstate(invalid="ignore"):
        return (rewards - rewards.mean(1, keepdims=True)) / rewards.std(1, keepdims=True)


# --- DPO ----------------------------------------------------------------------------------------------------------------

def dpo(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    margin = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)        # (n,) in nats
    return np.mean(np.log(1 + np.exp(-beta * margin)))


def _four(seed):
    lots = np.random.default_rng(seed)
    n = (1, 3, 5, 4, 2)[seed % 5]
    return (*(lots.uniform(-9, -2, n) for _ in range(4)), (0.1, 0.5, 0.3, 0.2, 0.7)[seed % 5])


def _of(margin, outside=lambda beta: 1.0, total=np.mean):
    def wrong(a, b, c, d, beta):
        return total(np.log(1 + np.exp(-margin(a, b, c, d, beta)))) * outside(beta)
    return wrong


EXERCISES = {
    "bradley-terry": Exercise(
        task="Return Bradley and Terry's loss of some pairs: the mean surprise at the chosen answer winning, one number.",
        reference=bradley_terry, inputs=_scores,
        alternatives=[lambda chosen, rejected: -np.log(_sigmoid(chosen - rejected)).mean(),
                      lambda chosen, rejected: np.logaddexp(0, rejected - chosen).mean()],
        hint="The chosen one wins with probability sigmoid(chosen - rejected). The surprise at it is minus its log; then the "
             "mean.",
        misconceptions=[
            Misconception(lambda c, r: bradley_terry(r, c),
                          "The wrong one wins: you took the rejected score minus the chosen one. Trained on this, the model "
                          "would learn to like what was rejected."),
            Misconception(lambda c, r: -bradley_terry(c, r),
                          "The sign: the log of a probability is negative, and the surprise at it is minus that."),
            Misconception(lambda c, r: -np.mean(c - r),
                          "Without the sigmoid and the log nothing ever is enough: scores would grow apart for ever."),
            Misconception(lambda c, r: np.mean(np.log10(1 + np.exp(-(c - r)))),
                          "That is the logarithm to base 10. Here, as everywhere in the course, in nats: np.log."),
            Misconception(lambda c, r: np.mean(_sigmoid(c - r)),
                          "That is the mean probability that the chosen one wins. Its surprise is minus the log of it, pair by "
                          "pair."),
            Misconception(lambda c, r: np.mean(1 - _sigmoid(c - r)),
                          "That is how often the model would be wrong. The loss is the surprise, minus log of the chance to be "
                          "right: a sure mistake costs more than any other."),
            Misconception(lambda c, r: bradley_terry(c, r) * len(c),
                          "You added the pairs up. The loss is their mean, or a large batch would count more."),
            Misconception(lambda c, r: np.log(1 + np.exp(-(c - r))), "One number for all: take the mean over the pairs."),
            Misconception(lambda c, r: np.mean(np.log2(1 + np.exp(-(c - r)))),
                          "You counted in bits. Here, as everywhere in the course, in nats: np.log."),
            Misconception(lambda c, r: np.mean(np.log(1 + np.exp(-c))) + np.mean(np.log(1 + np.exp(r))),
                          "You asked each score by itself to be high or low. Only the difference of the two has a meaning."),
            Misconception(lambda c, r: np.log(1 + np.exp(-np.mean(c - r))),
                          "You took the mean of the differences first. The surprise of each pair comes first, then the mean."),
            Misconception(lambda c, r: -np.log(np.mean(_sigmoid(c - r))),
                          "You took the mean of the probabilities and then the log. The log of each pair comes first."),
            Misconception(lambda c, r: np.mean(np.maximum(0, 1 - (c - r))),
                          "That is a hinge: it stops caring once the margin is 1. Bradley and Terry's is minus log sigmoid."),
            Misconception(lambda c, r: np.mean((c - r - 1) ** 2),
                          "That asks every difference to be 1. The larger it is, the better, with less and less to gain."),
        ]),
    "advantages": Exercise(
        task="rewards (prompts, answers): return how much better each answer is than its group, in its group's standard "
             "deviations; 0 everywhere in a group that is all alike.",
        reference=advantages, inputs=_groups, alternatives=[_by_loop],
        hint="A row is a group. mean(axis=1, keepdims=True) and std(axis=1, keepdims=True) keep a column, which then fits to the "
             "row. Where the std is 0, divide by 1.",
        misconceptions=[
            Misconception(_divided(lambda r: r.std(keepdims=True), lambda r: r.mean(keepdims=True)),
                          "You compared with all answers to all prompts. An answer to a hard question would look bad whatever it "
                          "says: compare with its own row."),
            Misconception(lambda r: r - r.mean(),
                          "You compared with all answers to all prompts, and the spread is still in it. A group is a row: mean "
                          "and standard deviation along axis=1, keepdims=True."),
            Misconception(_divided(lambda r: r.std(0, keepdims=True), lambda r: r.mean(0, keepdims=True)),
                          "You went down the columns. A group is a row: axis=1."),
            Misconception(lambda r: r - r.mean(1, keepdims=True),
                          "The mean is off, and the spread is still in it: divide by the standard deviation of the group."),
            Misconception(lambda r: r / np.where(r.std(1, keepdims=True) == 0, 1, r.std(1, keepdims=True)),
                          "You divided by the spread and left the mean in: an answer like all others would still be reinforced."),
            Misconception(_divided(lambda r: r.std(1, keepdims=True, ddof=1) if r.shape[1] > 1 else 0 * r[:, :1]),
                          "You divided by G - 1 inside the standard deviation. Here the group is all there is: np.std as it "
                          "comes."),
            Misconception(_divided(lambda r: r.var(1, keepdims=True)),
                          "That is the variance. Take its root: the standard deviation has the unit of the rewards."),
            Misconception(lambda r: np.nan_to_num(_undefined(r), nan=1.0),
                          "A group that is all alike has no better answer: its advantages are 0."),
            Misconception(_undefined,
                          "In a group that is all alike you divide 0 by 0. One such group makes every weight NaN; it should add "
                          "nothing."),
            Misconception(_divided(lambda r: r.std(1, keepdims=True), lambda r: r.max(1, keepdims=True)),
                          "You compared with the best of the group, so that no answer ever was good. Compare with the mean."),
            Misconception(_divided(lambda r: r.std(1, keepdims=True), lambda r: np.median(r, 1, keepdims=True)),
                          "That is the median. With the mean, the advantages of a group add up to 0."),
            Misconception(lambda r: -advantages(r), "The sign: the better answer has the higher advantage."),
        ]),
    "dpo": Exercise(
        task="Four arrays of log-probabilities of whole answers, and beta: return DPO's loss, one number.",
        reference=dpo, inputs=_four,
        alternatives=[lambda a, b, c, d, beta: np.logaddexp(0, -beta * ((a - b) - (c - d))).mean()],
        hint="The implied reward of an answer is beta · (its log-probability under the policy - under the reference). Put the "
             "two rewards of a pair into Bradley and Terry's loss.",
        misconceptions=[
            Misconception(_of(lambda a, b, c, d, beta: beta * (a - b)),
                          "The reference is missing. Without it, what was likely from the start counts as preferred, and nothing "
                          "holds the policy near where it began."),
            Misconception(_of(lambda a, b, c, d, beta: beta * (a - c)),
                          "The rejected answer is missing. A pair says that one is better than the other, so both "
                          "rewards count."),
            Misconception(_of(lambda a, b, c, d, beta: beta * (a / c - b / d)),
                          "You divided logs. The log of a ratio is a difference of logs."),
            Misconception(_of(lambda a, b, c, d, beta: (a - c) - (b - d)), "beta is not used: it says how long the leash is."),
            Misconception(_of(lambda a, b, c, d, beta: (a - c) - (b - d), outside=lambda beta: beta),
                          "beta stands outside of the log. It multiplies the rewards, inside of the sigmoid."),
            Misconception(_of(lambda a, b, c, d, beta: ((a - c) - (b - d)) / beta),
                          "You divided by beta. The implied reward is beta times the log ratio."),
            Misconception(_of(lambda a, b, c, d, beta: -beta * ((a - c) - (b - d))),
                          "The rejected answer wins in your formula: turn the difference round."),
            Misconception(_of(lambda a, b, c, d, beta: beta * ((a - d) - (b - c))),
                          "The reference's part has the wrong sign: from each answer's log-probability under the policy, its own "
                          "under the reference is subtracted."),
            Misconception(_of(lambda a, b, c, d, beta: beta * (a - b) - (c - d)),
                          "beta multiplies the policy's part alone. It belongs to the whole log ratio."),
            Misconception(_of(lambda a, b, c, d, beta: beta * (np.exp(a - c) - np.exp(b - d))),
                          "You took ratios of probabilities. The reward is the log of the ratio: a difference of logs."),
            Misconception(_of(lambda a, b, c, d, beta: beta * ((a - c) - (b - d)), total=np.sum),
                          "You added the pairs up; the loss is their mean."),
            Misconception(lambda a, b, c, d, beta: -dpo(a, b, c, d, beta),
                          "The sign: the log of a probability is negative, and the surprise at it is minus that."),
            Misconception(lambda a, b, c, d, beta: np.mean(_sigmoid(beta * ((a - c) - (b - d)))),
                          "That is the chance that the chosen answer wins. The loss is minus its log."),
        ]),
}
