"""What a lesson uses to face its reader: predictions, claims, exercises, figures. Only notebooks and tests import it."""

from minitrain.teach.claims import claim
from minitrain.teach.exercises import check, hint, solution
from minitrain.teach.predictions import ask, reveal

__all__ = ["ask", "check", "claim", "figure", "hint", "reveal", "solution"]


def __getattr__(name):
    if name == "figure":        # on first use, because matplotlib takes longer to import than all the rest
        from minitrain.teach.figures import figure
        return figure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
