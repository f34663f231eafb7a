"""A quality filter as web-scale pipelines use them: cheap rules about the shape of a text, none about what it says.

After the rules of Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", 2021, table A1, with
thresholds as arguments, because they decide whose texts are thrown away.
"""
from collections import Counter

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}       # Gopher's eight


def complaints(text, *, words=(50, 100_000), word_length=(3.0, 10.0), symbols=0.1, alphabetic=0.8, stop_words=2,
               repeated_lines=0.3):
    """What is wrong with the shape of a text: a list of rule names, empty if nothing is.

    words, word_length: least and most.  symbols: most "#" and "..." a word.  alphabetic: least share of words with a letter.
    stop_words: least number of different ones of `STOP_WORDS`.  repeated_lines: most share of lines that stood there before.

    >>> complaints("the goat and the hat " * 12)
    []
    >>> complaints("lol ok\\nlol ok\\nlol ok")
    ['words', 'word_length', 'stop_words', 'repeated_lines']
    """
    found, tokens = [], text.split()
    n = max(1, len(tokens))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not words[0] <= len(tokens) <= words[1]:
        found.append("words")
    if not word_length[0] <= sum(map(len, tokens)) / n <= word_length[1]:
        found.append("word_length")
    if (text.count("#") + text.count("...") + text.count("…")) / n > symbols:
        found.append("symbols")
    if sum(any(c.isalpha() for c in token) for token in tokens) / n < alphabetic:
        found.append("alphabetic")
    if len(STOP_WORDS & {token.lower().strip(".,:;!?\"'()") for token in tokens}) < stop_words:
        found.append("stop_words")
    if lines and 1 - len(Counter(lines)) / len(lines) > repeated_lines:
        found.append("repeated_lines")
    return found
