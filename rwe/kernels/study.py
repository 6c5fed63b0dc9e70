# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Batches of small cohorts, made and analysed one after the other without the interpreter between."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, i8_in, integer, kernel, number
from rwe.kernels.draws import generator
from rwe.kernels.simulate import cohort
from rwe.kernels.small_cox import cox_small
from rwe.kernels.small_sample import areas, arm_table, curve_variance, distinct, log_rank_pair, survival, ticks_of

SURVIVAL, RMST, LOG_RANK, COX = 0, 1, 2, 3


@kernel(integer, integer, f8_in, f8_in, f8_in, f8_in, integer)
def make(replicate: int, n: int, rates: F8, cuts: F8, effects: F8, p: F8, seed: int) -> tuple[I8, I8, I8, F8, F8]:
    """Return one cohort: last day, entry, cause, weight, arm and covariates."""
    leave, enter, cause = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    weight, x = np.empty(n), np.empty((n, effects.size + 1))
    cohort(rates, cuts, effects, p, generator(seed, replicate), leave, enter, cause, weight, x)
    return leave, enter, cause, weight, x


@kernel(i8_in, i8_in, i8_in, i8_in, f8_in, f8_in2, number, integer, integer, integer)
def _curve(
    tick: I8, leave: I8, enter: I8, failed: I8, weight: F8, x: F8, arm: float, at: int, mean: int, robust: int
) -> tuple[float, float]:
    """Return survival on a day and the variance of its log, or the mean up to it and its variance; of one arm."""
    table = arm_table(leave, enter, failed, weight, x, arm, tick.size)
    s = survival(table)[0].copy()
    last = tick.size - 1
    while last >= 0 and not (table[0, last] > 0.0):
        last -= 1
    if last < 0 or (tick[last] < at and s[last] > 0.0):
        return np.nan, np.nan
    if mean == 1:
        area = areas(s, tick, at)
        return area[s.size], curve_variance(table, s, area, leave, enter, failed, weight, x, arm, robust)
    scale, value = np.zeros(s.size), 1.0
    for k in range(s.size):
        if tick[k] <= at:
            scale[k], value = 1.0, s[k]
    return value, curve_variance(table, s, scale, leave, enter, failed, weight, x, arm, robust)


@kernel(integer, i8_in, i8_in, i8_in, f8_in, f8_in2, integer, integer)
def analyse(what: int, day: I8, entry: I8, cause: I8, weight: F8, x: F8, at: int, robust: int) -> F8:
    """Return estimate, model variance, robust variance and steps of one analysis of one cohort.

    Parameters
    ----------
    what
        Survival of arm 1 on a day (variance: of its log), difference of restricted means, log-rank (score
        and its variance) or Cox (log hazard ratio of arm 1).
    """
    out = np.full(4, np.nan)
    tick = distinct(day)
    leave, enter = ticks_of(day, tick), ticks_of(entry, tick)
    failed = np.zeros(day.size, np.int64)
    for i in range(day.size):
        failed[i] = 1 if cause[i] == 1 else 0
    if what == COX:
        return cox_small(x, weight, leave, enter, failed, tick.size, robust)
    if what == LOG_RANK:
        zero = arm_table(leave, enter, failed, weight, x, 0.0, tick.size)
        out[0], out[1] = log_rank_pair(zero, arm_table(leave, enter, failed, weight, x, 1.0, tick.size))
        return out
    value, variance = _curve(tick, leave, enter, failed, weight, x, 1.0, at, int(what == RMST), robust)
    if what == RMST:
        other, more = _curve(tick, leave, enter, failed, weight, x, 0.0, at, 1, robust)
        value, variance = value - other, variance + more
    out[0], out[1 + robust] = value, variance
    return out


@kernel(integer, integer, integer, integer, f8_in, f8_in, f8_in, f8_in, integer, integer, integer)
def study(
    what: int, first: int, end: int, n: int, rates: F8, cuts: F8, effects: F8, p: F8, at: int, robust: int, seed: int
) -> F8:
    """Return the analysis of the cohorts `first` up to, not including, `end`: one row each."""
    out = np.empty((end - first, 4))
    for b in range(end - first):
        leave, enter, cause, weight, x = make(first + b, n, rates, cuts, effects, p, seed)
        found = analyse(what, leave, enter, cause, weight, x, at, robust)
        for j in range(4):
            out[b, j] = found[j]
    return out
