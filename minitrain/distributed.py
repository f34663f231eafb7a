"""Several processes train as one: each takes its share of every batch, and gradients are summed before they are divided.

`torchrun --nproc_per_node=2 …` starts the processes and tells each its rank; without it, `workers()` is None and there is one.
Left out: sharded weights and pipelines (`scale/`), elastic groups, and hiding the sums behind the backward pass.
"""
import os

import torch
from torch import distributed as dist


def workers():
    """This process among its fellows, or None where `torchrun` started none. The group is made at the first call.

    gloo carries what is on the CPU, NCCL what is on GPUs, one GPU a process.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return None
    gpu = torch.cuda.is_available() and os.environ.get("MINITRAIN_DEVICE", "cuda").startswith("cuda")
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    return Workers(torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu"))


class Workers:
    """The Trainer's `sync`: sums gradients and counts over all processes, in one flat sum a dtype.

    rank: which process this is, from 0.  size: how many there are.  device: where this one computes.
    """

    def __init__(self, device="cpu"):
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), torch.device(device)

    def __call__(self, params, n):
        """Every gradient becomes the sum over the workers, a missing one counting as zero; returns the sum of their n."""
        for dtype in dict.fromkeys(p.dtype for p in params):
            same = [p for p in params if p.dtype == dtype]
            for p in same:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
            flat = torch.cat([p.grad.reshape(-1) for p in same])
            dist.all_reduce(flat)
            for p, total in zip(same, flat.split([p.numel() for p in same])):
                p.grad.copy_(total.view_as(p))
        return self.sum([n])[0]

    def sum(self, numbers):
        """Sums over the workers, as float64 on their device."""
        total = torch.stack([torch.as_tensor(x, dtype=torch.float64, device=self.device) for x in numbers])
        dist.all_reduce(total)
        return total

    def agree(self, flag):
        """Whether any worker says so: then all of them hear it."""
        votes = torch.tensor(int(flag))
        dist.all_reduce(votes, dist.ReduceOp.MAX)
        return bool(votes)

    def share(self, batch):
        """This worker's rows of a batch; the shares differ by one row at most, and together they are the batch."""
        B = len(batch[0])
        if self.size > B:
            raise ValueError(f"A batch has {B} rows for {self.size} workers; each needs one at least. Take a larger batch, or "
                             "fewer workers.")
        first, end = B * self.rank // self.size, B * (self.rank + 1) // self.size
        return tuple(x[first:end] for x in batch)

    def join(self, logs):
        """Make the logs of an update those of the whole batch: n the sum, everything else the mean over all of it."""
        means = [name for name in logs if name not in ("t", "n")]
        total = self.sum([logs["n"], *(logs[name] * logs["n"] for name in means)])
        logs.update({"n": total[0], **{name: x / total[0] for name, x in zip(means, total[1:])}})

    def agreed(self, thing):
        """The first worker's thing, for all."""
        found = [thing]
        dist.broadcast_object_list(found)
        return found[0]
