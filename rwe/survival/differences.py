# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Differences between two groups: of restricted mean survival time and of survival on given days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.intervals import normal_quantile, two_sided
from rwe.survival.kaplan_meier import KaplanMeier, kaplan_meier
from rwe.survival.show import framed


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """The second group less the first, in ascending order of the column that splits them.

    Parameters
    ----------
    table
        One row a day: time (days), group, reference, estimate, std_error, conf_low, conf_high,
        statistic (z), p_value (two-sided). Null where a group's survival cannot be estimated.
    estimand
        ``rmst`` (days) or ``milestone`` (probability).
    curves
        The curves of the two groups.
    """

    table: pl.DataFrame
    estimand: str
    curves: KaplanMeier
    _n: int
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the difference in the long tidy form, under the group ``difference``."""
        rows = self.table.drop("group", "reference").with_columns(n=pl.lit(self._n), n_event=pl.lit(self._n_event))
        labels = {"population": population, "outcome": outcome, "estimand": self.estimand, "group": "difference"}
        first = self.table.row(0, named=True)
        settings = {"group": first["group"], "reference": first["reference"], "conf_level": self.curves.conf_level}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _repr_html_(self) -> str:
        return framed(f"Difference of {self.estimand}", self.table)


def rmst_difference(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    tau: float,
    entry: str | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Difference:
    """Compare the mean time lived up to day `tau` (Royston & Parmar 2013, BMC Med Res Methodol 13:152).

    Arguments are those of `kaplan_meier`; `by` must hold two levels.

    Raises
    ------
    NoValidAnswer
        If a group is not followed to `tau`.
    DefinitionError
        If `by` does not hold two levels.
    """
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    means = km.rmst(tau)
    return _difference(km, "rmst", means["tau"].to_numpy(), means["rmst"].to_numpy(), means["std_error"].to_numpy())


def milestone_difference(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    at: float | Sequence[float],
    entry: str | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Difference:
    """Compare survival on given days: S1(t) - S0(t) with a normal limit on the plain scale.

    Arguments are those of `kaplan_meier`; `by` must hold two levels.

    Raises
    ------
    DefinitionError
        If `by` does not hold two levels.
    """
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    found = km.at(at)
    return _difference(
        km, "milestone", found["time"].to_numpy(), found["survival"].to_numpy(), found["std_error"].to_numpy()
    )


def _difference(km: KaplanMeier, estimand: str, time: Any, value: Any, error: Any) -> Difference:
    labels = km.labels
    if len(labels) != 2:
        raise DefinitionError(f"a difference needs two groups; the column given as by holds {len(labels)}")
    (v0, v1), (e0, e1) = np.split(value.astype(np.float64), 2), np.split(error.astype(np.float64), 2)
    estimate, error = v1 - v0, np.hypot(e0, e1)
    half = normal_quantile(km.conf_level) * error
    with np.errstate(all="ignore"):
        z = np.where(error > 0, estimate / error, np.nan)
    columns = {
        "time": time[: estimate.size], "group": [labels[1]] * estimate.size, "reference": [labels[0]] * estimate.size,
        "estimate": estimate, "std_error": error, "conf_low": estimate - half, "conf_high": estimate + half,
        "statistic": z, "p_value": np.array([two_sided(x) for x in z]),
    }  # fmt: skip
    n, n_event = km.persons
    return Difference(pl.DataFrame(columns, nan_to_null=True), estimand, km, n, n_event)
