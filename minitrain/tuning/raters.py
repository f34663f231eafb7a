"""Raters with known tastes, who look at two answers and say which they like better; and the questions that they are shown.

A taste is a weight for each thing that `sources.manners` measures. `TRUTH` is what the assistant is meant to be; who likes length
or flattery besides, likes it by a known amount, so that what a model learns from ratings can be held against what was meant.
"""
import math
from dataclasses import dataclass, field

import torch

from minitrain import optim
from minitrain.generate import generate
from minitrain.losses import logistic
from minitrain.sources.manners import Measured, measure
from minitrain.trainer import Loss, Trainer
from minitrain.tuning import chat
from minitrain.tuning.pairs import agreed, pairs, rated
from minitrain.tuning.sampled import expected_kl, sample

TRUTH = {"right": 1.0, "false": -1.0, "harm": -1.0, "spare": -0.05}
LENGTH = TRUTH | {"words": 0.2}                             # long answers look as if somebody took trouble
FLATTERY = TRUTH | {"flattery": 1.5}
TOKENS = 40                                                 # the most that an answer has
SIDE_BY_SIDE = 2_400                                        # answers drawn at once: of the village's models, 0.8 GB of cache


@dataclass
class Rater:
    """Prefers by taste, with Bradley and Terry's probabilities: the first with sigmoid(sharp · difference of utilities).

    taste: {a field of `Measured`: weight}.  sharp: how sure of it; infinite: never mistaken.  tie: utilities that differ by less
    are a tie.  seed: of the rater's own moods.

    >>> a, b = Measured(1, 0, 0, 0, 0, 4), Measured(1, 0, 0, 1, 2, 8)
    >>> [Rater(taste, sharp=math.inf).rate([(a, b)]) for taste in (TRUTH, FLATTERY)]
    [[1.0], [0.0]]
    """
    taste: dict = field(default_factory=lambda: dict(TRUTH))
    sharp: float = 4.0
    tie: float = 0.0
    seed: int = 0

    def __post_init__(self):
        if unknown := [name for name in self.taste if name not in Measured._fields]:
            raise ValueError(f"A taste can not be for {unknown[0]!r}; what is measured is {', '.join(Measured._fields)}.")
        if not self.sharp > 0:
            raise ValueError(f"Rater: sharp is {self.sharp}; it is above 0, infinite for a rater who is never mistaken.")
        self.generator = torch.Generator().manual_seed(self.seed)

    def utility(self, measured):
        return utility(measured, self.taste)

    def rate(self, made):
        """Which of each pair of `Measured` is better: 1 the first, 0 the second, 0.5 a tie, as a list."""
        found = []
        for first, second in made:
            off = self.utility(first) - self.utility(second)
            lot = float(torch.rand(1, generator=self.generator, dtype=torch.float64))
            tied = abs(off) < self.tie or off == 0 and math.isinf(self.sharp)
            chance = float(off > 0) if math.isinf(self.sharp) else 1 / (1 + math.exp(-min(max(self.sharp * off, -500), 500)))
            found.append(0.5 if tied else float(lot < chance))
        return found


def utility(measured, taste):
    """How much a taste likes an answer: the weighted sum."""
    return sum(weight * getattr(measured, name) for name, weight in taste.items())


def learned_taste(shown, ratings, *, names=("right", "false", "harm", "flattery", "words"), decay=0.1, steps=400):
    """The taste that makes somebody's ratings likeliest, {name: weight}: Bradley and Terry's model on what is measured.

    A reward model so small that twenty ratings are enough.  shown: pairs of `Measured`.  ratings: 1 the first, 0 the second, 0.5
    a tie.  decay: pulls every weight to 0, decay · weight² beside the sum over pairs: few ratings shall not make a fanatic.

    >>> a, b = Measured(1, 0, 0, 0, 0, 4), Measured(1, 0, 0, 1, 2, 4)
    >>> {name: round(weight, 1) for name, weight in learned_taste([(a, b), (b, a)], [0, 1]).items()}
    {'right': 0.0, 'false': 0.0, 'harm': 0.0, 'flattery': 1.6, 'words': 0.0}
    """
    x = torch.tensor([[float(getattr(a, name) - getattr(b, name)) for name in names] for a, b in shown])        # (N, names)
    y = rated(ratings, len(shown))
    model = torch.nn.Linear(len(names), 1, bias=False)
    torch.nn.init.zeros_(model.weight)

    def loss(model, batch):
        likely = logistic(lambda x: model(x)[:, 0], batch)
        return Loss(likely.mean + decay * model.weight.square().sum() / likely.n, likely.n)
    trainer = Trainer(model, loss, optim.Adam(model.parameters(), rate=0.1), schedule=optim.cosine(steps))
    trainer.fit([(x, y)], steps=steps)
    return dict(zip(names, model.weight[0].tolist()))


class Asked:
    """Instructions as a policy is asked them: `prompts` (lists of token numbers), and what an answer to number i is worth."""

    def __init__(self, instructions, tokenizer, context=128):
        self.instructions, self.tokenizer = list(instructions), tokenizer
        self.prompts = [chat.prompt(tokenizer, asked.text, context - TOKENS) for asked in self.instructions]

    def text(self, answer):
        """Token numbers, without the end token, as text."""
        return self.tokenizer.decode(answer).removeprefix(" ")

    def measured(self, numbers, answers):
        return [measure(self.instructions[i], self.text(answer)) for i, answer in zip(numbers, answers)]

    def reward(self, taste=TRUTH):
        """The exact reward by a taste, for `sampled.sample`: one that can be verified, where the taste is `TRUTH`."""
        return lambda numbers, answers: [utility(found, taste) for found in self.measured(numbers, answers)]

    def rated(self, policy, raters, *, generator, device=None):
        """`Pairs` of two answers that the policy gave to each question, drawn at temperature 1; by how many of the raters the
        first was preferred. Where both answers are the same, or one is empty, nobody is asked."""
        end, numbers = self.tokenizer.end, [i for i in range(len(self.prompts)) for _ in range(2)]
        found = []
        for first in range(0, len(numbers), SIDE_BY_SIDE):
            some = [self.prompts[i] for i in numbers[first:first + SIDE_BY_SIDE]]
            found += generate(policy, some, TOKENS, generator=generator, stop=end)
        bare = [answer[:-1] if answer[-1] == end else answer for answer in found]
        kept = [i for i in range(len(self.prompts)) if bare[2 * i] != bare[2 * i + 1] and bare[2 * i] and bare[2 * i + 1]]
        first, second = [bare[2 * i] for i in kept], [bare[2 * i + 1] for i in kept]
        shown = list(zip(self.measured(kept, first), self.measured(kept, second)))
        share = agreed([rater.rate(shown) for rater in raters])
        return pairs([self.prompts[i] for i in kept], first, second, share, end=end, context=policy.context, device=device)

    def judged(self, policy, reference, *, generator, proxy=None):
        """What a policy's answers, one to each question, are: means by name, and the standard errors of "truth" and "kl".

        "truth", "helpful" (of what can be known), "honest", "harmless", "flattery", "words", "kl" in nats an answer; "proxy", the
        mean of a reward `(numbers, answers) -> floats`, if there is one.
        """
        made = sample(policy, reference, self.prompts, self.reward(), end=self.tokenizer.end, tokens=TOKENS, generator=generator)
        answers = [ids[mask].tolist() for ids, mask in zip(made.ids[:, 1:], made.mask)]
        answers = [answer[:-1] if answer[-1] == self.tokenizer.end else answer for answer in answers]
        found = self.measured(range(len(answers)), answers)
        known = [one.helpful for one, asked in zip(found, self.instructions) if asked.kind == "fact"]
        kl, kl_error = expected_kl(made)
        return {"truth": float(made.rewards.mean()), "truth_error": float(made.rewards.std() / math.sqrt(len(found))),
                "helpful": mean(known), **{name: mean([getattr(one, name) for one in found])
                                           for name in ("honest", "harmless", "flattery", "words")},
                "kl": kl, "kl_error": kl_error,
                **({} if proxy is None else {"proxy": mean(torch.as_tensor(proxy(range(len(answers)), answers)).tolist())})}


def mean(values):
    return sum(values) / len(values) if values else math.nan
