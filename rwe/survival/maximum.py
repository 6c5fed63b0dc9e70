# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The maximum of a partial likelihood: Newton's way, and for many rows a short cut that a sample shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased, spent
from rwe.survival.digits import refuse_vague
from rwe.survival.linear import aliased, solve
from rwe.survival.partial import Cohort, Point, evaluate, point

ITERATIONS = 30
STEP, SMALL = 1e-9, 1e-7  # last step in standard deviations of the covariates, anyhow and where events are many
LAG, CLOSE = 1e-15, 1e-4  # step in standard errors that the information outlives: by squared events, and at most
SHOWN = 0.1  # squared step in standard errors of a sample, for each term: that of the sample itself is 1
CHORDS = 8  # reads without the information before Newton takes over
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
    null = now = evaluate(data, np.zeros(data.terms))
    refuse_aliased(null.information, names)
    lag = min(LAG * float(data.occasions.n_event.sum()) ** 2, CLOSE)
    now, step = approach(data, null) or (null, solve(null.information, null.score))
    for _ in range(ITERATIONS):
        ahead = _forward(data, now, step)
        if ahead is None:
            break
        now, step = ahead
        moved = np.sqrt(abs(step @ now.information @ step))
        if spent(now.information, null.information):
            break
        step = solve(now.information, now.score)
        length = float(np.abs(step).max()) / max(1.0, float(np.abs(now.beta).max()))
        if moved < lag and (length < STEP or (length < SMALL and step @ now.score < lag**2)):
            return null, _sharp(replace(now, beta=now.beta + step))
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

    def spot(beta: F8) -> Spot:
        at = evaluate(data, beta)
        return Spot(beta, at.loglik, at.score, at.information)

    return spot


def approach(data: Cohort, null: Point) -> tuple[Point, F8] | None:
    """Return a point near the maximum and the step from it, found by reads without the information.

    A sample gives a start and how the information changes on the way from 0 to it; added to the information at 0
    of all rows, that is a curvature good to a few hundredths, and each chord step mends it along its own direction
    (Broyden, Fletcher, Goldfarb and Shanno; Nocedal & Wright 2006, ch. 6). None where the rows are few or the
    sample leads nowhere.
    """
    part = data.sample()
    found = None if part is None else _of_sample(part)
    if found is None:
        return None
    share = data.occasions.w_event.sum() / found[1].occasions.w_event.sum()
    curvature = null.information + share * (found[1].information - found[0].information)
    if aliased(curvature):
        return None
    now = point(data, found[1].beta, null.hazard, gram=False)
    for _ in range(CHORDS):
        step = solve(curvature, now.score)
        if not now.loglik >= null.loglik:
            return None
        if step @ now.score < CLOSE**2:
            return now, step
        new = point(data, now.beta + step, null.hazard, gram=False)
        fell, bent = now.score - new.score, curvature @ step
        if step @ fell > 0:
            curvature = curvature + np.outer(fell, fell) / (step @ fell) - np.outer(bent, bent) / (step @ bent)
        now = new
    return None


def _of_sample(part: Cohort) -> tuple[Point, Point] | None:
    """Return the partial likelihood of a sample at 0 and near its maximum; None where it has no maximum."""
    null = now = evaluate(part, np.zeros(part.terms))
    for _ in range(CHORDS):
        if aliased(now.information) or not np.isfinite(now.loglik):
            return None
        step = solve(now.information, now.score)
        if step @ now.score < SHOWN * part.terms:
            return null, replace(now, beta=now.beta + step)
        now = point(part, now.beta + step, now.hazard)
    return None


def _forward(data: Cohort, now: Point, step: F8) -> tuple[Point, F8] | None:
    """Take a step, halved until the likelihood does not fall; None where no step serves."""
    for _ in range(20):
        new = point(data, now.beta + step, now.hazard)
        if np.isfinite(new.loglik) and new.loglik >= now.loglik - 1e-9 * abs(now.loglik):
            return new, step
        step = step / 2
    return None
