"""The chat template: a dialogue as tokens, and which of them the model is asked to learn.

    <end><user>: Where does Tilda live?
    <assistant>: Tilda lives in Gull Alley.<end><user>: And Hugo?
    <assistant>: …

The end mark stands before every question, as it stood before every document in pre-training, and behind every answer, so that
the model learns to stop. The loss counts answers and their end marks alone. Role marks are tokens that no text encodes to: who
writes "<assistant>" into a question writes words, which the tokenizer may not have. Colons and line ends are those of the
questions and answers that the village model has read: begun from the rows of "Question" and "Answer", the marks are understood
before any tuning. It refuses to know where dialogues come from.
"""
import torch

from minitrain.checkpoint import language
from minitrain.generate import generate
from minitrain.losses import IGNORED
from minitrain.models.transformer import Transformer
from minitrain.tokenizer import Words, pieces

USER, ASSISTANT = "<user>", "<assistant>"
MARKS = {USER: ["Question"], ASSISTANT: ["Answer"]}         # and what they are like, where these words are known
BEHIND = {USER: "\n", ASSISTANT: ""}                        # what closes a turn; an answer, the end mark


def grow(model, tokenizer, words=None, special=MARKS):
    """A model and a tokenizer that know more tokens than those given: (model, tokenizer). What is given stays as it is.

    words: {new word: known words that it is like, or None for all}.  special: the same, of marks that no text encodes
    to. Rows of known tokens are found by name, since every number behind the first new one moves. A new row, of the embedding
    and of the head, is the mean of those it is like: with zeros or random numbers the new logits could be the largest of all,
    while a mean of all can give no new token more probability than the known ones have on average (Hewitt, "Initializing New
    Word Embeddings for Pretrained Language Models", 2021). Words that are there already stay what they are.

    >>> tok = Words.train("the goat ate the hat")
    >>> gpt, known = grow(Transformer(len(tok), width=32), tok, words={" cow": [" goat", " hat"]})
    >>> known.vocabulary
    [' ate', ' goat', ' hat', ' the', 'the', ':', '\\n', ' cow', '<user>', '<assistant>', '<unk>', '<end>']
    """
    if not isinstance(tokenizer, Words):
        raise TypeError(f"grow needs a tokenizer of words; got {tokenizer!r}, {getattr(tokenizer, 'kind', 'of another kind')}.")
    words = {word: like for word, like in ({":": None, "\n": None} | (words or {})).items() if word not in tokenizer._ids}
    if wrong := [word for word in words if pieces(word) != [word]]:
        raise ValueError(f"grow got the word {wrong[0]!r}, which a text is never cut into: it is {pieces(wrong[0])}.")
    marks = {mark: like for mark, like in special.items() if mark not in tokenizer.special}
    grown = Words([*tokenizer._ids, *words], [*tokenizer.special, *marks])
    ids = {word: i for i, word in enumerate(tokenizer.vocabulary)}
    known = [i for i, word in enumerate(grown.vocabulary) if word in ids]
    bigger = Transformer(**language.sizes(model) | {"vocabulary": len(grown)})
    state = model.state_dict()
    for table in ("embedding", "head"):
        if table in state:
            old = state[table]                                  # (V, C)
            new = old.new_empty(len(grown), old.shape[1])       # (V + words + marks, C)
            new[known] = old                                   # they keep their order
            for i, word in enumerate(grown.vocabulary):
                if word not in ids:
                    like = [ids[other] for other in (words | marks)[word] or () if other in ids]
                    new[i] = old[like or slice(None)].mean(0)
            state[table] = new
    bigger.load_state_dict(state)
    return bigger.to(model.embedding.device).train(model.training), grown


def encode(tokenizer, dialogue, context=None):
    """The tokens of a dialogue, and which are learned: (ids, asked), lists of numbers and of booleans of the same length.

    dialogue: (question, answer), or of several turns (question, answer, question, answer, …).  context: the most tokens the
    model can look at. ValueError, in one sentence, for an empty question or answer, a word that the tokenizer does not have, and
    what is longer than the context.

    >>> tok = Words([":", "\\n", " Where", " is", " the", " goat", "?", " Here", "."], special=(USER, ASSISTANT))
    >>> ids, asked = encode(tok, ("Where is the goat?", "Here."))
    >>> tok.decode(ids)
    '<end><user>: Where is the goat?\\n<assistant>: Here.<end>'
    >>> [tok.decode([i]) for i, learned in zip(ids, asked) if learned]
    [' Here', '.', '<end>']
    """
    if isinstance(dialogue, str) or len(dialogue) < 2 or len(dialogue) % 2:
        raise ValueError(f"A dialogue is (question, answer), or (question, answer, question, answer, …); got {dialogue!r}.")
    ids, asked = [], []
    for question, answer in zip(dialogue[::2], dialogue[1::2]):
        asks, says = _turn(tokenizer, USER, question), _turn(tokenizer, ASSISTANT, answer)
        asked += [bool(ids), *[False] * (len(asks) + 2), *[True] * (len(says) - 2)]     # this end mark closes the last answer
        ids += [tokenizer.end, *asks, *says]
    _fits(len(ids), context, "The dialogue")                    # its last end mark is never looked at
    return [*ids, tokenizer.end], [*asked, True]


def prompt(tokenizer, dialogue, context=None):
    """The tokens that an answer is drawn behind.  dialogue: a question, or (question, answer, …, question).

    >>> tok = Words([":", "\\n", " Hello"], special=(USER, ASSISTANT))
    >>> tok.decode(prompt(tok, "Hello"))
    '<end><user>: Hello\\n<assistant>:'
    """
    turns = (dialogue,) if isinstance(dialogue, str) else tuple(dialogue)
    if len(turns) % 2 == 0:
        raise ValueError(f"A prompt ends with a question: text, or (question, answer, …, question); got {len(turns)} turns.")
    before = encode(tokenizer, turns[:-1])[0] if turns[:-1] else [tokenizer.end]
    ids = [*before, *_turn(tokenizer, USER, turns[-1]), tokenizer.special[ASSISTANT], *tokenizer.encode(":")]
    _fits(len(ids), context, "The prompt")
    return ids


def batch(tokenizer, dialogues, context=None, everything=False):
    """Dialogues as a batch for `losses.next_token`: x, y (B, T) int64, filled up on the right.

    y is -100 wherever no answer is asked for; everything=True asks for the questions, too. What stands behind a dialogue's end
    changes nothing before it, in a causal model.
    """
    return padded([encode(tokenizer, dialogue, context) for dialogue in dialogues], tokenizer.end, everything)


def padded(rows, end, everything=False):
    """(ids, asked) of each row, as `encode` gives them, to x, y (B, T), T the longest less one.

    >>> padded([([7, 1, 2], [False, False, True]), ([7, 3], [False, True])], end=7)
    (tensor([[7, 1],
            [7, 7]]), tensor([[-100,    2],
            [   3, -100]]))
    """
    T = max(len(ids) for ids, _ in rows) - 1
    x = torch.full((len(rows), T), end)
    y = torch.full((len(rows), T), IGNORED)
    for row, (ids, asked) in enumerate(rows):
        n = len(ids) - 1
        x[row, :n] = torch.tensor(ids[:-1])
        y[row, :n] = torch.tensor([i if everything or learned else IGNORED for i, learned in zip(ids[1:], asked[1:])])
    return x, y


def reply(model, tokenizer, dialogues, tokens=40, *, temperature=0.0, generator=None, size=256, **how):
    """What the model answers: one text for one dialogue (or question), a list for a list of them.

    tokens: the most that an answer has.  temperature, generator, how: as for `generate`; 0 takes the likeliest token each time.
    size: how many are answered side by side.
    """
    one = isinstance(dialogues, str | tuple)
    prompts = [prompt(tokenizer, dialogue, model.context) for dialogue in ([dialogues] if one else dialogues)]
    training = model.training
    model.eval()
    try:
        found = answers(model, tokenizer, prompts, tokens, temperature=temperature, generator=generator, size=size, **how)
    finally:
        model.train(training)
    return found[0] if one else found


def answers(model, tokenizer, prompts, tokens, *, size=256, **how):
    """The texts drawn behind prompts (lists of ids), prompts of like lengths side by side; without end mark and first space."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts = [None] * len(prompts)
    for start in range(0, len(order), size):
        some = order[start:start + size]
        for i, ids in zip(some, generate(model, [prompts[i] for i in some], tokens, stop=tokenizer.end, **how)):
            texts[i] = tokenizer.decode(ids[:-1] if ids[-1:] == [tokenizer.end] else ids).removeprefix(" ")
    return texts


def _turn(tokenizer, role, text):
    """The role's mark and the text behind a space, since most words of a vocabulary have theirs before them."""
    if role not in getattr(tokenizer, "special", ()):
        raise ValueError(f"The tokenizer has no {role}; chat.grow(model, tokenizer) gives it the marks of a dialogue.")
    if not text.strip():
        raise ValueError(f"The {'question' if role == USER else 'answer'} is empty; a dialogue needs words on both sides.")
    ids = tokenizer.encode(" " + text.lstrip(" "))
    if tokenizer.unknown in ids:
        unknown = [piece for piece, i in zip(pieces(" " + text.lstrip(" ")), ids) if i == tokenizer.unknown]
        raise ValueError(f"The model knows no {', '.join(map(repr, unknown[:5]))}: its words are those of the text that it was "
                         "trained on, each with the space before it and its capital.")
    return [tokenizer.special[role], *tokenizer.encode(":"), *ids, *tokenizer.encode(BEHIND[role])]


def _fits(n, context, what):
    if context is not None and n > context:
        raise ValueError(f"{what} has {n} tokens, and the model looks at {context} at most: ask in fewer words, or leave out "
                         "earlier turns.")
