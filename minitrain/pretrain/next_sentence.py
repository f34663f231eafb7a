"""BERT's second question: do these two stretches of text follow each other? Asked beside the blanks and compared with them alone.

Devlin et al., 2019, had it; Liu et al., "RoBERTa: A robustly optimized BERT pretraining approach", 2019, left it out and lost
nothing. In half of the pairs the second part is the rest of the first one's document, in the others of another document.
"""
import torch
from torch import nn
from torch.nn import functional as F

from minitrain import Loss
from minitrain.pretrain.masked import IGNORED, mask
from minitrain.sources.batching import generator


class Pairs:
    """Batches (x, y, real, follows): rows "end, first part, end, second part", with blanks; x, y, real (B, T), follows (B,).

    documents: lists of ids, each cut in its middle.  real: 1 where there is a token, 0 in padding.  blank, end: their ids.
    Batch i is a function of (seed, i).
    """

    def __init__(self, documents, context, size, *, blank, end, seed=0):
        self.documents = [ids for ids in documents if len(ids) >= 2]
        if len(self.documents) < 2:
            raise ValueError(f"Pairs needs two documents of two tokens at least; got {len(self.documents)}.")
        self.context, self.size, self.blank, self.end, self.seed = context, size, blank, end, seed

    def at(self, i):
        lots, N = generator("pairs", self.seed, i), len(self.documents)
        first = torch.randint(N, (self.size,), generator=lots)
        follows = torch.rand(self.size, generator=lots) < 0.5                               # (B,)
        other = (first + torch.randint(1, N, (self.size,), generator=lots)) % N             # never the same document
        second = torch.where(follows, first, other)
        x = torch.full((self.size, self.context), self.end)                                 # (B, T)
        real = torch.zeros_like(x)
        for row, (a, b) in enumerate(zip(first.tolist(), second.tolist())):
            a, b = self.documents[a], self.documents[b]
            ids = [self.end, *a[:len(a) // 2], self.end, *b[len(b) // 2:]][:self.context]
            x[row, :len(ids)], real[row, :len(ids)] = torch.tensor(ids), 1
        return *mask(x, self.blank, lots, keep=x == self.end), real, follows


class TwoQuestions(nn.Module):
    """A BERT with a second head, which reads off the first token's features whether the parts follow each other."""

    def __init__(self, body):
        super().__init__()
        self.body, self.head = body, nn.Linear(body.width, 1)

    @property
    def embedding(self):
        return self.body.embedding

    @property
    def unembedding(self):
        return self.body.unembedding


def masked_and_next(model, batch):
    """Surprise at the blanked tokens plus surprise at whether the second part follows, in nats. Logs both, and the accuracy."""
    x, y, real, follows = batch
    features = model.body.features(x, documents=real)                                       # (B, T, C)
    words = F.cross_entropy(F.linear(features, model.body.unembedding).flatten(0, 1), y.flatten(), ignore_index=IGNORED)
    answer = model.head(features[:, 0])[:, 0]                                               # (B,)
    pairs = F.binary_cross_entropy_with_logits(answer, follows.float())
    right = ((answer.detach() > 0) == follows).float().mean()
    return Loss(words + pairs, len(x), logs={"words": words.detach(), "pairs": pairs.detach(), "accuracy": right})
