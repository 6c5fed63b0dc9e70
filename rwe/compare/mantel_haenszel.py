# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Mantel-Haenszel: one odds ratio, risk ratio and risk difference over strata (hospitals, years)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people, require
from rwe.compare.student import inferred
from rwe.errors import DataError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.intervals import chi_square_tail
from rwe.survival.show import Shown, Story

COUNTS = ("n_event", "n", "n_event_0", "n_0")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MantelHaenszel(Shown):
    """Measures over strata.

    Parameters
    ----------
    table
        log_odds_ratio, log_risk_ratio, risk_difference: estimate, std_error, limits, statistic, p_value.
    tests
        cochran_mantel_haenszel (with and without continuity correction), and whether odds ratios differ between
        strata: q, breslow_day, tarone; statistic, df, p_value.
    notes
        Strata that tell nothing.
    """

    table: pl.DataFrame
    tests: pl.DataFrame
    notes: tuple[str, ...]
    conf_level: float
    _n: int
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", group: str = "") -> Result:
        """Return measures and tests in the long tidy form, ratios as logs."""
        tests = self.tests.select("statistic", "p_value", estimand="test")
        both = pl.concat([self.table, tests], how="diagonal")
        both = both.with_columns(n=pl.lit(self._n), n_event=pl.lit(self._n_event))
        labels = {"population": population, "outcome": outcome, "group": group}
        settings = {"conf_level": self.conf_level, "notes": [*self.notes]}
        return Result(tidy(both, analysis="mantel_haenszel", **labels), settings)

    def _story(self) -> Story:
        return "Mantel-Haenszel over strata", self.table, self.notes


def mantel_haenszel(frame: Any, *, conf_level: float = 0.95) -> MantelHaenszel:
    """Pool 2x2 tables without a model of the strata, right also where they are many and small.

    Parameters
    ----------
    frame
        One row a stratum: ``n_event``, ``n`` (treated), ``n_event_0``, ``n_0`` (control).

    Returns
    -------
    MantelHaenszel
        Errors by Robins, Breslow & Greenland (1986) for the odds ratio, Greenland & Robins (1985) for the risk ratio
        and Sato (1989) for the difference, as R ``metafor::rma.mh``.

    Raises
    ------
    NoValidAnswer
        If no stratum holds both groups, or a ratio has no events to rest on in either group.

    Examples
    --------
    >>> strata = pl.DataFrame({"n_event": [4, 6], "n": [40, 50], "n_event_0": [8, 9], "n_0": [42, 49]})
    >>> round(mantel_haenszel(strata).table["estimate"][1], 4)
    -0.5403
    """
    rows = people(frame)
    require(rows, [*COUNTS])
    a, n1, c, n0 = (rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in COUNTS)
    if odd := int((~((a >= 0) & (a <= n1) & (c >= 0) & (c <= n0))).sum()):
        raise DataError(f"{odd} of {a.size} strata have missing counts, or more events than persons")
    told = (n1 > 0) & (n0 > 0)
    if not told.any():
        raise NoValidAnswer("no stratum holds treated and control: nothing is compared within one")
    notes = (f"{int((~told).sum())} strata hold one group alone and tell nothing",) if not told.all() else ()
    cells = tuple(column[told] for column in (a, n1 - a, c, n0 - c))
    table, (n, n_event) = _measures(cells, conf_level), (int((n1 + n0).sum()), int((a + c).sum()))
    return MantelHaenszel(table, _tests(cells, math.exp(table["estimate"][0])), notes, conf_level, n, n_event)


def _measures(cells: tuple[F8, ...], conf_level: float) -> pl.DataFrame:
    rows = []
    found = {"log_odds_ratio": _odds(*cells), "log_risk_ratio": _risk(*cells), "risk_difference": _difference(*cells)}
    for name, (estimate, error) in found.items():
        t = inferred(estimate, error, conf_level)
        limits = {"conf_low": t.conf_low, "conf_high": t.conf_high, "statistic": t.statistic, "p_value": t.p_value}
        rows.append({"estimand": name, "estimate": estimate, "std_error": error} | limits)
    return pl.DataFrame(rows)


def _log(up: float, down: float) -> float:
    if not (up > 0 and down > 0):
        raise NoValidAnswer("a group has no event in any stratum that holds both: the ratio does not exist")
    return math.log(up / down)


def _odds(a: F8, b: F8, c: F8, d: F8) -> tuple[float, float]:
    n = a + b + c + d
    p, q, r, s = (a + d) / n, (b + c) / n, a * d / n, b * c / n
    estimate = _log(float(r.sum()), float(s.sum()))
    total_r, total_s = r.sum(), s.sum()
    mixed = (p * s + q * r).sum() / (total_r * total_s)
    variance = ((p * r).sum() / total_r**2 + mixed + (q * s).sum() / total_s**2) / 2
    return estimate, math.sqrt(variance)


def _risk(a: F8, b: F8, c: F8, d: F8) -> tuple[float, float]:
    n1, n0, n = a + b, c + d, a + b + c + d
    up, down = float((a * n0 / n).sum()), float((c * n1 / n).sum())
    estimate = _log(up, down)
    return estimate, math.sqrt(float(((n1 * n0 * (a + c) - a * c * n) / n**2).sum()) / (up * down))


def _difference(a: F8, b: F8, c: F8, d: F8) -> tuple[float, float]:
    n1, n0, n = a + b, c + d, a + b + c + d
    weight = float((n1 * n0 / n).sum())
    estimate = float(((a * n0 - c * n1) / n).sum()) / weight
    p = (c * (n1 / n) ** 2 - a * (n0 / n) ** 2 + (n1 / n) * (n0 / n) * (n0 - n1) / 2).sum()
    q = (a * d / n + c * b / n).sum() / 2
    return estimate, math.sqrt(max(float(estimate * p + q), 0.0)) / weight


def _tests(cells: tuple[F8, ...], ratio: float) -> pl.DataFrame:
    a, b, c, d = cells
    n1, n0, events, n = a + b, c + d, a + c, a + b + c + d
    off = abs(float((a - n1 * events / n).sum()))
    many = n > 1
    variance = float((n1 * n0 * events * (n - events))[many] @ (1 / (n[many] ** 2 * (n[many] - 1))))
    corrected = (off - 0.5 if off >= 0.5 else off) ** 2  # as R does
    rows = [("cochran_mantel_haenszel", off**2 / variance, 1), ("corrected", corrected / variance, 1)]
    rows += _heterogeneity(cells, ratio)
    data = [(name, value, df, chi_square_tail(value, df) if df else None) for name, value, df in rows]
    schema = {"test": pl.String, "statistic": pl.Float64, "df": pl.Int64, "p_value": pl.Float64}
    return pl.DataFrame(data, schema=schema, orient="row")


def _heterogeneity(cells: tuple[F8, ...], ratio: float) -> list[tuple[str, float, int]]:
    """Return tests that all strata share one odds ratio; strata without events, or with nothing else, are left out."""
    a, b, c, d = cells
    whole = [column[(a > 0) & (b > 0) & (c > 0) & (d > 0)] for column in cells]
    w = 1 / (1 / whole[0] + 1 / whole[1] + 1 / whole[2] + 1 / whole[3])
    own = np.log(whole[0] * whole[3] / (whole[1] * whole[2]))
    q = float((w * (own - math.log(ratio)) ** 2).sum())
    n1, n0, events = a + b, c + d, a + c
    some = (events > 0) & (events < n1 + n0)
    n1, n0, events, seen = n1[some], n0[some], events[some], a[some]
    expected = _expected(n1, n0, events, ratio)
    variance = 1 / (1 / expected + 1 / (n1 - expected) + 1 / (events - expected) + 1 / (n0 - events + expected))
    day = float(((seen - expected) ** 2 / variance).sum())
    tarone = day - float((seen - expected).sum()) ** 2 / float(variance.sum())
    return [("q", q, max(w.size - 1, 0)), ("breslow_day", day, seen.size - 1), ("tarone", tarone, seen.size - 1)]


def _expected(n1: F8, n0: F8, events: F8, ratio: float) -> F8:
    """Return events of the treated under this odds ratio, margins as they are."""
    if abs(ratio - 1) < 1e-12:
        return np.asarray(n1 * events / (n1 + n0))
    half = (n0 - events) + ratio * (n1 + events)
    root = np.sqrt(half**2 - 4 * (ratio - 1) * ratio * n1 * events)
    return np.asarray((half - root) / (2 * (ratio - 1)))
