# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rates: events per time of persons at risk, and the ratio of two rates, exact and by approximation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.errors import DataError
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Rates(Shown):
    """One or two rates.

    Parameters
    ----------
    table
        One row an estimate: estimand (rate, rate_ratio, rate_difference), conf_type, estimate, limits, p_value. Null
        where an estimate does not exist.
    """

    table: pl.DataFrame
    conf_level: float
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", group: str = "") -> Result:
        """Return the rates in the long tidy form; the kind of limits is the stratum."""
        rows = self.table.rename({"conf_type": "stratum"}).with_columns(n_event=pl.lit(self._n_event))
        labels = {"population": population, "outcome": outcome, "group": group}
        return Result(tidy(rows, analysis="rate", **labels), {"conf_level": self.conf_level})

    def _story(self) -> Story:
        return "Rates", self.table, ()


def rate(n_event: int, time: float, *, conf_level: float = 0.95) -> Rates:
    """Estimate a rate with exact limits (Garwood 1936) and limits on the log scale.

    Parameters
    ----------
    n_event, time
        Events, and the time of all persons at risk; the rate is in its unit.

    Examples
    --------
    >>> found = rate(4, 320.0).table
    >>> found["estimate"][0], round(found["conf_low"][0], 6)
    (0.0125, 0.003406)
    """
    _check(n_event, time)
    return Rates(pl.DataFrame(_rate(n_event, time, conf_level), schema=SCHEMA), conf_level, n_event)


def rate_ratio(n_event: int, time: float, n_event_0: int, time_0: float, *, conf_level: float = 0.95) -> Rates:
    """Compare two rates: their ratio, exact (given the sum of events) and on the log scale, and their difference.

    Parameters
    ----------
    n_event, time
        Events and time at risk of the group of interest.
    n_event_0, time_0
        Those of the group it is compared with.

    Raises
    ------
    DataError
        If a time is not above 0 or a count below 0.
    """
    _check(n_event, time)
    _check(n_event_0, time_0)
    rows = [*_rate(n_event, time, conf_level), _exact_ratio(n_event, time, n_event_0, time_0, conf_level)]
    rows += _approximate(n_event, time, n_event_0, time_0, normal_quantile(conf_level))
    return Rates(pl.DataFrame(rows, schema=SCHEMA), conf_level, n_event + n_event_0)


SCHEMA = {"estimand": pl.String(), "conf_type": pl.String()} | {
    name: pl.Float64() for name in ("estimate", "conf_low", "conf_high", "p_value")
}


def _check(n_event: int, time: float) -> None:
    if n_event < 0 or not 0 < time < math.inf:
        raise DataError("a rate needs a count of at least 0 and a time at risk above 0")


def _rate(x: int, time: float, conf_level: float) -> list[dict[str, Any]]:
    from scipy.special import gammaincinv

    tail, z = (1 - conf_level) / 2, normal_quantile(conf_level)
    low = float(gammaincinv(x, tail)) if x else 0.0
    exact = {"conf_low": low / time, "conf_high": float(gammaincinv(x + 1, 1 - tail)) / time}
    about = {}
    if x:
        half = z / math.sqrt(x)
        about = {"conf_low": x / time * math.exp(-half), "conf_high": x / time * math.exp(half)}
    same = {"estimand": "rate", "estimate": x / time}
    return [{**same, "conf_type": "exact", **exact}, {**same, "conf_type": "log_normal", **about}]


def _exact_ratio(x: int, time: float, x0: int, time0: float, conf_level: float) -> dict[str, Any]:
    from scipy.stats import binomtest

    row: dict[str, Any] = {"estimand": "rate_ratio", "conf_type": "exact"}
    if not x + x0:
        return row
    found = binomtest(x, x + x0, time / (time + time0))
    limits = found.proportion_ci(conf_level, "exact")
    low, high = (float(p) / (1 - float(p)) * time0 / time if p < 1 else None for p in (limits.low, limits.high))
    ratio = (x / time) / (x0 / time0) if x0 else None
    return row | {"estimate": ratio, "conf_low": low, "conf_high": high, "p_value": float(found.pvalue)}


def _approximate(x: int, time: float, x0: int, time0: float, z: float) -> list[dict[str, Any]]:
    ratio: dict[str, Any] = {"estimand": "rate_ratio", "conf_type": "wald"}
    if x and x0:
        value, half = (x / time) / (x0 / time0), z * math.sqrt(1 / x + 1 / x0)
        ratio |= {"estimate": value, "conf_low": value * math.exp(-half), "conf_high": value * math.exp(half)}
    gap, half = x / time - x0 / time0, z * math.sqrt(x / time**2 + x0 / time0**2)
    difference = {"estimand": "rate_difference", "conf_type": "wald", "estimate": gap}
    return [ratio, difference | {"conf_low": gap - half, "conf_high": gap + half}]
