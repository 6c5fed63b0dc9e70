# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The partial likelihood of a Cox model: its value and derivatives, its maximum, the influence of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.matrix import predictor, weighted_gram
from rwe.kernels.partial_likelihood import risk_sums, tie_sums
from rwe.survival.ascent import Hill, Spot, refuse_aliased, runaway
from rwe.survival.data import Response
from rwe.survival.linear import aliased, solve

ITERATIONS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows with standardised covariates, and the occasions on which they are at risk.

    Parameters
    ----------
    x
        Covariates less their mean, in units of their standard deviation, shape (rows, terms).
    mean, scale
        What was taken off, and the unit.
    start, stop
        Occasions on which a row is at risk: from `start` up to, not including, `stop`.
    event, weight
        Failure and weight of each row.
    x_event
        Weighted sum of the covariates of those who fail.
    stratum, day
        Of each occasion.
    opens
        Whether an occasion is the first of its stratum.
    n_event, w_event
        Failures on each occasion, and their weight.
    efron
        Whether ties are handled after Efron, otherwise Breslow.
    """

    x: F8
    mean: F8
    scale: F8
    start: I8
    stop: I8
    event: Flags
    weight: F8
    x_event: F8
    stratum: I8
    day: I8
    opens: Flags
    n_event: I8
    w_event: F8
    efron: bool


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The partial likelihood at one value of the coefficients.

    Parameters
    ----------
    beta
        Coefficients of the standardised covariates.
    loglik, score, information
        Value, gradient and negative second derivative.
    risk
        exp(eta) of each row, without its weight.
    at_risk, failing
        Sums of r x by occasion (the sum of r last).
    ties
        Rows h, g, u, v, z of `tie_sums`.
    """

    beta: F8
    loglik: float
    score: F8
    information: F8
    risk: F8
    at_risk: F8
    failing: F8
    ties: F8


def rows(response: Response, x: F8, *, efron: bool) -> Rows:
    """Standardise the covariates and find the occasions."""
    weight, span = response.weights, response.n_days
    if not response.event.any():
        raise NoValidAnswer("there are no events: a Cox model has no answer")
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    scale[np.ptp(x, axis=0) == 0] = 0.0
    key = response.strata.code * span + response.time
    occasion, first = np.unique(key[response.event], return_inverse=True)
    stratum, day = np.divmod(occasion, span)
    safe = np.where(scale > 0, scale, 1.0)
    standard = np.ascontiguousarray((x - mean) / safe)
    return Rows(
        x=standard,
        mean=mean,
        scale=safe,
        start=np.searchsorted(occasion, key - response.time + response.entry, side="right"),
        stop=np.searchsorted(occasion, key, side="right"),
        event=response.event,
        weight=weight,
        x_event=weight[response.event] @ standard[response.event],
        stratum=stratum,
        day=day,
        opens=np.diff(stratum, prepend=-1) > 0,
        n_event=np.bincount(first),
        w_event=np.bincount(first, weight[response.event]).astype(np.float64),
        efron=efron,
    )


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def evaluate(data: Rows, beta: F8) -> Point:
    """Evaluate the partial likelihood; two passes over the rows. Not finite where a step went too far."""
    eta = predictor(data.x, beta)
    risk = np.exp(eta)
    r = data.weight * risk
    at_risk, failing = risk_sums(data.x, r, data.start, data.stop, data.event, data.opens)
    *ties, logs = tie_sums(data.n_event, data.w_event, at_risk[:, -1].copy(), failing[:, -1].copy(), float(data.efron))
    h, g, u, v, z = ties
    s1, e1 = at_risk[:, :-1], failing[:, :-1]
    borne = r * _accrued(data, h, g)
    return Point(
        beta=beta,
        loglik=float(data.x_event @ beta - logs.sum()),
        score=data.x_event - h @ s1 - (g - h) @ e1,
        information=weighted_gram(data.x, borne) - _cross(s1, e1, u, v, z),
        risk=risk,
        at_risk=at_risk,
        failing=failing,
        ties=np.array(ties),
    )


def maximise(data: Rows, names: tuple[str, ...]) -> tuple[Point, Point]:
    """Return the partial likelihood at 0 and at its maximum (Newton-Raphson with halved steps).

    Raises
    ------
    NoValidAnswer
        If a term is a combination of others or constant among those at risk, or has no finite
        maximum (monotone likelihood: it separates those who fail from those who do not).
    """
    null = now = evaluate(data, np.zeros(data.x.shape[1]))
    refuse_aliased(null.information, names)
    step: F8 = now.beta
    for _ in range(ITERATIONS):
        now, step = _forward(data, now, solve(now.information, now.score))
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(now.beta).max())):
            return null, now
        if aliased(now.information):
            break
    raise NoValidAnswer(runaway(names, step))


def plain_hill(data: Rows) -> Hill:
    """Return the partial likelihood as a function of the coefficients."""

    def spot(beta: F8) -> Spot:
        at = evaluate(data, beta)
        return Spot(beta, at.loglik, at.score, at.information)

    return spot


def score_residuals(data: Rows, at: Point) -> F8:
    """Return the weighted influence of each row on the score, shape (rows, terms).

    Lin & Wei (1989) J Am Stat Assoc 84:1074; Efron ties as in R ``residuals.coxph(type = "score")``.
    """
    h, g, u, v, z = at.ties
    s1, e1 = at.at_risk[:, :-1], at.failing[:, :-1]
    last, event = data.stop - 1, data.event[:, None]
    of_others = u[:, None] * s1 - v[:, None] * e1
    of_failing = (u - v)[:, None] * s1 - (v - z)[:, None] * e1
    mean = (h[:, None] * s1 - (h - g)[:, None] * e1) / data.w_event[:, None]
    path = np.vstack([np.zeros(s1.shape[1]), np.cumsum(of_others, axis=0)])
    borne = path[data.stop] - path[data.start] + np.where(event, (of_failing - of_others)[last], 0.0)
    spread = data.x * _accrued(data, h, g)[:, None] - borne
    own = np.where(event, data.x - mean[last], 0.0) - at.risk[:, None] * spread
    return np.asarray(data.weight[:, None] * own, np.float64)


def _accrued(data: Rows, h: F8, g: F8) -> F8:
    """Return the hazard that each row has lived through, in units of its own risk."""
    path = np.concatenate([[0.0], np.cumsum(h)])
    lived = path[data.stop] - path[data.start]
    return np.asarray(lived + np.where(data.event, (g - h)[data.stop - 1], 0.0), np.float64)


def _cross(s1: F8, e1: F8, u: F8, v: F8, z: F8) -> F8:
    mixed = (v[:, None] * s1).T @ e1
    return np.asarray((u[:, None] * s1).T @ s1 - mixed - mixed.T + (z[:, None] * e1).T @ e1, np.float64)


def _forward(data: Rows, now: Point, step: F8) -> tuple[Point, F8]:
    """Take a step, halved until the likelihood does not fall."""
    for _ in range(20):
        new = evaluate(data, now.beta + step)
        if np.isfinite(new.loglik) and new.loglik >= now.loglik - 1e-9 * abs(now.loglik):
            return new, step
        step = step / 2
    raise NoValidAnswer(
        "the partial likelihood cannot be raised further, nor is it at a maximum: look at the covariates"
    )
