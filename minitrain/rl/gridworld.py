"""A maze of cells as a `gymnasium.Env`, with a dial for how rarely and another for how late its reward comes.

Observations are cell numbers, actions the four directions. It refuses to know who acts in it.
"""
import math
from collections import deque

import gymnasium
import numpy as np

ROOMS = """
S..#....
...#....
........
...#..X.
...#...G
"""
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
NAMES = ("up", "right", "down", "left")


class GridWorld(gymnasium.Env):
    """Walk from S to G.  `#` is wall, `X` a pit, any other letter floor; G and X end the episode, `limit` steps truncate it.

    pays: reward of each step that ends on such a letter, {"X": -1.0} unless given.
    every: how rarely the way to G pays. From the farthest S to G it pays 1 in all, whatever `every` is: at each `every`-th cell
    that is nearer to G by foot (back again costs as much, so that no loop gains), or at G alone where it is None.
    delay: what a step earns is paid so many steps later, the rest with the episode's last step; math.inf: all of it there.
    The cell alone no longer says then what is about to be paid: the process is not Markov in what the agent sees.
    slip: the chance to move to a side, left or right of where one wanted to go.

    >>> env = GridWorld("S.G", every=1)
    >>> env.reset()[0], env.step(1)[:3], env.step(1)[:3]
    (0, (1, 0.5, False), (2, 0.5, True))
    """
    metadata = {"render_modes": ["ansi"], "render_fps": 4}

    def __init__(self, plan=ROOMS, *, pays=None, every=None, delay=0, slip=0.0, limit=100, render_mode=None):
        self.rows = plan.split()
        if len({len(row) for row in self.rows}) != 1 or "S" not in plan or "G" not in plan:
            raise ValueError("GridWorld: the plan needs rows of equal length, an S to start from and a G to go to; got\n" + plan)
        if (every is not None and not every >= 1) or not delay >= 0 or not 0 <= slip <= 1 or limit < 1:
            raise ValueError(f"GridWorld got every={every}, delay={delay}, slip={slip}, limit={limit}; every (or None) and limit "
                             "are at least 1, delay at least 0, slip a chance from 0 to 1.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"GridWorld has no render_mode {render_mode!r}; it has 'ansi'.")
        self.cells = [(i, j) for i, row in enumerate(self.rows) for j, letter in enumerate(row) if letter != "#"]
        self.letters = [self.rows[i][j] for i, j in self.cells]
        self.ends = np.array([letter in "GX" for letter in self.letters])               # (S,)
        self.starts = [s for s, letter in enumerate(self.letters) if letter == "S"]
        self.delay, self.slip, self.limit, self.render_mode = delay, slip, limit, render_mode
        number = {cell: s for s, cell in enumerate(self.cells)}
        self.next = np.array([[number.get((i + di, j + dj), s) for di, dj in MOVES]     # (S, 4); against a wall one stays
                              for s, (i, j) in enumerate(self.cells)])
        self.earned = self._rewards({"X": -1.0} if pays is None else pays, every)       # (S, 4), by where the move leads
        self.observation_space = gymnasium.spaces.Discrete(len(self.cells))
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self.state = self.seen = None                       # where the agent is; where it was last, for a picture

    def _rewards(self, pays, every):
        far = self.distances()                                                          # (S,)
        start = far[self.starts].max()
        if math.isinf(start):
            raise ValueError("GridWorld: no way leads from S to G in\n" + "\n".join(self.rows))
        stages = np.where(far > 0, 1.0, 0.0) if every is None else np.ceil(far / every)
        nearer = 1 - stages / (1 if every is None else math.ceil(start / every))        # 0 at the start, 1 at G
        nearer[np.isinf(far)] = 0.0
        extra = np.array([pays.get(letter, 0.0) for letter in self.letters])
        pit = np.array([letter == "X" for letter in self.letters])
        gain = np.where(pit[self.next], 0.0, nearer[self.next] - nearer[:, None])
        return gain + extra[self.next]

    def distances(self):
        """How many steps from each cell to the nearest G, (S,); inf where there is no way around the pits."""
        far = np.array([0.0 if letter == "G" else math.inf for letter in self.letters])
        dry = np.array([letter != "X" for letter in self.letters])
        for _ in self.cells:
            far = np.where(dry, np.minimum(far, far[self.next].min(1) + 1), math.inf)
        return far

    def model(self):
        """What no learner is told, for planning: P (S, A, S) chances of the next cell, R (S, A) expected reward. Final cells
        keep one and pay nothing."""
        if self.delay:
            raise ValueError(f"GridWorld.model: with delay={self.delay} a reward depends on earlier steps, not on cell and "
                             "action alone, so there is no such table. It exists for delay=0.")
        S, A = self.next.shape
        P, R = np.zeros((S, A, S)), np.zeros((S, A))
        for turn, chance in ((0, 1 - self.slip), (1, self.slip / 2), (-1, self.slip / 2)):
            for a in range(A):
                went = (a + turn) % A
                np.add.at(P, (np.arange(S), a, self.next[:, went]), chance)
                R[:, a] += chance * self.earned[:, went]
        P[self.ends], R[self.ends] = np.eye(S)[self.ends, None], 0.0
        return P, R

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.seen = int(self.np_random.choice(self.starts))
        self.t, self.owed = 0, deque()
        return self.state, {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise ValueError(f"GridWorld got action {action!r}; it knows 0 to 3: {', '.join(NAMES)}.")
        if self.state is None:
            raise RuntimeError("GridWorld: no episode is running. Call reset() first, and after an episode's last step.")
        if self.slip and self.np_random.random() < self.slip:
            action = (action + self.np_random.choice((-1, 1))) % len(MOVES)
        self.owed.append(float(self.earned[self.state, action]))
        state, self.t = int(self.next[self.state, action]), self.t + 1
        terminated = bool(self.ends[state])
        truncated = not terminated and self.t >= self.limit
        self.state = None if terminated or truncated else state
        if self.state is None:
            reward = sum(self.owed)
        else:
            reward = self.owed.popleft() if len(self.owed) > self.delay else 0.0
        self.seen = state
        return state, reward, terminated, truncated, {}

    def render(self):
        """The plan as text, with @ where the agent is; None unless render_mode is "ansi"."""
        if self.render_mode != "ansi":
            return None
        here = None if self.seen is None else self.cells[self.seen]
        return "\n".join("".join("@" if (i, j) == here else letter for j, letter in enumerate(row))
                         for i, row in enumerate(self.rows))
