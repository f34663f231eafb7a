"""What the commands of this room begin with: a model's file and the village that its texts are from."""
import sys

from minitrain.checkpoint import language
from minitrain.sources.village import Village

VILLAGE = {"seed": 0, "habit": 3}                           # of a model whose file does not say it


def start(path):
    """(model, tokenizer, village, about) of a model's file, "village" in about filled in. SystemExit, in one sentence, where the
    file is away or holds something else: a command ends with it."""
    try:
        model, tokenizer, about = language.load(path)
    except (OSError, ValueError) as error:
        sys.exit(str(getattr(error, "strerror", None) or error))
    about = {"village": VILLAGE, **about}
    return model, tokenizer, Village(**about["village"]), about
