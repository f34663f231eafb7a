"""The village: endless text about made-up people, each document with its exact probability.

>>> from minitrain.sources.village import Village
>>> village = Village(seed=0)
>>> len(village.people), len(village.events)
(80, 104)
"""
from minitrain.sources.village.document import Document
from minitrain.sources.village.source import Village
from minitrain.sources.village.world import Event, Fact, Person, World

__all__ = ["Document", "Event", "Fact", "Person", "Village", "World"]
