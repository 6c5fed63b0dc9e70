# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Optimal pairs: as many as can be, and of all such matchings the one with the least distance in sum."""

from __future__ import annotations

import numpy as np

from rwe.compare.nearest import Found
from rwe.compare.sorting import ascending
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8

EDGES = 20_000_000  # pairs within the caliper that are held at once


def optimal(score: F8, rows: I8, pool: I8, caliper: float, ratio: int) -> Found:
    """Match `rows` to rows of the `pool` with the least sum of distances.

    Each treated stands `ratio` times in the problem. Without a caliper it is one assignment; with one, a matching on
    the sparse graph of the pairs within it, where each treated also has a place of its own to stay unmatched, dearer
    than any chain of others.

    Raises
    ------
    NoValidAnswer
        If there are fewer controls than asked for, or more pairs than can be held.
    """
    asked = np.repeat(rows, ratio)
    if not np.isfinite(caliper):
        return _dense(score, asked, pool)
    return _sparse(score, asked, pool, caliper)


def _dense(score: F8, asked: I8, pool: I8) -> Found:
    from scipy.optimize import linear_sum_assignment

    if asked.size > pool.size:
        raise NoValidAnswer(f"{asked.size} controls are needed and {pool.size} are there: lower the ratio")
    _refuse_size(asked.size * pool.size)
    place, chosen = linear_sum_assignment(np.abs(score[asked][:, None] - score[pool]))
    return [(asked[place], pool[chosen])]


def _refuse_size(pairs: int) -> None:
    if pairs > EDGES:
        raise NoValidAnswer(f"{pairs} pairs to choose from, more than {EDGES}: set a smaller caliper")


def _sparse(score: F8, asked: I8, pool: I8, caliper: float) -> Found:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    place, given = ascending(score[pool])
    theirs = pool[place]
    first = np.searchsorted(given, score[asked] - caliper, "left")
    last = np.searchsorted(given, score[asked] + caliper, "right")
    counts = last - first
    _refuse_size(int(counts.sum()))
    start = np.cumsum(counts) - counts
    line = np.repeat(np.arange(asked.size), counts)
    column = np.arange(counts.sum()) - np.repeat(start - first, counts)
    apart = np.abs(score[asked][line] - score[theirs][column])
    alone = np.arange(asked.size)
    dear = (asked.size + 1) * caliper  # more than all others together can save by leaving one out
    cost = np.concatenate([apart, np.full(alone.size, dear)]) + caliper  # no cost of 0: a graph would drop the edge
    graph = csr_array((cost, (np.append(line, alone), np.append(column, pool.size + alone))),
                      shape=(alone.size, pool.size + alone.size))  # fmt: skip
    line, chosen = min_weight_full_bipartite_matching(graph)
    met = chosen < pool.size
    return [(asked[line[met]], theirs[chosen[met]])]
