# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two weighted arms by day, and what is read off them: the loops of a resampled contrast.

Kaplan & Meier (1958) J Am Stat Assoc 53:457; Efron (1977) J Am Stat Assoc 72:557. A replicate costs the rows
once and the days a few times; nothing is sorted again.
"""

from __future__ import annotations

import math

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, i8_in, integer, kernel, number
from rwe.kernels.draws import generator, multinomial

_PLATEAU = 1.4901161193847656e-8  # R's tolerance for "S equals the level"
RISK, FAILED, N_RISK, N_FAILED = 0, 1, 2, 3
ITERATIONS, TOLERANCE, FARTHEST = 50, 1e-11, 30.0


@kernel(i8_in, integer, integer, integer)
def drawn(of_row: I8, seed: int, replicate: int, stream: int) -> I8:
    """Return how often each of `of_row.size` rows is drawn with replacement in one replicate of one stream."""
    n = of_row.size
    out, mass, at = np.empty(n, np.int64), np.ones(n, np.int64), np.arange(n).astype(np.int32)
    multinomial(mass, 0, n, at, 0, n, generator(seed, 2 * replicate + stream), out)
    return out


@kernel(i8_in, i8_in, f8_in, i8_in, integer)
def arm_by_day(leave: I8, failed: I8, weight: F8, times: I8, n_days: int) -> F8:
    """Return by day, as rows: weight at risk, weight failing, rows at risk, rows failing.

    Parameters
    ----------
    leave, failed
        Place of the last day of each row, and 1 where it fails on it.
    weight
        Weight of each row, all its copies together.
    times
        Copies of each row.
    """
    out = np.zeros((4, n_days))
    for i in range(leave.size):
        if weight[i] > 0.0:
            k = leave[i]
            out[RISK, k] += weight[i]
            out[N_RISK, k] += times[i]
            if failed[i] == 1:
                out[FAILED, k] += weight[i]
                out[N_FAILED, k] += times[i]
    for k in range(n_days - 2, -1, -1):
        out[RISK, k] += out[RISK, k + 1]
        out[N_RISK, k] += out[N_RISK, k + 1]
    return out


@kernel(f8_in2, f8_in, f8_in, number)
def read_off(arm: F8, day: F8, milestones: F8, tau: float) -> F8:
    """Return survival at the milestones, the mean time lived up to `tau`, and the median.

    NaN beyond the follow-up of the arm; infinity where the median is not reached; the middle of a plateau at 1/2.
    """
    out = np.full(milestones.size + 2, np.nan)
    last = day.size - 1
    while last >= 0 and arm[N_RISK, last] == 0.0:
        last -= 1
    if last < 0:
        return out
    s, area, before, hit, fall, m = 1.0, 0.0, 0.0, -1, -1, 0
    for k in range(last + 1):
        while m < milestones.size and milestones[m] < day[k]:
            out[m], m = s, m + 1
        area += s * (min(day[k], tau) - min(before, tau))
        before = day[k]
        if arm[N_FAILED, k] > 0.0:
            s = 0.0 if arm[N_FAILED, k] == arm[N_RISK, k] else s * (1.0 - arm[FAILED, k] / arm[RISK, k])
            hit = k if hit < 0 and s <= 0.5 + _PLATEAU else hit
            fall = k if fall < 0 and s < 0.5 - _PLATEAU else fall
    while m < milestones.size and (milestones[m] <= day[last] or s == 0.0):
        out[m], m = s, m + 1
    if tau <= day[last] or s == 0.0:
        out[milestones.size] = area
    out[milestones.size + 1] = np.inf
    if hit >= 0:
        end = fall if fall >= 0 else last
        out[milestones.size + 1] = day[hit] if fall == hit else 0.5 * (day[hit] + day[end])
    return out


@kernel(f8_in2, f8_in2, number)
def _score(one: F8, two: F8, beta: float) -> tuple[float, float]:
    """Return score and information of the log hazard ratio of the first arm to the second, ties after Efron."""
    theta, score, information = math.exp(beta), 0.0, 0.0
    for k in range(one.shape[1]):
        d = one[N_FAILED, k] + two[N_FAILED, k]
        if d == 0.0:
            continue
        w = (one[FAILED, k] + two[FAILED, k]) / d
        score += one[FAILED, k]
        for step in range(int(d)):
            share = step / d
            a = theta * (one[RISK, k] - share * one[FAILED, k])
            p = a / (a + two[RISK, k] - share * two[FAILED, k])
            score -= w * p
            information += w * p * (1.0 - p)
    return score, information


@kernel(f8_in2, f8_in2, number)
def log_hazard_ratio(one: F8, two: F8, start: float) -> float:
    """Return the log hazard ratio of the first arm to the second, climbing from `start`; NaN if not finite."""
    beta = start
    for _ in range(ITERATIONS):
        score, information = _score(one, two, beta)
        if not information > 0.0:
            return np.nan
        step = score / information
        beta += max(-2.0, min(2.0, step))
        if abs(beta) > FARTHEST:
            return np.nan
        if abs(step) < TOLERANCE:
            return beta
    return np.nan
