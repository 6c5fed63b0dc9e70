# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Small cohorts of known truth, made where they are analysed.

Failure times invert the cumulative hazard (Bender et al. 2005, Stat Med 24:1713). All times are rounded up to
whole days of a grid, failures and ends of follow-up apart from each other, so that on the grid censoring is
independent of failure exactly and survival at a day of the grid is that of the continuous time.
"""

from __future__ import annotations

import math

import numpy as np

from rwe.kernels._jit import F8, I8, U8, f8_in, f8_out, f8_out2, i8_out, kernel, number, u8_out
from rwe.kernels.draws import exponential, normal, uniform

SHAPE, LOG_RATIO, DELAY, DROP_OUT, FOLLOW_UP, GRID, LATEST, CONFOUNDER, OTHER, SHARE = range(10)
_LIKELY = 0.7  # probability of the arm that the confounder favours


@kernel(number, f8_in, f8_in, number)
def hazard_up_to(t: float, rates: F8, cuts: F8, shape: float) -> float:
    """Return the cumulative baseline hazard: piecewise constant rates, to the power of the shape (Weibull)."""
    total, begin = 0.0, 0.0
    for k in range(rates.size):
        end = cuts[k] if k < cuts.size else np.inf
        if t <= end:
            return float((total + rates[k] * (t - begin)) ** shape)
        total += rates[k] * (end - begin)
        begin = end
    return np.inf


@kernel(number, f8_in, f8_in, number)
def time_of(hazard: float, rates: F8, cuts: F8, shape: float) -> float:
    """Return when the cumulative baseline hazard reaches a value."""
    left, begin = hazard ** (1.0 / shape), 0.0
    for k in range(rates.size):
        end = cuts[k] if k < cuts.size else np.inf
        if left <= rates[k] * (end - begin):
            return float(begin + left / rates[k])
        left -= rates[k] * (end - begin)
        begin = end
    return np.inf


@kernel(number, number, f8_in, f8_in, f8_in, u8_out)
def _failure(arm: float, risk: float, rates: F8, cuts: F8, p: F8, s: U8) -> float:
    """Return a failure time; in arm 1 the hazard ratio acts from the day of its delay on."""
    hazard = exponential(s) / risk
    if arm > 0.0:
        before = hazard_up_to(p[DELAY], rates, cuts, p[SHAPE])
        if hazard > before:
            hazard = before + (hazard - before) / math.exp(p[LOG_RATIO])
    return time_of(hazard, rates, cuts, p[SHAPE])


@kernel(f8_in, f8_in, f8_in, f8_in, u8_out, i8_out, i8_out, i8_out, f8_out, f8_out2)
def cohort(rates: F8, cuts: F8, effects: F8, p: F8, s: U8, leave: I8, enter: I8, cause: I8, weight: F8, x: F8) -> None:
    """Fill the arrays with one cohort.

    Parameters
    ----------
    rates, cuts
        Baseline hazards a day, and the days on which they change.
    effects
        Log hazard ratios of standard normal covariates.
    p
        The other numbers of the scenario, in the order of the constants above; a rate of 0, or an endless follow-up, is
        none. With a confounder (its log hazard ratio) arms are drawn by it, and the weight is one over the
        probability of the own arm.
    leave, enter, cause, weight
        Filled: last day, day of entry (-1: from the start), 0 censored, 1 failed, 2 failed of the other cause.
    x
        Filled: arm, then the covariates.
    """
    grid = p[GRID]
    for i in range(leave.size):
        weight[i], confounder = 1.0, 0.0
        x[i, 0] = math.floor((i + 1) * p[SHARE]) - math.floor(i * p[SHARE])
        while True:
            if p[CONFOUNDER] != 0.0:
                confounder = 1.0 if uniform(s) < 0.5 else 0.0
                treated = _LIKELY if confounder > 0.0 else 1.0 - _LIKELY
                x[i, 0] = 1.0 if uniform(s) < treated else 0.0
                weight[i] = 1.0 / (treated if x[i, 0] > 0.0 else 1.0 - treated)
            eta = confounder * p[CONFOUNDER]
            for j in range(effects.size):
                x[i, j + 1] = normal(s)
                eta += effects[j] * x[i, j + 1]
            failed = _failure(x[i, 0], math.exp(eta), rates, cuts, p, s)
            other = exponential(s) / p[OTHER] if p[OTHER] > 0.0 else np.inf
            first = grid * max(np.ceil(min(failed, other) / grid), 1.0)
            begin = math.floor(uniform(s) * (p[LATEST] + 1.0)) if p[LATEST] > 0.0 else -1.0
            lost = max(begin, 0.0) + exponential(s) / p[DROP_OUT] if p[DROP_OUT] > 0.0 else np.inf
            if first > begin:
                break
        end = min(grid * max(np.ceil(lost / grid), 1.0), p[FOLLOW_UP])
        enter[i] = int(begin)
        leave[i] = int(min(first, end))
        cause[i] = (2 if other < failed else 1) if first <= end else 0
