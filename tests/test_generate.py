"""Sampling: with a cache as without, from the distribution that was asked for, and nobody else's randomness."""
import itertools
import math

import pytest
import torch

from minitrain.generate import filter_logits, generate, stream
from minitrain.models.rnn import RNN
from minitrain.models.transformer import POSITIONS, Transformer

V = 30


class Plain:
    """A model without its cache; keeps what it was given to read."""

    def __init__(self, model):
        self.model, self.context, self.read = model, model.context, []

    def __call__(self, ids):
        self.read.append(ids)
        return self.model(ids)


def make(context=16, **options):
    """In float64, so that the order of additions decides no draw, and with weights so large that texts do not repeat at once."""
    model = Transformer(V, context, layers=2, heads=2, width=16, tied=False, **options).double()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            if p.ndim > 1:
                p.copy_(0.3 * torch.randn(p.shape, generator=lots(i), dtype=torch.float64))
    return model


def lots(seed=0):
    return torch.Generator().manual_seed(seed)


PROMPTS = {"even": torch.arange(12).reshape(3, 4).tolist(), "ragged": [[1], [2, 3, 4, 5], [6, 7], [8, 9, 1, 2]],
           "long": [list(range(20)), [3], list(range(16)), list(range(17))], "one": [[5, 6, 7]]}


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 0.8}, {"top_k": 5, "top_p": 0.9}, {"stop": 20}])
@pytest.mark.parametrize("prompts", PROMPTS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_the_cache_changes_no_text(positions, prompts, options):
    """Also where the text outgrows the context, in each row at another step, and where rows stop."""
    model = make(positions=positions)
    texts = [generate(one, PROMPTS[prompts], 40, generator=lots(), **options) for one in (model, Plain(model))]
    assert texts[0] == texts[1]
    assert "stop" in options or [len(text) for text in texts[0]] == [40] * len(PROMPTS[prompts])
    assert "stop" in options or min(len(set(text)) for text in texts[0]) > (1 if "temperature" in options else 8)


def test_a_row_is_what_it_is_alone():
    model = make(positions="rotary")
    for prompts in PROMPTS.values():
        together = generate(model, prompts, 30, temperature=0)
        assert together == [generate(model, prompt, 30, temperature=0) for prompt in prompts]


def test_greedy_takes_the_likeliest_by_hand():
    model, text = make(), [4, 2]
    with torch.no_grad():
        for _ in range(14):
            text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    for options in ({"temperature": 0}, {"top_k": 1, "generator": lots()}, {"temperature": 1e-6, "generator": lots()},
                    {"top_p": 1e-9, "generator": lots()}):
        assert generate(model, [4, 2], 14, **options) == text[2:]


@pytest.mark.parametrize("context", [1, 2, 5, 8])
def test_what_is_read_is_the_end_of_the_text(context):
    """Never more than the context; and behind a jump still more than half of it."""
    plain, prompt = Plain(make(context)), [1, 2, 3]
    text = prompt + generate(plain, prompt, 30, generator=lots())
    for n, ids in enumerate(plain.read, start=3):
        assert ids[0].tolist() == text[n - ids.shape[1]:n]
        assert ids.shape[1] == n if n <= context else context / 2 < ids.shape[1] <= context or context == 1
    jumps = [b.shape[1] - a.shape[1] != 1 for a, b in itertools.pairwise(plain.read)]
    assert sum(jumps) <= 30 / (context / 2) + 1


# Drawing


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 4}, {"top_p": 0.7},
                                     {"temperature": 1.5, "top_k": 6, "top_p": 0.8}])
def test_tokens_come_as_often_as_they_should(options):
    """20,000 draws: every frequency within four and a half standard errors, what is shut out never."""
    logits = 2 * torch.randn(8, generator=lots(5))
    n = 20_000
    drawn = generate(lambda ids: logits.expand(*ids.shape, 8), [[0]] * n, 1, generator=lots(), **options)
    shares = torch.tensor(drawn).flatten().bincount(minlength=8) / n
    wanted = by_definition(logits, **options)
    assert (shares[wanted == 0] == 0).all() and (wanted == 0).any() == (options.keys() != {"temperature"} and bool(options))
    assert ((shares - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / n).sqrt()).all()


def by_definition(logits, temperature=1.0, top_k=None, top_p=None):
    """The probabilities of one row, token by token, likeliest first."""
    weights = [math.exp(x / temperature) for x in logits.tolist()]
    ranked = sorted(range(len(weights)), key=lambda i: (-weights[i], i))[:top_k]
    total, kept = sum(weights[i] for i in ranked), []
    for i in ranked:
        if top_p is None or sum(weights[j] for j in kept) / total < top_p:
            kept.append(i)
    return torch.tensor([weights[i] * (i in kept) / sum(weights[j] for j in kept) for i in range(len(weights))])


@pytest.mark.parametrize("temperature,top_k,top_p", list(itertools.product([1.0, 0.7], [None, 1, 3, 100], [None, 0.3, 0.9, 1.0])))
def test_the_filter_is_its_definition(temperature, top_k, top_p):
    logits = 2 * torch.randn(5, 4, 9, generator=lots(), dtype=torch.float64)
    logits[0, 0] = 0.0                                          # all alike: those with smaller numbers stay
    before, options = logits.clone(), {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = filter_logits(logits, **options).softmax(-1)
    wanted = torch.stack([by_definition(row, **options).double() for row in logits.flatten(0, 1)]).view(5, 4, 9)
    assert torch.allclose(found, wanted, atol=1e-6) and torch.equal(found == 0, wanted == 0)
    assert torch.equal(logits, before)


def test_the_generator_is_its_owners():
    model, own, state = make(), lots(1), torch.random.get_rng_state()
    first, second = generate(model, [1], 20, generator=own), generate(model, [1], 20, generator=own)
    assert first != second and first == generate(model, [1], 20, generator=lots(1))
    assert torch.equal(torch.random.get_rng_state(), state)


# Stopping, and the forms of a prompt


def where_rows_differ(texts):
    """The token that the rows have at the most different places first."""
    return max(range(V), key=lambda token: len({text.index(token) for text in texts if token in text}))


def test_a_stop_token_ends_its_row_and_no_other():
    model = make()
    free = generate(model, PROMPTS["ragged"], 40, generator=lots())
    stop = where_rows_differ(free)
    stopped = generate(model, PROMPTS["ragged"], 40, generator=lots(), stop=stop)
    assert stopped == [text[:text.index(stop) + 1] if stop in text else text for text in free]
    assert len({len(text) for text in stopped}) > 2


def test_step_by_step():
    model = make()
    stop = where_rows_differ(generate(model, PROMPTS["ragged"], 40, generator=lots()))
    steps = list(stream(model, PROMPTS["ragged"], 40, generator=lots(), stop=stop))
    texts = [[token for token in row if token is not None] for row in zip(*steps)]
    assert texts == generate(model, PROMPTS["ragged"], 40, generator=lots(), stop=stop) and len(set(map(len, texts))) > 1
    assert all(None not in row[:len(text)] for row, text in zip(zip(*steps), texts))
    assert all(any(token is not None for token in step) for step in steps)


def test_one_prompt_gives_one_text_and_many_give_many():
    model = make()
    wanted = generate(model, [1, 2], 5, temperature=0)
    assert len(wanted) == 5 and generate(model, [[1, 2]], 5, temperature=0) == [wanted]
    assert generate(model, torch.tensor([1, 2]), 5, temperature=0) == wanted
    assert generate(model, torch.tensor([[1, 2]] * 2), 5, temperature=0) == [wanted] * 2
    assert generate(model, [torch.tensor([1, 2])], 5, temperature=0) == [wanted]
    assert generate(model, [], 5, temperature=0) == [] and generate(model, [1, 2], 0, temperature=0) == []
    assert all(p.grad is None for p in model.parameters())


def test_a_model_without_a_cache_is_read_anew():
    """One that is no transformer, and one that is, but says that it keeps none."""
    recurrent, model = RNN(V, 8), make()
    text = generate(recurrent, [[1, 2], [3]], 10, temperature=0)
    assert text == [generate(lambda ids: recurrent(ids), prompt, 10, temperature=0) for prompt in ([1, 2], [3])]
    wanted, caches = generate(model, PROMPTS["long"], 10, temperature=0), []
    model.register_forward_pre_hook(lambda model, args, options: caches.append(options.get("cache")), with_kwargs=True)
    model.caches = False
    assert generate(model, PROMPTS["long"], 10, temperature=0) == wanted and caches == [None] * 10


def test_bad_input_gets_one_sentence():
    model, nan = make(), make()
    nan.embedding.data[3] = math.nan
    for prompt, options, error, message in [
            ([], {"prompts": [[1], []]}, ValueError, "A prompt is empty; .* end-of-document token"),
            ([1], {}, ValueError, "Drawing needs a generator"),
            ([1], {"temperature": -1.0}, ValueError, "temperature is -1.0; it is 0"),
            ([1], {"temperature": math.nan}, ValueError, "temperature is nan"),
            ([1], {"top_k": 0, "generator": lots()}, ValueError, "top_k is 0; it is how many tokens stay"),
            ([1], {"top_p": 0.0, "generator": lots()}, ValueError, "top_p is 0.0; it is the share"),
            ([1], {"top_p": 90, "generator": lots()}, ValueError, "top_p is 90"),
            ([V], {"temperature": 0}, ValueError, f"knows {V}, numbered from 0; got {V} to {V}")]:
        with pytest.raises(error, match=message):
            generate(model, options.pop("prompts", prompt), 3, **options)
    with pytest.raises(FloatingPointError, match="logits are not numbers"):
        generate(nan, [3, 1], 3, temperature=0)
    with pytest.raises(ValueError, match="must be above 0; got 0"):
        filter_logits(torch.zeros(3), temperature=0)
