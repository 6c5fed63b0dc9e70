# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Plain forms of the demo's estimators, with variances by numerical differentiation: slow, short, independent.

The infinitesimal jackknife needs the derivative of an estimate by each person's weight. Here it is
taken by central differences, so that no formula of the engine is repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]


def tables(days: F8, event: F8, weight: F8) -> tuple[F8, F8]:
    """Return weight failing and at risk on each day from 0."""
    size = int(days.max()) + 1
    index = days.astype(np.int64)
    failing = np.bincount(index, weight * event, size)
    return failing, np.bincount(index, weight, size)[::-1].cumsum()[::-1]


def survival(days: F8, event: F8, weight: F8, at: int) -> float:
    """Return the Kaplan-Meier estimate on one day."""
    failing, at_risk = tables(days, event, weight)
    return float(np.prod(1 - failing[: at + 1] / at_risk[: at + 1]))


def restricted_mean(days: F8, event: F8, weight: F8, tau: int) -> float:
    """Return the area under the curve up to `tau`: one rectangle a day."""
    failing, at_risk = tables(days, event, weight)
    return float(np.cumprod(1 - failing / at_risk)[:tau].sum())


def greenwood(days: F8, event: F8, at: int) -> float:
    """Return Greenwood's standard error of S on one day."""
    d, n = (table[: at + 1] for table in tables(days, event, np.ones_like(days)))
    return survival(days, event, np.ones_like(days), at) * float(np.sqrt((d / (n * (n - d))).sum()))


def restricted_mean_error(days: F8, event: F8, tau: int) -> float:
    """Return the standard error of the restricted mean: squared areas to the right of each failure."""
    d, n = tables(days, event, np.ones_like(days))
    s = np.cumprod(1 - d / n)
    area = s[:tau].sum() - np.concatenate([[0.0], np.cumsum(s[:tau])[:-1]])
    return float(np.sqrt((area**2 * d[:tau] / (n[:tau] * (n[:tau] - d[:tau]))).sum()))


def jackknife_error(estimate: Callable[[F8], float], weight: F8, step: float = 1e-5) -> float:
    """Return the infinitesimal jackknife error of ``estimate(weight)``."""
    influence = np.empty_like(weight)
    for i in range(weight.size):
        up, down = weight.copy(), weight.copy()
        up[i] += step
        down[i] -= step
        influence[i] = (estimate(up) - estimate(down)) / (2 * step)
    return float(np.sqrt(((weight * influence) ** 2).sum()))


def efron_score(beta: float, x: F8, days: F8, event: F8, weight: F8) -> float:
    """Return the weighted Efron score of one covariate: tied deaths share their mean weight."""
    r = weight * np.exp(beta * x)
    (e0, s0), (e1, s1) = tables(days, event, r), tables(days, event, r * x)
    deaths = np.bincount(days.astype(np.int64), event, e0.size).astype(np.int64)
    day = np.repeat(np.arange(e0.size), deaths)
    share = np.concatenate([np.arange(d) / d for d in deaths[deaths > 0]])
    mean_weight = tables(days, event, weight)[0][day] / deaths[day]
    mean = (s1[day] - share * e1[day]) / (s0[day] - share * e0[day])
    return float((weight * x * event).sum() - (mean_weight * mean).sum())


def efron(x: F8, days: F8, event: F8, weight: F8) -> tuple[float, float]:
    """Return the coefficient by bisection and its infinitesimal jackknife error."""
    low, high = -3.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if efron_score(middle, x, days, event, weight) > 0 else (low, middle)
    beta, step = (low + high) / 2, 1e-4
    slope = (efron_score(beta + step, x, days, event, weight) - efron_score(beta - step, x, days, event, weight)) / (
        2 * step
    )
    error = jackknife_error(lambda w: efron_score(beta, x, days, event, w), weight, 1e-4)
    return beta, error / abs(slope)


def proportional(x: F8, days: F8, event: F8, beta: F8) -> list[float]:
    """Return the score tests of each slope over 1 - Kaplan-Meier, and of all: failure by failure, ties after Efron."""
    p, left = x.shape[1], 1.0
    g: dict[float, float] = {}
    for day in np.unique(days[event == 1]):
        g[day] = 1 - left
        left *= 1 - ((days == day) & (event == 1)).sum() / (days >= day).sum()
    mean = np.mean([g[day] for day in days[event == 1]])
    score, information = np.zeros(p), np.zeros((2 * p, 2 * p))
    for day, value in g.items():
        fails, slope = (days == day) & (event == 1), value - mean
        for k in range(fails.sum()):
            r = (days >= day) * np.exp(x @ beta) * np.where(fails, 1 - k / fails.sum(), 1.0)
            centre = r @ x / r.sum()
            spread = ((x - centre) * r[:, None]).T @ (x - centre) / r.sum()
            score += slope * (x[fails].mean(axis=0) - centre)
            information += np.kron([[1, slope], [slope, slope**2]], spread)
    tests = []
    for of in [*([j] for j in range(p)), list(range(p))]:
        kept = [*range(p), *(p + j for j in of)]
        u = np.concatenate([np.zeros(p), score[of]])
        tests.append(float(u @ np.linalg.solve(information[np.ix_(kept, kept)], u)))
    return tests


def incidence(days: F8, code: F8, cause: int) -> F8:
    """Return the incidence of a cause by each day (0: censored): the shares failing of it, of those still free."""
    failing, at_risk = tables(days, (code > 0).astype(float), np.ones_like(days))
    own = tables(days, (code == cause).astype(float), np.ones_like(days))[0]
    free = np.concatenate([[1.0], np.cumprod(1 - failing / at_risk)[:-1]])
    return np.cumsum(free * own / at_risk)


def fine_gray_score(beta: F8, x: F8, days: F8, code: F8, cause: int) -> F8:
    """Return the score of Fine and Gray, failure day by failure day: who failed otherwise stays, weighed by censoring.

    A weight is the chance to be still followed just before the day, over that just before the own failure; those who
    fail on a day count among those at risk of censoring on it. Ties by Breslow.
    """
    left, at_risk = tables(days, (code == 0).astype(float), np.ones_like(days))
    followed = np.concatenate([[1.0], np.cumprod(1 - left / at_risk)])  # just before each day
    own, otherwise, score = days.astype(np.int64), (code > 0) & (code != cause), np.zeros(x.shape[1])
    for day in np.unique(own[code == cause]):
        weight = np.where(own >= day, 1.0, np.where(otherwise, followed[day] / followed[own], 0.0))
        risk, fails = weight * np.exp(x @ beta), (own == day) & (code == cause)
        score += x[fails].sum(axis=0) - fails.sum() * (risk @ x) / risk.sum()
    return score
