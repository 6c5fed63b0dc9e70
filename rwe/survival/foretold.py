# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival of persons under a fitted Cox model, and how far it may err: coefficients and baseline together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.baseline import Hazard
from rwe.survival.fitted import Fitted
from rwe.survival.hazard_influence import moved


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What a prediction rests on.

    Parameters
    ----------
    hazard
        Baseline hazard at the mean of the covariates.
    covariance
        Of the coefficients.
    robust
        Whether that is robust; errors then need the rows.
    fitted
        The rows, or None where they were not held.
    """

    hazard: Hazard
    covariance: F8
    robust: bool
    fitted: Fitted | None


def foretell(course: Course, x: F8, risk: F8, stratum: int, times: Any) -> tuple[F8, F8]:
    """Return survival and var(log S) of persons of one stratum, shape (persons, times).

    Parameters
    ----------
    x, risk
        Covariates less their mean, shape (persons, terms), and relative risk, shape (persons, 1).
    """
    z = course.hazard
    mine = z.stratum == stratum
    upto = np.searchsorted(z.day[mine], z.clock.index(times), side="right")
    hazard = np.concatenate([[0.0], np.cumsum(z.jump[mine])])[upto]
    drift = np.vstack([np.zeros(x.shape[1]), np.cumsum(z.drift[mine], axis=0)])[upto]
    own, both = _of_baseline(course, stratum, times, upto)
    variance = np.empty((x.shape[0], upto.size))
    for t, (of_hazard, of_mean) in enumerate(zip(hazard, drift, strict=True)):
        q = of_hazard * x - of_mean
        shared = ((q @ course.covariance) * q).sum(axis=1) + 2 * q @ both[t]
        variance[:, t] = risk[:, 0] ** 2 * np.maximum(own[t] + shared, 0.0)
    known = z.clock.reached(z.last[stratum], times)
    return np.where(known, np.exp(-risk * hazard), np.nan), np.where(known, variance, np.nan)


def _of_baseline(course: Course, stratum: int, times: Any, upto: Any) -> tuple[F8, F8]:
    """Return the variance of the baseline alone and what it shares with the coefficients; NaN where not known."""
    z, terms = course.hazard, course.covariance.shape[0]
    if not course.robust:
        spread = np.concatenate([[0.0], np.cumsum(z.spread[z.stratum == stratum])])[upto]
        return spread, np.zeros((upto.size, terms))
    if course.fitted is None:
        return np.full(upto.size, np.nan), np.zeros((upto.size, terms))
    found = moved(course.fitted, stratum, z.clock.index(times))
    return found.own, found.both
