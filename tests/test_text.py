"""Texts: what is read is what is there, what is held back stays back, no window and no packed row sees what it must not."""
import hashlib
import http.server
import os
import threading
import unicodedata
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import losses
from minitrain.models.transformer import Transformer
from minitrain.sources import downloads, text
from minitrain.sources.downloads import Download, fetch
from minitrain.sources.text import Windows, disjoint, pack

# Reading


def test_reads_a_file_and_a_folder_in_order_of_names(tmp_path):
    (tmp_path / "b.txt").write_bytes("\ufeffzwei\r\nZeilen, é".encode())
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.txt").write_text("eins", encoding="utf-8")
    (tmp_path / "c.md").write_text("drei", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert text.read(tmp_path / "b.txt") == "zwei\nZeilen, é"
    assert text.documents(tmp_path) == ["eins", "zwei\nZeilen, é"] and text.read(tmp_path) == "eins\n\nzwei\nZeilen, é"
    assert text.read(tmp_path, pattern="*.md") == "drei"


@pytest.mark.parametrize("raw, says", [
    ("Stra\n\nße".encode("cp1252"), r"not UTF-8: byte 0xdf at position 6, in line 3.*cp1252"),
    ("Straße".encode("utf-16"), r"byte 0xff at position 0, in line 1.*encoding=\"utf-16\" reads it"),
    (b"\x89PNG\r\n\0\0", "hardly a text at all"),
])
def test_bytes_that_are_no_utf8_are_placed_and_explained(tmp_path, raw, says):
    file = tmp_path / "notes.txt"
    file.write_bytes(raw)
    with pytest.raises(UnicodeError, match=says):
        text.read(file)


def test_the_advice_for_other_encodings_works(tmp_path):
    for encoding in ("cp1252", "utf-16"):
        (tmp_path / "a.txt").write_bytes("Straße".encode(encoding))
        assert text.read(tmp_path / "a.txt", encoding=encoding) == "Straße"


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        text.read(tmp_path / "away.txt")
    with pytest.raises(ValueError, match="holds no file that fits '\\*.txt'; it holds nothing"):
        text.read(tmp_path)
    (tmp_path / "a.md").write_text("\n")
    with pytest.raises(ValueError, match=r"it holds \.md"):
        text.read(tmp_path)
    with pytest.raises(ValueError, match="is empty"):
        text.read(tmp_path / "a.md")


def test_the_reference_is_long_english_and_the_same_each_time():
    found = text.python_reference()
    assert len(found) > 400_000 and found == text.python_reference()
    assert found.count(" the ") > 3_000 and "\r" not in found
    found.encode("utf-8")


# Cleaning


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab \t\n\r\0\x7f\ufeffe\u0301\x0c")))
def test_cleaning_twice_changes_nothing_more_and_keeps_all_letters(dirty):
    cleaned = text.clean(dirty)
    assert text.clean(cleaned) == cleaned
    assert "\n\n\n" not in cleaned and " \n" not in cleaned and not set(cleaned) & set("\0\x7f\ufeff\x0c\r")
    letters = unicodedata.normalize("NFD", cleaned)
    assert [c for c in dirty if c in "abe\u0301"] == [c for c in letters if c in "abe\u0301"]


def test_cleaning_a_long_run_of_spaces_is_not_slow():
    """A regular expression that looks for spaces before a line's end tries every one of them as a start: minutes, here."""
    assert text.clean("a" + " " * 300_000 + "b") == "a" + " " * 300_000 + "b"


def test_unique_keeps_the_first_of_each_group_and_texts_without_words():
    a, b = "one two three four five six seven", "one two three four five six eight"
    assert text.unique([a, "...", b, "quite another text it is", "...", a], threshold=0.6) == [
        a, "...", "quite another text it is", "..."]
    assert text.unique([a, b, a], threshold=1.0) == [a, b]
    assert text.unique([]) == []


def test_well_formed_says_what_was_wrong_with_the_rest():
    good = "the goat and the hat " * 12
    kept, dropped = text.well_formed([good, "#### #### ####", good], words=(1, 100))
    assert kept == [good, good] and "symbols" in dropped[0][1]


@given(st.integers(2, 200), st.floats(0.001, 0.999))
def test_split_holds_the_end_back_and_loses_nothing(n, held_out):
    train, held = text.split(list(range(n)), held_out)
    assert train + held == list(range(n)) and train and held
    assert abs(len(held) - held_out * n) <= 1


def test_split_says_what_it_can_not_cut():
    assert text.split("abcdefghij" * 10) == (("abcdefghij" * 10)[:90], ("abcdefghij" * 10)[90:])
    with pytest.raises(ValueError, match="held_out=1.5; it is a share"):
        text.split("abc", 1.5)
    with pytest.raises(ValueError, match="text of length 1"):
        text.split("a")


# Windows


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.integers(1, 12), st.integers(1, 9), st.integers(0, 50))
def test_windows_take_no_target_twice_in_an_epoch_and_shift_by_one(n, context, size, seed):
    if n <= context:
        return
    source = Windows(range(n), context, size, seed)
    batches = [source.at(i) for i in range(2 * len(source) + 1)]
    for x, y in batches:
        assert x.shape == y.shape == (size, context) and x.dtype == y.dtype == torch.int64
        assert torch.equal(y, x + 1) and torch.equal(x, x[:, :1] + torch.arange(context))
    rows = torch.cat([y for _, y in batches])
    for epoch in rows[:2 * source.epoch].split(source.epoch):
        times = epoch.flatten().bincount(minlength=n)
        assert times.max() == 1 and times.sum() >= min(n - 2 * context + 1, 1)


def test_windows_reach_every_token_and_depend_on_seed_and_number_alone():
    source, twin, other = (Windows(range(1000), 10, 16, seed) for seed in (0, 0, 1))
    seen = torch.zeros(1000, dtype=torch.int64)
    for i in range(200):
        seen += source.at(i)[1].flatten().bincount(minlength=1000)
    epochs = 200 * 16 / source.epoch
    assert seen[0] == 0 and (seen[20:-20] >= int(epochs)).all() and seen[20:-20].max() <= int(epochs) + 1
    assert (seen[1:] > 0).all()
    for i in (150, 7, 151, 0):
        assert torch.equal(twin.at(i)[0], source.at(i)[0]) and not torch.equal(other.at(i)[0], source.at(i)[0])
    starts = [set((source.at(i)[0][:, 0] % 10).tolist()) for i in range(0, 200, 13)]
    assert len(set.union(*starts)) > 5                      # another cut in every epoch


def test_disjoint_windows_cover_all_once():
    for n in range(4, 20):
        x, y = disjoint(torch.arange(n, dtype=torch.uint8), 3)
        assert x.dtype == y.dtype == torch.int64 and torch.equal(y, x + 1)
        assert y.flatten().tolist() == list(range(1, (n - 1) // 3 * 3 + 1))


def test_windows_say_what_does_not_fit():
    with pytest.raises(ValueError, match="text of 10 tokens; a window of context=10 and the token behind it need 11"):
        Windows(range(10), 10, 4)
    with pytest.raises(TypeError, match="got a text; it needs the ids"):
        disjoint("abc", 2)
    with pytest.raises(TypeError, match="whole numbers in a row"):
        Windows(torch.zeros(10, 2), 3, 4)
    with pytest.raises(ValueError, match="size=0"):
        Windows(range(10), 3, 0)
    with pytest.raises(IndexError, match="no batch number -1"):
        Windows(range(10), 3, 2).at(-1)


# Packing

DOCUMENTS = st.lists(st.lists(st.integers(1, 30), max_size=12), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, st.integers(1, 9))
def test_packing_asks_for_every_token_once_and_never_across_a_document(documents, context):
    packed = pack(documents, context, end=0)
    asked = {i: [] for i in range(len(documents))}
    for x, y, numbers in zip(packed.x.tolist(), packed.y.tolist(), packed.documents.tolist()):
        for t in range(context):
            if numbers[t] == -1:
                assert y[t] == -100
                continue
            asked[numbers[t]].append((x[t], y[t]))
            if t and numbers[t] == numbers[t - 1]:
                assert x[t] == y[t - 1]                     # what was asked for is what is read next
            assert t == 0 or numbers[t] == numbers[t - 1] or numbers[t] not in numbers[:t]      # a document is one run
    for i, ids in enumerate(documents):
        assert sorted(asked[i]) == sorted(zip([0, *ids], [*ids, 0]))
        if len(ids) < context:                              # not cut: in one row, in order
            assert asked[i] == [*zip([0, *ids], [*ids, 0])]
    needed = sum(-(-(len(ids) + 1) // context) for ids in documents)
    assert len(packed.x) <= needed


def test_packing_fills_rows_almost_wholly():
    lots = torch.Generator().manual_seed(0)
    documents = [[1] * int(n) for n in torch.randint(5, 120, (500,), generator=lots)]
    packed = pack(documents, 128, end=0)
    assert (packed.documents == -1).float().mean() < 0.02


def test_a_packed_document_costs_what_it_costs_alone():
    """The proof that nothing leaks: a transformer told the documents gives each the loss that it has in a row of its own."""
    lots = torch.Generator().manual_seed(1)
    documents = [torch.randint(1, 20, (int(n),), generator=lots).tolist() for n in torch.randint(1, 9, (12,), generator=lots)]
    packed = pack(documents, 16, end=0)
    assert any(len(set(row)) > 2 for row in packed.documents.tolist())
    for positions in ("learned", "rotary"):
        model = Transformer(20, context=16, layers=2, heads=2, width=16, positions=positions).double()
        for p in model.parameters():
            p.data += 0.2 * torch.randn(p.shape, generator=lots, dtype=torch.float64)
        alone = [losses.next_token(model, (torch.tensor([[0, *ids]]), torch.tensor([[*ids, 0]]))) for ids in documents]
        together = losses.next_token(model, (packed.x, packed.y, packed.documents))
        total = sum(float(out.mean.detach()) * out.n for out in alone)
        assert together.n == sum(out.n for out in alone) == sum(map(len, documents)) + len(documents)
        assert float(together.mean.detach()) * together.n == pytest.approx(total, rel=1e-12)
        leaky = losses.next_token(model, (packed.x, packed.y))
        assert abs(float(leaky.mean.detach()) * leaky.n - total) > 1e-3


def test_a_packed_source_gives_all_rows_in_every_epoch():
    packed = pack([[i] * 3 for i in range(1, 20)], 8, end=0)
    source = packed.source(size=4, seed=3)
    x, y, numbers = (torch.cat(parts) for parts in zip(*(source.at(i) for i in range(len(source)))))
    order = numbers[:, 0].argsort()
    wanted = packed.documents[:, 0].argsort()
    for got, all_rows in ((x, packed.x), (y, packed.y), (numbers, packed.documents)):
        assert torch.equal(got[order], all_rows[wanted])
    assert not torch.equal(x, packed.x) and torch.equal(source.at(7)[0], packed.source(size=4, seed=3).at(7)[0])


def test_packing_says_what_does_not_fit():
    with pytest.raises(ValueError, match="Document 1 has the end mark, 7, inside"):
        pack([[1], [2, 7, 3]], 8, end=7)
    with pytest.raises(ValueError, match="got 0 documents"):
        pack([], 8, end=0)


# Downloads, from a server on this machine that behaves badly

BODY = bytes(range(256)) * 2000
SHA = hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Gives BODY; `moods` says how to answer each request, the last one from then on; `asked` are the Range headers it got."""
    daemon_threads = True

    def __init__(self, *moods):
        self.moods, self.asked = list(moods), []
        super().__init__(("127.0.0.1", 0), Answer)
        self.wanted = Download(f"http://127.0.0.1:{self.server_port}/a/input.txt", SHA, len(BODY))


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        mood = server.moods.pop(0) if len(server.moods) > 1 else server.moods[0]
        server.asked.append(asked)
        if mood in ("404", "503", "416"):
            return self.send_error(int(mood))
        body, first = BODY, 0
        if mood == "corrupt":
            body = BODY[:5000] + b"!" + BODY[5001:]
        if mood == "longer":
            body = BODY + b"and more" * 100_000
        if asked and mood != "ignores range":
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            shown = first + 1 if mood == "another part" else first
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        body = body[first:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mood == "cuts":
            body = body[:len(body) // 2]
        try:
            if mood == "hangs":
                self.wfile.write(body[:1000])
                self.wfile.flush()
                server.wait.wait(10)
            else:
                self.wfile.write(body)
        except OSError:
            pass                                            # the client had enough
        self.close_connection = True


@contextmanager
def serving(*moods):
    server = Server(*moods)
    server.wait = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.wait.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def kept(home):
    return sorted(path.name for path in (home / "downloads").glob("*"))


def test_a_file_comes_once_and_is_kept(home):
    with serving("well") as server:
        path = fetch(server.wanted)
        assert path.read_bytes() == BODY and fetch(server.wanted) == path and server.asked == [None]
        assert kept(home) == [path.name] and path.name == f"{SHA[:12]}-input.txt"
        path.write_bytes(BODY[:-1])                         # damaged later: noticed, and fetched again
        assert fetch(server.wanted).read_bytes() == BODY and len(server.asked) == 2


def test_a_cut_is_resumed_where_it_was(home):
    with serving("cuts", "cuts", "well") as server:
        assert fetch(server.wanted).read_bytes() == BODY
        half = len(BODY) // 2
        assert server.asked == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_what_came_before_giving_up_is_kept_and_a_later_call_goes_on(home):
    with serving("cuts") as server:
        with pytest.raises(ConnectionError, match=r"cut short\. 448,000 of 512,000 bytes are kept, and the same call goes on"):
            fetch(server.wanted)
        assert kept(home) == [f"{SHA[:12]}-input.txt.part"]
        server.moods[:] = ["well"]
        assert fetch(server.wanted).read_bytes() == BODY
        assert server.asked[-1] == "bytes=448000-" and kept(home) == [f"{SHA[:12]}-input.txt"]


def test_a_server_that_ignores_range_is_read_from_the_start(home):
    with serving("cuts", "ignores range") as server:
        assert fetch(server.wanted).read_bytes() == BODY and len(server.asked) == 2


def test_a_server_that_sends_another_part_is_asked_for_the_whole(home):
    with serving("cuts", "another part", "well") as server:
        assert fetch(server.wanted).read_bytes() == BODY and server.asked[-1] is None


def test_a_server_that_refuses_the_range_is_asked_for_the_whole(home):
    with serving("cuts", "416", "well") as server:
        assert fetch(server.wanted).read_bytes() == BODY and server.asked[-1] is None


@pytest.mark.parametrize("mood", ["corrupt", "longer"])
def test_other_bytes_than_pinned_are_thrown_away(home, mood):
    with serving(mood) as server:
        with pytest.raises(ValueError, match=r"another file than the one that is known: 512,00\d bytes.*thrown away"):
            fetch(server.wanted)
        assert kept(home) == [] and len(server.asked) == 1


def test_an_old_part_that_was_wrong_costs_a_second_request_not_a_failure(home):
    for old in (b"?" * 1000, b"?" * len(BODY), BODY + b"!"):
        with serving("well") as server:
            (home / "downloads").mkdir(parents=True, exist_ok=True)
            (home / "downloads" / (server.wanted.name + ".part")).write_bytes(old)
            assert fetch(server.wanted).read_bytes() == BODY
            assert server.asked[-1] is None
            (home / "downloads" / server.wanted.name).unlink()


@pytest.mark.parametrize("mood, says", [("404", "the server answered 404 Not Found"), ("503", "answered 503")])
def test_a_refusal_is_told(home, mood, says):
    with serving(mood) as server:
        with pytest.raises(ConnectionError, match=says + r".*Offline\? No lesson needs a download"):
            fetch(server.wanted)
        assert kept(home) == [] and len(server.asked) == downloads.TRIES


def test_nobody_there_and_no_answer_are_told(home):
    with serving("well") as server:
        gone = server.wanted
    with pytest.raises(ConnectionError, match="could not be fetched: Connection refused"):
        fetch(gone)
    with pytest.raises(ConnectionError, match=r"could not be fetched: .*known|could not be fetched: .*resol"):
        fetch(Download("http://nowhere.invalid/x", SHA, 1))
    with serving("hangs") as server, pytest.raises(ConnectionError, match=r"connection broke \(timed out\)"):
        fetch(server.wanted, timeout=0.1)


def test_a_full_disk_is_the_disks_fault_and_keeps_what_came(home, monkeypatch):
    with serving("well") as server:
        def full(*_):
            raise OSError(28, "No space left on device")
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(OSError, match="could not be saved: No space left on device. Make room"):
                fetch(server.wanted)
        assert fetch(server.wanted).read_bytes() == BODY and len(server.asked) == 1


def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with serving("well") as server, pytest.raises(OSError, match="could not be saved: Not a directory"):
        fetch(server.wanted, folder=tmp_path / "file" / "downloads")


def test_download_gives_the_text_and_knows_its_names(home, monkeypatch):
    with serving("well") as server:
        body = b"To be, or not" * 10
        monkeypatch.setitem(globals(), "BODY", body)
        wanted = Download(server.wanted.url, hashlib.sha256(body).hexdigest(), len(body))
        monkeypatch.setitem(text.DOWNLOADS, "shakespeare", wanted)
        assert text.download("shakespeare") == body.decode()
    with pytest.raises(ValueError, match="knows no 'bible'; it knows shakespeare"):
        text.download("bible")
