"""Puzzles: every answer against a second way to find it, one text at a time in plain Python; and what each batch depends on."""
from itertools import pairwise

import pytest
import torch

from minitrain.sources import puzzles
from minitrain.sources.puzzles import IGNORED, Brackets, Cookbook, Copy, Lamp, Lines, Recall, ago

TEXTS = {"copy": lambda **how: Copy(half=5, **how), "copy, every word": lambda **how: Copy(half=5, every=True, **how),
         "cook book": lambda **how: Cookbook(book=3, **how), "recall": lambda **how: Recall(pairs=3, length=21, **how),
         "brackets": lambda **how: Brackets(length=40, depth=3, **how), "lamp": lambda **how: Lamp(**how)}
ALL = TEXTS | {"lines": lambda **how: Lines(lines=7, **how)}


def solve_copy(puzzle, text):
    return [None] * (puzzle.half - 1) + [text[(t + 1) % puzzle.half] for t in range(puzzle.half - 1, len(text))]


def solve_copy_every_word(puzzle, text):
    return [text[(t + 1) % puzzle.half] for t in range(len(text))]


def solve_cook_book(puzzle, text):
    dishes = puzzles.DISHES
    return [None, None] + [dishes[puzzle.book[puzzles.FOODS.index(u), puzzles.FOODS.index(v)]] for u, v in pairwise(text[:-1])]


def solve_recall(puzzle, text):
    """What stood behind this word the last time; a second word of a pair asks for nothing."""
    found = []
    for t, word in enumerate(text):
        earlier = [s for s in range(t) if text[s] == word]
        found.append(text[earlier[-1] + 1] if t % 2 == 0 and earlier else None)
    return found


def solve_brackets(puzzle, text):
    stack, found = [], []
    for t, sign in enumerate(text):
        if sign in "([{":
            stack.append(sign)
        else:
            assert "([{".index(stack.pop()) == ")]}".index(sign)
        assert 0 <= len(stack) <= puzzle.depth
        closes = sign in ")]}" and t + 1 < len(text) and text[t + 1] in ")]}"
        found.append(")]}"["([{".index(stack[-1])] if closes else None)
    return found


def solve_lamp(puzzle, text):
    return ["on" if text[:t + 1].count("press") % 2 else "off" for t in range(len(text))]


@pytest.mark.parametrize("name", TEXTS)
def test_answers(name):
    solve = globals()[f"solve_{name.replace(',', '').replace(' ', '_')}"]
    for seed in range(3):
        puzzle = TEXTS[name](size=8, seed=seed)
        x, y = puzzle.at(seed)
        assert x.shape == y.shape == (8, puzzle.length) and x.dtype == y.dtype == torch.int64
        for ids, asked in zip(x.tolist(), y.tolist()):
            wanted = solve(puzzle, [puzzle.words[i] for i in ids])
            known = slice(None, -1 if name == "brackets" else None)            # whether a last one closes, the text does not say
            assert [None if i == IGNORED else puzzle.words[i] for i in asked][known] == wanted[known]


def test_answers_of_lines():
    (lists, asked), jobs = Lines(lines=7, size=50, seed=1).at(0)
    assert lists.shape == (50, 7, 2) and asked.shape == jobs.shape == (50,)
    for rows, name, job in zip(lists.tolist(), asked.tolist(), jobs.tolist()):
        assert dict(rows)[name] == job and len({n for n, _ in rows}) == len({j for _, j in rows}) == 7


@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_a_function_of_seed_and_number(name):
    def flat(batch): return torch.cat([part.flatten() for part in (*batch[0], batch[1]) if isinstance(part, torch.Tensor)])
    puzzle, same, other = (ALL[name](seed=seed) for seed in (1, 1, 2))
    puzzle.at(7)
    assert torch.equal(flat(puzzle.at(3)), flat(same.at(3)))
    assert not torch.equal(flat(puzzle.at(3)), flat(puzzle.at(4))) and not torch.equal(flat(puzzle.at(3)), flat(other.at(3)))
    with pytest.raises(IndexError, match="batch number -1"):
        puzzle.at(-1)


def test_what_can_not_be_known_by_counting():
    """In a text of recall, each of its pairs is as likely as the others; over texts, a word goes with every other one."""
    puzzle = Recall(pairs=4, length=40, size=400)
    x, y = puzzle.at(0)
    assert {len(set(row)) for row in x.tolist()} <= {6, 8}                      # eight words, or one pair never came
    with_bell = {b for row in x.tolist() for a, b in zip(row[::2], row[1::2]) if a == 0}
    assert len(with_bell) > 25
    assert abs((y != IGNORED)[:, -2].float().mean() - (1 - (3 / 4) ** 19)) < 0.03     # asked where the pair has come before


def test_shares():
    x, _ = Brackets(length=32, size=400).at(0)
    closes = (x >= 3).float().mean(0)
    assert closes[0] == 0 and abs(closes[1] - 0.5) < 0.1 and abs(closes[-8:].mean() - 0.5) < 0.05
    both = (x[:, :-1] < 3) & (x[:, 1:] < 3)
    assert abs((x[:, :-1] == x[:, 1:])[both].float().mean() - 1 / 3) < 0.03     # one inside the other: kinds by lot
    (_, _), jobs = Lines(size=4000).at(0)
    assert (jobs.bincount(minlength=20) / 4000 - 0.05).abs().max() < 0.02
    assert abs(Lamp(size=400).at(0)[1].float().mean() - 2.5) < 0.05


def test_the_cook_book_is_the_same_in_every_batch_and_another_for_another_number():
    assert torch.equal(Cookbook(book=1, seed=5).book, Cookbook(book=1, seed=6).book)
    assert not torch.equal(Cookbook(book=1).book, Cookbook(book=2).book)


def test_ago_finds_the_last_time():
    x, _ = Recall(size=4).at(0)
    for row, found in zip(x.tolist(), ago(x).tolist()):
        for t, word in enumerate(row):
            earlier = [s for s in range(t) if row[s] == word]
            assert found[t] == (t - earlier[-1] if earlier else 0)


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Lines(lines=21), "1 to 20 lines, a person each; got lines=21"), (lambda: Copy(words=33), "words=33; it has 1 to 32"),
    (lambda: Recall(pairs=17), "17 pairs from 32 words; 1 to 16"), (lambda: Lamp(length=0), "length=0"),
    (lambda: Cookbook(size=0), "size=0"), (lambda: Brackets(depth=0), "depth=0")])
def test_what_can_not_be_made(make, says):
    with pytest.raises(ValueError, match=says):
        make()
