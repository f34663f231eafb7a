"""A model with its tokenizer, as something that can be given a text: what a run is, and what a file holds."""
import torch

from minitrain.checkpoint import language
from minitrain.generate import generate
from minitrain.tokenizer import Words, pieces

BLANK = "___"


class LanguageModel:
    """model: a Transformer.  tokenizer: the one that it was trained with.  start: token numbers that a text from nothing begins
    behind.  about: what its file says of it."""

    def __init__(self, model, tokenizer, start=None, about=None):
        self.model, self.tokenizer, self.start, self.about = model, tokenizer, start or [tokenizer.end], about or {}

    def ids(self, text):
        """The token numbers of a text; ValueError, in one sentence, for what the model has never met."""
        tok, ids = self.tokenizer, self.tokenizer.encode(text)
        if isinstance(tok, Words) and tok.unknown in ids:
            unknown = [piece for piece, i in zip(pieces(text), ids) if i == tok.unknown]
            raise ValueError(f"The model knows no {', '.join(map(repr, unknown[:5]))}: its {len(tok) - 2:,} words are those of "
                             "the text that it was trained on, each with the space before it and its capital.")
        return ids

    def generate(self, prompt="", tokens=100, *, temperature=0.8, top_k=None, top_p=None, seed=0):
        """The prompt and how the model goes on: up to `tokens` tokens more, or to the document's end.

        temperature: below 1 likelier texts, above 1 stranger ones; 0 takes the likeliest token each time.  seed: same seed, same
        text. Where it was trained on documents, the prompt is the beginning of one; an empty one leaves all to the model.
        """
        if not self.model.causal:
            raise ValueError(f"This model was trained to fill in blanks, from both sides, and can not go on with a text. "
                             f"fill(\"Where is{BLANK}?\") asks it.")
        ids = self.ids(prompt)
        if not ids or self.start == [self.tokenizer.end]:
            ids = [*self.start, *ids]
        training = self.model.training
        self.model.eval()
        try:
            new = generate(self.model, ids, tokens, temperature=temperature, top_k=top_k, top_p=top_p,
                           generator=torch.Generator().manual_seed(seed), stop=self.tokenizer.end)
        finally:
            self.model.train(training)
        return prompt + self.tokenizer.decode(new[:-1] if new[-1:] == [self.tokenizer.end] else new)

    @torch.no_grad()
    def fill(self, text, top=5):
        """For each "___" in the text, the likeliest tokens: a list of [(token, probability), …]. Of a masked model (BERT)."""
        if self.model.causal:
            raise ValueError("This model was trained to go on with a text, and sees nothing behind a blank: generate(prompt) "
                             "asks it.")
        parts = text.split(BLANK)
        if len(parts) < 2:
            raise ValueError(f"There is no blank in {text[:40]!r}; {BLANK} makes one, in the place of a word and the space "
                             "before it.")
        ids = [self.tokenizer.end]
        for i, part in enumerate(parts):
            ids += ([len(self.tokenizer)] if i else []) + self.ids(part)
        blanks = [i for i, token in enumerate(ids) if token == len(self.tokenizer)]
        device = self.model.embedding.device
        shares = self.model(torch.tensor([ids], device=device))[0, blanks, :-1].softmax(-1)             # (blanks, V)
        likeliest = shares.topk(min(top, shares.shape[1]))
        return [[(self.tokenizer.decode([i]), p) for i, p in zip(row, values)]
                for row, values in zip(likeliest.indices.tolist(), likeliest.values.tolist())]

    def save(self, path, *, dtype="float32", **about):
        """Everything as one safetensors file, which needs none of the training code.  dtype: of the weights in it."""
        return language.save(path, self.model, self.tokenizer, about={**self.about, "start": self.start, **about}, dtype=dtype)


def load(path):
    """The language model that `save` wrote: `load("village.safetensors").generate()`."""
    model, tokenizer, about = language.load(path)
    return LanguageModel(model, tokenizer, about.get("start"), about)
