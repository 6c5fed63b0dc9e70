# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Bootstrap by counts: replicates are drawn and answered from cells of equal rows, not from rows.

Efron (1981) J Am Stat Assoc 76:312. A *cell* is the rows of one group that share entry, exit, status and
weight; a *unit* is what is drawn (a row of a cell, or a whole cluster with all its cells); a *pool* is the
units drawn for each other. A replicate costs the number of cells and days, whatever the number of rows.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, f8_in, f8_out2, i4_in, i8_in, i8_in2, integer, kernel, number
from rwe.kernels.draws import generator, multinomial

RMST, SURVIVAL, QUANTILE, INCIDENCE = 0, 1, 2, 3
_PLATEAU = 1.4901161193847656e-8  # R's tolerance for "S equals the level"
_GONE = 1e-12  # what rounding may leave of the weight at risk when all who are at risk fail


@kernel(f8_out2, integer, integer, f8_in, i8_in, number)
def _walk(table: F8, g: int, days: int, width: F8, ask: I8, level: float) -> tuple[float, float, float, int, int, int]:
    """Return the area, the value on the day asked for, survival at the end, and the days on which the group was
    last seen, survival came down to the level, and fell below it (-1: never).
    """
    risk = 0.0
    for j in range(g * days, (g + 1) * days):
        risk += table[0, j] - table[1, j]
    s, area, incidence, value, last, hit, fall = 1.0, 0.0, 0.0, 1.0, -1, -1, -1
    for k in range(days):
        j = g * days + k
        if table[2, j] > 0.0:
            left = 1.0 - table[2, j] / risk
            incidence += s * table[3, j] / risk
            s = s * left if left > _GONE else 0.0
            hit = k if hit < 0 and s <= level + _PLATEAU else hit
            fall = k if fall < 0 and s < level - _PLATEAU else fall
        area += s * width[k]
        if k == ask[1]:
            value = incidence if ask[0] == INCIDENCE else s
        if table[0, j] > 0.0:
            last = k
        risk += table[1, j] - table[0, j]
    return area, value, s, last, hit, fall


@kernel(f8_out2, integer, integer, f8_in, f8_in, i8_in, number)
def answer(table: F8, g: int, days: int, tick: F8, width: F8, ask: I8, level: float) -> float:
    """Return one statistic of one group from its sums of weights by day; NaN where it has no answer.

    Parameters
    ----------
    table
        Rows: left, entered, failed, failed of the cause of interest; columns: group * days + day.
    tick, width
        Time of each day, and what of the time up to the horizon lies between it and the next.
    ask
        Statistic; last day that counts; day that follow-up must reach unless survival is 0.
    level
        Survival that a quantile asks for: infinite where it is not reached, the middle of a plateau (R's rule).
    """
    area, value, s, last, hit, fall = _walk(table, g, days, width, ask, level)
    if last < 0 or (ask[0] != QUANTILE and last < ask[2] and s > 0.0):
        return np.nan
    if ask[0] != QUANTILE:
        return area if ask[0] == RMST else value
    if hit < 0:
        return np.inf
    if fall == hit:
        return float(tick[hit])
    return 0.5 * float(tick[hit] + tick[fall if fall >= 0 else last])


@kernel(f8_out2, integer, i8_in2, f8_in, number)
def _put(table: F8, i: int, cells: I8, weight: F8, times: float) -> None:
    """Add a cell to the table this many times."""
    w = weight[i] * times
    table[0, cells[1, i]] += w
    if cells[2, i] >= 0:
        table[1, cells[2, i]] += w
    if cells[3, i] > 0:
        table[2, cells[1, i]] += w
    if cells[3, i] == 2:
        table[3, cells[1, i]] += w


@kernel(i8_in2, f8_in, i8_in, f8_out2)
def tabulate(cells: I8, weight: F8, drawn: I8, table: F8) -> None:
    """Fill the table with the cells of the units drawn.

    Parameters
    ----------
    cells
        Rows: unit; place of exit and of entry in the table (-1: from the start); status (0 censored, 1
        failed, 2 failed of the cause of interest).
    """
    table[:] = 0.0
    unit, leave, enter, status = cells[0], cells[1], cells[2], cells[3]
    left, entered, failed, of_cause = table[0], table[1], table[2], table[3]
    for i in range(weight.size):
        w, at = weight[i] * drawn[unit[i]], leave[i]
        left[at] += w
        if enter[i] >= 0:
            entered[enter[i]] += w
        if status[i] > 0:
            failed[at] += w
        if status[i] == 2:
            of_cause[at] += w


@kernel(integer, integer, integer, i8_in, i8_in2, i4_in, i8_in2, f8_in, integer, f8_in, f8_in, i8_in, number)
def replicates(
    first: int, end: int, seed: int, mass: I8, pools: I8, of_row: I4, cells: I8, weight: F8,
    groups: int, tick: F8, width: F8, ask: I8, level: float,
) -> F8:  # fmt: skip
    """Return the statistic of each group in the replicates `first` up to, not including, `end`.

    Parameters
    ----------
    mass
        Rows (or 1 for a cluster) of each unit.
    pools
        One row a pool: its first unit, the unit after its last, rows to draw, place of its first row in `of_row`
        (-1: draw by binomials).
    """
    days = tick.size
    out, table, drawn = np.empty((end - first, groups)), np.empty((4, groups * days)), np.empty(mass.size, np.int64)
    for b in range(end - first):
        s = generator(seed, first + b)
        for p in range(pools.shape[0]):
            multinomial(mass, pools[p, 0], pools[p, 1], of_row, pools[p, 3], pools[p, 2], s, drawn)
        tabulate(cells, weight, drawn, table)
        for g in range(groups):
            out[b, g] = answer(table, g, days, tick, width, ask, level)
    return out


@kernel(integer, integer, i8_in, i8_in2, f8_in, integer, f8_in, f8_in, i8_in, number)
def left_out(
    first: int, end: int, mass: I8, cells: I8, weight: F8, groups: int, tick: F8, width: F8, ask: I8, level: float
) -> F8:
    """Return the statistic of each group with one row (or cluster) of each unit `first` .. `end` - 1 left out.

    Cells are in the order of their units.
    """
    days = tick.size
    out, table = np.empty((end - first, groups)), np.empty((4, groups * days))
    tabulate(cells, weight, mass, table)
    whole = np.array([answer(table, g, days, tick, width, ask, level) for g in range(groups)])
    i = int(np.searchsorted(cells[0], first))
    for u in range(first, end):
        begin = i
        touched = np.zeros(groups, np.bool_)
        while i < weight.size and cells[0, i] == u:
            _put(table, i, cells, weight, -1.0)
            touched[cells[1, i] // days] = True
            i += 1
        for g in range(groups):
            out[u - first, g] = answer(table, g, days, tick, width, ask, level) if touched[g] else whole[g]
        for k in range(begin, i):
            _put(table, k, cells, weight, 1.0)
    return out
