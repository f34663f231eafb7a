"""A language model as one file: weights, sizes, tokenizer, and what is known of it. It needs none of the code that trained it.

The file is a checkpoint's (`file.py`): safetensors, whole or absent, its bytes known by their hash.
"""
import torch

from minitrain import tokenizer
from minitrain.checkpoint import file
from minitrain.models.transformer import ACTIVATIONS, Transformer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def save(path, model, tok, *, about=None, dtype="float32"):
    """Write a Transformer with its tokenizer.  about: data of your own.  dtype: of the weights in the file. Returns the path.

    >>> import tempfile
    >>> from minitrain.tokenizer import Characters
    >>> tok = Characters.train("banana")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model, tok, about = load(save(f"{folder}/a.safetensors", Transformer(len(tok), width=32), tok, about={"loss": 1.5}))
    >>> model.width, tok.decode([1, 0]), about
    (32, 'ba', {'loss': 1.5})
    """
    _fits(model, tok, "this model")
    weights = {name: x.to(DTYPES[dtype]) for name, x in model.state_dict().items()}
    return file.write(path, {"language model": sizes(model), "tokenizer": tok.data(), "about": about or {}, "weights": weights})


def load(path):
    """(model, tokenizer, about) as they were saved; the model computes in float32, on the CPU, in evaluation mode."""
    saved = file.read(path)
    if not isinstance(saved, dict) or "language model" not in saved:
        raise ValueError(f"{path} is no language model: it is a checkpoint in the middle of a run. resume=True goes on with it.")
    model = Transformer(**saved["language model"])
    model.load_state_dict({name: x.float() for name, x in saved["weights"].items()})
    tok = tokenizer.made(saved["tokenizer"], path)
    _fits(model, tok, path)
    return model.eval(), tok, saved["about"]


def sizes(model):
    """The arguments that make a Transformer of the same shape."""
    block = model.blocks[0]
    return {"vocabulary": model.vocabulary, "context": model.context, "layers": len(model.blocks), "heads": model.heads,
            "width": model.width, "causal": model.causal, "positions": "rotary" if model.positions is None else "learned",
            "norm": model.norm.kind, "activation": next(name for name, f in ACTIVATIONS.items() if f is block.mlp.activation),
            "tied": model.head is None, "bias": block.mlp.up.bias is not None}


def _fits(model, tok, where):
    if model.vocabulary != len(tok) + (not model.causal):       # a BERT knows the blank, too
        raise ValueError(f"{where} knows {model.vocabulary:,} tokens and the tokenizer {len(tok):,}; a model can only be read "
                         "with the tokenizer that it was trained with.")
