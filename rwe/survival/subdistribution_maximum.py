# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The maximum of the partial likelihood of a subdistribution hazard: Newton's way by one read of the rows a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.ascent import Spot, climb, refuse_aliased, spent
from rwe.survival.digits import refuse_vague
from rwe.survival.linear import solve
from rwe.survival.subdistribution import Cohort, Top, evaluate, exactly

STEPS = 40
STILL = 1e-9  # a step of this many standard errors is none

LAG, CLOSE = 1e-15, 1e-4  # step in standard errors that the information outlives: by squared events, and at most


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def maximise(data: Cohort, terms: tuple[str, ...]) -> tuple[Top, Top]:
    """Return the partial likelihood at 0 and at its maximum (Newton-Raphson with halved steps).

    A step that leads nowhere may be the fault of the hazard of the step before, with which the information is weighed:
    the hill is then climbed again by reads that owe nothing to it.

    Raises
    ------
    NoValidAnswer
        If a term is a combination of others or constant among those at risk, or has no finite maximum.
    """
    null = evaluate(data, np.zeros(len(terms)), data.grid.hazard_at_0())
    refuse_aliased(null.information, terms)
    best = _quickly(data, null)
    if best is None:
        best = exactly(data, climb(lambda beta: _spot(exactly(data, beta)), null.beta, terms).beta)
    refuse_vague(best.error, best.information)
    return null, best


def _quickly(data: Cohort, null: Top) -> Top | None:
    """Return the maximum by one read a step; None where a step leads nowhere."""
    lag = min(LAG * float(data.grid.n_event.sum()) ** 2, CLOSE)
    now, step = null, solve(null.information, null.score)
    for _ in range(STEPS):
        ahead = _forward(data, now, step)
        if ahead is None or spent(ahead[0].information, null.information):
            return None
        now, moved = ahead
        step, way = solve(now.information, now.score), moved @ now.information @ moved
        if way < STILL**2 or (way < lag**2 and step @ now.score < STILL**2):
            return replace(now, beta=now.beta + step)
    return None


def _spot(at: Top) -> Spot:
    return Spot(at.beta, at.loglik, at.score, at.information)


def _forward(data: Cohort, now: Top, step: F8) -> tuple[Top, F8] | None:
    """Take a step, halved until the likelihood does not fall; None where no step serves."""
    for _ in range(30):
        new = evaluate(data, now.beta + step, now.hazard)
        if np.isfinite(new.loglik) and new.loglik >= now.loglik - 1e-9 * abs(now.loglik):
            return new, step
        step = step / 2
    return None
