"""`python -m minitrain.pretrain --text FILE --minutes 1 --out DIR [--resume]`; under torchrun the same."""
import argparse
import sys

from minitrain import distributed
from minitrain.device import use_threads
from minitrain.pretrain import pretrain


def main(arguments=None):
    """Returns the exit code: 0 when trained, 130 when stopped by Ctrl-C, 1 with one sentence when it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.pretrain", description="Train a small language model on a text.")
    parser.add_argument("--text", required=True, help="a text file, or a folder of them")
    parser.add_argument("--minutes", type=float, default=1, help="how long it may take (default: 1); sets size, batch and rate")
    parser.add_argument("--out", required=True, help="folder for checkpoints, the tokenizer and the model")
    parser.add_argument("--resume", action="store_true", help="go on with what is in the folder, or start if it is empty")
    parser.add_argument("--steps", type=int, help="so many updates instead of as many as fit into the minutes")
    parser.add_argument("--tokenizer", choices=("characters", "words", "bpe"), help="default: bpe, byte pairs")
    parser.add_argument("--seed", type=int, default=0)
    given = vars(parser.parse_args(arguments))
    use_threads()
    try:
        run = pretrain(given.pop("text"), **given)
    except (OSError, ValueError, TypeError, FloatingPointError) as error:
        print(error if isinstance(error, FloatingPointError | ValueError) else error.strerror or error, file=sys.stderr)
        return 1
    if not run.done:
        return 130
    if run.first:
        print(f"Held-out loss: {run.held_out_loss():.3f} nats a token. It writes:\n{run.generate('', 100)}")
    return 0


if __name__ == "__main__":
    try:
        code = main()
    finally:
        distributed.leave()
    sys.exit(code)
