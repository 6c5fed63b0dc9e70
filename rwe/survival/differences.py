# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two groups compared: difference and ratio of restricted mean survival time, difference of survival on given days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile, two_sided
from rwe.survival.kaplan_meier import KaplanMeier, kaplan_meier
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Difference(Shown):
    """The second group less (or over) the first, in ascending order of the column that splits them.

    Parameters
    ----------
    table
        One row a day: time (days), group, reference, estimate, std_error, conf_low, conf_high,
        statistic (z), p_value (two-sided). Null where a group's survival cannot be estimated. The error of
        a ratio is that of its logarithm.
    estimand
        ``rmst`` (days), ``milestone`` (probability), ``median`` (days), ``rmst_ratio`` or ``rmtl_ratio``.
    curves
        The curves of the two groups.
    """

    table: pl.DataFrame
    estimand: str
    curves: KaplanMeier
    _n: int
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return it in the long tidy form, under the group ``difference`` or ``ratio``."""
        rows = self.table.drop("group", "reference").with_columns(n=pl.lit(self._n), n_event=pl.lit(self._n_event))
        labels = {"population": population, "outcome": outcome, "estimand": self.estimand, "group": self._kind}
        first = self.table.row(0, named=True)
        settings = {"group": first["group"], "reference": first["reference"], "conf_level": self.curves.conf_level}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _story(self) -> Story:
        return f"{self._kind.capitalize()}: {self.estimand}", self.table, ()

    @property
    def _kind(self) -> str:
        return "ratio" if self.estimand.endswith("ratio") else "difference"


@door
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

    Parameters
    ----------
    frame, time, event, entry, weights, conf_level, clock
        As in `kaplan_meier`.
    by
        Column of the two groups; the difference is the second in ascending order less the first.
    tau
        Day (or time) up to which time is counted; every group must be followed to it.

    Raises
    ------
    NoValidAnswer
        If a group is not followed to `tau`.
    DefinitionError
        If `by` does not hold two levels.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> found = rmst_difference(arms, time="t", event="e", by="arm", tau=4).table
    >>> found["estimate"].round(4).to_list()  # (2 + 4 + 4) / 3 - (1 + 3 + 4) / 3
    [0.6667]
    """
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    means = km.rmst(tau)
    return _difference(km, "rmst", means["tau"].to_numpy(), means["rmst"].to_numpy(), means["std_error"].to_numpy())


@door
def rmst_ratio(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    tau: float,
    of: Literal["rmst", "rmtl"] = "rmst",
    entry: str | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Difference:
    """Compare the mean time lived up to `tau`, or lost up to it, as a ratio; limits on the logarithm.

    Estimate and limits are ratios, statistic and p-value those of the logarithm (Uno et al. 2014, J Clin Oncol
    32:2380).

    Parameters
    ----------
    frame, time, event, by, tau, entry, weights, conf_level, clock
        As in `rmst_difference`.
    of
        ``rmst``: time lived; ``rmtl``: time lost, `tau` less time lived.

    Raises
    ------
    DefinitionError
        If `by` does not hold two levels, or `of` is neither of the two.
    NoValidAnswer
        If a group is not followed to `tau`, or a mean is 0, so that the ratio has no logarithm.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> rmst_ratio(arms, time="t", event="e", by="arm", tau=4).table["estimate"].round(4).to_list()  # 10 / 8
    [1.25]
    """
    if of not in ("rmst", "rmtl"):
        raise DefinitionError(f"of '{of}' is neither rmst nor rmtl")
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    means = km.rmst(tau)
    mean = means["rmst"].to_numpy() if of == "rmst" else tau - means["rmst"].to_numpy()
    if (mean <= 0).any():
        raise NoValidAnswer(f"the time {'lived' if of == 'rmst' else 'lost'} up to tau is 0 in a group: no ratio")
    log = _difference(km, f"{of}_ratio", means["tau"].to_numpy(), np.log(mean), means["std_error"].to_numpy() / mean)
    return replace(log, table=log.table.with_columns(pl.col("estimate", "conf_low", "conf_high").exp()))


@door
def milestone_difference(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    at: float | Sequence[float],
    entry: str | None = None,
    weights: str | None = None,
    test: Literal["plain", "log-log"] = "plain",
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Difference:
    """Compare survival on given days: S1(t) - S0(t) with a normal limit on the plain scale.

    Parameters
    ----------
    frame, time, event, by, entry, weights, conf_level, clock
        As in `rmst_difference`.
    at
        Days (or times), a row of the table each.
    test
        Scale of statistic and p-value: ``plain``, or ``log-log``, nearer its level in small samples (Klein
        et al. 2007, Stat Med 26:4505).

    Raises
    ------
    DefinitionError
        If `by` does not hold two levels.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> milestone_difference(arms, time="t", event="e", by="arm", at=3).table["estimate"].round(4).to_list()
    [0.3333]
    """
    if test not in ("plain", "log-log"):
        raise DefinitionError(f"test '{test}' is neither plain nor log-log")
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    found = km.at(at)
    days, survival, error = (found[c].to_numpy() for c in ("time", "survival", "std_error"))
    plain = _difference(km, "milestone", days, survival, error)
    if test == "plain":
        return plain
    with np.errstate(all="ignore"):
        slope = survival * np.log(survival)
        scaled = _difference(km, "milestone", days, np.log(-np.log(survival)), np.abs(error / slope))
    return replace(plain, table=plain.table.with_columns(scaled.table["statistic", "p_value"]))


def two_groups(km: KaplanMeier) -> tuple[str, str]:
    """Return the two groups of curves as text."""
    if len(km.labels) != 2:
        raise DefinitionError(f"a difference needs two groups; the column given as by holds {len(km.labels)}")
    return km.labels[0], km.labels[1]


def _difference(km: KaplanMeier, estimand: str, time: Any, value: Any, error: Any) -> Difference:
    labels = two_groups(km)
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
