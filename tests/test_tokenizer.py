"""Tokenizers lose nothing, byte pairs merge as the textbook does, and a file that is not theirs is refused in one sentence."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minitrain import tokenizer
from minitrain.tokenizer import BPE, PIECES, Characters, Words, load, pieces

ANY = st.text()                                             # all of Unicode but halves of surrogate pairs
HALVES = st.text(st.sampled_from("a \ud83d\udc80\udcff\ud800é"))
FEW = st.text(st.sampled_from("ab  \n.'é"), max_size=60)    # few letters: many pairs stand often, overlap and tie


def textbook(text, merges):
    """Byte pairs as they are explained: look at the whole text, merge the most frequent pair everywhere, look again."""
    sequence = [[*piece.encode()] for piece in PIECES.findall(text)]
    made = []
    while len(made) < merges:
        counts, first = {}, {}
        for i, piece in enumerate(sequence):
            for j in range(len(piece) - 1):
                pair = (piece[j], piece[j + 1])
                counts[pair] = counts.get(pair, 0) + 1
                first.setdefault(pair, (i, j))
        if not counts or max(counts.values()) < 2:
            break
        best = min(counts, key=lambda pair: (-counts[pair], first[pair]))
        made.append(best)
        sequence = [merged(piece, best, 255 + len(made)) for piece in sequence]
    return made, [token for piece in sequence for token in piece]


def merged(piece, pair, new):
    out, j = [], 0
    while j < len(piece):
        if tuple(piece[j:j + 2]) == pair:
            out.append(new)
            j += 2
        else:
            out.append(piece[j])
            j += 1
    return out


# Pieces


@given(st.one_of(ANY, HALVES, FEW))
def test_pieces_joined_are_the_text(text):
    assert "".join(pieces(text)) == text


def test_pieces_are_words_with_the_space_before_them():
    assert pieces("It’s 3  o'clock, says\tAnna-Lena…\n\n (Yes!)") == [
        "It’s", " 3", " ", " o'clock", ",", " says", "\t", "Anna", "-", "Lena", "…", "\n", "\n", " (", "Yes", "!", ")"]


# Byte pairs


@settings(max_examples=300, deadline=None)
@given(FEW, st.integers(0, 40))
@example("aaaa", 5)
@example("aaaaaaaaaaaaaaa aaaa aaa", 9)
@example("abababab babab", 9)
@example("ab cd ab cd ef ef", 9)                            # ties
@example("éèéèé ééé", 9)                                    # halves of letters
@example("a'b c'b 'b", 3)                                   # the last ' and b are two pieces
@example("a\nxy\npq\npq\nb\nc\nd\ne\nxyz", 3)              # a tie, decided by the first of many words
def test_merges_as_the_textbook_does(text, merges):
    if not text:
        return
    wanted, sequence = textbook(text, merges)
    tok = BPE.train(text, 257 + merges)
    assert tok.merges == wanted and len(tok) == 257 + len(wanted)
    assert tok.encode(text) == sequence                     # encoding is what training left behind


WORDS = " the goat| ate| a| hat|.|\n| greatest| great| gate| tegoat".split("|")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=200))
def test_merges_as_the_textbook_does_on_sentences(words):
    text = "".join(words) + " the"
    assert BPE.train(text, 300).merges == textbook(text, 43)[0]


@pytest.mark.slow
def test_merges_as_the_textbook_does_on_a_real_text():
    from minitrain.sources.text import python_reference
    text = python_reference()[:30_000]
    assert BPE.train(text, 512).merges == textbook(text, 255)[0]


@settings(max_examples=200, deadline=None)
@given(FEW, st.one_of(ANY, FEW))
def test_byte_pairs_lose_no_text(training, text):
    tok = BPE.train(training + "the goat ate the hat", 300)
    ids = tok.encode(text)
    assert tok.decode(ids) == text and tok.end not in ids
    assert all(0 <= i < len(tok) for i in ids)
    assert tok.encode(text) == ids                          # from the cache, now


@settings(max_examples=200, deadline=None)
@given(st.binary())
@example("é".encode()[:1])
@example("\ud83d".encode("utf-8", "surrogatepass"))         # half a pair, which UTF-8 forbids
def test_byte_pairs_lose_no_bytes(raw):
    for tok in (BPE.train(b"\xff\xfe\xff\xfe" + raw, 300), BPE.train("the goat", 300)):
        assert tok.to_bytes(tok.encode(raw)) == raw
        assert tok.decode(tok.encode(raw)) == raw.decode("utf-8", "replace")


@given(HALVES)
def test_halves_of_surrogate_pairs_fail_nowhere(text):
    tok = BPE.train("goat", 257)
    tok.decode(tok.encode(text))


def test_a_text_and_its_bytes_are_the_same_tokens():
    text = "naïve café, 日本語 — 🐐🐐🐐 goat goat"
    tok = BPE.train(text * 3, 300)
    assert tok.encode(text) == tok.encode(text.encode()) and tok == BPE.train((text * 3).encode(), 300)
    assert tok.decode(tok.encode(text)) == text


def test_merges_stay_inside_pieces():
    tok = BPE.train("of the of the of the", 300)
    assert all(len(pieces(word)) == 1 for word in tok.vocabulary[256:-1])
    assert " of" in tok.vocabulary and " the" in tok.vocabulary


def test_training_ends_where_no_pair_stands_twice():
    assert len(BPE.train("abcdef", 300)) == 257
    assert BPE.train("ab ab", 300).vocabulary[256:] == ["ab", "<end>"]


def test_the_cache_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(tokenizer, "CACHE", 50)
    tok = BPE.train("word", 257)
    for i in range(20):
        text = " ".join(f"w{i}x{j}" for j in range(30)) + " word"
        assert tok.decode(tok.encode(text)) == text and len(tok._known) <= 80


# All three


def makes():
    text = "The goat ate the hat; the goat sang.\n"
    return {"characters": Characters.train(text), "words": Words.train(text), "byte pairs": BPE.train(text, 280)}


@pytest.mark.parametrize("kind", ["characters", "words", "byte pairs"])
def test_what_all_three_share(kind, tmp_path):
    tok, text = makes()[kind], "The goat sang; the goat ate.\n"
    ids = tok.encode(text)
    assert tok.decode(ids) == text and type(ids) is list and {type(i) for i in ids} == {int}
    assert tok.end == len(tok) - 1 and tok.decode([*ids, tok.end]) == text + "<end>" and tok.encode("") == []
    assert len(tok.vocabulary) == len(tok) and tok.vocabulary[ids[0]] == tok.decode(ids[:1])
    again = load(tok.save(tmp_path / "tok.json"))
    assert again == tok and type(again) is type(tok) and again.encode(text) == ids and len(again) == len(tok)
    assert all(tok != other for name, other in makes().items() if name != kind)
    assert tok != type(tok).train("Another text with letters of all kinds, the goat, the goat.\n")


@pytest.mark.parametrize("kind", [Characters, Words, BPE])
def test_a_text_that_says_end_does_not_end(kind):
    text = "<end> says <end><unk>"
    tok = kind.train(text)
    assert tok.end not in tok.encode(text) and tok.decode(tok.encode(text)) == text


def test_characters_refuse_what_they_never_saw():
    with pytest.raises(ValueError, match=r"no id for 'x' \(at position 3\).*the 3 different characters"):
        Characters.train("abc").encode("abcx")


def test_words_know_the_most_frequent_and_call_the_rest_unknown():
    tok = Words.train("a b b c c c", size=4)
    assert tok.vocabulary == [" c", " b", "<unk>", "<end>"]
    assert tok.encode(" c b a") == [0, 1, tok.unknown] and tok.decode([0, tok.unknown]) == " c<unk>"
    assert Words.train("b a").vocabulary == [" a", "b", "<unk>", "<end>"]        # ties: in alphabetical order


@settings(max_examples=60, deadline=None)
@given(st.one_of(ANY, HALVES, FEW).filter(bool))
def test_every_file_comes_back_and_is_readable(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("tok") / "tok.json"
    for kind in (Characters, Words, BPE):
        tok = kind.train(text)
        tok.save(file)
        assert load(file) == tok and json.loads(file.read_text(encoding="utf-8"))["kind"] == tok.kind


def test_the_file_can_be_read_by_a_person(tmp_path):
    BPE.train("die Ziege, die Ziege, süß süß", 264).save(tmp_path / "tok.json")
    assert (tmp_path / "tok.json").read_text(encoding="utf-8").splitlines() == [
        "{", '"minitrain tokenizer": 1,', '"kind": "byte pairs",', '"merges": [', '[105, 101, "ie"],', '[100, 256, "die"],',
        '[32, 90, " Z"],', '[258, 256, " Zie"],', '[259, 103, " Zieg"],', '[260, 101, " Ziege"],', '[32, 115, " s"]', "]", "}"]


# What does not fit


@pytest.mark.parametrize("text, says", [
    ("", "cut short: it is not complete JSON"),
    ('{"minitrain tokenizer": 1, "kind": "words", "wor', "cut short"),
    ("[" * 100_000, "not complete JSON"),
    ("[1, 2]", "JSON, but no tokenizer of minitrain"),
    ('{"version": "1.0", "model": {"type": "BPE"}}', "JSON, but no tokenizer of minitrain"),
    ('{"minitrain tokenizer": "1"}', "no tokenizer of minitrain"),
    ('{"minitrain tokenizer": 2, "kind": "better"}', "newer minitrain, in format 2; this one reads up to 1"),
    ('{"minitrain tokenizer": 1, "kind": "words"}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": ["words"], "words": []}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "syllables", "words": []}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "words", "words": ["a", " b", "a"]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "words", "words": ["a b"]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "words", "words": [7]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "characters", "characters": ["a", "a", "b"]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "characters", "characters": ["ab"]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [[104, 101, "hi"]]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [[104, 101, "he"], [104, 101, "he"]]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [[104, 256, "he"]]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [[104, -156, "hd"]]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [[104, 101.0, "he"]]}', "do not fit together"),
    ('{"minitrain tokenizer": 1, "kind": "byte pairs", "merges": [7]}', "do not fit together"),
])
def test_other_files_are_refused_in_one_sentence(tmp_path, text, says):
    (tmp_path / "tok.json").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        load(tmp_path / "tok.json")
    assert "tok.json" in str(caught.value)


def test_a_file_that_is_not_there_or_is_no_text(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no tokenizer"):
        load(tmp_path / "away.json")
    (tmp_path / "tok.json").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ValueError, match="no tokenizer"):
        load(tmp_path / "tok.json")
    with pytest.raises(OSError, match="can not be read: Is a directory"):
        load(tmp_path)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "tok.json"
    Characters.train("abc").save(file)
    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="could not be saved: No space left on device. What stood there before still does"):
        Characters.train("xyz").save(file)
    assert load(file) == Characters.train("abc") and [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("kind", [Characters, Words, BPE])
def test_nothing_to_learn_from_is_said(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}.train got an empty text"):
        kind.train("")
    with pytest.raises(TypeError, match=rf"{kind.__name__}.train needs one text; got list"):
        kind.train(["one", "two"])
    with pytest.raises(TypeError, match=rf"{kind.__name__}.encode needs one text; got list"):
        kind.train("abc").encode(["a"])
    with pytest.raises(TypeError, match=r"takes the ids of one text; got rows"):
        kind.train("abc").decode([[0, 1], [2, 0]])
    with pytest.raises(ValueError, match=r"There is no token -1: the ids of this tokenizer go from 0 to"):
        kind.train("abc").decode([0, -1])


def test_sizes_that_are_too_small_are_said():
    with pytest.raises(ValueError, match="BPE got size=100; it needs 257 at least"):
        BPE.train("abc", 100)
    with pytest.raises(ValueError, match="Words got size=2; it needs 3 at least"):
        Words.train("abc", 2)
    with pytest.raises(ValueError, match="'b' stands twice"):
        Characters("abb")


def test_tensors_of_ids_are_read():
    torch = pytest.importorskip("torch")
    assert Characters.train("abc").decode(torch.tensor([2, 0])) == "ca"


def test_it_needs_nothing_but_python():
    """In a fresh interpreter, loaded by itself: importing the package brings torch with other rooms."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code, Path(tokenizer.__file__)], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
