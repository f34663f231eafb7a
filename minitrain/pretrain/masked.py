"""BERT beside GPT: guess the words that were blanked out, from both sides; then, with few labels, tell documents apart.

Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language understanding", 2019. What differs from GPT is
here: which tokens are asked for. The model is the same without its causal mask, and so are the loss and the loop.
"""
import torch
from torch import nn

from minitrain import Trainer, losses, optim
from minitrain.sources import batches
from minitrain.sources.batching import generator

IGNORED = -100                                              # a target that the losses leave out


def mask(ids, blank, lots, *, share=0.15, keep=()):
    """Blank out a share of the tokens: (x, y), of which y holds the token where one is asked for and -100 elsewhere.

    Of those chosen, 80 % become `blank`, 10 % a random token, 10 % stay: a model that saw blanks alone would have nothing to say
    of a text without any.  ids (B, T).  blank: the id of the blank; tokens count from 0 to blank - 1.  keep: True (B, T) at
    places, or a list of ids, that are never chosen.  lots: a generator.

    >>> x, y = mask(torch.arange(20).view(2, 10), blank=50, lots=torch.Generator().manual_seed(0))
    >>> (y != -100).sum(), bool((torch.where(y != -100, y, x).flatten() == torch.arange(20)).all())
    (tensor(3), True)
    """
    free = ~keep if isinstance(keep, torch.Tensor) else ~torch.isin(ids, torch.tensor([*keep], device=ids.device))
    n = max(1, round(share * int(free.sum())))
    draw = torch.rand(2, *ids.shape, generator=lots).to(ids.device)
    chosen = torch.zeros(ids.numel(), dtype=torch.bool, device=ids.device)
    chosen[draw[0].masked_fill(~free, -1).flatten().topk(n).indices] = True
    chosen = chosen.view_as(ids) & free                                     # (B, T)
    random = torch.randint(blank, ids.shape, generator=lots).to(ids.device)
    x = torch.where(chosen & (draw[1] < 0.8), blank, ids)
    x = torch.where(chosen & (draw[1] >= 0.9), random, x)
    return x, ids.masked_fill(~chosen, IGNORED)


class Masked:
    """Batches of a GPT's source as a BERT's: the same tokens, other questions. Batch i is a function of (seed, i).

    source: gives (x, y) or (x, y, documents); its y is not used.  end: never blanked, as it says no word.
    """

    def __init__(self, source, blank, end, seed=0):
        self.source, self.blank, self.end, self.seed = source, blank, end, seed

    def at(self, i):
        return masked(self.source.at(i), self.blank, self.end, generator("mask", self.seed, i))


def masked(batch, blank, end, lots):
    """(x, y) or (x, y, documents) of a GPT, asked as a BERT is."""
    ids, _, *documents = batch
    keep = ids == end
    if documents:
        keep = keep | (documents[0] < 0)                                    # padding
    return (*mask(ids, blank, lots, keep=keep), *documents)


class Classifier(nn.Module):
    """A pre-trained body with a new head: the mean of a document's features, and one linear layer from it to K classes.

    body: a Transformer, of which all weights are tuned too.  ids (B, T), -1 behind the shorter documents -> logits (B, K).
    """

    def __init__(self, body, classes):
        super().__init__()
        self.body, self.head = body, nn.Linear(body.width, classes)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)    # it knows nothing yet, and pays ln K

    def forward(self, ids):
        real = ids >= 0
        x = self.body.features(ids.clamp(min=0), documents=real.long())     # (B, T, C)
        return self.head((x * real[..., None]).sum(1) / real.sum(1)[:, None])       # (B, K)


def rows(tokenizer, documents, context):
    """Documents as a Classifier reads them: (N, T) int64, the end mark and then the beginning of each, -1 behind it."""
    ids = [[tokenizer.end, *tokenizer.encode(getattr(document, "text", document))][:context] for document in documents]
    longest = max(map(len, ids))
    return torch.tensor([row + [-1] * (longest - len(row)) for row in ids])


def fine_tune(body, x, y, *, classes=None, steps=60, rate=1e-3, size=16, seed=0):
    """Train a `Classifier` on a few labelled documents, body and all; returns it. The body given is changed.

    x (N, T): from `rows`.  y (N,) int64.  A fresh Transformer as the body is training from scratch, to compare.
    """
    model = Classifier(body, classes or int(y.max()) + 1)
    schedule = optim.warmup(max(1, steps // 10), optim.cosine(max(1, steps - steps // 10)))
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate, clip=1.0), schedule=schedule)
    trainer.fit(batches(x, y, size=size, seed=seed), steps)
    return model
