# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The maximum of a partial likelihood: Newton's way, begun where a sample of many rows shows it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.approach import LAST, Lead, beginning
from rwe.survival.ascent import Hill, Spot, climb, spent
from rwe.survival.digits import refuse_vague
from rwe.survival.linear import aliased, solve
from rwe.survival.partial import Cohort, Point, evaluate, point

ITERATIONS = 30
SMALL = 1e-7  # last step in standard deviations of the covariates
LAG, FORETOLD = 1e-14, 4e-5  # step in standard errors up to which a foretold hazard serves: by events squared, by root
NEAR = 1e-6  # the same where the answer is one of many that are drawn


def maximise(data: Cohort, names: tuple[str, ...]) -> tuple[Point, Point]:
    """Return the partial likelihood at 0 and at its maximum (Newton-Raphson with halved steps).

    A step that leads nowhere, or to where hardly any information is left, may be the fault of the hazard of the step
    before, with which the information is weighed: the hill is then climbed again by reads that owe nothing to it.

    Raises
    ------
    NoValidAnswer
        If a term is a combination of others or constant among those at risk, or has no finite
        maximum (monotone likelihood: it separates those who fail from those who do not); or if sums
        over late entries keep too few digits.
    """
    way = beginning(data, names)
    null, now, step, first = way.null, way.now, way.step, way.first
    events = float(data.occasions.n_event.sum())
    lag = min(LAG * events**2, FORETOLD * np.sqrt(events))
    for _ in range(ITERATIONS):
        ahead = _forward(data, now, step)
        if ahead is None:
            break
        now, step = ahead
        moved = np.sqrt(abs(step @ now.information @ step))
        if spent(now.information, first):
            break
        step = solve(now.information, now.score)
        length = float(np.abs(step).max()) / max(1.0, float(np.abs(now.beta).max()))
        gain = float(step @ now.score)
        if moved < lag and length < SMALL and way.ends(step, gain):
            return null, _sharp(replace(now, beta=now.beta + step) if gain < LAST**2 else now.carried(step))
    return null, _sharp(evaluate(data, climb(plain_hill(data), null.beta, names).beta))


def _sharp(best: Point) -> Point:
    refuse_vague(best.error, best.information)
    return best


def nearby(data: Cohort, best: Point) -> F8 | None:
    """Return the coefficients to which those of other weights of the same rows lead; None where they lead nowhere."""
    now = point(data, best.beta, best.hazard)
    if aliased(now.information):
        return None
    step = solve(now.information, now.score)
    for _ in range(ITERATIONS):
        ahead = _forward(data, now, step)
        if ahead is None:
            return None
        now = ahead[0]
        if aliased(now.information) or spent(now.information, best.information):
            return None
        step = solve(now.information, now.score)
        if np.abs(step).max() < NEAR * max(1.0, float(np.abs(now.beta).max())):
            return np.asarray(now.beta + step, np.float64)
    return None


def plain_hill(data: Cohort) -> Hill:
    """Return the partial likelihood as a function of the coefficients."""
    return partial(_spot, data)


def _spot(data: Cohort, beta: F8) -> Spot:
    at = evaluate(data, beta)
    return Spot(beta, at.loglik, at.score, at.information)


def _forward(data: Cohort, now: Point | Lead, step: F8) -> tuple[Point, F8] | None:
    """Take a step, halved until the likelihood does not fall; None where no step serves."""
    for _ in range(20):
        new = point(data, now.beta + step, now.ahead(step))
        if np.isfinite(new.loglik) and new.loglik >= now.loglik - 1e-9 * abs(now.loglik):
            return new, step
        step = step / 2
    return None
