"""minitrain: one loop trains everything.

Two names are public here; everything else is imported from its room (`minitrain.optim`, `minitrain.sources.doodles`, …).
"""
from minitrain.trainer import Loss, Trainer

__all__ = ["Loss", "Trainer"]
