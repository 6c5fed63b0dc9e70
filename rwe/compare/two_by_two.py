# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two shares side by side: risk ratio, odds ratio and risk difference of treated and control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.compare.proportions import wilson
from rwe.errors import DataError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.intervals import chi_square_tail, normal_quantile
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TwoByTwo(Shown):
    """Measures of one 2x2 table.

    Parameters
    ----------
    table
        One row a measure: estimand (risk_ratio, odds_ratio, conditional_odds_ratio, risk_difference, number_needed),
        conf_type, estimate, std_error (of the log of a ratio), limits. Null where a measure does not exist.
    tests
        One row a test: fisher, pearson, yates; statistic and p_value.
    notes
        What a reader must know.
    """

    table: pl.DataFrame
    tests: pl.DataFrame
    conf_level: float
    notes: tuple[str, ...]
    _n: int
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", group: str = "") -> Result:
        """Return measures and tests in the long tidy form; the kind of limits is the stratum."""
        rows = self.table.rename({"conf_type": "stratum"})
        tests = self.tests.rename({"test": "estimand"})
        both = pl.concat([rows, tests], how="diagonal").with_columns(n=pl.lit(self._n), n_event=pl.lit(self._n_event))
        labels = {"population": population, "outcome": outcome, "group": group}
        settings = {"conf_level": self.conf_level, "notes": [*self.notes]}
        return Result(tidy(both, analysis="two_by_two", **labels), settings)

    def _story(self) -> Story:
        tests = ", ".join(f"{name} p = {p:.4g}" for name, p in self.tests.select("test", "p_value").iter_rows())
        return f"Treated against control: {tests}", self.table, self.notes


def two_by_two(n_event: int, n: int, n_event_0: int, n_0: int, *, conf_level: float = 0.95) -> TwoByTwo:
    """Compare the shares of two independent groups.

    Parameters
    ----------
    n_event, n
        Persons with the event, and all, among the treated.
    n_event_0, n_0
        The same of the control.

    Returns
    -------
    TwoByTwo
        Ratios with Wald limits of their logs; the conditional odds ratio and its exact limits as R ``fisher.test``;
        the risk difference with Wald limits, Newcombe's (1998, Stat Med 17:873, method 10) and Miettinen & Nurminen's
        (1985, Stat Med 4:213).

    Raises
    ------
    NoValidAnswer
        If a group is empty.
    DataError
        If more have the event than there are.

    Examples
    --------
    >>> two_by_two(15, 100, 30, 110).table["estimate"][0]
    0.55
    """
    if not (n and n_0):
        raise NoValidAnswer("a group holds nobody: there is nothing to compare")
    if not (0 <= n_event <= n and 0 <= n_event_0 <= n_0):
        raise DataError("more events than persons in a group: count each person once")
    counts = (n_event, n, n_event_0, n_0)
    rows = [*ratios(counts, normal_quantile(conf_level)), _conditional(counts, conf_level)]
    rows += differences(counts, conf_level)
    none = "no event, or nothing but events, in a group: a ratio with an interval does not exist, differences do"
    notes = (none,) if 0 in (n_event, n - n_event, n_event_0, n_0 - n_event_0) else ()
    tests = pl.DataFrame(_tests(counts), schema={"test": pl.String, "statistic": pl.Float64, "p_value": pl.Float64})
    return TwoByTwo(pl.DataFrame(rows, schema=_SCHEMA), tests, conf_level, notes, n + n_0, n_event + n_event_0)


Counts = tuple[float, int, float, int]  # a printed proportion times its patients is no whole number
_SCHEMA = {"estimand": pl.String(), "conf_type": pl.String()} | {
    name: pl.Float64() for name in ("estimate", "std_error", "conf_low", "conf_high")
}


def ratios(counts: Counts, z: float) -> list[dict[str, Any]]:
    """Return risk and odds ratio with Wald limits of their logs; `z` is the normal quantile."""
    a, n1, c, n0 = counts
    b, d = n1 - a, n0 - c
    risk = (a * n0 / (n1 * c), 1 / a - 1 / n1 + 1 / c - 1 / n0) if a and c else None
    odds = (a * d / (b * c), 1 / a + 1 / b + 1 / c + 1 / d) if a and b and c and d else None
    rows = []
    for name, found in (("risk_ratio", risk), ("odds_ratio", odds)):
        row: dict[str, Any] = {"estimand": name, "conf_type": "wald"}
        if found is not None:
            ratio, error = found[0], math.sqrt(found[1])
            limits = {"conf_low": ratio * math.exp(-z * error), "conf_high": ratio * math.exp(z * error)}
            row |= {"estimate": ratio, "std_error": error} | limits
        rows.append(row)
    return rows


def _conditional(counts: Counts, conf_level: float) -> dict[str, Any]:
    from scipy.stats.contingency import odds_ratio

    a, n1, c, n0 = counts
    row: dict[str, Any] = {"estimand": "conditional_odds_ratio", "conf_type": "exact"}
    if a + c in (0, n1 + n0):
        return row
    found = odds_ratio([[a, n1 - a], [c, n0 - c]])
    low, high = found.confidence_interval(conf_level)
    values = {"estimate": found.statistic, "conf_low": low, "conf_high": high}
    return row | {name: float(v) if math.isfinite(v) else None for name, v in values.items()}


def differences(counts: Counts, conf_level: float) -> list[dict[str, Any]]:
    """Return the risk difference with each kind of limits, and the number needed."""
    a, n1, c, n0 = counts
    p1, p0, z = a / n1, c / n0, normal_quantile(conf_level)
    gap, error = p1 - p0, math.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    (low1, high1), (low0, high0) = wilson(a, n1, conf_level), wilson(c, n0, conf_level)
    newcombe = (gap - math.hypot(p1 - low1, high0 - p0), gap + math.hypot(high1 - p1, p0 - low0))
    kinds = {
        "wald": (gap - z * error, gap + z * error),
        "newcombe": newcombe,
        "miettinen_nurminen": _score(counts, z),
    }
    rows: list[dict[str, Any]] = [
        {"estimand": "risk_difference", "conf_type": kind, "estimate": gap, "conf_low": low, "conf_high": high}
        for kind, (low, high) in kinds.items()
    ]
    rows[0]["std_error"] = error
    return [*rows, {"estimand": "number_needed", "conf_type": "", "estimate": 1 / gap if gap else None}]


def _score(counts: Counts, z: float) -> tuple[float, float]:
    """Return Miettinen & Nurminen's limits: the differences that their score test does not refuse."""
    from scipy.optimize import brentq

    gap = counts[0] / counts[1] - counts[2] / counts[3]

    def left(side: float, difference: float) -> float:
        return side * _score_z(counts, difference) - z

    end = 1 - 1e-12
    low = -1.0 if left(1.0, -end) < 0 else float(brentq(lambda t: left(1.0, t), -end, gap, xtol=1e-13))
    high = 1.0 if left(-1.0, end) < 0 else float(brentq(lambda t: left(-1.0, t), gap, end, xtol=1e-13))
    return low, high


def _score_z(counts: Counts, difference: float) -> float:
    """Return the score statistic of this difference; the shares under it by Farrington & Manning's cubic (1990)."""
    a, n1, c, n0 = counts
    n, gap = n1 + n0, a / n1 - c / n0 - difference
    l2 = (n1 + 2 * n0) * difference - n - (a + c)
    l1 = (n0 * difference - n - 2 * c) * difference + a + c
    l0 = c * difference * (1 - difference)
    q = l2**3 / (3 * n) ** 3 - l1 * l2 / (6 * n**2) + l0 / (2 * n)
    p = math.copysign(math.sqrt(max(l2**2 / (3 * n) ** 2 - l1 / (3 * n), 0.0)), q)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3 if p else 0.0)))) / 3
    p0 = min(max(2 * p * math.cos(angle) - l2 / (3 * n), max(0.0, -difference)), min(1.0, 1 - difference))
    p1 = min(max(p0 + difference, 0.0), 1.0)
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * n / (n - 1)
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0


def _tests(counts: Counts) -> list[dict[str, Any]]:
    from scipy.stats import fisher_exact

    a, n1, c, n0 = counts
    fisher = {"test": "fisher", "p_value": float(fisher_exact([[a, n1 - a], [c, n0 - c]]).pvalue)}
    with_event, n = a + c, n1 + n0
    if with_event in (0, n):
        return [fisher, {"test": "pearson"}, {"test": "yates"}]
    apart = abs(a * (n0 - c) - (n1 - a) * c)
    scale = n / (n1 * n0 * with_event * (n - with_event))
    plain, corrected = apart**2 * scale, max(apart - n / 2, 0.0) ** 2 * scale
    pairs = (("pearson", plain), ("yates", corrected))
    return [fisher, *({"test": name, "statistic": v, "p_value": chi_square_tail(v, 1)} for name, v in pairs)]
