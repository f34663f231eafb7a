"""From a model that goes on with texts to an assistant that answers: chat template, instruction tuning, LoRA, and preferences.

Everything here trains under the one `Trainer`: sources that have `at(i)`, losses that return `Loss`.
"""
