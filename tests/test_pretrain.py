"""Pre-training as one call: what becomes of a text, that it learns, that no kill changes its end, what is said of bad input."""
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from minitrain.checkpoint import file
from minitrain.models.transformer import Transformer
from minitrain.pretrain import base, corpus, load, prepare, pretrain
from minitrain.pretrain.__main__ import main
from minitrain.pretrain.plan import ENOUGH, EPOCHS, make
from minitrain.pretrain.score import against_the_floor, nats
from minitrain.sources import text as texts
from minitrain.sources.village import Village
from minitrain.tokenizer import BPE, Characters, Words

MANUAL = texts.python_reference()[:24_000]
SMALL = dict(layers=1, width=32, heads=1, context=32, batch=8, quiet=True, tokenizer="characters")


def documents(n=60):
    """Different short documents."""
    lots = torch.Generator().manual_seed(0)
    words = "goat hat choir baker ate sang saw the a red old Tuesday".split()
    return [" ".join(words[i] for i in torch.randint(len(words), (8 + d % 9,), generator=lots)) + "." for d in range(n)]


def weights(run):
    return torch.cat([x.detach().double().reshape(-1) for x in run.model.state_dict().values()])


# What a text becomes.

def test_one_text_is_cut_at_the_end_and_documents_are_held_out_whole():
    one, many = corpus(MANUAL, tokenizer="characters"), corpus(documents())
    assert one.documents[0] + one.held_documents[0] == texts.clean(MANUAL) and not one.packed
    assert len(one.held_documents[0]) == round(0.1 * len(texts.clean(MANUAL)))
    assert many.packed and many.documents + many.held_documents == documents() and len(many.held_documents) == 6


def test_near_copies_are_left_out_and_counted():
    given = [document.replace(".", " and the choir sang all night long.") for document in documents(40)]
    made = corpus([*given, given[3] + " Indeed.", given[5]])
    assert made.documents + made.held_documents == given
    assert made.said == ["2 of 42 documents nearly repeat an earlier one and are left out."]
    assert len(corpus([*given, given[5]], deduplicate=False).documents) == 37


def test_the_tokenizer_learns_from_the_training_part_alone():
    given = documents(40)
    made = corpus([*given[:36], *["zygote zymurgy zoology"] * 4], tokenizer="words", deduplicate=False)
    assert made.tokenizer == Words.train("".join(given[:36]))
    assert made.held_ids[-1] == [made.tokenizer.unknown] * 3
    assert corpus(MANUAL).tokenizer == BPE.train(texts.split(texts.clean(MANUAL))[0], 512)


def test_each_training_token_is_asked_for_once_an_epoch():
    made = corpus(documents(), tokenizer="words")
    source = made.source(context=24, batch=1, seed=0)
    asked = torch.cat([source.at(i)[1].flatten() for i in range(len(source))])
    want = [i for ids in made.ids for i in [*ids, made.tokenizer.end]]
    assert sorted(asked[asked != -100].tolist()) == sorted(want) and made.tokens == len(want)


# The plan.

def test_more_minutes_make_a_larger_model_read_more(monkeypatch):
    made, pace = corpus(texts.python_reference()), 4e10         # parameters times tokens a second

    def timed(plan, *_):
        from dataclasses import replace
        rate = pace / plan.parameters
        return replace(plan, steps=max(1, int(60 * plan.minutes * rate / plan.batch / plan.context)), tokens_a_second=rate)
    monkeypatch.setattr("minitrain.pretrain.plan._timed", timed)
    plans = [make(made, minutes) for minutes in (0.05, 0.5, 5, 50)]
    read = [plan.steps * plan.batch * plan.context for plan in plans]
    sizes = [plan.parameters for plan in plans]
    assert sizes == sorted(set(sizes)) and read == sorted(set(read))
    for plan, tokens in zip(plans, read):
        assert tokens <= EPOCHS * made.tokens * 1.01
        assert plan.parameters == sum(p.numel() for p in plan.model(len(made.tokenizer)).parameters())
        if plan is not plans[0]:
            assert tokens >= ENOUGH * plan.parameters or plan.epochs > EPOCHS - 1


def test_the_plan_is_one_sentence_and_says_what_is_done(capsys):
    run = prepare(MANUAL, steps=7, **(SMALL | {"quiet": False}))
    said = capsys.readouterr().out
    assert said == f"{run.plan}\n" and f"{run.plan.parameters:,} parameters" in said and "7 batches of 8 × 32 tokens" in said


def test_minutes_are_kept_about():
    run = pretrain(MANUAL, minutes=0.05, quiet=True)
    read = run.plan.steps * run.plan.batch * run.plan.context
    assert run.done and 0 < read <= 3 * run.plan.tokens_a_second            # what was seen to fit into 3 s


# Training.

def test_it_learns_the_order_of_letters_not_only_their_counts():
    run = pretrain(MANUAL, steps=200, **SMALL)
    counts = torch.tensor(run.corpus.ids).bincount().double() / len(run.corpus.ids)
    unordered = -(counts * counts.clamp(min=1e-9).log()).sum()
    assert run.held_out_loss() < unordered - 0.4
    assert {"t", "n", "loss", "rate", "norm"} <= run.history[0].keys()
    tested = [row for row in run.history if "held_out_loss" in row]
    assert [row["t"] + 1 for row in tested] == [*range(10, 201, 10)]
    assert tested[-1]["held_out_loss"] < tested[0]["held_out_loss"]
    assert [t for t, _ in run.samples] == [50, 100, 150, 200]


def test_the_held_out_loss_is_cross_entropy_over_all_windows():
    run = prepare(MANUAL, steps=3, **SMALL)
    x, y = texts.disjoint(run.corpus.held_ids, 32)
    with torch.no_grad():
        want = F.cross_entropy(run.model(x).flatten(0, 1), y.flatten())
    assert run.held_out_loss() == pytest.approx(float(want), abs=1e-5)


def test_documents_are_packed_and_the_model_ends_them():
    run = pretrain(["one two three four five six seven eight nine ten."] * 24, steps=60, deduplicate=False,
                   **SMALL | {"tokenizer": "words", "context": 16, "batch": 4})
    assert run.corpus.packed
    assert run.generate("", temperature=0) == run.corpus.documents[0] == run.generate("one two", temperature=0)


def test_without_clipping_there_is_no_norm():
    run = pretrain(MANUAL, steps=3, clip=None, **SMALL)
    assert run.done and "norm" not in run.history[0]


def test_a_callers_each_may_stop_and_updates_can_be_taken_one_by_one():
    stopped = pretrain(MANUAL, steps=9, each=lambda run, logs: "stop" if run.trainer.t == 4 else None, **SMALL)
    assert stopped.trainer.t == 4 and not stopped.done
    stepped = prepare(MANUAL, steps=9, **SMALL)
    taken = [logs["t"] for logs in stepped.updates()]
    whole = pretrain(MANUAL, steps=9, **SMALL)
    assert taken == [*range(9)] and stepped.done
    assert torch.equal(weights(stepped), weights(whole)) and stepped.samples == whole.samples
    stopped.each = None
    assert torch.equal(weights(stopped.train()), weights(whole))


def test_a_compiled_forward_pass_gives_the_same_losses(monkeypatch):
    """The wrapping, not the compiler: what is compiled is called, and the model's own weights are trained."""
    calls = []
    monkeypatch.setattr(torch, "compile", lambda model: lambda *a, **k: calls.append(1) or model(*a, **k))
    one, other = (pretrain(MANUAL, steps=3, compiled=compiled, **SMALL) for compiled in (False, True))
    assert one.history == other.history and len(calls) >= 3


@pytest.mark.gpu
def test_on_a_gpu_it_trains_in_bfloat16_compiled():
    run = pretrain(MANUAL, steps=60, compiled=True, quiet=True)
    assert run.plan.bf16 and run.model.embedding.device.type == "cuda" and run.model.embedding.dtype == torch.float32
    assert run.history[-1]["loss"] < run.history[0]["loss"] - 1 and run.generate("", 20)


@pytest.mark.gpu
def test_on_a_gpu_the_dial_finds_a_larger_model():
    assert make(corpus(texts.python_reference()), 1, device="cuda").parameters > 2_000_000


# Stopped and resumed.

COMMAND = ["--steps", "40", "--tokenizer", "characters"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of the command that nobody stops: (its text, what is in its folder)."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "manual.txt").write_text(MANUAL)
    assert main(["--text", str(folder / "manual.txt"), "--out", str(folder / "out"), *COMMAND]) == 0
    return folder / "manual.txt", ended(folder / "out")


def ended(out):
    """All that the last checkpoint of a folder holds of the run."""
    tree = file.read(sorted(out.glob("step-*.safetensors"))[-1])["run"]
    return {"t": tree["t"], "model": tree["model"], "optimizer": tree["optimizer"]["groups"], "history": tree["history"],
            "source": tree["source"]}


def same(a, b):
    tensors_a, tensors_b = {}, {}
    return file.pack(a, "", tensors_a) == file.pack(b, "", tensors_b) and all(
        torch.equal(x, tensors_b[name]) for name, x in tensors_a.items())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_stopped_by_force_and_resumed_it_ends_bit_for_bit_the_same(how, whole, tmp_path):
    text, want = whole
    command = ["--text", str(text), "--out", str(tmp_path / "out"), *COMMAND]
    process = subprocess.Popen([sys.executable, "-m", "minitrain.pretrain", *command], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("out/step-*.safetensors")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(how)
    out, error = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how), error
    t = max(int(path.stem[5:13]) for path in tmp_path.glob("out/step-*.safetensors"))
    assert 0 < t < 40
    if how == signal.SIGINT:
        assert f"You stopped the training after update {t} of 40." in out and "--resume, goes on with it." in out
    assert main([*command, "--resume"]) == 0
    assert same(ended(tmp_path / "out"), want)


def test_ctrl_c_in_a_notebook_gives_the_run_back_and_train_goes_on(capsys):
    whole, hit = pretrain(MANUAL, steps=12, **SMALL), []

    def once(run, logs):
        if run.trainer.t == 5 and not hit:
            hit.append(os.kill(os.getpid(), signal.SIGINT))
    run = pretrain(MANUAL, steps=12, each=once, **SMALL | {"quiet": False})
    assert run.trainer.t == 5 and "Nothing is lost: run.train() goes on." in capsys.readouterr().out
    assert torch.equal(weights(run.train()), weights(whole)) and run.history == whole.history


def test_a_second_ctrl_c_saves_nothing_half_done(tmp_path):
    def twice(run, logs):
        if run.trainer.t == 5:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        pretrain(MANUAL, steps=12, each=twice, out=tmp_path, **SMALL | {"every": 4})
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000004.safetensors"]


def test_a_resumed_run_keeps_its_plan_whatever_is_asked(tmp_path):
    first = pretrain(MANUAL, steps=6, out=tmp_path, **SMALL)
    again = prepare(MANUAL, minutes=3, out=tmp_path, resume=True, tokenizer="characters", quiet=True)
    assert again.plan == first.plan and again.done and torch.equal(weights(again), weights(first))


def test_resume_starts_where_there_is_nothing(tmp_path):
    assert pretrain(MANUAL, steps=2, out=tmp_path / "new", resume=True, **SMALL).done


def test_two_processes_have_the_losses_of_one(whole, tmp_path):
    from test_distributed import torchrun
    text, want = whole
    torchrun(["-m", "minitrain.pretrain", "--text", text, "--out", tmp_path / "two", *COMMAND])
    one, two = (torch.as_tensor(end["history"]["values"]["loss"]) for end in (want, ended(tmp_path / "two")))
    assert len(one) == 40
    torch.testing.assert_close(two, one, rtol=1e-4, atol=0)
    torch.testing.assert_close(two[:10], one[:10], rtol=1e-6, atol=0)


# The file.

@pytest.mark.parametrize("tokenizer", ["characters", "words", "bpe"])
def test_a_saved_model_is_the_same_model(tokenizer, tmp_path):
    run = pretrain(documents(), steps=5, **SMALL | {"tokenizer": tokenizer})
    back = load(run.save(tmp_path / "m.safetensors", note="mine"))
    assert back.tokenizer == run.tokenizer and back.about["note"] == "mine" and back.about["updates"] == 5
    again = load(back.save(tmp_path / "n.safetensors"))
    assert run.generate("", 30, seed=3) == back.generate("", 30, seed=3) == again.generate("", 30, seed=3)
    assert torch.equal(weights(back), weights(run))


def test_half_the_bytes_cost_half_a_thousandth(tmp_path):
    run = pretrain(MANUAL, steps=40, **SMALL)
    whole, half = run.save(tmp_path / "a.safetensors"), run.save(tmp_path / "b.safetensors", dtype="bfloat16")
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loss = run.held_out_loss()
    run.model.load_state_dict(load(half).model.state_dict())
    assert run.held_out_loss() == pytest.approx(loss, rel=2e-3)


def test_any_tool_opens_the_file_for_the_weights(tmp_path):
    from safetensors.torch import load_file
    run = prepare(MANUAL, steps=1, **SMALL)
    assert torch.equal(load_file(run.save(tmp_path / "m.safetensors"))["weights.embedding"], run.model.embedding)


# What is said of bad input.

@pytest.mark.parametrize("text, error, says", [
    ("", ValueError, "is empty"),
    (" \n ", ValueError, "is empty"),
    ("A goat.\nA hat.", ValueError, r"has 14 characters, and a language model needs 1,000"),
    ([], ValueError, "the list is empty"),
    ([b"bytes"], TypeError, "Document 0 is of type bytes"),
    (b"bytes", TypeError, "got bytes"),
    (7, TypeError, "got int"),
    ("no/such/file.txt", FileNotFoundError, "no file or folder 'no/such/file.txt'"),
    (Path("no/such"), FileNotFoundError, "no file or folder"),
])
def test_a_text_that_is_none_is_said(text, error, says):
    with pytest.raises(error, match=says) as caught:
        pretrain(text, steps=1, quiet=True)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_said(tmp_path):
    (tmp_path / "old.txt").write_bytes("Café".encode("cp1252") * 400)
    with pytest.raises(UnicodeError, match="is not UTF-8: byte 0xe9 at position 3"):
        pretrain(tmp_path / "old.txt", steps=1)


@pytest.mark.parametrize("how, says", [
    (dict(minutes=0), "minutes is 0"), (dict(minutes=-1), "minutes is -1"), (dict(steps=0), "steps is 0"),
    (dict(tokenizer="syllables"), "no tokenizer 'syllables'"), (dict(context=50_000), "Take a longer text, or a shorter context"),
])
def test_wishes_that_can_not_be_met_are_said(how, says):
    with pytest.raises(ValueError, match=says):
        pretrain(MANUAL, **({"steps": 1, "quiet": True} | how))


def test_a_prompt_with_what_the_model_never_met_is_said():
    run = prepare(documents(), steps=1, **SMALL | {"tokenizer": "words"})
    with pytest.raises(ValueError, match="knows no ' zebra', ' Zorn': its .* words are those of the text"):
        run.generate("the zebra Zorn")
    run = prepare(MANUAL, steps=1, **SMALL)
    with pytest.raises(ValueError, match="no id for '☃'"):
        run.generate("snow☃")
    run = prepare(MANUAL, steps=1, **SMALL | {"tokenizer": "bpe"})
    assert run.generate("snow☃", 2).startswith("snow☃")


def test_a_prompt_longer_than_the_context_is_read_from_its_end():
    run = prepare(MANUAL, steps=1, **SMALL)
    assert len(run.generate(MANUAL[:100], 20, temperature=0)) == 120
    with pytest.raises(ValueError, match="context is 32 tokens; got 33"):
        run.model(torch.zeros(1, 33, dtype=torch.int64))


def test_tokens_out_of_range_are_said():
    made = corpus(MANUAL, tokenizer="characters")
    made.ids[50] = 99_999
    with pytest.raises(ValueError, match="out of range"):
        prepare(made, steps=1, quiet=True)


def test_another_tokenizer_or_text_is_refused(tmp_path):
    pretrain(MANUAL, steps=4, out=tmp_path, **SMALL)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="was made with another tokenizer"):
        prepare(MANUAL, out=tmp_path, resume=True, quiet=True, tokenizer=Characters.train(MANUAL + "☃"))
    with pytest.raises(ValueError, match="belongs to another text"):
        prepare(MANUAL[:-500], out=tmp_path, resume=True, quiet=True)
    with pytest.raises(FileExistsError, match="already holds a run: resume=True"):
        prepare(MANUAL, steps=4, out=tmp_path, **SMALL)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    *others, last = Characters.train(MANUAL).vocabulary[:-1]
    Characters([*others, "☃"]).save(tmp_path / "tokenizer.json")                    # the one beside it, changed by somebody
    with pytest.raises(ValueError, match="The checkpoint was made with another tokenizer"):
        prepare(MANUAL.replace(last, ""), out=tmp_path, resume=True, quiet=True)


def test_a_model_file_of_another_kind_is_refused(tmp_path):
    run = pretrain(MANUAL, steps=4, out=tmp_path / "out", **SMALL)
    with pytest.raises(ValueError, match="is no language model: it is a checkpoint"):
        load(sorted((tmp_path / "out").glob("step-*"))[0])
    run.model = Transformer(50, width=32)
    with pytest.raises(ValueError, match="knows 50 tokens and the tokenizer"):
        run.save(tmp_path / "m.safetensors")


def test_a_plan_changed_by_hand_is_refused(tmp_path):
    pretrain(MANUAL, steps=1, out=tmp_path, **SMALL)
    plan = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "leyers": 2}))
    with pytest.raises(ValueError, match="is no plan"):
        prepare(MANUAL, out=tmp_path, resume=True, quiet=True)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_said_and_the_training_goes_on(tmp_path):
    run = prepare(MANUAL, steps=8, out=tmp_path, **SMALL | {"every": 4})
    for name in ("step-00000008", "model"):
        (tmp_path / f"{name}.safetensors.tmp").symlink_to("/dev/full")
    with pytest.warns(RuntimeWarning, match="No space left on device.*") as said:
        run.train()
    assert run.done and [path.name for path in tmp_path.glob("*.safetensors")] == ["step-00000004.safetensors"]
    assert "run.save(path) puts the model elsewhere" in str(said[-1].message)
    assert load(run.save(tmp_path / "elsewhere.safetensors")).generate("", 5)


def test_the_command_says_one_sentence_and_gives_1(tmp_path, capsys):
    assert main(["--text", str(tmp_path / "none.txt"), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "There is no file or folder" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()




# Against the floor.

@pytest.fixture(scope="module")
def village():
    return Village(seed=0, people=12)


def test_the_cost_of_a_document_is_what_the_model_says_of_it(village):
    told = village.documents(30)
    run = prepare(told, steps=1, layers=1, width=32, heads=1, quiet=True, deduplicate=False)
    costs = nats(run.model, run.tokenizer, told, batch=7)
    for document, row in list(zip(told, costs))[::9]:
        ids = run.tokenizer.encode(document.text)
        with torch.no_grad():
            logits = run.model(torch.tensor([[run.tokenizer.end, *ids]]))[0].log_softmax(-1)
        assert row == pytest.approx([-float(logits[i, token]) for i, token in enumerate([*ids, run.tokenizer.end])], abs=1e-4)


def test_documents_longer_than_the_context_are_scored_in_the_parts_they_were_trained_in():
    told = documents(40)
    run = prepare(told, steps=1, layers=1, width=32, heads=1, context=8, batch=4, tokenizer="words", quiet=True)
    costs = nats(run.model, run.tokenizer, run.corpus.held_documents)
    assert [len(row) for row in costs] == [len(ids) + 1 for ids in run.corpus.held_ids]
    assert sum(map(sum, costs)) / sum(map(len, costs)) == pytest.approx(run.held_out_loss(), abs=1e-5)


def test_village_documents_are_read_in_words_and_facts_are_counted_apart(village):
    told = village.documents(200)
    run = prepare(told, steps=1, deduplicate=False, **SMALL | {"tokenizer": Words(village.vocabulary()), "context": 64})
    assert isinstance(corpus(told).tokenizer, Words)
    found = against_the_floor(run.model, run.tokenizer, told[:50])
    costs = nats(run.model, run.tokenizer, told[:50])
    facts = [cost for document, row in zip(told[:50], costs) for cost, fact in zip(row, document.is_fact) if fact]
    everything = [cost for row in costs for cost in row]
    assert found["facts"]["loss"] == pytest.approx(sum(facts) / len(facts)) and found["facts"]["tokens"] == len(facts)
    assert found["all"]["loss"] == pytest.approx(sum(everything) / len(everything))
    assert found["all"]["floor"] == pytest.approx(village.floor(told[:50]))
    assert found["facts"]["tokens"] + found["grammar"]["tokens"] == found["all"]["tokens"] == len(everything)
    assert found["all"]["gap"] == pytest.approx(found["all"]["loss"] / found["all"]["floor"] - 1)
    with pytest.raises(ValueError, match='Train with tokenizer="words"'):
        against_the_floor(run.model, Characters.train(told[0].text), told[:1])


def test_a_model_that_knows_the_village_is_at_the_floor(village):
    """The village's own distribution, dressed as a model, pays the floor and nothing more."""
    told, tok = village.documents(6), Words(village.vocabulary())

    class Knowing:
        context, embedding = 200, torch.zeros(1)

        def __call__(self, ids):
            logits = torch.full((*ids.shape, len(tok)), -40.0)
            for row, read in zip(logits, ids.tolist()):
                for t in range(len(read)):
                    if t and read[t] == tok.end:
                        break                               # behind the document, where nothing is asked
                    for piece, p in village.next_word([tok.vocabulary[i] for i in read[1:t + 1]]).items():
                        row[t, tok.end if piece == "<end>" else tok.encode(piece)[0]] = math.log(p)
            return logits
    found = against_the_floor(Knowing(), tok, told)
    assert all(abs(part["gap"]) < 1e-4 for part in found.values()) and set(found) == {"all", "facts", "grammar"}


# The base model.

def test_the_base_models_documents_never_come_twice_and_fill_their_rows():
    source = base.Endless(Village(seed=0), held_out=50).source(128, 8, seed=0)
    told = [source.at(i) for i in range(3)]
    texts_told = [tuple(y[documents == d].tolist()) for _, y, documents in told for d in range(int(documents.max()) + 1)]
    village, tok = source.endless.village, source.endless.tokenizer
    assert texts_told == [(*tok.encode(document.text), tok.end) for document in village.documents(len(texts_told))]
    assert all(abs(len(x) - 8) <= 1 and (y != -100).float().mean() > 0.8 for x, y, _ in told)
    with pytest.raises(IndexError, match="are held out"):
        source.at(base.HELD_OUT)


def test_the_base_models_command_makes_its_file_and_tells_its_gap(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(base, "SCORED", 20)
    monkeypatch.setattr(base, "SIZE", dict(layers=1, width=32, heads=1, context=128, batch=2, every=2))
    command = ["--out", str(tmp_path / "base.safetensors"), "--runs", str(tmp_path / "runs"), "--steps", "4"]
    assert base.main(command) == 0
    about = load(tmp_path / "base.safetensors").about
    assert set(about["held_out"]) == {"all", "facts", "grammar"} and "minitrain.pretrain.base --steps 4" in about["command"]
    assert f"{about['held_out']['all']['loss']:.4f} nats a token" in capsys.readouterr().out
    raw = (tmp_path / "base.safetensors").read_bytes()
    assert base.main(command) == 0 and (tmp_path / "base.safetensors").read_bytes() == raw


def test_the_base_model_that_ships_is_near_the_floor_on_documents_that_nobody_trained_on():
    path = Path(__file__).parents[1] / "data" / "models" / "village-base.safetensors"
    assert path.stat().st_size <= 5_000_000
    shipped, village = load(path), Village(**base.VILLAGE)
    assert shipped.about["village"] == base.VILLAGE
    assert shipped.about["held_out"]["all"]["gap"] < 0.01 and "minitrain.pretrain.base" in shipped.about["command"]
    assert len(shipped.tokenizer) == shipped.model.vocabulary == len(Words(village.vocabulary()))
    found = against_the_floor(shipped.model, shipped.tokenizer, village.documents(600, first=base.HELD_OUT + base.SCORED))
    assert 0 < found["all"]["gap"] < 0.015                  # of other documents than those that its file tells of
    assert set(found) == {"all", "facts", "grammar"}
