"""What a language model pays for each token of a document, and how that compares with the least that any model can pay.

The average over all tokens flatters: most tokens are grammar. So the tokens that tell a fact of the world are counted apart.
"""
import torch
from torch.nn import functional as F


@torch.no_grad()
def nats(model, tokenizer, documents, batch=64):
    """-log p of each token of each document and of its end mark: a list of floats a document, len(ids) + 1 of them.

    documents: texts, or anything that has one in .text.  model: causal, pre-trained on documents, so that a text begins behind
    an end mark. A document longer than the context is read in parts, as it was in training.

    >>> from minitrain.models.transformer import Transformer
    >>> from minitrain.tokenizer import Characters
    >>> tok = Characters.train("banana")
    >>> [len(row) for row in nats(Transformer(len(tok), context=8), tok, ["ban", ""])]
    [4, 1]
    """
    T, device = model.context, model.embedding.device
    parts = []                                                          # (document, x, y), no longer than the context
    for d, document in enumerate(documents):
        ids = tokenizer.encode(getattr(document, "text", document))
        x, y = [tokenizer.end, *ids], [*ids, tokenizer.end]
        parts += [(d, x[a:a + T], y[a:a + T]) for a in range(0, len(x), T)]
    order = sorted(range(len(parts)), key=lambda i: len(parts[i][1]))   # equals side by side: little padding
    found = [None] * len(parts)
    for i in range(0, len(order), batch):
        some = order[i:i + batch]
        longest = len(parts[some[-1]][1])
        x, y = (torch.tensor([parts[j][k] + [tokenizer.end] * (longest - len(parts[j][k])) for j in some], device=device)
                for k in (1, 2))                                        # (B, T); what is behind a document changes nothing in it
        cost = F.cross_entropy(model(x).flatten(0, 1).float(), y.flatten(), reduction="none").view_as(y)
        for j, row in zip(some, cost.tolist()):
            found[j] = row[:len(parts[j][1])]
    rows = [[] for _ in documents]
    for (d, _, _), row in zip(parts, found):
        rows[d] += row
    return rows


def against_the_floor(model, tokenizer, documents):
    """Loss and floor of village documents in nats a token, for all tokens and apart for those that tell a fact and the rest.

    Returns {"all": …, "facts": …, "grammar": …}, each {"tokens", "loss", "floor", "gap"}; gap is (loss - floor) / floor.
    tokenizer: of words, one token a piece, as the floor is counted.
    """
    costs = nats(model, tokenizer, documents)
    sums = {name: [0, 0.0, 0.0] for name in ("all", "facts", "grammar")}
    for document, cost in zip(documents, costs):
        if len(cost) != len(document.nats):
            raise ValueError(f"The floor is counted in words, {len(document.nats)} for a document that this tokenizer makes into "
                             f"{len(cost)} tokens. Train with tokenizer=\"words\".")
        for paid, least, fact in zip(cost, document.nats, [*document.is_fact, False]):
            for name in ("all", "facts" if fact else "grammar"):
                s = sums[name]
                s[0], s[1], s[2] = s[0] + 1, s[1] + paid, s[2] + least
    return {name: {"tokens": n, "loss": paid / n, "floor": least / n, "gap": (paid - least) / least if least else 0.0}
            for name, (n, paid, least) in sums.items() if n}
