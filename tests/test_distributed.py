"""Two real gloo processes against one: the same losses and weights, the same stop, and what they hold in memory."""
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from distributed_run import STEPS, found, uneven

from minitrain import sources
from minitrain.distributed import Share, workers

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What ranks 0 and 1 wrote."""
    folder = tmp_path_factory.mktemp("two")
    torchrun([Path(__file__).with_name("distributed_run.py"), folder])
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def torchrun(arguments, **how):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **how)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_two_workers_with_uneven_batches_are_one_process(two):
    trainer, source = uneven()
    trainer.fit(source, steps=STEPS)
    one = found(trainer)
    assert [part["rank"] for part in two] == [0, 1]
    assert len(set(one["n"])) > 1 and one["losses"][-1] < one["losses"][0]
    for part in two:
        assert part["n"] == one["n"]
        torch.testing.assert_close(torch.tensor(part["losses"]), torch.tensor(one["losses"]), rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(torch.tensor(part["weights"]), torch.tensor(one["weights"]), rtol=1e-6, atol=1e-9)
    assert two[0]["weights"] == two[1]["weights"]


def test_a_gradient_that_one_worker_lacks_counts_as_zero_in_every_dtype(two):
    assert two[0]["missing"] == two[1]["missing"] == [[2.0, 2.0], [5.0, 5.0, 5.0], 7.0]


def test_the_first_workers_word_is_everybodys(two):
    assert two[0]["said"] == two[1]["said"] == {"plan": 0}


def test_where_one_stops_all_stop(two):
    assert two[0]["stop"] == two[1]["stop"] == [4, False]


def test_ctrl_c_on_one_worker_ends_all_after_the_same_update(two):
    assert two[0]["ctrl_c"] == [3, False] and two[1]["ctrl_c"] == [3, True]


def test_both_together_fit_into_a_gigabyte(two):
    assert sum(part["kb"] for part in two) * 1024 < 1e9


@pytest.mark.parametrize("rows, size", [(7, 2), (8, 3), (5, 5)])
def test_shares_put_together_are_the_batch(rows, size):
    source = sources.batches(torch.arange(20.0), torch.arange(20), size=rows, seed=3)
    parts = [Share(source, SimpleNamespace(rank=rank, size=size)).at(1) for rank in range(size)]
    assert max(len(x) for x, _ in parts) - min(len(x) for x, _ in parts) <= 1
    for whole, shares in zip(source.at(1), zip(*parts)):
        assert torch.equal(torch.cat(shares), whole)


def test_more_workers_than_rows_is_said():
    source = Share(sources.batches(torch.arange(3.0), torch.arange(3), size=3), SimpleNamespace(rank=0, size=4))
    with pytest.raises(ValueError, match="3 rows for 4 workers"):
        source.at(0)


def test_a_source_that_only_iterates_can_not_be_shared():
    with pytest.raises(TypeError, match=r"needs at\(i\)"):
        Share([1, 2], SimpleNamespace(rank=0, size=2))


def test_alone_there_are_no_workers():
    assert workers() is None
