# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves and tests of two arms on a few hundred rows, with the kernels and formulas of the public estimators.

A *tick* is a distinct day on which someone leaves, so that the cost is that of the rows, not of the days.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, f8_out2, i8_in, integer, kernel, number
from rwe.kernels.product_limit import product_limit


@kernel(i8_in)
def distinct(day: I8) -> I8:
    """Return the distinct days in ascending order."""
    ordered = np.sort(day)
    k = 0
    for i in range(1, ordered.size):
        if ordered[i] != ordered[k]:
            k += 1
            ordered[k] = ordered[i]
    return ordered[: k + 1].copy()


@kernel(i8_in, i8_in)
def ticks_of(day: I8, tick: I8) -> I8:
    """Return the last tick at or before each day, -1 where there is none."""
    out = np.empty(day.size, np.int64)
    for i in range(day.size):
        low, high = 0, tick.size
        while low < high:
            middle = (low + high) // 2
            if tick[middle] <= day[i]:
                low = middle + 1
            else:
                high = middle
        out[i] = low - 1
    return out


@kernel(i8_in, i8_in, i8_in, f8_in, f8_in2, number, integer)
def arm_table(leave: I8, enter: I8, failed: I8, weight: F8, x: F8, arm: float, n_ticks: int) -> F8:
    """Return by tick, as rows: rows at risk, rows failed, weight at risk, weight failed; of one arm."""
    out = np.zeros((4, n_ticks))
    for i in range(leave.size):
        if x[i, 0] == arm:
            out[0, leave[i]] += 1.0
            out[2, leave[i]] += weight[i]
            if enter[i] >= 0:
                out[0, enter[i]] -= 1.0
                out[2, enter[i]] -= weight[i]
            if failed[i] == 1:
                out[1, leave[i]] += 1.0
                out[3, leave[i]] += weight[i]
    for k in range(n_ticks - 2, -1, -1):
        out[0, k] += out[0, k + 1]
        out[2, k] += out[2, k + 1]
    return out


@kernel(f8_out2)
def survival(table: F8) -> F8:
    """Return what `product_limit` does, for one arm."""
    n, d = np.empty(table.shape[1], np.int64), np.empty(table.shape[1], np.int64)
    at, failed = np.empty(table.shape[1]), np.empty(table.shape[1])
    for k in range(n.size):
        n[k], d[k], at[k], failed[k] = int(table[0, k]), int(table[1, k]), table[2, k], table[3, k]
    return product_limit(n, d, at, failed)


@kernel(f8_out2, f8_in, f8_in, i8_in, i8_in, i8_in, f8_in, f8_in2, number, integer)
def curve_variance(
    table: F8, s: F8, scale: F8, leave: I8, enter: I8, failed: I8, weight: F8, x: F8, arm: float, robust: int
) -> float:
    """Return the variance of a functional of the curve of one arm, Greenwood's or that of the influence of rows.

    Parameters
    ----------
    scale
        What a relative fall of the curve on each tick counts: 1 up to a day for log S on it, the area
        to its right for a restricted mean.
    """
    stay, fail, total = np.zeros(s.size + 1), np.zeros(s.size), 0.0
    for k in range(s.size):
        stay[k + 1] = stay[k]
        if table[1, k] > 0.0 and s[k] > 0.0:
            n, d = table[2, k], table[3, k]
            stay[k + 1] += scale[k] * d / (n * (n - d))
            fail[k] = scale[k] / n
            total += scale[k] * scale[k] * d / (n * (n - d))
    if robust == 0:
        return total
    total = 0.0
    for i in range(leave.size):
        if x[i, 0] == arm:
            own = stay[leave[i]] - fail[leave[i]] if failed[i] == 1 else stay[leave[i] + 1]
            own = weight[i] * (own - stay[enter[i] + 1])
            total += own * own
    return total


@kernel(f8_in, i8_in, integer)
def areas(s: F8, tick: I8, tau: int) -> F8:
    """Return the area under the curve from each tick on up to `tau`; last the area from day 0 on."""
    out = np.zeros(s.size + 1)
    right = 0.0
    for k in range(s.size - 1, -1, -1):
        end = min(tick[k + 1], tau) if k + 1 < s.size else tau
        right += s[k] * max(end - tick[k], 0)
        out[k] = right
    out[s.size] = right + min(tick[0], tau)
    return out


@kernel(f8_out2, f8_out2)
def log_rank_pair(zero: F8, one: F8) -> tuple[float, float]:
    """Return observed less expected failures of arm 1, and its hypergeometric variance (Mantel 1966)."""
    score, variance = 0.0, 0.0
    for k in range(zero.shape[1]):
        d, n = zero[1, k] + one[1, k], zero[0, k] + one[0, k]
        if d > 0.0:
            share = one[0, k] / n
            score += one[1, k] - d * share
            if n > 1.0:
                variance += d * share * (1.0 - share) * (n - d) / (n - 1.0)
    return score, variance
