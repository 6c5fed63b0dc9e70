# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Power and sample size of the one-sample log-rank test: can these patients tell the truth from what was promised?"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8


@dataclass(frozen=True, slots=True)
class OneSamplePower:
    """What the test can tell.

    Parameters
    ----------
    power
        With the patients asked about.
    patients
        Fewest that reach the power asked for.
    events, expected
        Failures of a patient that are seen in the mean under the truth, and that the reference expects of the same
        follow-up.
    """

    power: float
    patients: int
    events: float
    expected: float


def one_sample_power(
    reference: Any,
    truth: Any,
    *,
    patients: int,
    accrual_days: int,
    cut_day: int,
    alpha: float = 0.05,
    power: float = 0.8,
) -> OneSamplePower:
    """Return power and sample size of the two-sided one-sample log-rank test of Woolson.

    The mean and the variance of observed less expected failures of a patient are exact under the truth on a grid of
    days (Wu 2015, Pharm Stat 14:26), patients beginning evenly over the accrual.

    Parameters
    ----------
    reference, truth
        Survival on the days from 0 to at least `cut_day`, above 0.
    patients
        Whose power is asked for.
    accrual_days, cut_day
        Days over which patients begin, and day of the cut, both from the first one on.
    alpha, power
        Two-sided level; power that `patients` of the answer must reach.

    Raises
    ------
    DefinitionError
        If a curve is too short or reaches 0, or a number is out of range.
    NoValidAnswer
        If the truth is the reference: no number of patients tells them apart.

    Examples
    --------
    >>> days = np.arange(1097)
    >>> half, less = 0.5 ** (days / 365), 0.5 ** (1.4 * days / 365)
    >>> found = one_sample_power(half, less, patients=100, accrual_days=365, cut_day=1096)
    >>> round(found.power, 2), found.patients
    (0.91, 73)
    """
    if not (0 < alpha < 1 and alpha < power < 1 and patients >= 1 and 0 < accrual_days <= cut_day):
        raise DefinitionError(
            "alpha and power are shares, patients at least 1, and the cut is not before the accrual ends"
        )
    promised, real = (np.asarray(curve, np.float64)[: cut_day + 1] for curve in (reference, truth))
    if min(promised.size, real.size) <= cut_day or promised.min() <= 0:
        raise DefinitionError(f"both curves are needed on every day to {cut_day}, the reference above 0")
    followed = np.clip((cut_day - np.arange(1, cut_day + 1) + 1) / accrual_days, 0.0, 1.0)
    mean, variance, expected, events = _moments(-np.log(promised), real, followed)
    if abs(mean) < 1e-12:
        raise NoValidAnswer("the truth is the reference: no number of patients tells them apart")
    z, deviation = NormalDist().inv_cdf(1 - alpha / 2), sqrt(variance)
    bar, shift = z * sqrt(expected), sqrt(patients) * abs(mean)
    found = NormalDist().cdf((shift - bar) / deviation) + NormalDist().cdf((-shift - bar) / deviation)
    needed = ((bar + NormalDist().inv_cdf(power) * deviation) / mean) ** 2
    return OneSamplePower(found, ceil(needed), events, expected)


def _moments(hazard: F8, survival: F8, followed: F8) -> tuple[float, float, float, float]:
    """Return mean and variance of observed less expected failures of a patient, and both parts' means.

    Parameters
    ----------
    hazard
        Cumulative hazard of the reference on the days from 0.
    survival
        The truth on the same days.
    followed
        Chance to be followed to each day from 1.
    """
    lost, own = -np.diff(survival), -np.diff(np.log(np.maximum(survival, 1e-300)))
    # at risk in the mean of a day, hazards constant within it: where truth and reference agree, so do both parts
    stays = np.divide(lost, own, out=survival[:-1].copy(), where=own > 0) * followed
    fails, step = lost * followed, np.diff(hazard)
    events, expected = float(fails.sum()), float((stays * step).sum())
    square = float((stays * (hazard[1:] ** 2 - hazard[:-1] ** 2)).sum())
    crossed = float((fails * (hazard[1:] + hazard[:-1]) / 2).sum())
    mean = events - expected
    return mean, events - 2 * crossed + square - mean**2, expected, events
