# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Count the pairs that a risk score puts in the right order (Harrell et al. 1982, JAMA 247:2543).

Rows are taken by score from the lowest to the highest; binary indexed trees (Fenwick 1994, Softw Pract
Exper 24:327) over the occasions, which are few and stay in the cache, tell who of the rows before was at
risk, and which of them failed. An *occasion* is a time with failures within one stratum, so that rows of
two strata never meet.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, Flags, f8_in, f8_out, f8_out2, flags_in, i8_in, integer, kernel, number


@kernel(f8_out, integer, number)
def _put(tree: F8, position: int, weight: float) -> None:
    """Add a weight to entry `position` (from 0)."""
    at = position + 1
    while at <= tree.size:
        tree[at - 1] += weight
        at += at & -at


@kernel(f8_out, integer)
def _sum_of(tree: F8, position: int) -> float:
    """Return the sum of the first `position` entries."""
    total = 0.0
    while position > 0:
        total += tree[position - 1]
        position -= position & -position
    return total


@kernel(i8_in, i8_in, i8_in, flags_in, f8_out, f8_out, f8_out2)
def _ask(rows: I8, start: I8, stop: I8, event: Flags, risk: F8, fail: F8, out: F8) -> None:
    """Take from the trees who is at risk when each row fails, and which failures it lives through."""
    for at in range(rows.size):
        i = rows[at]
        out[1, i] = _sum_of(fail, stop[i] - event[i]) - _sum_of(fail, start[i])
        if event[i]:
            out[0, i] = _sum_of(risk, stop[i])


@kernel(i8_in, i8_in, i8_in, flags_in, f8_in, f8_in, f8_out, f8_out)
def _enter(rows: I8, start: I8, stop: I8, event: Flags, weight: F8, factor: F8, risk: F8, fail: F8) -> None:
    """Put rows into the trees: where they are at risk after a failure, and where they fail."""
    for at in range(rows.size):
        i = rows[at]
        last = stop[i] - event[i]
        if last > start[i]:
            _put(risk, start[i], weight[i])
            _put(risk, last, -weight[i])
        if event[i]:
            _put(fail, last, weight[i] * factor[last])


@kernel(i8_in, flags_in, i8_in, i8_in, flags_in, f8_in, f8_in, f8_in, f8_in, f8_out2, f8_out2)
def count_pairs(
    order: I8,
    opens: Flags,
    start: I8,
    stop: I8,
    event: Flags,
    weight: F8,
    after: F8,
    factor: F8,
    failed: F8,
    pairs: F8,
    part: F8,
) -> None:
    """Count concordant, discordant and tied pairs, and the part that each row has in them.

    A failure is compared with all who are still at risk after it: those who leave later, and those
    censored at its time, if they had entered before it. The pair is concordant when the failure has the
    higher score.

    Parameters
    ----------
    order, opens
        Rows by score; whether a place in that order has another score than the one before.
    start, stop
        Occasions on which a row is at risk: from `start` up to, not including, `stop`.
    after
        Weight still at risk after each occasion.
    factor
        What a pair counts, by the occasion of its failure.
    failed
        Weight times factor of the failures before each occasion, and (last) of all.
    pairs
        Filled, by occasion: concordant, discordant and tied pairs; pairs that fail at one time with one score.
    part
        Filled, by row: by what concordant less discordant pairs, and all of the three, grow with its weight.
    """
    risk, fail, same = np.zeros(factor.size), np.zeros(factor.size), np.zeros(factor.size)
    lower, upto, head = np.zeros((2, order.size)), np.zeros((2, order.size)), 0
    while head < order.size:
        tail = head + 1
        while tail < order.size and not opens[tail]:
            tail += 1
        rows = order[head:tail]
        _ask(rows, start, stop, event, risk, fail, lower)
        _enter(rows, start, stop, event, weight, factor, risk, fail)
        if tail > head + 1:
            _ask(rows, start, stop, event, risk, fail, upto)
        else:
            upto[0, rows[0]], upto[1, rows[0]] = lower[0, rows[0]], lower[1, rows[0]]
        for i in rows:
            last = stop[i] - event[i]
            part[i, 1] = failed[last] - failed[start[i]]
            part[i, 0] = part[i, 1] - upto[1, i] - lower[1, i]
            if event[i]:
                one = weight[i] * factor[last]
                pairs[last, 0] += one * lower[0, i]
                pairs[last, 1] += one * (after[last] - upto[0, i])
                pairs[last, 2] += one * (upto[0, i] - lower[0, i])
                pairs[last, 3] += one * same[last]
                same[last] += weight[i]
                part[i, 0] += factor[last] * (lower[0, i] + upto[0, i] - after[last])
                part[i, 1] += factor[last] * after[last]
        for i in rows:
            if event[i]:
                same[stop[i] - 1] = 0.0
        head = tail
