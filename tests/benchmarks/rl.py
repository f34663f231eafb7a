"""Learning from reward, timed: CartPole until it is held, Acrobot and Pendulum as curves. Prints one JSON object.

    OMP_NUM_THREADS=2 python tests/benchmarks/rl.py                 # ten seeds of CartPole, five of the others: some minutes
    OMP_NUM_THREADS=2 python tests/benchmarks/rl.py --seeds 2 --curves 0

Seconds of the clock, and of the processor beside them: where other work has the cores, the second says what an idle one takes.
Training stops where the last 100 episodes, played with drawn actions, return 490; the 100 episodes that are judged by are new.
"""
import argparse
import json
import time
from functools import partial

import gymnasium
import numpy as np
import torch

from minitrain import Trainer, optim
from minitrain.device import machine, use_threads
from minitrain.rl.policies import ActorCritic, average_return
from minitrain.rl.ppo import PPO, clipped


def held(trainer, logs):
    return "stop" if logs.get("return", 0) >= 490 else None


def train(name, seed, *, envs, updates, rate=3e-3, entropy=0.0, each=None, **options):
    """(trainer, source, seconds of the clock, seconds of the processor), environments and model made within."""
    clock, processor = time.perf_counter(), time.process_time()
    envs = gymnasium.make_vec(name, num_envs=envs)
    model = ActorCritic(envs, seed=seed)
    source = PPO(model, envs, seed=seed, **options)
    trainer = Trainer(model, partial(clipped, entropy=entropy), optim.Adam(model.parameters(), rate=rate, clip=0.5),
                      schedule=optim.cosine(updates, floor=0.1))
    trainer.fit(source, steps=updates, each=each)
    return trainer, source, time.perf_counter() - clock, time.process_time() - processor


def cartpole(seed):
    trainer, source, clock, processor = train("CartPole-v1", seed, envs=64, updates=1600, discount=0.98, each=held)
    found = average_return(trainer.model, gymnasium.make_vec("CartPole-v1", num_envs=100), episodes=100, seed=10_000 + seed)
    return {"seed": seed, "average_return": found, "seconds": clock, "processor_seconds": processor, "updates": trainer.t,
            "environment_steps": source.t * source.envs.num_envs}


def curve(name, seeds, **options):
    """Mean return of the last 100 episodes at eleven points of the training, a row a seed; and of 100 new ones at its end."""
    rows, ends, seconds = [], [], []
    for seed in range(seeds):
        trainer, _, _, processor = train(name, seed, envs=16, **options)
        returns = [logs.get("return", float("nan")) for logs in trainer.history]
        points = np.linspace(0, len(returns) - 1, 11).round().astype(int)
        first = next(r for r in returns if r == r)          # no episode has ended before
        rows.append([first if returns[i] != returns[i] else returns[i] for i in points])
        ends.append(average_return(trainer.model, gymnasium.make_vec(name, num_envs=20), episodes=100, seed=10_000 + seed))
        seconds.append(processor)
    return {"curves": rows, "average_return": ends, "processor_seconds": seconds}


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=10, help="of CartPole")
    words.add_argument("--curves", type=int, default=5, help="seeds of Acrobot and Pendulum")
    args = words.parse_args()
    use_threads()
    train("CartPole-v1", 0, envs=64, updates=32)            # imports and first calls are not what is timed
    found = {"machine": str(machine()), "threads": torch.get_num_threads()}
    runs = [cartpole(seed) for seed in range(args.seeds)]
    found["cartpole"] = {"runs": runs, "held": sum(run["average_return"] >= 475 for run in runs),
                         "slowest_seconds": max(run["seconds"] for run in runs),
                         "slowest_processor_seconds": max(run["processor_seconds"] for run in runs)}
    if args.curves:
        found["acrobot"] = curve("Acrobot-v1", args.curves, updates=3200, entropy=0.01, steps=64)
        found["pendulum"] = curve("Pendulum-v1", args.curves, updates=3840, rate=1e-3, discount=0.9, scale=0.1, steps=128,
                                  epochs=10, minibatches=8)
    print(json.dumps(found, indent=1))
