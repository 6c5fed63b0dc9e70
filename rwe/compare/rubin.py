# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rubin's rules: one answer from the answers of several completed data sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.compare.student import inferred
from rwe.errors import DataError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Combined(Shown):
    """An estimate over completed data sets.

    Parameters
    ----------
    estimate, std_error, conf_low, conf_high, statistic, p_value, df
        Answer with Student's limits; degrees of freedom of Barnard & Rubin (1999).
    within, between
        Variance within the sets, and of their estimates.
    missing_information
        Fraction of the information that is missing.
    monte_carlo_error
        Error that more sets would remove.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    df: float
    within: float
    between: float
    missing_information: float
    monte_carlo_error: float
    n_sets: int
    conf_level: float

    @property
    def table(self) -> pl.DataFrame:
        """One row: the answer with its parts."""
        names = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "df", "missing_information")
        return pl.DataFrame({name: [getattr(self, name)] for name in names})

    def to_result(self, *, population: str = "", outcome: str = "", estimand: str = "imputed") -> Result:
        """Return the answer in the long tidy form."""
        row = self.table.drop("df", "missing_information").with_columns(statistic=pl.lit(self.statistic))
        settings = {"sets": self.n_sets, "df": self.df, "missing_information": self.missing_information}
        labels = {"population": population, "outcome": outcome, "estimand": estimand}
        return Result(tidy(row, analysis="imputation", **labels), settings | {"conf_level": self.conf_level})

    def _story(self) -> Story:
        return f"Rubin's rules over {self.n_sets} completed data sets", self.table, ()


def rubin(
    estimates: Sequence[float],
    std_errors: Sequence[float],
    *,
    n: float = math.inf,
    k: int = 1,
    conf_level: float = 0.95,
) -> Combined:
    """Combine estimates of completed data sets (Rubin 1987; df of Barnard & Rubin 1999, Biometrika 86:948).

    Parameters
    ----------
    estimates, std_errors
        One of each completed data set, on a scale on which they are nearly normal.
    n, k
        Rows and parameters of the analysis: its degrees of freedom without missing values are n - k. For hazard ratios
        give the events as `n`.

    Raises
    ------
    NoValidAnswer
        With fewer than two sets.
    DataError
        If an estimate is not finite or an error not positive: a failing set is not left out in silence.

    Examples
    --------
    >>> found = rubin([-1.2, -0.9, -1.5], [0.4, 0.35, 0.45], n=60, k=1)
    >>> round(found.std_error**2, 4), round(found.df, 3)
    (0.2817, 8.246)
    """
    q, u = np.asarray(estimates, np.float64), np.asarray(std_errors, np.float64) ** 2
    if q.size < 2:
        raise NoValidAnswer(f"{q.size} completed data set: two or more are needed")
    if odd := int((~np.isfinite(q) | ~(u > 0) | np.isinf(u)).sum()):
        raise DataError(f"{odd} of {q.size} completed data sets gave no finite estimate with a positive error")
    m, within, between = q.size, float(u.mean()), float(q.var(ddof=1)) if np.ptp(q) else 0.0
    total = within + (1 + 1 / m) * between
    df = _degrees((1 + 1 / m) * between / total, m, n - k)
    r = (1 + 1 / m) * between / within
    fraction = (r + 2 / (df + 3)) / (r + 1) if between else 0.0
    t = inferred(float(q.mean()), math.sqrt(total), conf_level, df)
    return Combined(
        t.estimate, t.std_error, t.conf_low, t.conf_high, t.statistic, t.p_value, df, within, between, fraction,
        math.sqrt(between / m), m, conf_level,
    )  # fmt: skip


def _degrees(share: float, m: int, whole: float) -> float:
    """Return degrees of freedom, no more than those of the whole data."""
    old = math.inf if share == 0 else (m - 1) / share**2
    seen = math.inf if math.isinf(whole) else (whole + 1) / (whole + 3) * whole * (1 - share)
    return min(old, seen) if math.isinf(old) or math.isinf(seen) else old * seen / (old + seen)
