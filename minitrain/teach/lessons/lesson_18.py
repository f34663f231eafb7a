"""Lesson 18, learning from reward: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "greedy": Question(
        "Three arms pay with chances 0.3, 0.5 and 0.7. A greedy player always pulls the arm that has paid best so far (one not "
        "yet pulled counts as 0, lots decide between equals). After 1,000 pulls, in how many of 200 games does it sit on the "
        "best arm?",
        ["in nearly all: a thousand pulls are plenty", "in about half of them", "in less than a quarter"],
        answer="in about half of them",
        why="The first arm that pays has a mean above the others' 0 from then on, and no other is pulled again. Data that "
            "nobody gathers corrects nothing."),
    "late": Question(
        "The same walk, the same rewards, the same sum; but each reward is handed out one step later. How many more steps does "
        "Q-learning need until it solves the walk?",
        ["up to twice as many", "two to fifty times as many", "more than fifty times as many"],
        answer="more than fifty times as many",
        why="The reward now arrives in the cell after the one in which it was earned, and praises whatever is done there."),
    "ladder": Question(
        "Each of the three may take 120,000 steps, from four starts. At least 475 (of 500) at the end, by the last 100 episodes: "
        "from how many of the four does plain REINFORCE get there, and from how many PPO?",
        ["both from three or four", "REINFORCE from at most one, PPO from three or four", "both from at most one"],
        answer="REINFORCE from at most one, PPO from three or four",
        why="REINFORCE makes one update of an episode and throws it away. PPO makes sixteen of each "
            "rollout, and its clip keeps them short."),
    "hint-pays": Question(
        "Each step that ends on the coin pays 0.2. The goal pays 1, once, and ends the walk of at most 50 steps. Who learns from "
        "that, and sees no clock, …",
        ["takes the coin on its way to the goal", "stays with the coin for a while, then goes to the goal",
         "stays with the coin and never arrives"],
        answer="stays with the coin and never arrives",
        why="The coin was meant as a hint on the way. What was written is that a step which ends on it pays, every time."),
    "gravity": Question(
        "The policy learned at a gravity of 9.8 m/s², that of Earth, and never saw another. Raise it. It holds the pole for less "
        "than 8 of its 10 seconds, on average, from …",
        ["12 m/s² on", "about 20 m/s², twice Earth's", "more than 30 m/s², three times Earth's"],
        answer="more than 30 m/s², three times Earth's",
        why="It answers to what it sees (the pole leans to the right: push to the right), fifty times a second. That covers "
            "stronger falls too, as long as a push can still catch them."),
    "feed": Question(
        "Bait is clicked on less than calm posts, until a habit has formed. A feed that is paid by the click, and counts clicks "
        "to come, shows …",
        ["calm posts: they are clicked on more at first", "bait now and then, for a change", "bait, nearly always"],
        answer="bait, nearly always",
        why="Bait costs clicks at first and wins more later, by changing who reads. That is what counting clicks to come is "
            "for."),
}


# --- ε-greedy -----------------------------------------------------------------------------------------------------------

def pull_chances(pulls, wins, epsilon):
    K = len(pulls)
    chances = np.full(K, epsilon / K)                           # exploring: any arm, the best among them
    chances[(wins / pulls).argmax()] += 1 - epsilon
    return chances


def _by_mixing(pulls, wins, epsilon):
    means = np.asarray(wins) / np.asarray(pulls)
    return (1 - epsilon) * (means == means.max()) + epsilon * np.ones(len(means)) / len(means)


def _some_pulls(seed):
    pulls, wins, epsilon = (([40, 10, 20], [20, 7, 9], 0.1), ([4, 30, 8, 10], [3, 20, 1, 2], 0.2), ([10, 3], [2, 1], 0.4),
                            ([5, 60, 20, 12, 9], [1, 20, 8, 7, 2], 0.5), ([9, 25, 16], [3, 8, 12], 0.3))[seed % 5]
    return np.array(pulls, dtype=float), np.array(wins, dtype=float), epsilon


def _egreedy(best=lambda n, w: (w / n).argmax(), top=lambda e, K: 1 - e + e / K, rest=lambda e, K: e / K):
    def chances(pulls, wins, epsilon):
        K = len(pulls)
        found = np.full(K, rest(epsilon, K))
        found[best(pulls, wins)] = top(epsilon, K)
        return found
    return chances


def _softmax(pulls, wins, epsilon):
    powers = np.exp(wins / pulls / epsilon)
    return powers / powers.sum()


# --- a step of Q-learning -----------------------------------------------------------------------------------------------

def q_update(Q, s, a, reward, after, ended, rate, discount):
    target = reward if ended else reward + discount * Q[after].max()
    return Q[s, a] + rate * (target - Q[s, a])


def _q_by_weights(Q, s, a, reward, after, ended, rate, discount):
    return (1 - rate) * Q[s, a] + rate * (reward + discount * max(Q[after]) * (1 - ended))


def _some_steps(seed):
    lots = np.random.default_rng(seed)
    S, A = ((3, 2), (4, 3), (3, 4), (5, 2), (4, 4))[seed % 5]
    Q = lots.uniform(-1, 3, (S, A)).round(1)
    s, after = lots.choice(S, 2, replace=False)
    a = (int(Q[after].argmax()) + 1) % A                        # not the action that is best afterwards
    return (Q, int(s), a, round(float(lots.uniform(0.5, 2)), 1), int(after), bool(seed % 2), (0.1, 0.5, 0.2, 0.4, 0.3)[seed % 5],
            (0.9, 0.8, 0.95, 0.6, 0.7)[seed % 5])


def _q(next_value=lambda Q, s, a, after: Q[after].max(), new=lambda old, target, rate: old + rate * (target - old),
       target=lambda r, v, ended, g: r + g * v * (not ended)):
    def answer(Q, s, a, reward, after, ended, rate, discount):
        return new(Q[s, a], target(reward, next_value(Q, s, a, after), ended, discount), rate)
    return answer


def _table_after(Q, s, a, *rest):
    Q = Q.copy()
    Q[s, a] = q_update(Q, s, a, *rest)
    return Q


# --- advantages ---------------------------------------------------------------------------------------------------------

def gae(rewards, values, ended, discount, lam):
    advantages, after = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        goes_on = 1 - ended[t]
        surprise = rewards[t] + discount * values[t + 1] * goes_on - values[t]
        after = advantages[t] = surprise + discount * lam * goes_on * after
    return advantages


def _gae_by_sums(rewards, values, ended, discount, lam):
    T = len(rewards)
    goes_on = 1 - np.asarray(ended, dtype=float)
    surprises = rewards + discount * values[1:] * goes_on - values[:-1]
    weights = [[np.prod(goes_on[t:k]) * (discount * lam) ** (k - t) if k >= t else 0 for k in range(T)] for t in range(T)]
    return np.array(weights) @ surprises


def _some_rollout(seed):
    lots = np.random.default_rng(seed + 1)
    T, ends = ((2, ()), (3, (0,)), (5, (2,)), (4, (3,)), (6, (1, 4)))[seed % 5]
    ended = np.isin(np.arange(T), ends)
    return (lots.uniform(0.5, 2, T).round(1), lots.uniform(1, 4, T + 1).round(1), ended, (0.9, 0.8, 0.95, 0.7, 0.9)[seed % 5],
            (0.5, 0.6, 0.8, 0.9, 0.7)[seed % 5])


def _gae(surprise=lambda r, v, after, g, on, lam: r + g * after * on - v, carry=lambda g, lam, on: g * lam * on, order=reversed,
         mask=lambda ended: ended, result=lambda A, r, v: A):
    def answer(rewards, values, ended, discount, lam):
        T, A, after, ended = len(rewards), np.zeros(len(rewards)), 0.0, mask(np.asarray(ended))
        for t in order(range(T)):
            on = 1 - ended[t]
            after = A[t] = (surprise(rewards[t], values[t], values[t + 1], discount, on, lam) + carry(discount, lam, on) * after)
        return result(A, rewards, values)
    return answer


def _off_by_one(rewards, values, ended, discount, lam):
    return gae(rewards, np.append(values[:-1], values[-2]), ended, discount, lam)


def _next_twice(rewards, values, ended, discount, lam):
    surprises = rewards + discount * values[:-1] * (1 - ended) - values[:-1]
    A, after = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        after = A[t] = surprises[t] + discount * lam * (1 - ended[t]) * after
    return A


def _cut_by_the_next(rewards, values, ended, discount, lam):
    A = rewards + discount * values[1:] * (1 - ended) - values[:-1]
    for t in reversed(range(len(A) - 1)):
        A[t] += discount * lam * (1 - ended[t + 1]) * A[t + 1]
    return A


def _standardised(A, rewards, values):
    return (A - A.mean()) / (A.std() + 1e-8)


EXERCISES = {
    "epsilon-greedy": Exercise(
        task="With chance epsilon any of the K arms, all alike; else the arm whose mean so far is highest. Return the chance of "
             "each arm, (K,). Each arm was pulled at least once.",
        reference=pull_chances, inputs=_some_pulls, any_sequence=True,
        hint="Write down the chances of exploring first: epsilon / K for each arm, the best among them. Then 1 - epsilon more "
             "for the arm with the highest wins / pulls. They add up to 1.",
        misconceptions=[
            Misconception(_egreedy(top=lambda e, K: 1 - e, rest=lambda e, K: e / (K - 1)),
                          "You explore among the other arms only. Any arm means the best one as well: it gets its share of "
                          "epsilon."),
            Misconception(_egreedy(top=lambda e, K: 1 - e),
                          "The chances add up to less than 1: exploring may fall on the best arm too, so it has 1 - epsilon and "
                          "epsilon / K more."),
            Misconception(_egreedy(top=lambda e, K: 1 - e, rest=lambda e, K: 0.0),
                          "The chances add up to less than 1: exploring, with chance epsilon, pulls any arm: epsilon / K each."),
            Misconception(_egreedy(top=lambda e, K: 1 - e, rest=lambda e, K: e),
                          "You gave epsilon to each of the other arms. It is the chance of exploring at all, shared by the K "
                          "arms."),
            Misconception(_egreedy(best=lambda n, w: w.argmax()),
                          "You took the arm that paid most in sum: an arm that is pulled often looks good by that. Divide by its "
                          "pulls."),
            Misconception(_egreedy(best=lambda n, w: n.argmax()),
                          "You took the arm that was pulled most. The best so far is the one with the highest wins / pulls."),
            Misconception(_egreedy(best=lambda n, w: (w / n).argmin()),
                          "That favours the arm that pays worst. The mean is wins / pulls, and argmax finds the best."),
            Misconception(_egreedy(best=lambda n, w: n.argmin()),
                          "You favour the arm that was pulled least. That is exploring by plan; epsilon-greedy favours the "
                          "highest mean, and explores by lot."),
            Misconception(_egreedy(top=lambda e, K: e + (1 - e) / K, rest=lambda e, K: (1 - e) / K),
                          "The other way round: epsilon is the chance of exploring, 1 - epsilon that of taking the best."),
            Misconception(lambda n, w, e: w / n / (w / n).sum(),
                          "You pull each arm in proportion to its mean. Epsilon-greedy knows the best arm, and all others "
                          "alike."),
            Misconception(_softmax, "That is a softmax over the means, another policy. Here all arms but the best are alike."),
            Misconception(_egreedy(top=lambda e, K: 1.0, rest=lambda e, K: 0.0), "That is greedy: epsilon has no effect."),
            Misconception(_egreedy(top=lambda e, K: 1 / K, rest=lambda e, K: 1 / K),
                          "That is guessing: all arms alike, whatever they paid."),
            Misconception(_egreedy(top=lambda e, K: 1.0),
                          "The best arm can not have chance 1 while others have some: it loses epsilon, and gets epsilon / K "
                          "back."),
            Misconception(lambda n, w, e: (w / n).argmax(),
                          "You returned the best arm. Asked for is the chance of each arm, (K,)."),
            Misconception(lambda n, w, e: w / n, "These are the means of the arms, not yet the chances with which to pull them."),
        ],
        alternatives=[_by_mixing]),
    "q-update": Exercise(
        task="After one step, return the new entry Q[s, a], a number: moved by the share `rate` of the way towards what was paid "
             "plus the discounted best entry of where it led. Where the episode ended, nothing follows.",
        reference=q_update, inputs=_some_steps,
        hint="The target is reward + discount · Q[after].max(), and only the reward where the episode ended. The entry moves "
             "from where it is: old + rate · (target - old).",
        misconceptions=[
            Misconception(_q(target=lambda r, v, ended, g: r + g * v),
                          "After an episode's last step nothing follows: where `ended` is true the target is the reward alone."),
            Misconception(_q(target=lambda r, v, ended, g: r + g * v, new=lambda old, target, rate: target),
                          "That is the target, where the entry should go. Move it there by the share `rate` only, and look ahead "
                          "only where the episode goes on."),
            Misconception(_q(target=lambda r, v, ended, g: r + g * v, new=lambda old, target, rate: rate * target),
                          "You forgot what the entry said before: (1 - rate) · Q[s, a] is to be added. And where `ended` is true "
                          "nothing follows."),
            Misconception(_q(target=lambda r, v, ended, g: r + g * v, new=lambda old, target, rate: old + rate * target),
                          "You added a share of the target, so the entry grows for ever. Add a share of target minus old. And "
                          "where `ended` is true nothing follows."),
            Misconception(_q(target=lambda r, v, ended, g: r + g * v, new=lambda old, target, rate: target - old),
                          "That is the surprise. The new entry is the old one plus rate times that; and where `ended` is true "
                          "nothing follows."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount:
                          r if ended else q_update(Q, s, a, r, after, False, rate, discount),
                          "At an episode's end the target is the reward, and you put the target itself into the table. There as "
                          "elsewhere the entry moves by the share `rate`."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount:
                          Q[s, a] + rate * r if ended else q_update(Q, s, a, r, after, False, rate, discount),
                          "At an episode's end you added rate · reward. The target is the reward there; the old entry is still "
                          "subtracted from it."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount:
                          (1 - rate) * Q[s, a] + rate * r + discount * Q[after].max() * (not ended),
                          "`rate` weighs the whole target, what follows included: a pair of brackets is missing."),
            Misconception(_q(target=lambda r, v, ended, g: r + g * v * ended),
                          "The mask is the wrong way round: you look ahead exactly where the episode ended."),
            Misconception(_q(new=lambda old, target, rate: target),
                          "You replaced the entry by the target. One step is one sample, and chance has a part in it: move by "
                          "the share `rate`."),
            Misconception(_q(new=lambda old, target, rate: rate * target),
                          "You forgot what the entry said before: (1 - rate) · Q[s, a] is to be added."),
            Misconception(_q(new=lambda old, target, rate: old + rate * target),
                          "You added a share of the target, so the entry grows for ever. Add a share of target minus old."),
            Misconception(_q(new=lambda old, target, rate: rate * (target - old)),
                          "That is by how much the entry moves. Return where it is afterwards."),
            Misconception(_q(new=lambda old, target, rate: target - old),
                          "That is the surprise. The new entry is the old one plus rate times that."),
            Misconception(_q(new=lambda old, target, rate: old - rate * (target - old)),
                          "It moved away from the target: plus, not minus."),
            Misconception(_q(new=lambda old, target, rate: rate * old + (1 - rate) * target),
                          "You kept the share `rate` of the old entry and moved by the rest. It is the other way round."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[s].max()),
                          "You looked for the best entry of the cell that was left. What follows is in the row of `after`."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[after, a]),
                          "You took the same action's entry in the next cell. There the best action counts: Q[after].max()."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[after].argmax()),
                          "argmax says which action is best; the target needs what it is worth: max."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[after].mean()),
                          "You took the mean over the next actions, as if they were then chosen by lot. Q-learning takes the "
                          "best."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[after].sum()),
                          "You added the next actions' entries up; only one of them can be taken: the best."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q[after].min()),
                          "You took the worst of the next actions: max, not min."),
            Misconception(_q(next_value=lambda Q, s, a, after: Q.max()),
                          "You took the best entry of the whole table. Only the row of `after` can follow."),
            Misconception(_q(target=lambda r, v, ended, g: r + v * (not ended)),
                          "The discount is missing: what comes a step later counts less by that factor."),
            Misconception(_q(target=lambda r, v, ended, g: g * (r + v * (not ended))),
                          "You discounted the reward as well. It is paid now; only what follows comes later."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount: q_update(Q, s, a, r, after, ended, discount, rate),
                          "rate and discount are swapped: rate is how far the entry moves, discount what later is worth."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount:
                          Q[s, a] if ended else q_update(Q, s, a, r, after, False, rate, discount),
                          "You learned nothing from the last step of an episode, and that is often the one that pays. There the "
                          "target is the reward."),
            Misconception(lambda Q, s, a, r, after, ended, rate, discount:
                          r + rate * ((0 if ended else discount * Q[after].max()) - Q[s, a]),
                          "The reward is not added to the entry but to the target: old + rate · (reward + … - old)."),
            Misconception(_table_after, "The entry is right; return it alone, Q[s, a], not the whole table."),
            Misconception(_q(target=lambda r, v, ended, g: g * v * (not ended)), "The reward is missing in the target."),
            Misconception(_q(target=lambda r, v, ended, g: r),
                          "You moved towards the reward alone, so nothing is known of what follows: add the discounted best "
                          "entry of the next cell."),
        ],
        alternatives=[_q_by_weights]),
    "gae": Exercise(
        task="rewards (T,), values (T + 1,) of the states before each step and after the last, ended (T,): whether the episode "
             "ended with that step. Return the advantages (T,): A_t = δ_t + discount · lam · A_{t+1}, with δ_t = r_t + discount "
             "· V_{t+1} - V_t; where the episode ended, neither V_{t+1} nor A_{t+1} belongs to it.",
        reference=gae, inputs=_some_rollout, any_sequence=True,
        hint="Go through the steps backwards and carry A along, from 0 at the end. goes_on = 1 - ended[t] is a factor in two "
             "places: of values[t + 1] in δ, and of what is carried.",
        misconceptions=[
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + g * after - v),
                          "In δ you looked across the end of an episode: values[t + 1] is then the first state of the next one. "
                          "Nothing follows there: V is 0."),
            Misconception(_gae(carry=lambda g, lam, on: g * lam),
                          "Advantages flow back over the end of an episode: what the next one brought is credited to this one. "
                          "Cut A_{t+1} where `ended` is true."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + g * after - v, carry=lambda g, lam, on: g * lam),
                          "You made no use of `ended`: two episodes run into each other, in δ and in what is carried."),
            Misconception(_gae(mask=lambda ended: 1 - ended),
                          "The mask is the wrong way round: 1 - ended is 1 where the episode goes on."),
            Misconception(_gae(mask=lambda ended: np.append(ended[1:], False)),
                          "The mask is one step early: step t is an episode's last where ended[t] is true, not ended[t + 1]."),
            Misconception(_gae(mask=lambda ended: np.append(False, ended[:-1])),
                          "The mask is one step late: step t is an episode's last where ended[t] is true, not ended[t - 1]."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + lam * after * on - v),
                          "In δ stands lam in place of discount (are they swapped?). What a step later is worth is the "
                          "discount's business; lam only says how far surprises are carried."),
            Misconception(_gae(carry=lambda g, lam, on: lam * on),
                          "A_{t+1} is carried by lam alone. It is worth discount less a step, too: discount · lam."),
            Misconception(_gae(carry=lambda g, lam, on: g * on),
                          "A_{t+1} is carried by the discount alone, as with lam = 1: add the factor lam."),
            Misconception(_gae(carry=lambda g, lam, on: on),
                          "A_{t+1} is carried whole. It counts less by discount · lam a step."),
            Misconception(_cut_by_the_next,
                          "What is carried is cut by ended[t + 1]. Whether anything follows step t is said by ended[t]."),
            Misconception(_gae(carry=lambda g, lam, on: 0.0),
                          "These are the δ alone, the advantages for lam = 0. Add discount · lam · A_{t+1}."),
            Misconception(_gae(order=lambda steps: steps),
                          "You went forwards, so each advantage holds what came before. An action answers for what comes after "
                          "it: go through the steps backwards."),
            Misconception(_gae(order=lambda steps: range(len(steps) - 1, 0, -1)),
                          "The first advantage was never written: range(T - 1, 0, -1) ends at 1. Go down to 0."),
            Misconception(_gae(result=lambda A, r, v: A[::-1]),
                          "The advantages are right, in reverse order: the first belongs to the last step. Write each to its own "
                          "t."),
            Misconception(_next_twice,
                          "In δ stands V_t twice. What follows the step is values[t + 1]."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + g * after * on - after),
                          "You subtracted V_{t+1}. What was expected before the step is values[t]."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + g * after * on),
                          "V_t is not subtracted. An advantage is what came beyond what was expected."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r - v),
                          "δ has no V_{t+1}: what is still to come after the step is missing."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r + after * on - v),
                          "δ has no discount: V_{t+1} comes a step later."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: v - r - g * after * on),
                          "The sign is turned: better than expected is positive. (Trained with this, a policy learns to lose.)"),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: (r + g * after) * on - v),
                          "You threw the last step's reward away. It belongs to the episode; only what follows does not."),
            Misconception(_gae(surprise=lambda r, v, after, g, on, lam: r,
                               carry=lambda g, lam, on: g * on),
                          "These are the discounted sums of rewards, as REINFORCE without a baseline takes them. No values are "
                          "in them."),
            Misconception(_gae(result=lambda A, r, v: A + v[:-1]),
                          "You added the values again: these are the targets of the critic. Return the advantages alone."),
            Misconception(_gae(result=_standardised),
                          "You standardised them. Many programs do that afterwards; here the plain advantages are asked for."),
            Misconception(_off_by_one,
                          "The last step looks at the wrong value: what follows it is values[T], the last of the T + 1."),
        ],
        alternatives=[_gae_by_sums]),
}
