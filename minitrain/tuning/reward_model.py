"""A reward model: a language model whose last token says, in one number, how much a rater would like the answer.

It also hears how surprised it was. Whether an answer is true shows in the chance that the model gives the word that says so, and
two layers that have just looked the fact up have none left to compare it with what was said: so the mean and the least
log-probability of the answer's tokens, under the language model that it is, count beside the last token's features.

Learned from pairs alone. Bradley and Terry, 1952: each thing has a score, and the first beats the second with probability
sigmoid(score - score); so only differences mean something, and the scores of different prompts have no common zero.
Christiano et al., 2017 (learned from people's choices); Ouyang et al., 2022 (for a language model).

    python -m minitrain.tuning.reward_model --out data/models/village-reward.safetensors

makes the one that lesson 21 begins with, of an assistant that varies and three simulated raters.
"""
import argparse
import copy
import sys

import torch
from torch import nn
from torch.nn import functional as F

from minitrain import tokenizer
from minitrain.checkpoint import file, language
from minitrain.device import use_threads
from minitrain.models.transformer import Transformer
from minitrain.trainer import Loss
from minitrain.tuning.dpo import agreement
from minitrain.tuning.sampled import together, token_log_probs

PAIRS, STEPS = 4_000, 250


class RewardModel(nn.Module):
    """A score for each answer, (N,), from (ids, mask) as in `sampled.Answers`.

    body: a causal Transformer, copied: the reward model starts with its language. Every answer starts with score 0. `shift`
    is taken from every score: see `centre`.
    """

    def __init__(self, body):
        super().__init__()
        self.body = copy.deepcopy(body).requires_grad_(True)
        self.head = nn.Linear(body.width, 1, bias=False).to(body.unembedding.device)
        self.surprise = nn.Linear(2, 1, bias=False).to(body.unembedding.device)         # of the mean and the least log p
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.surprise.weight)
        self.register_buffer("shift", torch.zeros((), device=body.unembedding.device))

    def groups(self, rate, head_rate=2e-2):
        """Parameter groups for an optimizer: what starts from nothing learns faster."""
        heads = [self.head.weight, self.surprise.weight]
        return [{"params": self.body.parameters(), "rate": rate}, {"params": heads, "rate": head_rate}]

    def forward(self, ids, mask):
        places = torch.arange(1, ids.shape[1], device=ids.device)
        end = (places * mask).max(1).values                                             # (N,): where the last token stands
        features = self.body.features(ids)                                              # (N, T, C)
        last = features[torch.arange(len(ids), device=ids.device), end]                 # (N, C)
        log_p = token_log_probs(features[:, :-1][mask], self.body.unembedding, ids, mask)           # (N, T-1), 0 elsewhere
        surprise = torch.stack([log_p.sum(1) / mask.sum(1), log_p.min(1).values], 1)    # (N, 2)
        return (self.head(last) + self.surprise(surprise))[:, 0] - self.shift

    @torch.no_grad()
    def centre(self, ids, mask):
        """Shift the scores so that the mean of these answers is 0: the reference's own, say (Ziegler et al., 2019)."""
        self.shift += self(ids, mask).mean()

    def reward(self, prompts, end):
        """This model as a reward for `sampled.sample`: `(numbers, answers) -> scores`."""
        @torch.no_grad()
        def reward(numbers, answers):
            return self(*together([prompts[i] for i in numbers], [[*answer, end] for answer in answers], end, self.shift.device))
        return reward


def bradley_terry(model, batch):
    """-mean of share · log sigmoid(s_1 - s_2) + (1 - share) · log sigmoid(s_2 - s_1), over pairs.  batch: `pairs.Pairs`.

    A tie pulls the scores together; ratings that contradict each other end at the log odds of how often each was given. Logs the
    accuracy, in which a tie counts half.
    """
    first, second = model(*batch.both).chunk(2)
    margin = first - second
    return Loss(F.binary_cross_entropy_with_logits(margin, batch.share), n=len(batch),
                logs={"accuracy": agreement(margin.detach(), batch.share)})


@torch.no_grad()
def score(model, made, loss=bradley_terry):
    """(loss, accuracy) over all pairs, for held-out ones.  To be looked at before any policy is trained on the scores."""
    parts = [(len(rows), loss(model, made[rows])) for rows in torch.arange(len(made)).split(256)]
    return tuple(float(sum(n * x for n, x in found) / len(made)) for found in
                 ([(n, out.mean) for n, out in parts], [(n, out.logs["accuracy"]) for n, out in parts]))


def save(path, model, tok, *, about=None, dtype="bfloat16"):
    """Write a reward model with its tokenizer as one file. Returns the path."""
    weights = {name: x.to(language.DTYPES[dtype]) for name, x in model.state_dict().items()}
    return file.write(path, {"reward model": language.sizes(model.body), "tokenizer": tok.data(), "about": about or {},
                             "weights": weights})


def load(path):
    """(reward model, tokenizer, about) as they were saved; it computes in float32, on the CPU, and does not learn.

    >>> import tempfile
    >>> tok = tokenizer.Characters.train("ab")
    >>> made = RewardModel(Transformer(len(tok), context=8, layers=1, heads=1, width=8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model, tok, about = load(save(f"{folder}/r.safetensors", made, tok, about={"accuracy": 0.8}))
    >>> model(*together([[0]], [[1, tok.end]], tok.end)), about
    (tensor([0.]), {'accuracy': 0.8})
    """
    saved = file.read(path)
    if not isinstance(saved, dict) or "reward model" not in saved:
        raise ValueError(f"{path} is no reward model; python -m minitrain.tuning.reward_model makes one.")
    model = RewardModel(Transformer(**saved["reward model"]))
    model.load_state_dict({name: x.float() for name, x in saved["weights"].items()})
    return model.eval().requires_grad_(False), tokenizer.made(saved["tokenizer"], path), saved["about"]


def main(arguments=None):
    from minitrain.tuning import assistant, compared  # late: they stand on this file
    from minitrain.tuning.raters import TRUTH
    from minitrain.tuning.start import start
    parser = argparse.ArgumentParser(prog="python -m minitrain.tuning.reward_model", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=assistant.MIXED, help=f"the model to begin with (default: {assistant.MIXED})")
    parser.add_argument("--out", required=True, help="the reward model's file")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many questions are answered twice and rated")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    use_threads()
    body, tok, village, _ = start(given.model)
    course = compared.Course(body, tok, village, seed=1000, shown=given.pairs)
    made, held = course.rated(*[TRUTH] * 3)
    model = assistant.train_reward_model(course.start, made, steps=given.steps)
    loss, accuracy = score(model, held)
    command = (f"python -m minitrain.tuning.reward_model --pairs {given.pairs} --steps {given.steps} "
               "--out data/models/village-reward.safetensors")
    path = save(given.out, model, tok, about={"command": command, "pairs": len(made),
                                              "held_out": {"pairs": len(held), "loss": loss, "accuracy": accuracy}})
    print(f"{path}: {path.stat().st_size:,} bytes. Of {len(held)} held-out pairs, rated by three, it agrees with {accuracy:.1%} "
          "of the ratings.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
