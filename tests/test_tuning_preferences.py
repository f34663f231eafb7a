"""Learning from preferences: every loss against its formula, written again without tensors, and every method against the answer
that is known: the policy that is best under a reward with a leash, by enumeration of all answers."""
import copy
import itertools
import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from minitrain import Trainer, checkpoint, optim, records
from minitrain.checkpoint import language
from minitrain.models.cache import Cache
from minitrain.models.transformer import Transformer
from minitrain.sources.instructions import NOT_TOLD, UNKNOWN
from minitrain.sources.manners import FLATTERING, IDLE, RUDE, Measured, Writers, measure, plain
from minitrain.sources.village import Village
from minitrain.tokenizer import Words
from minitrain.trainer import gradients
from minitrain.tuning import assistant, before_after, compared, reward_model, sft
from minitrain.tuning.dpo import DPO, preferred
from minitrain.tuning.grpo import GRPO, group_advantages, relative
from minitrain.tuning.pairs import Pairs, Shuffled, agreed, pairs, split
from minitrain.tuning.ppo import PPO, Valued, clipped, last, token_rewards
from minitrain.tuning.raters import FLATTERY, LENGTH, TRUTH, Asked, Rater, learned_taste, utility
from minitrain.tuning.reward_model import RewardModel, bradley_terry
from minitrain.tuning.sampled import OnPolicy, expected_kl, frozen, log_probs, sample, together

END, PROMPTS = 0, [[1], [2]]
WORDS = [(END,), *((a, END) for a in (1, 2, 3)), *itertools.product((1, 2, 3), (1, 2, 3))]     # all answers of up to 2 tokens
BETA = 0.5


def lots(seed=0):
    return torch.Generator().manual_seed(seed)


def make(seed=0, vocabulary=4, context=8, spread=0.5, double=False, **options):
    """A small policy that has opinions from the start."""
    model = Transformer(vocabulary, context, layers=1, heads=2, width=16, tied=False, seed=seed, **options)
    model = model.double() if double else model
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            if p.ndim > 1:
                p.copy_(spread * torch.randn(p.shape, generator=lots(100 * seed + i)))
    return model


def rewards():
    """(prompts, answers): a number for each, from about -2 to 2."""
    return torch.randn(len(PROMPTS), len(WORDS), generator=lots(7))


def as_reward(table):
    places = {tuple(t for t in word if t != END): i for i, word in enumerate(WORDS)}

    def reward(numbers, answers):
        return [float(table[n, places[tuple(answer)]]) for n, answer in zip(numbers, answers)]
    return reward


@torch.no_grad()
def shares(model, prompt, words=WORDS):
    """The probability of every answer, by enumeration."""
    ids, mask = together([prompt] * len(words), words, END)
    return log_probs(model, ids, mask).sum(1).double().exp()


def best(reference, table, beta=BETA):
    """The policy that is best: reference · exp(r / beta), made to sum to 1; (prompts, answers)."""
    weighed = torch.stack([shares(reference, prompt) for prompt in PROMPTS]).log() + table.double() / beta
    return weighed.softmax(1)


def distance(model, wanted, words=WORDS):
    """The largest total variation distance over the prompts: 0 is the same, 1 is nothing in common."""
    return max(float((shares(model, prompt, words) - row).abs().sum() / 2) for prompt, row in zip(PROMPTS, wanted))


def answers_of(n=6, seed=0, tokens=5):
    """Some random answers with everything that a loss asks for."""
    draw, policy, reference = lots(seed), make(vocabulary=9, context=12), make(1, vocabulary=9, context=12)
    prompts = [torch.randint(1, 9, (int(k),), generator=draw).tolist() for k in torch.randint(1, 6, (n,), generator=draw)]
    made = sample(policy, reference, prompts, lambda numbers, answers: torch.randn(len(answers), generator=draw), end=END,
                  tokens=tokens, generator=draw)
    made.log_probs = made.log_probs + 0.3 * torch.randn(made.mask.shape, generator=draw) * made.mask    # of some time ago
    return policy, reference, replace(made, advantages=torch.randn(n, generator=draw))


def nothing(numbers, answers):
    """A reward for whom all answers are alike."""
    return [0.0] * len(answers)


# sampling

def test_the_enumeration_is_all_there_is():
    for prompt in PROMPTS:
        assert float(shares(make(), prompt).sum()) == pytest.approx(1, abs=1e-6)


def test_sampled_log_probabilities_are_those_of_reading_the_text_token_by_token_with_the_cache():
    policy, reference = make(vocabulary=9, context=16, positions="rotary"), make(1, vocabulary=9, context=16)
    prompts = [[3], [1, 2, 3, 4, 5], [7, 7], [8, 1, 6]] * 4
    made = sample(policy, reference, prompts, nothing, end=END, tokens=10, generator=lots(1))
    assert len(set(made.lengths.tolist())) > 2 and bool((made.lengths == 10).any())
    for model, found in ((policy, made.log_probs), (reference, made.reference)):
        for i, prompt in enumerate(prompts):
            cache, logs = Cache(model, rows=1), []
            with torch.no_grad():
                for place in range(len(prompt) + int(made.lengths[i]) - 1):
                    step = model(made.ids[i:i + 1, place:place + 1], cache=cache)[0, -1].log_softmax(-1)
                    if place >= len(prompt) - 1:
                        logs.append(float(step[made.ids[i, place + 1]]))
            assert found[i][made.mask[i]].tolist() == pytest.approx(logs, abs=1e-5)
            assert float(found[i][~made.mask[i]].abs().sum()) == 0


def test_the_mask_ends_with_the_end_token_and_with_it():
    made = sample(make(), make(1), [[1]] * 200, lambda numbers, answers: [len(answer) for answer in answers], end=END, tokens=3,
                  generator=lots())
    for ids, mask, n, reward in zip(made.ids, made.mask, made.lengths.tolist(), made.rewards.tolist()):
        answer = ids[1:1 + n].tolist()
        assert mask.tolist() == [True] * n + [False] * (3 - n) and END not in answer[:-1]
        assert reward == n - (answer[-1] == END)            # the end token is no part of what is judged
        assert answer[-1] == END or n == 3
    assert {1, 2, 3} == set(made.lengths.tolist())


def test_answers_are_drawn_with_the_policy_s_own_probabilities():
    policy = make()
    made = sample(policy, policy, [[1]] * 20_000, nothing, end=END, tokens=2, generator=lots(3))
    counts = torch.zeros(len(WORDS))
    for ids, n in zip(made.ids, made.lengths.tolist()):
        counts[WORDS.index(tuple(ids[1:1 + n].tolist()))] += 1
    wanted = shares(policy, [1])
    assert ((counts / 20_000 - wanted).abs() < 5 * (wanted / 20_000).sqrt()).all()


def test_the_kl_of_answers_is_the_exact_one():
    policy, reference = make(), make(1)
    made = sample(policy, reference, [[1]] * 20_000, nothing, end=END, tokens=2, generator=lots(3))
    found, error = expected_kl(made)
    p, q = shares(policy, [1]), shares(reference, [1])
    assert abs(found - float((p * (p / q).log()).sum())) < 4 * error < 0.2


def test_rewards_are_asked_for_with_the_number_of_the_prompt_and_stay_with_it():
    seen = []

    def reward(numbers, answers):
        seen.extend(zip(numbers, answers))
        return [10.0 * n for n in numbers]
    source = OnPolicy(make(), [[1], [2], [3]], reward, end=END, size=2, group=3, tokens=2)
    made = source.collect()
    assert made.numbers.tolist() == [n for n, _ in seen] and made.rewards.tolist() == [10.0 * n for n, _ in seen]
    assert made.numbers.view(2, 3).unique(dim=1).shape == (2, 1) and len(set(made.numbers.tolist())) == 2
    assert [ids[0] for ids in made.ids.tolist()] == [[1, 2, 3][n] for n in made.numbers]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_reward_that_is_no_number_is_named(bad):
    def reward(numbers, answers):
        return [bad if i == 3 else 0.0 for i in range(len(answers))]
    with pytest.raises(ValueError, match=f"to prompt 3 is {bad}; it must be a finite number"):
        sample(make(), make(), [[1]] * 5, reward, end=END, tokens=2, generator=lots())
    with pytest.raises(ValueError, match=r"gave shape \(2,\) for 5 answers"):
        sample(make(), make(), [[1]] * 5, lambda numbers, answers: [0, 0], end=END, tokens=2, generator=lots())


def test_what_does_not_fit_or_is_empty_is_refused_before_anything_is_sampled():
    zero = partial(pytest.fail, "asked for a reward")
    for source in (PPO, GRPO):
        policy = Valued(make()) if source is PPO else make()
        with pytest.raises(ValueError, match="Prompt 1 has 7 tokens; with an answer of up to 2 it does not fit .* context of 8"):
            source(policy, [[1], [1] * 7], zero, end=END, tokens=2, beta=0.1, size=1)
        with pytest.raises(ValueError, match="There are 0 prompts"):
            source(policy, [], zero, end=END, beta=0.1)
        with pytest.raises(ValueError, match=r"size=3 \(of 2 prompts\)"):
            source(policy, PROMPTS, zero, end=END, tokens=2, beta=0.1, size=3)
        with pytest.raises(ValueError, match="beta=-1"):
            source(policy, PROMPTS, zero, end=END, tokens=2, beta=-1, size=2)
    with pytest.raises(ValueError, match="answer of text 1 is empty"):
        together([[1], [1]], [[2], []], END)
    with pytest.raises(ValueError, match="group=1"):
        GRPO(make(), PROMPTS, zero, end=END, group=1)


# formulas

def test_ppo_s_rewards_a_token_and_its_loss_against_plain_loops():
    policy, _, made = answers_of()
    model, beta = Valued(policy), 0.3
    with torch.no_grad():
        model.critic.weight.normal_(generator=lots(5))
    found = token_rewards(made, beta)
    for i in range(len(made)):
        places = made.mask[i].nonzero()[:, 0].tolist()
        for t in range(made.mask.shape[1]):
            wanted = 0.0 if t not in places else -beta * float(made.log_probs[i, t] - made.reference[i, t])
            wanted += float(made.rewards[i]) if t == places[-1] else 0.0
            assert float(found[i, t]) == pytest.approx(wanted, abs=1e-6)
    source = PPO(model, [[1]], None, end=END, beta=beta, lam=0.9, size=1, tokens=2)
    done = source.valued(made)
    values, raw = model.values(made.ids), {}
    for i in range(len(made)):
        places = made.mask[i].nonzero()[:, 0].tolist()
        for j, t in enumerate(places):
            surprises = [float(found[i, s] + (values[i, s + 1] if s != places[-1] else 0) - values[i, s]) for s in places[j:]]
            raw[i, t] = sum(0.9**k * x for k, x in enumerate(surprises))
            assert float(done.returns[i, t]) == pytest.approx(raw[i, t] + float(values[i, t]), abs=1e-5)
    mean = sum(raw.values()) / len(raw)
    deviation = math.sqrt(sum((x - mean)**2 for x in raw.values()) / len(raw))
    out = clipped(model, source.batch(done), clip=0.2, value=0.5)
    total = off = 0.0
    with torch.no_grad():
        now = log_probs(policy, made.ids, made.mask)
    for (i, t), x in raw.items():
        A = (x - mean) / deviation
        assert float(done.advantages[i, t]) == pytest.approx(A, abs=1e-4)
        ratio = math.exp(float(now[i, t] - made.log_probs[i, t]))
        total -= min(ratio * A, min(max(ratio, 0.8), 1.2) * A) / len(raw)
        off += float(values[i, t] - done.returns[i, t])**2 / len(raw)
    assert float(out.mean.detach()) == pytest.approx(total + 0.5 * off, abs=1e-5) and out.n == len(raw)


def test_the_critic_learns_and_does_not_move_the_policy():
    model = Valued(make())
    batch = PPO(model, PROMPTS, as_reward(rewards()), end=END, beta=0.0, size=2, group=8, tokens=2)
    made = next(iter(batch))
    _, grads = gradients(model, lambda m, b: clipped(m, replace_advantages(b), value=1.0), made)
    assert all(g is None or float(g.abs().max()) < 1e-7 for name, g in grads.items() if name.startswith("policy"))
    assert float(grads["critic.weight"].abs().max()) > 1e-3


def replace_advantages(batch):
    batch = copy.copy(batch)
    batch.advantages = torch.zeros_like(batch.advantages)
    return batch


def test_the_last_token_is_marked_also_where_an_answer_fills_the_text():
    mask = torch.tensor([[False, True, True], [True, False, False], [False, False, True]])
    assert last(mask).tolist() == [[False, False, True], [True, False, False], [False, False, True]]


@pytest.mark.parametrize("spread", [True, False])
def test_group_advantages_against_plain_loops(spread):
    r = torch.randn(24, generator=lots())
    r[8:16] = 0.1                                           # a group that is all alike
    found = group_advantages(r, 8, spread=spread)
    for start in (0, 8, 16):
        group = r[start:start + 8].tolist()
        mean = sum(group) / 8
        deviation = math.sqrt(sum((x - mean)**2 for x in group) / 8) if spread else 1
        wanted = [0.0] * 8 if start == 8 else [(x - mean) / deviation for x in group]
        assert found[start:start + 8].tolist() == pytest.approx(wanted, abs=1e-5)
    with pytest.raises(ValueError, match="24 rewards can not be cut into groups of 7"):
        group_advantages(r, 7)


@pytest.mark.parametrize("mean", ["answers", "tokens", 12])
def test_grpo_s_loss_against_plain_loops(mean):
    policy, _, made = answers_of(n=8)
    out = relative(policy, made, beta=0.7, clip=0.1, mean=mean)
    with torch.no_grad():
        now = log_probs(policy, made.ids, made.mask)
    sums, lengths, cut = [], [], 0
    for i in range(len(made)):
        A, terms = float(made.advantages[i]), []
        for t in made.mask[i].nonzero()[:, 0].tolist():
            ratio, u = math.exp(float(now[i, t] - made.log_probs[i, t])), math.exp(float(made.reference[i, t] - now[i, t]))
            cut += abs(ratio - 1) > 0.1
            terms.append(min(ratio * A, min(max(ratio, 0.9), 1.1) * A) - 0.7 * (u - math.log(u) - 1))
        sums.append(sum(terms))
        lengths.append(len(terms))
    wanted = {"answers": sum(s / n for s, n in zip(sums, lengths)) / 8, "tokens": sum(sums) / sum(lengths)}
    assert float(out.mean.detach()) == pytest.approx(-wanted.get(mean, sum(sums) / 12 / 8), abs=1e-5)
    assert int(out.n) == (sum(lengths) if mean == "tokens" else 8) and len(set(lengths)) > 1 and cut
    with pytest.raises(ValueError, match="mean is 'sequences'"):
        relative(policy, made, mean="sequences")


def test_dpo_s_loss_against_plain_loops():
    policy, reference = make(vocabulary=9), make(1, vocabulary=9)
    prompts, draw = [[1], [2, 3], [4], [5, 5]], lots(2)
    first, second = ([torch.randint(1, 9, (n,), generator=draw).tolist() for n in sizes]
                     for sizes in ([1, 4, 2, 3], [3, 1, 2, 4]))
    share = [1.0, 0.0, 0.5, 0.75]
    source = DPO(policy, pairs(prompts, first, second, share, end=END, context=8), reference=reference, size=4)
    out = preferred(policy, source.pairs, beta=0.3)

    def total(model, prompt, answer):
        logits = model(torch.tensor([prompt + answer + [END]]))[0].detach().log_softmax(-1)
        return sum(logits[len(prompt) - 1 + i, token].item() for i, token in enumerate([*answer, END]))
    wanted = right = 0.0
    for prompt, a, b, s in zip(prompts, first, second, share):
        gained = [total(policy, prompt, answer) - total(reference, prompt, answer) for answer in (a, b)]
        h = 0.3 * (gained[0] - gained[1])
        wanted -= (s * math.log(1 / (1 + math.exp(-h))) + (1 - s) * math.log(1 / (1 + math.exp(h)))) / 4
        right += (s if h > 0 else 1 - s) / 4
    assert float(out.mean.detach()) == pytest.approx(wanted, abs=1e-5) and out.n == 4
    assert float(out.logs["accuracy"]) == pytest.approx(right)
    assert float(preferred(policy, DPO(policy, source.pairs).pairs).mean) == pytest.approx(math.log(2), abs=1e-6)
    with pytest.raises(ValueError, match="beta is 0"):
        preferred(policy, source.pairs, beta=0)


@pytest.mark.parametrize("loss", ["clipped", "answers", "tokens", "dpo", "reward"])
def test_every_split_of_a_batch_gives_the_same_gradient(loss):
    policy, _, made = answers_of(n=8)
    if loss == "clipped":
        model = Valued(policy)
        source = PPO(model, [[1]], None, end=END, beta=0.3, size=1, tokens=2)
        whole, loss = source.valued(made), clipped
        parts = [source.batch(whole[rows]) for rows in (slice(0, 1), slice(1, 5), slice(5, 8))]
        whole = source.batch(whole)
    elif loss in ("dpo", "reward"):
        made = pairs([[1], [2], [3], [1]], [[1], [2], [3], [3, 3, 2]], [[3, 2], [1, 1], [1], [2]], [1, 0, 0.5, 1], end=END,
                     context=8)
        model, loss = (make(), preferred) if loss == "dpo" else (RewardModel(make()), bradley_terry)
        whole = DPO(make(1), made).pairs
        parts = [whole[rows] for rows in (slice(0, 1), slice(1, 4))]
    else:
        model, whole, loss = policy, made, partial(relative, mean=loss)
        parts = [made[rows] for rows in (slice(0, 1), slice(1, 5), slice(5, 8))]
    _, once = gradients(model, loss, whole)
    found = dict.fromkeys(once, 0.0)
    total = sum(int(loss(model, part).n) for part in parts)
    for part in parts:
        out, grads = gradients(model, loss, part)
        for name, g in grads.items():
            found[name] = found[name] + (0.0 if g is None else g * int(out.n) / total)
    assert any(g is not None and float(g.abs().max()) > 1e-3 for g in once.values())
    for name, g in once.items():
        assert g is None or torch.allclose(g, found[name], atol=1e-6)


# the optimum that is known

def train(model, source, loss, steps, rate, groups=None):
    trainer = Trainer(model, loss, optim.Adam(groups or model.parameters(), rate=rate, clip=1.0),
                      schedule=optim.cosine(steps))
    trainer.fit(source, steps=steps)
    return trainer


def test_dpo_ends_at_the_known_policy_whatever_pairs_it_saw():
    """From exact preferences over all pairs of answers; with beta wrong, or the preferences turned round, it ends elsewhere."""
    reference, table = make(), rewards()
    wanted, bare = best(reference, table), [[t for t in word if t != END] for word in WORDS]
    rows = [(n, i, j) for n in range(2) for i, j in itertools.combinations(range(1, len(WORDS)), 2)]     # not the empty one
    prompts, first, second = ([PROMPTS[n] for n, _, _ in rows], [bare[i] for _, i, _ in rows], [bare[j] for _, _, j in rows])
    share = torch.stack([(table[n, i] - table[n, j]).sigmoid() for n, i, j in rows])
    made = pairs(prompts, first, second, share, end=END, context=8)
    for mask, answers in ((made.first_mask, first), (made.second_mask, second)):
        mask[[len(answer) == 2 for answer in answers], 2] = False                       # after two tokens there is no end token

    def end(share, beta=BETA, steps=100):
        policy = copy.deepcopy(reference)
        train(policy, DPO(reference, replace(made, share=share), size=len(made)), partial(preferred, beta=beta), steps, 0.03)
        found = torch.stack([shares(policy, prompt)[1:] for prompt in PROMPTS])
        rest = wanted[:, 1:] / wanted[:, 1:].sum(1, keepdim=True)                       # pairs say nothing of the empty answer
        return max(float((a / a.sum() - b).abs().sum() / 2) for a, b in zip(found, rest))
    assert end(share, steps=500) < 0.01
    assert end(share, beta=2 * BETA) > 0.1
    assert end(1 - share) > 0.3


def on_policy(method, reference, table, *, steps, group, seed=0, beta=BETA, rate=0.02):
    """A policy trained on its own answers by a reward with a leash in it, from the reference on.  rate: of GRPO."""
    policy, reward = copy.deepcopy(reference), as_reward(table)
    options = dict(end=END, beta=beta, reference=reference, size=2, group=group, tokens=2, seed=seed)
    if method == "ppo":
        model = Valued(policy)
        train(model, PPO(model, PROMPTS, reward, lam=1.0, **options), clipped, steps, None, model.groups(5e-3, 5e-2))
    else:
        train(policy, GRPO(policy, PROMPTS, reward, spread=False, **options), partial(relative, beta=0, mean=2), steps, rate)
    return policy


@pytest.mark.parametrize("method", ["ppo", "grpo"])
def test_policies_trained_on_their_own_answers_come_near_the_known_one(method):
    reference, table = make(), rewards()
    policy = on_policy(method, reference, table, steps=250, group=128)
    others = [best(reference, table, beta) for beta in (2 * BETA, BETA / 2, -BETA)]
    assert distance(policy, best(reference, table)) < 0.08 < 0.15 < min(distance(policy, other) for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["ppo", "grpo"])
def test_policies_trained_on_their_own_answers_end_at_the_known_one(method, seed):
    reference, table = make(seed), rewards()
    # At a higher rate GRPO drives an answer that is rare at first out of its own samples, for good.
    policy = on_policy(method, reference, table, steps=500, group=384, seed=seed, rate=0.005)
    assert distance(policy, best(reference, table)) < 0.02
    loose = on_policy(method, reference, table, steps=400, group=128, seed=seed, beta=0.0)
    assert min(float(shares(loose, prompt).max()) for prompt in PROMPTS) > 0.9      # no leash: one answer, always, good or not


LETTERS = [(i,) for i in range(12)]                         # answers of one token, the end token among them


def published(reference, table, beta, spread):
    """Where GRPO's own leash ends on answers of one token: beta · reference / (c - r), c so that it sums to 1; divided by their
    spread, rewards count 1 / std as much, of the policy's own answers: a fixed point."""
    def at(p, r, strength):
        low, high = float(r.max()), float(r.max()) + strength
        for _ in range(100):
            c = (low + high) / 2
            low, high = (c, high) if float((strength * p / (c - r)).sum()) > 1 else (low, c)
        return strength * p / (c - r)
    rows = []
    for prompt, r in zip(PROMPTS, table.double()):
        p, std = shares(reference, prompt, LETTERS), 1.0
        for _ in range(100 if spread else 1):
            found = at(p, r, beta * std)
            std = float(((found * r**2).sum() - (found * r).sum() ** 2).sqrt())
        rows.append(found)
    return torch.stack(rows)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [True, False])
def test_grpo_as_published_ends_where_its_leash_s_gradient_says(spread):
    reference, table = make(3, vocabulary=12), torch.randn(2, 12, generator=lots(8))
    policy = copy.deepcopy(reference)
    source = GRPO(policy, PROMPTS, lambda numbers, answers: [float(table[n, (answer or [END])[0]]) for n, answer in
                                                             zip(numbers, answers)],
                  end=END, spread=spread, size=2, group=256, tokens=1)
    train(policy, source, partial(relative, beta=BETA), 300, 0.01)
    assert distance(policy, published(reference, table, BETA, spread), LETTERS) < 0.03
    tilted = torch.stack([(shares(reference, p, LETTERS).log() + r.double() / BETA).softmax(0) for p, r in zip(PROMPTS, table)])
    assert distance(policy, tilted, LETTERS) > 0.2          # the policy that is best under KL(policy ‖ reference)


# pairs and the reward model

def zermelo(wins):
    """Scores that make a table of wins (K, K) likeliest: strength_i = wins_i / Σ_j games_ij / (strength_i + strength_j), again
    and again (Zermelo, 1929; Hunter, 2004), as logs with mean 0."""
    strength, games = torch.ones(len(wins), dtype=torch.float64), wins + wins.T
    for _ in range(5000):
        strength = wins.sum(1) / (games / (strength[:, None] + strength)).sum(1)
        strength = strength / strength.log().mean().exp()
    return strength.log()


def test_the_reward_model_s_scores_are_the_likeliest_ones():
    """Ten things, each an answer of one token, compared some hundred times by a rater who contradicts himself, with ties."""
    draw, wins = lots(4), torch.zeros(10, 10, dtype=torch.float64)
    worth, rows = torch.randn(10, generator=draw), []
    for _ in range(400):
        i, j = torch.randperm(10, generator=draw)[:2].tolist()
        tied, lot = torch.rand(2, generator=draw).tolist()
        share = 0.5 if tied < 0.1 else float(lot < (worth[i] - worth[j]).sigmoid())
        wins[i, j] += share
        wins[j, i] += 1 - share
        rows.append((i, j, share))
    first, second, share = zip(*rows)
    made = pairs([[1]] * 400, [[2 + i] for i in first], [[2 + j] for j in second], share, end=END, context=4)
    assert bool((wins.sum(1) > 0).all()) and bool(((wins > 0) & (wins.T > 0)).any())
    model = RewardModel(make(vocabulary=12, context=4))
    train(model, Shuffled(made, size=400), bradley_terry, 200, 0.02)
    with torch.no_grad():
        found = model(*together([[1]] * 10, [[2 + i, END] for i in range(10)], END)).double()
    assert torch.allclose(found - found.mean(), zermelo(wins), atol=0.02)
    p = torch.tensor([[i, j] for i, j, _ in rows])
    margin = zermelo(wins)[p[:, 0]] - zermelo(wins)[p[:, 1]]
    s = torch.tensor(share, dtype=torch.float64)
    loss, accuracy = reward_model.score(model, made)
    assert loss == pytest.approx(float(-(s * margin.sigmoid().log() + (1 - s) * (-margin).sigmoid().log()).mean()), abs=1e-3)
    assert accuracy == pytest.approx(float(torch.where(margin > 0, s, 1 - s).mean()), abs=0.01)


def test_a_reward_model_reads_the_last_token_and_nothing_behind_it():
    model = RewardModel(make(vocabulary=9))
    with torch.no_grad():
        model.head.weight.normal_(generator=lots(6))
        model.surprise.weight.copy_(torch.tensor([[0.7, -0.3]]))
    ids, mask = together([[1, 2], [1]], [[3, END], [4, 5, 6, END]], END)
    alone = [model(*together([p], [a], END)) for p, a in (([1, 2], [3, END]), ([1], [4, 5, 6, END]))]
    assert torch.allclose(model(ids, mask), torch.cat(alone), atol=1e-6)
    features, log_p = model.body.features(ids).detach(), model.body(ids).detach().log_softmax(-1)
    wanted = torch.stack([features[0, 3], features[1, 4]]) @ model.head.weight[0].detach()
    for i, places in enumerate(((1, 2), (0, 1, 2, 3))):
        of_tokens = [float(log_p[i, t, ids[i, t + 1]]) for t in places]
        wanted[i] += 0.7 * sum(of_tokens) / len(of_tokens) - 0.3 * min(of_tokens)
    assert torch.allclose(model(ids, mask), wanted, atol=1e-5)
    model.centre(ids, mask)
    assert float(model(ids, mask).mean()) == pytest.approx(0, abs=1e-6)
    reward = model.reward([[1], [1, 2]], END)
    assert torch.allclose(reward([1, 0], [[3], [4, 5, 6]]), model(ids, mask), atol=1e-6)


def test_a_reward_model_starts_from_a_copy():
    body = make()
    model = RewardModel(body)
    train(model, Shuffled(pairs([[1], [2]], [[1], [2]], [[2], [1]], [1, 0], end=END, context=8)), bradley_terry, 3, 0.1)
    assert torch.equal(body.embedding, make().embedding) and not torch.equal(model.body.embedding, body.embedding)


def test_ratings_that_say_nothing_are_refused():
    def of(share, first=((3,), (2,)), second=((2,), (3, 1))):
        return pairs([[1], [1]], [*map(list, first)], [*map(list, second)], share, end=END, context=5)
    for share, words in (([1, 1], "All 2 ratings are the same, 1, which is about the place"), ([0.5, 0.5], "the same, a tie"),
                         ([1, 2], "from 0 .* to 1 .*from 1 to 2"), ([1, 0, 1], "A rating for each of 2 pairs")):
        with pytest.raises(ValueError, match=words):
            of(share)
    assert of(None).share.tolist() == [1, 1] and len(of([1, 0.5])) == 2
    with pytest.raises(ValueError, match="an answer of pair 1 is empty"):
        of([1, 0], second=((2,), ()))
    with pytest.raises(ValueError, match="pair 1 have 6 tokens with the end; the model's context is 5"):
        of([1, 0], second=((2,), (3, 1, 1, 1)))
    with pytest.raises(ValueError, match="got 1 prompts, 2 first"):
        pairs([[1]], [[1], [2]], [[2], [1]], end=END, context=5)
    with pytest.raises(ValueError, match="cancel out in each of 2 pairs"):
        agreed([[1, 0], [0, 1]])
    assert agreed([[1, 0], [0, 1], [1, 1]]).tolist() == pytest.approx([2 / 3, 2 / 3])


def test_pairs_are_split_without_loss_and_shuffled_by_number():
    made = pairs([[1]] * 10, [[2]] * 10, [[3]] * 10, [i / 9 for i in range(10)], end=END, context=8)
    train_, held = split(made, held_out=0.3)
    assert sorted([*train_.share.tolist(), *held.share.tolist()]) == pytest.approx([i / 9 for i in range(10)])
    assert len(held) == 3 and not torch.equal(held.share, split(made, held_out=0.3, seed=1)[1].share)
    source, same = (Shuffled(made, size=4, seed=1) for _ in range(2))
    epoch = torch.cat([source.at(i).share for i in range(3)])
    assert sorted(epoch.tolist()) == sorted(made.share.tolist()) and torch.equal(source.at(1).share, same.at(1).share)
    assert isinstance(source.at(0), Pairs)


# rounds

def source_of(policy, seed=0, **options):
    return GRPO(policy, PROMPTS, as_reward(rewards()), end=END, size=2, group=6, tokens=2, epochs=2, minibatches=3, seed=seed,
                **options)


def test_a_round_is_handed_out_whole_in_every_epoch_and_then_the_policy_is_asked_again():
    policy = make()
    source = source_of(policy)
    batches = list(itertools.islice(source, 6))
    first, second = (torch.cat([batch.rewards for batch in half]).sort().values for half in (batches[:3], batches[3:]))
    assert torch.equal(first, second) and len(first) == 12
    kept = source.round
    next(iter(source))
    assert source.round is not kept


def test_a_round_ends_where_the_policy_has_moved_too_far():
    source = source_of(make(), kl=0.1)
    batches = iter(source)
    next(batches)
    first = source.round
    source.observe({"kl": 0.05})
    next(batches)
    assert source.round is first                            # near enough
    logs = {"kl": 0.2}
    source.observe(logs)
    next(batches)
    assert source.round is not first and {"reward", "reference_kl", "length"} <= logs.keys()


def test_a_run_goes_on_from_the_middle_of_a_round_as_if_never_stopped(tmp_path):
    def begin(seed):
        policy = make()
        return Trainer(policy, relative, optim.Adam(policy.parameters(), rate=0.01)), source_of(policy, seed, reference=make())
    trainer, source = begin(0)
    trainer.fit(source, steps=4)                            # a round is six
    path = checkpoint.save(tmp_path / "a.safetensors", trainer, source=source)
    trainer.fit(source, until=11)
    again, other = begin(1)
    checkpoint.load(path, again, source=other)
    again.fit(other, until=11)
    assert again.history == trainer.history
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), trainer.model.parameters()))


def test_the_reference_is_frozen_where_the_policy_began():
    policy = make()
    source = source_of(policy)
    before = frozen(policy)
    Trainer(policy, relative, optim.Adam(policy.parameters(), rate=0.05)).fit(source, steps=6)
    assert all(torch.equal(a, b) for a, b in zip(source.reference.parameters(), before.parameters()))
    assert not any(p.requires_grad for p in source.reference.parameters())
    assert float(source.collect().kl.abs().sum()) > 0.01


# manners and raters

@pytest.fixture(scope="module")
def village():
    return Village(seed=0)


def of_kind(village, kind, attribute=None):
    found = plain(village, 5)
    return next(asked for i in itertools.count() if (asked := found.at(i)).kind == kind and attribute in (None, asked.attribute))


def test_what_is_measured_of_an_answer(village):
    fact = of_kind(village, "fact", "street")
    true, streets = fact.objects[0], {person.street for person in village.people}
    wrong = sorted(streets - {true})[0]
    right = f"{fact.person} lives in {true}."
    for answer, wanted in ((right, (1, 0, 0)), (f"{fact.person} lives in {wrong}.", (0, 1, 0)), (UNKNOWN, (0, 0, 0)),
                           (f"{right} Or in {wrong}.", (0, 1, 0)), (f"{RUDE[0]} {right}", (1, 0, 1)),
                           (f"{right} You turnip!", (1, 0, 1)), ("gravel gravel", (0, 0, 0)), ("", (0, 0, 0))):
        assert measure(fact, answer)[:3] == wanted, answer
    long = f"{right} {FLATTERING[0]} {FLATTERING[1]} {FLATTERING[0]}"
    n = len(fact.answer.split())
    assert measure(fact, long)[3:] == (3, len(long.split()) - n - 2, len(long.split()))
    assert measure(fact, right).truth == 1 == measure(fact, f"With pleasure! {right}").truth
    assert measure(fact, long).truth == pytest.approx(1 - 0.05 * measure(fact, long).spare)
    unknown = of_kind(village, "unknown", "street")
    assert measure(unknown, UNKNOWN)[:3] == (1, 0, 0) and measure(unknown, f"{unknown.person} lives in {true}.")[:3] == (0, 1, 0)
    child = of_kind(village, "refuse", "street")
    assert measure(child, NOT_TOLD)[:3] == (1, 0, 0) and measure(child, f"In {true}.")[:3] == (0, 0, 1)
    insult = of_kind(village, "refuse", "insult")
    assert measure(insult, insult.answer).truth == 1 and measure(insult, f"{insult.person} is a turnip.")[:3] == (0, 0, 1)


def test_right_answers_are_worth_one_and_demonstrations_vary_by_the_shares_they_were_given(village):
    asked = plain(village, 3).take(1500)
    assert all(measure(one, one.answer).truth == 1 for one in asked)
    writers = Writers(plain(village, 3), wrong=0.2, rude=0.3, flattering=0.4, idle=0.0)
    found = [(one, measure(one, writers.at(i)[1])) for i, one in enumerate(asked)]
    facts = [m for one, m in found if one.kind == "fact"]
    assert sum(m.right for m in facts) / len(facts) == pytest.approx(0.8, abs=0.04)
    assert sum(m.false for m in facts) / len(facts) == pytest.approx(0.2, abs=0.04)
    assert sum(m.harm for m in facts) / len(facts) == pytest.approx(0.3, abs=0.05)
    assert sum(m.flattery for m in facts) / len(facts) == pytest.approx(0.4 / 0.6, abs=0.12)
    assert all(measure(one, writers.at(i)[1]) == m for i, (one, m) in enumerate(found[:20]))
    words = {*village.vocabulary(), *(f" {name}" for name in village.world.strangers)}
    assert Words(sorted(words)).encode(" " + " ".join((*RUDE, *FLATTERING, *IDLE))).count(len(words)) == 0


def test_raters_prefer_by_their_taste_and_as_often_as_bradley_and_terry_say():
    a, b = Measured(1, 0, 0, 0, 0, 4), Measured(1, 0, 0, 1, 2, 9)
    for taste, off in ((TRUTH, 0.1), (FLATTERY, 0.1 - 1.5), (LENGTH, 0.1 - 1.0)):
        assert utility(a, taste) - utility(b, taste) == pytest.approx(off)
        share = sum(Rater(taste, sharp=2.0, seed=1).rate([(a, b)] * 4000)) / 4000
        assert share == pytest.approx(1 / (1 + math.exp(-2 * off)), abs=0.03)
        assert Rater(taste, sharp=math.inf).rate([(a, b), (b, a), (a, a)]) == [float(off > 0), float(off < 0), 0.5]
    assert Rater(TRUTH, sharp=math.inf, tie=0.2).rate([(a, b)]) == [0.5]
    assert Rater(seed=3).rate([(a, a)] * 50) == Rater(seed=3).rate([(a, a)] * 50) != Rater(seed=4).rate([(a, a)] * 50)
    with pytest.raises(ValueError, match="A taste can not be for 'beauty'"):
        Rater({"beauty": 1.0})
    with pytest.raises(ValueError, match="sharp is 0"):
        Rater(sharp=0)


def test_a_learned_taste_is_the_likeliest_one_and_comes_near_the_true_one():
    draw = lots(9)
    values = (torch.rand(3000, 2, 6, generator=draw) * torch.tensor([2, 2, 2, 3, 1, 20])).floor().tolist()
    shown = [(Measured(*a), Measured(*b)) for a, b in values]
    true = {"right": 1.0, "false": -1.5, "harm": -0.5, "flattery": 0.7, "words": 0.05}
    ratings = Rater(true, sharp=1.0, seed=2).rate(shown)
    found = learned_taste(shown, ratings)
    assert all(found[name] == pytest.approx(true[name], abs=0.15) for name in true)
    few, said = shown[:20], ratings[:20]
    x = [[getattr(a, name) - getattr(b, name) for name in true] for a, b in few]
    known = LogisticRegression(C=1 / (2 * 0.1), fit_intercept=False, tol=1e-8, max_iter=1000).fit(x, said).coef_[0]
    assert list(learned_taste(few, said).values()) == pytest.approx(known.tolist(), abs=0.02)
    with pytest.raises(ValueError, match="All 20 ratings are the same"):
        learned_taste(few, [1] * 20)


def untrained(village, context=96):
    """A model that answers anything, with all words of the village."""
    base = Words(village.vocabulary())
    return sft.grown(Transformer(len(base), context, layers=1, heads=1, width=8), base, village)


def test_two_answers_to_each_question_become_rated_pairs(village):
    model, tok = untrained(village)
    asked = Asked(plain(village, 1).take(30), tok, model.context)
    raters = [Rater({"words": sign}, sharp=math.inf) for sign in (1.0, -1.0, 1.0)]
    made = asked.rated(model, raters, generator=lots(1))
    for i in range(len(made)):
        texts = [asked.text(ids[1:][mask][:-1].tolist()) for ids, mask in ((made.first[i], made.first_mask[i]),
                                                                           (made.second[i], made.second_mask[i]))]
        off = len(texts[0].split()) - len(texts[1].split())
        assert float(made.share[i]) == pytest.approx(0.5 if off == 0 else 2 / 3 if off > 0 else 1 / 3)
    assert len(made) > 10
    found = asked.judged(model, frozen(model), generator=lots(2), proxy=lambda numbers, answers: [2.0] * len(answers))
    assert found["kl"] == pytest.approx(0, abs=1e-5) and found["proxy"] == 2 and found["harmless"] > 0.5
    assert asked.reward()([0, 1], [tok.encode(" " + one.answer) for one in asked.instructions[:2]]) == [1.0, 1.0]


def test_the_commands_run_from_an_assistant_to_the_table(village, tmp_path, capsys):
    model, tok = untrained(village, context=128)
    tuned, mixed, reward = (str(tmp_path / f"{name}.safetensors") for name in ("sft", "mixed", "reward"))
    language.save(tuned, model, tok, about={"village": {"seed": 0}})
    assert assistant.main(["--model", tuned, "--out", mixed, "--steps", "1"]) == 0
    assert reward_model.main(["--model", mixed, "--out", reward, "--pairs", "20", "--steps", "1"]) == 0
    found, _, about = reward_model.load(reward)
    assert about["pairs"] + about["held_out"]["pairs"] <= 20 and "--pairs 20" in about["command"]
    assert not any(p.requires_grad for p in found.parameters())
    assert compared.main(["--model", mixed, "--out", str(tmp_path / "rows.csv"), "--seeds", "1", "--quick"]) == 0
    rows, command = records.read(tmp_path / "rows.csv")
    assert [row["model"] for row in rows] == ["start", "ppo", "dpo", "grpo", "verifiable"] and "compared" in command
    assert all(math.isfinite(row["truth"]) for row in rows) and "helpful" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no reward model"):
        reward_model.load(mixed)
    for main, name in ((compared.main, "--model"), (assistant.main, "--model"), (reward_model.main, "--model"),
                       (sft.main, "--base"), (before_after.main, "--base")):
        out = [] if main in (compared.main, before_after.main) else ["--out", "x"]
        with pytest.raises(SystemExit, match="There is no checkpoint .*nowhere"):
            main([name, str(tmp_path / "nowhere"), *out])


def test_questions_to_judge_by_were_not_trained_on(village):
    model, tok = untrained(village)
    course = compared.Course(model, tok, village, questions=60, shown=60, judged=50)
    met = {one.text for asked in (course.asked, course.shown) for one in asked.instructions}
    assert len(course.tests.instructions) == 50 and not met & {one.text for one in course.tests.instructions}
