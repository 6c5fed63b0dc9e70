# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours among the controls: on one score by sorting, on several covariates by their joint distance."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rwe.compare.sorting import ascending
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.nearest import first_places, take_nearest

Order = Literal["largest", "smallest", "data"]
ALIKE = 1e-12  # distances that differ by a smaller share are equal: the later row is taken, as R MatchIt does
Found = list[tuple[I8, I8]]  # of each round the rows of the treated and of their controls


def served(asked: F8, rows: I8, order: Order) -> I8:
    """Return the places of ascending scores in the order in which they are matched; of equal ones the earlier row."""
    if order == "data":
        return np.argsort(rows)
    ahead = np.arange(asked.size)
    if order == "smallest":
        return ahead
    if order == "largest":
        alike = bool((asked[1:] == asked[:-1]).any())
        return np.lexsort((ahead, -asked)) if alike else np.ascontiguousarray(ahead[::-1])
    raise DefinitionError(f"unknown order '{order}'; use largest, smallest or data")


def on_score(score: F8, rows: I8, pool: I8, caliper: float, ratio: int, order: Order, *, replacement: bool) -> Found:
    """Match `rows` to rows of the `pool` by one score.

    Without replacement treated are served in order, round by round: each takes the nearest control that is free (a
    union-find chain on each side of its place, so that a match costs next to nothing beside the sorts); of two as near
    the smaller score.
    """
    (place, asked), (other, given) = (ascending(score[which]) for which in (rows, pool))
    mine, at = rows[place], first_places(asked, given)
    if replacement:
        return [_with_replacement(asked, given, at, mine, pool[other], caliper, further) for further in range(ratio)]
    left, right = np.arange(given.size + 1), np.arange(given.size + 1)
    turn, rounds = served(asked, mine, order), []
    for _ in range(ratio):
        taken = np.full(asked.size, -1, np.int64)
        if not take_nearest(asked, given, at, turn, caliper, left, right, taken):
            break
        met = taken >= 0
        rounds.append((mine[met], pool[other[taken[met]]]))
    return rounds


def _with_replacement(
    asked: F8, given: F8, at: I8, mine: I8, theirs: I8, caliper: float, further: int
) -> tuple[I8, I8]:
    """Return of each row its nearest control but `further`: among its nearest on either side, as many as that."""
    reach = np.arange(-further - 1, further + 1)
    near = at[:, None] + reach
    inside = (near >= 0) & (near < given.size)
    apart = np.where(inside, np.abs(asked[:, None] - given[near.clip(0, given.size - 1)]), np.inf)
    place = np.argsort(apart, axis=1, kind="stable")[:, further]
    each = np.arange(asked.size)
    met = apart[each, place] <= caliper
    return mine[met], theirs[near[each, place][met]]


def on_covariates(x: F8, treated: Flags, rows: I8, pool: I8, ratio: int, *, replacement: bool) -> Found:
    """Match by Mahalanobis distance with the covariance within arms, treated in the order of the data.

    Cost is the product of both arms; for many rows use a score.
    """
    white = _whitened(x, treated)
    free, rounds = np.ones(pool.size, np.bool_), []
    for _ in range(ratio):
        pairs = []
        for row in rows[: int(free.sum())]:
            distance = ((white[pool] - white[row]) ** 2).sum(axis=1)
            distance[~free] = np.inf
            place = int(np.flatnonzero(distance <= distance.min() * (1 + ALIKE))[-1])
            free[place] = replacement
            pairs.append((row, pool[place]))
        first, second = np.array(pairs, np.int64).reshape(-1, 2).T
        rounds.append((first, second))
    return rounds


def _whitened(x: F8, treated: Flags) -> F8:
    centred = np.where(treated[:, None], x - x[treated].mean(axis=0), x - x[~treated].mean(axis=0))
    covariance = centred.T @ centred / (treated.size - 2)
    return np.asarray(np.linalg.solve(np.linalg.cholesky(covariance), x.T).T)
