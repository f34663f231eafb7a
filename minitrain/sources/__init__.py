"""Where batches come from. A source is any iterable of batches; one with `at(i)` makes resuming exact."""
from minitrain.sources.batching import batches, split
from minitrain.sources.digits import digits, few_digits

__all__ = ["batches", "digits", "few_digits", "split"]
