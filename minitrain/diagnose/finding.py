"""What a test hands over: a cause, a sentence with what was measured, and how likely it is the cause."""
from dataclasses import dataclass

PROVED, MEASURED, CONTRASTED, SYMPTOM = 0.99, 0.9, 0.7, 0.3


@dataclass(frozen=True)
class Finding:
    """cause: in a few words.  says: one sentence with what was measured, and what to do.

    likelihood, that it is the cause and not a consequence, is a judgement, the same for every finding of a kind: 0.99 where a
    rule was broken that holds exactly, 0.9 where data or units are far from what they should be, 0.7 where another learning
    rate does what this one does not, 0.3 for what many causes have in common.
    """
    cause: str
    says: str
    likelihood: float

    def __str__(self):
        return self.says
