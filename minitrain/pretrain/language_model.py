"""A model with its tokenizer, as something that can be asked to go on with a text: what a run gives and a file holds."""
import torch

from minitrain.checkpoint import language
from minitrain.generate import generate
from minitrain.tokenizer import Words


class LanguageModel:
    """model: a Transformer.  tokenizer: the one it was trained with.  start: token numbers that a text from nothing begins
    behind.  about: what the file says of it."""

    def __init__(self, model, tokenizer, start=None, about=None):
        self.model, self.tokenizer, self.start, self.about = model, tokenizer, start or [tokenizer.end], about or {}

    def ids(self, prompt):
        """The prompt's token numbers, behind `start` where texts are documents; ValueError for words that have no number."""
        ids = self.tokenizer.encode(prompt)
        if isinstance(self.tokenizer, Words) and self.tokenizer.unknown in ids:
            from minitrain.tokenizer import pieces
            unknown = [piece for piece, i in zip(pieces(prompt), ids) if i == self.tokenizer.unknown]
            raise ValueError(f"The model knows no {', '.join(map(repr, unknown[:5]))}: its {len(self.tokenizer) - 2:,} words are "
                             "those of the text that it was trained on, with capitals, and with the space before them.")
        return ids if ids and self.start != [self.tokenizer.end] else [*self.start, *ids]

    def generate(self, prompt="", tokens=100, *, temperature=0.8, top_k=None, top_p=None, seed=0):
        """The prompt and how the model goes on, up to `tokens` more or the end of the document.  temperature: 0 takes the
        likeliest token each time.  seed: the same seed, the same text."""
        training = self.model.training
        self.model.eval()
        try:
            new = generate(self.model, self.ids(prompt), tokens, temperature=temperature, top_k=top_k, top_p=top_p,
                           generator=torch.Generator().manual_seed(seed), stop=self.tokenizer.end)
        finally:
            self.model.train(training)
        return prompt + self.tokenizer.decode([i for i in new if i != self.tokenizer.end])

    def save(self, path, *, dtype="float32", **about):
        """Everything as one safetensors file."""
        return language.save(path, self.model, self.tokenizer, about={**self.about, "start": self.start, **about}, dtype=dtype)


def load(path):
    """The language model that `save` wrote: `load(path).generate("Once")`."""
    model, tokenizer, about = language.load(path)
    return LanguageModel(model, tokenizer, about.get("start"), about)
