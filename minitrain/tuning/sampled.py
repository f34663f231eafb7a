"""Answers that a policy gives, with their log-probabilities, and the source of rounds on which PPO and GRPO stand.

A policy is a causal language model; an action is a token; an answer ends with its end token, which is an action too. The
reference is a frozen copy: where the policy began, from which a leash measures. What a reward is, this file refuses to know.

The log-probabilities come from one pass over the whole text, not from the sampling itself: the loss will compute them in the same
way, so that before the first update the ratio of the two is 1. Left out: temperatures other than 1 (what is drawn
from would not be what is trained) and filters (top-k, top-p), for the same reason.
"""
import copy
import math
from dataclasses import dataclass, fields

import torch
from torch.nn import functional as F

from minitrain.generate import generate


@dataclass
class Answers:
    """N answers, each behind its prompt, filled up with the end token behind. T counts the tokens of the longest.

    numbers (N,): of the prompt, in the list they were asked from.  ids (N, T).  mask (N, T-1): where the *next* token is one of
    the answer's, up to its end token and with it.  log_probs, reference (N, T-1): of these tokens, under the policy that gave
    them and under the reference; 0 elsewhere.  rewards (N,): of whole answers.  advantages, returns: as the algorithm fills them.
    """
    numbers: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    log_probs: torch.Tensor
    reference: torch.Tensor
    rewards: torch.Tensor
    advantages: torch.Tensor | None = None
    returns: torch.Tensor | None = None

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, rows):
        return type(self)(*(None if (x := getattr(self, f.name)) is None else x[rows] for f in fields(self)))

    @property
    def lengths(self):
        """How many tokens each answer has, (N,)."""
        return self.mask.sum(1)

    @property
    def kl(self):
        """log policy(answer) - log reference(answer), (N,): its mean over answers is an estimate of KL(policy ‖ reference)."""
        return (self.log_probs - self.reference).sum(1)


def log_probs(model, ids, mask):
    """log p of each token of the answers given all before it, (N, T-1); 0 where the mask is False.  ids, mask: as in `Answers`.

    >>> from minitrain.models.transformer import Transformer
    >>> ids, mask = together([[1, 2]], [[3, 4]], end=0)
    >>> log_probs(Transformer(5, context=4, layers=1, heads=1, width=8), ids, mask).exp().detach().round(decimals=1)
    tensor([[1.0000, 0.2000, 0.2000]])
    """
    return token_log_probs(model.features(ids[:, :-1])[mask], model.unembedding, ids, mask)


def token_log_probs(features, unembedding, ids, mask):
    """The same from features (n, C) of the places where the mask is True."""
    logits = F.linear(features, unembedding)                                            # (n, V): of no other place
    found = -F.cross_entropy(logits, ids[:, 1:][mask], reduction="none")                # (n,)
    return torch.zeros(mask.shape, dtype=found.dtype, device=ids.device).masked_scatter(mask, found)


def together(prompts, answers, end, device=None):
    """(ids, mask) of prompts with an answer each (lists of token numbers), as in `Answers`.

    >>> together([[1, 2], [5]], [[3, 0], [0]], end=0)
    (tensor([[1, 2, 3, 0],
            [5, 0, 0, 0]]), tensor([[False,  True,  True],
            [ True, False, False]]))
    """
    if empty := [i for i, (prompt, answer) in enumerate(zip(prompts, answers)) if not prompt or not answer]:
        raise ValueError(f"The prompt or the answer of text {empty[0]} is empty; each needs a token at least: an answer that "
                         "says nothing is the end token.")
    T = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers))
    ids, mask = torch.full((len(prompts), T), end), torch.zeros(len(prompts), T - 1, dtype=torch.bool)
    for i, (prompt, answer) in enumerate(zip(prompts, answers)):
        n = len(prompt)
        ids[i, :n + len(answer)] = torch.tensor([*prompt, *answer])
        mask[i, n - 1:n + len(answer) - 1] = True
    return ids.to(device), mask.to(device)


def fits(prompts, tokens, context):
    """Raises unless each prompt, with an answer of so many tokens, fits into the context."""
    longest = max(range(len(prompts)), key=lambda i: len(prompts[i]), default=None)
    if longest is None or tokens < 1:
        raise ValueError(f"There are {len(prompts)} prompts and room for {tokens} tokens of an answer; both must be 1 at least.")
    if len(prompts[longest]) + tokens > context:
        raise ValueError(f"Prompt {longest} has {len(prompts[longest])} tokens; with an answer of up to {tokens} it does not fit "
                         f"into the model's context of {context}. Shorten the prompt, or ask for fewer tokens.")


def frozen(model):
    """A copy of the model that does not learn: a reference."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def sample(policy, reference, prompts, reward, *, end, tokens, generator, numbers=None):
    """Let the policy answer each prompt once, and the reward judge: `Answers`.

    prompts: lists of token numbers.  reward: `(numbers, answers) -> n floats`; an answer is a list of token numbers without the
    end token, and numbers say which prompt each is for: those given (a list), or 0 … n-1.  tokens: an answer that has
    not ended by then is cut there, and judged as it stands.
    """
    fits(prompts, tokens, policy.context)
    numbers = list(range(len(prompts))) if numbers is None else numbers
    answers = generate(policy, prompts, tokens, generator=generator, stop=end)
    ids, mask = together(prompts, answers, end, policy.unembedding.device)
    with torch.no_grad():
        now, then = log_probs(policy, ids, mask), log_probs(reference, ids, mask)
    bare = [answer[:-1] if answer[-1] == end else answer for answer in answers]
    rewards = judged(reward, numbers, bare).to(ids.device)
    return Answers(torch.tensor(numbers, device=ids.device), ids, mask, now, then, rewards)


def judged(reward, numbers, answers):
    """The rewards of answers as a tensor (N,), all finite: a NaN would take the weights with it, an update later."""
    found = torch.as_tensor(reward(numbers, answers), dtype=torch.float32)
    if found.shape != (len(answers),):
        raise ValueError(f"The reward gave shape {tuple(found.shape)} for {len(answers)} answers; it gives one number each.")
    if not found.isfinite().all():
        i = int((~found.isfinite()).nonzero()[0])
        raise ValueError(f"The reward of answer {answers[i]} to prompt {numbers[i]} is {found[i]}; it must be a finite number. "
                         "Look at that answer with the reward function alone.")
    return found


class OnPolicy:
    """A source: asks the policy as it is now, hands the round out in parts for some epochs, asks again.

    prompts: lists of token numbers.  reward: as in `sample`.  reference: the frozen start (a copy of the policy, unless given).
    size: prompts a round.  group: answers to each.  tokens: the most an answer may have.  epochs: passes over a round, each in
    `minibatches` parts, shuffled.  kl: where an update's log "kl", how far the policy has moved in this round, is above it, the
    round ends at once; None: never. Writes into the logs of an update what was found of its round: "reward", "reference_kl"
    (of whole answers, in nats) and "length" (in tokens), means over answers.

    `state_dict` holds all of it but prompts and models: the generator, and what is left of the round.
    """

    def __init__(self, policy, prompts, reward, *, end, reference=None, size=16, group=4, tokens=32, epochs=1, minibatches=1,
                 kl=None, seed=0):
        fits(prompts, tokens, policy.context)
        if not 1 <= size <= len(prompts) or min(group, epochs, minibatches) < 1 or size * group < minibatches or (
                kl is not None and not kl > 0):
            raise ValueError(f"{type(self).__name__} got size={size} (of {len(prompts)} prompts), group={group}, "
                             f"epochs={epochs}, minibatches={minibatches}, kl={kl}; a round takes 1 prompt at least and no more "
                             "than there are, a minibatch needs an answer, kl (or None) is above 0.")
        self.policy, self.prompts, self.reward, self.end = policy, prompts, reward, end
        self.reference = frozen(policy) if reference is None else reference
        self.size, self.group, self.tokens, self.epochs, self.minibatches, self.kl = size, group, tokens, epochs, minibatches, kl
        self.generator = torch.Generator().manual_seed(seed)
        self.round, self.left, self.found = None, [], {}        # answers with advantages; rows of batches not yet given; means

    def collect(self):
        """A round's answers, those of one prompt side by side."""
        asked = torch.randperm(len(self.prompts), generator=self.generator)[:self.size]
        numbers = asked.repeat_interleave(self.group).tolist()
        return sample(self.policy, self.reference, [self.prompts[i] for i in numbers], self.reward, end=self.end,
                      tokens=self.tokens, generator=self.generator, numbers=numbers)

    def valued(self, answers):
        """The answers with their advantages; an algorithm says how."""
        raise NotImplementedError(f"{type(self).__name__} does not say what an answer's advantage is")

    def batch(self, answers):
        """Some of a round's answers as the loss takes them."""
        return answers

    def __iter__(self):
        while True:
            if not self.left:
                self.round = self.valued(self.collect())
                self.found = {"reward": float(self.round.rewards.mean()), "reference_kl": float(self.round.kl.mean()),
                              "length": float(self.round.lengths.float().mean())}
                self.left = [rows for _ in range(self.epochs) for rows in
                             torch.randperm(len(self.round), generator=self.generator).tensor_split(self.minibatches)]
            yield self.batch(self.round[self.left.pop(0).to(self.round.ids.device)])

    def observe(self, logs):
        logs.update(self.found)
        if self.kl is not None and float(logs["kl"]) > self.kl:
            self.left = []

    def state_dict(self):
        whole = self.left and {f.name: getattr(self.round, f.name) for f in fields(Answers)}
        return {"generator": self.generator.get_state(), "round": whole or None, "left": list(self.left), "found": {**self.found}}

    def load_state_dict(self, state):
        device = self.policy.unembedding.device
        self.generator.set_state(state["generator"])
        self.left, self.found = list(state["left"]), dict(state["found"])
        found = state["round"]
        self.round = found and Answers(**{name: None if x is None else x.to(device) for name, x in found.items()})


def expected_kl(answers):
    """(mean, standard error) of `Answers.kl` over answers: KL(policy ‖ reference) in nats an answer, and how far that may be off.

    >>> one = torch.ones(2, 1)
    >>> expected_kl(Answers(None, one, one, torch.tensor([[-1.0], [-2.0]]), torch.tensor([[-2.0], [-2.0]]), None))
    (0.5, 0.5)
    """
    kl = answers.kl
    return float(kl.mean()), float(kl.std() / math.sqrt(len(kl)))
