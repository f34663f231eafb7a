"""What a tuned model can do, and what it has forgotten: instructions followed, answers right, and the loss on what it knew.

Everything is counted against a truth: `instructions.judge` for answers, the village's entropy floor for texts.
"""
import torch

from minitrain import losses
from minitrain.sources import instructions
from minitrain.sources import text as texts
from minitrain.tuning import chat

TOKENS = 24                                                 # the longest right answer has 21 with its end mark
HELD_OUT = 10_000_000                                       # the first document and the first instruction that nobody trains on
PROMPTS = ("chat", "as it stands", "question", "examples")


def prompts(tokenizer, asked, how="chat", context=128):
    """The tokens that each answer is drawn behind.

    how: "chat", by the template; for a model that was never tuned, "as it stands" (the instruction begins a document), "question"
    (put as the village puts its questions), or "examples" (the same, behind up to three answered ones of the same style:
    few-shot, Brown et al., 2020).
    """
    if how == "chat":
        return [chat.prompt(tokenizer, one.text, context) for one in asked]
    if how not in PROMPTS:
        raise ValueError(f"prompts knows no {how!r}; it knows {', '.join(PROMPTS)}.")
    found = []
    for one in asked:
        text = f" {one.text}" if how == "as it stands" else f"Question: {one.text}\nAnswer:"
        if how == "examples":
            shown = [other for other in asked if other.style == one.style and other is not one][:3]
            text = "".join(f"Question: {other.text}\nAnswer: {other.answer}\n" for other in shown) + text
        ids = [tokenizer.end, *tokenizer.encode(text)]
        found.append(ids[:1] + ids[1:][-(context - TOKENS):])
    return found


def followed(model, tokenizer, asked, how="chat"):
    """Shares of instructions whose answer has the form asked for, is right, and both; greedily, in batches with a cache.

    asked: a list of `Instruction`.  how: as for `prompts`.  Of a model that goes on, the first line counts as its answer.
    Returns {"followed", "correct", "both", "n"}.
    """
    training = model.training
    model.eval()
    try:
        said = chat.answers(model, tokenizer, prompts(tokenizer, asked, how, model.context), TOKENS, temperature=0)
    finally:
        model.train(training)
    verdicts = [instructions.judge(one, text.strip("\n").split("\n")[0]) for one, text in zip(asked, said)]
    n = len(verdicts)
    return {"followed": sum(v.followed for v in verdicts) / n, "correct": sum(v.correct for v in verdicts) / n,
            "both": sum(v.both for v in verdicts) / n, "n": n}


@torch.no_grad()
def forgotten(model, tokenizer, documents, size=64):
    """Loss on village documents and the floor, in nats a token: {"all" or a kind or "facts": {"loss", "floor", "tokens"}}.

    "facts": the tokens that a fact of the world decides. Where a kind's loss has risen since before tuning, it was forgotten.
    """
    sums = {}
    documents = sorted(documents, key=lambda document: len(document.pieces))
    for first in range(0, len(documents), size):
        some = documents[first:first + size]
        rows = [[tokenizer.end, *tokenizer.encode(document.text), tokenizer.end] for document in some]
        for row in rows:
            if len(row) - 1 > model.context:
                raise ValueError(f"A document has {len(row) - 2} tokens, and the model looks at {model.context} at most.")
        for kind in [*dict.fromkeys(document.kind for document in some), "facts"]:
            marked = [(row, [False, *(document.is_fact if kind == "facts" else [document.kind == kind] * len(document.pieces)),
                             kind != "facts" and document.kind == kind]) for row, document in zip(rows, some)]
            floor = sum(n for (_, counted), document in zip(marked, some) for n, c in zip(document.nats, counted[1:]) if c)
            x, y = chat.padded(marked, tokenizer.end)
            if (y != texts.IGNORED).any():
                out = losses.next_token(model, (x.to(model.embedding.device), y.to(model.embedding.device)))
                for name in (kind, "all")[:1 + (kind != "facts")]:
                    s = sums.setdefault(name, [0, 0.0, 0.0])
                    s[0], s[1], s[2] = s[0] + int(out.n), s[1] + float(out.mean) * int(out.n), s[2] + floor
    return {name: {"loss": loss / n, "floor": floor / n, "tokens": n} for name, (n, loss, floor) in sums.items()}


def table_row(model, tokenizer, parts, village, *, n=500, documents=1_000, how="chat"):
    """All that is told of a model: `followed` for each of the `instructions.Parts`, n each, and `forgotten`."""
    return {**{name: followed(model, tokenizer, part.take(n, first=HELD_OUT), how) for name, part in zip(parts._fields, parts)},
            "village": forgotten(model, tokenizer, village.documents(documents, first=HELD_OUT))}


def table(rows):
    """Rows, {name: what `table_row` gave}, as text: form and content together in percent, and the village's loss above its floor.

    >>> part = {"followed": 1.0, "correct": 0.95, "both": 0.95, "n": 500}
    >>> village = {"all": {"loss": 0.77, "floor": 0.7}, "facts": {"loss": 0.12, "floor": 0.1}}
    >>> print(table({"tuned": {"train": part, "people": part, "village": village}}))
                               train         people      village
                tuned    100/ 95/ 95    100/ 95/ 95      +10.0 %
    form / truth / both, in percent of the answers; the village's loss above its floor
    """
    names = [name for name, found in next(iter(rows.values())).items() if isinstance(found, dict) and name != "village"]
    lines = [" " * 17 + "".join(f"{name:>15}" for name in names) + "      village"]
    for name, row in rows.items():
        shares = ["/".join(f"{100 * row[part][k]:3.0f}" for k in ("followed", "correct", "both")) for part in names]
        gap = row["village"]["all"]["loss"] / row["village"]["all"]["floor"] - 1
        lines.append(f"{name:>17}" + "".join(f"{share:>15}" for share in shares) + f"{100 * gap:>+11.1f} %")
    return "\n".join([*lines, "form / truth / both, in percent of the answers; the village's loss above its floor"])
