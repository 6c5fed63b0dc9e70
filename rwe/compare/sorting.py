# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Scores in ascending order and whose they are: dealt out by their digits where they are many, else compared."""

from __future__ import annotations

import numpy as np

from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.radix import DIGITS, PLACE, STEPS, count_digits, deal, pack, put_right, unpack

FEW = 4_096  # numbers that are compared as fast as they are dealt
PART = 1 << 18
MOVES = 8  # by number: where more of them share a step, they are compared


def ascending(score: F8) -> tuple[I8, F8]:
    """Return the places of the numbers from the smallest (of equal numbers the earlier first), and the numbers."""
    found = _dealt(score) if FEW < score.size < 1 << PLACE else None
    return found or _compared(score)


def _dealt(score: F8) -> tuple[I8, F8] | None:
    """Return the order by digits; None where the numbers lie too close together for their steps, or are not finite."""
    least = float(score.min())
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        unit = float(STEPS / (score.max() - least))
    if not np.isfinite(unit) or unit == 0.0:
        return None
    parts = cuts(score.size, PART)
    words, others = np.empty(score.size, np.int64), np.empty(score.size, np.int64)
    run(lambda bounds: pack(score, least, unit, *bounds, words), parts)
    for digit in range(DIGITS):
        _deal(words, digit, parts, others)
        words, others = others, words
    found, most = np.empty(score.size), MOVES * score.size
    run(lambda bounds: unpack(score, *bounds, words, found), parts)
    return (words, found) if put_right(words, found, most) <= most else None


def _deal(words: I8, digit: int, parts: list[tuple[int, int]], out: I8) -> None:
    """Deal all parts at once: each has places of its own among those of a figure, in the order of the parts."""
    counts = np.array(run(lambda bounds: count_digits(words, digit, *bounds), parts))
    free = (np.cumsum(counts.T.ravel()) - counts.T.ravel()).reshape(counts.T.shape).T
    tasks = list(zip(parts, np.ascontiguousarray(free), strict=True))
    run(lambda task: deal(words, digit, *task[0], task[1], out), tasks)


def _compared(score: F8) -> tuple[I8, F8]:
    """Return the order by comparing.

    The fast sort leaves equal numbers in an order of its own, which would change from one processor to the next: only
    they are sorted again.
    """
    place = np.argsort(score)
    found = score[place]
    same = found[1:] == found[:-1]
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        place[tied] = place[tied][np.lexsort((place[tied], found[tied]))]
    return place, found
