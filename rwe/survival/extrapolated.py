# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What curves say beyond the data: survival at landmarks, life-years to a horizon, how much of them nobody saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.curve import Curve
from rwe.survival.scenario_curves import YEAR, steps_to


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of each curve.

    Parameters
    ----------
    landmarks, horizon
        Days at which survival is told, and up to which life is counted.
    last
        Last day on which anyone was followed.
    draws, seed, conf_level
        Of the limits.
    """

    landmarks: Sequence[int]
    horizon: int
    last: float
    draws: int
    seed: int
    conf_level: float

    @property
    def times(self) -> F8:
        """Times at which curves are read, landmarks and the last day among them."""
        return np.unique(np.r_[steps_to(self.horizon), self.landmarks, min(self.last, self.horizon), self.horizon])


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one curve says: survival at the times asked, also drawn, and the two tables' rows."""

    survival: F8
    drawn: F8
    years: float
    row: Mapping[str, float]
    landmarks: pl.DataFrame


def told(curve: Curve, asked: Asked) -> Told:
    """Read a curve and its draws."""
    times = asked.times
    return summed(curve.survival_at(times), curve.survival_draws(times, asked.draws, asked.seed), asked)


def summed(survival: F8, drawn: F8, asked: Asked) -> Told:
    """Read a curve at the times asked for from its values and draws there."""
    times = asked.times
    tails = [(1 - asked.conf_level) / 2, (1 + asked.conf_level) / 2]
    place = np.searchsorted(times, np.asarray(asked.landmarks, np.float64))
    low, high = np.quantile(drawn[:, place], tails, axis=0)
    landmarks = pl.DataFrame(
        {"time": list(asked.landmarks), "survival": survival[place], "conf_low": low, "conf_high": high}
    )
    years, spread = _years(times, survival), np.trapezoid(drawn, times, axis=1) / YEAR
    seen = times <= asked.last
    unseen = 1 - _years(times[seen], survival[seen]) / years
    lowest, largest = np.quantile(spread, tails)
    row = {"life_years": years, "conf_low": float(lowest), "conf_high": float(largest), "beyond_data": unseen}
    return Told(survival, drawn, years, row, landmarks)


def gained(curve: Curve, other: Curve, asked: Asked) -> dict[str, float]:
    """Return by how many life-years a curve exceeds another that was fitted apart, with limits."""
    times, tails = asked.times, [(1 - asked.conf_level) / 2, (1 + asked.conf_level) / 2]
    apart = zip((curve, other), (asked.seed, asked.seed + 1), strict=True)
    first, second = (np.trapezoid(c.survival_draws(times, asked.draws, s), times, axis=1) / YEAR for c, s in apart)
    low, high = np.quantile(first - second, tails)
    estimate = _years(times, curve.survival_at(times)) - _years(times, other.survival_at(times))
    return {"estimate": estimate, "conf_low": float(low), "conf_high": float(high)}


def _years(times: F8, survival: F8) -> float:
    """Return the area under a curve in years."""
    return float(np.trapezoid(survival, times) / YEAR)
