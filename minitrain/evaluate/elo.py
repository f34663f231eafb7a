"""How strong is each player? One number for everybody, from who won against whom. (Elo, 1978; Bradley and Terry, 1952)"""
import numpy as np

SCALE = 400 / np.log(10)                                    # 400 points more: ten times as many points as the other


def elo(scores, games, *, anchor=0, prior=1.0):
    """Ratings (P,) that make the results likeliest; player `anchor` has 0.

    scores (P, P): points that i won from j, a draw half a point each.  games (P, P): how many they played.
    P(i beats j) = 1 / (1 + 10^(-(r_i - r_j) / 400)), a draw counted as half a win and half a loss; fitted by Newton's method.
    prior: draws in thought that are added to each pair that met, without which a player who won every game would be
    infinitely strong. ValueError: results that do not add up, or players with no chain of games between them.

    >>> elo(np.array([[0, 25], [75, 0]]), np.array([[0, 100], [100, 0]]), prior=0).round()          # 400 · log10(3)
    array([  0., 191.])
    """
    scores, games = np.asarray(scores, dtype=float), np.asarray(games, dtype=float)
    P = len(games)
    if scores.shape != (P, P) or games.shape != (P, P) or not 0 <= anchor < P:
        raise ValueError(f"elo got scores {scores.shape}, games {games.shape} and anchor={anchor}; it needs two square tables of "
                         "the same players, and one of them as anchor.")
    adds_up = np.allclose(games, games.T) and np.allclose(scores + scores.T, games)
    if not adds_up or (scores < 0).any() or games.diagonal().any():
        raise ValueError("elo: the results do not add up: what i won from j and j from i must make the games that they played, "
                         "and nobody plays against themselves.")
    met = games > 0
    reached = np.zeros(P, dtype=bool)
    reached[anchor] = True
    for _ in range(P):
        reached |= met[reached].any(0)
    if not reached.all():
        raise ValueError(f"elo: player {np.flatnonzero(~reached)[0]} played nobody who is linked with player {anchor} by games; "
                         "their strengths can not be compared.")
    scores, games = scores + prior / 2 * met, games + prior * met
    r, free = np.zeros(P), np.arange(P) != anchor
    for _ in range(100):
        p = 1 / (1 + np.exp(r[None] - r[:, None]))          # (P, P): that i beats j
        slope, bend = (scores - games * p).sum(1), games * p * (1 - p)
        H = np.diag(bend.sum(1)) - bend                     # (P, P): minus the second derivative
        step = np.linalg.solve(H[np.ix_(free, free)], slope[free])
        r[free] += step / max(1.0, np.abs(step).max() / 2)  # at most 350 points at once: far off, Newton's step is too long
        if np.abs(step).max() < 1e-10:
            break
    return SCALE * r


def tournament(players, play):
    """Everybody against everybody: results (P, P, G) of 1, ½, 0, what i got in its G games against j; NaN for i = j.

    play(one, other) -> 1, 0, -1 for `one` in each game, any shape; `games.match` with its board and openings filled in.
    """
    P, found = len(players), {}
    for i in range(P):
        for j in range(i):
            found[i, j] = (np.ravel(play(players[i], players[j])) + 1) / 2
    G = max(map(len, found.values()))
    results = np.full((P, P, G), np.nan)
    for (i, j), points in found.items():
        results[i, j, :len(points)], results[j, i, :len(points)] = points, 1 - points
    return results


def elo_with_band(results, *, anchor=0, draws=200, seed=0):
    """(ratings (P,), low (P,), high (P,)): the ratings, and where 95 of 100 lie when each pair's games are drawn again with
    replacement. (Bootstrap: Efron, 1979)  results: as `tournament` gives them."""
    lots, P = np.random.default_rng(seed), len(results)
    games = (~np.isnan(results)).sum(2)

    def fitted(results):
        return elo(np.nansum(results, 2), games, anchor=anchor)
    again = []
    for _ in range(draws):
        drawn = np.full_like(results, np.nan)
        for i in range(P):
            for j in range(i):
                n = games[i, j]
                drawn[i, j, :n] = results[i, j, lots.integers(n, size=n)] if n else []
                drawn[j, i, :n] = 1 - drawn[i, j, :n]
        again.append(fitted(drawn))
    return fitted(results), *np.percentile(again, [2.5, 97.5], axis=0)
