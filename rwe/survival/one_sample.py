# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One-sample log-rank test: events observed against those a reference curve or a life table expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import gammaincinv, pdtr, pdtrc

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.data import Response, names, read, respond
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile, two_sided
from rwe.survival.life_table import LifeTable, lives
from rwe.survival.reference_curve import reference_curve
from rwe.survival.show import Shown, Story

METHODS = ("woolson", "wu", "exact")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneSample(Shown):
    """Events observed against events expected.

    Parameters
    ----------
    table
        One row a group: the columns of ``by``, then n, observed, expected, statistic (z; null for the
        exact method), p_value (two-sided), estimate (observed / expected, the standardised mortality
        ratio), conf_low, conf_high (exact Poisson limits).
    method, conf_level
        Of the test and of the limits.
    """

    table: pl.DataFrame
    method: str
    conf_level: float
    _labels: tuple[str, ...]

    def to_result(self, *, population: str = "", outcome: str = "", stratum: str = "") -> Result:
        """Return the ratios and tests in the long tidy form."""
        columns = ("n", "estimate", "conf_low", "conf_high", "statistic", "p_value")
        rows = self.table.select(pl.Series("group", self._labels, pl.String), *columns, n_event="observed")
        labels = {"population": population, "outcome": outcome, "stratum": stratum, "estimand": "one_sample_log_rank"}
        settings = {"method": self.method, "conf_level": self.conf_level, "expected": self.table["expected"].to_list()}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _story(self) -> Story:
        return f"One-sample log-rank, {self.method}", self.table, ()


@door
def one_sample_log_rank(
    frame: Any,
    *,
    time: str,
    event: str,
    reference: Any,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    age: str | None = None,
    sex: str | None = None,
    date: str | None = None,
    curve: Literal["exponential", "step"] = "exponential",
    method: Literal["woolson", "wu", "exact"] = "woolson",
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> OneSample:
    """Compare a cohort with a reference (Breslow 1975, Int Stat Rev 43:45; Woolson 1981, Biometrics 37:687).

    Expected events are the reference's cumulative hazard over each person's follow-up, summed.

    Parameters
    ----------
    frame, time, event, entry, by, clock
        As in `kaplan_meier`.
    reference
        A frame with columns time (in the unit of `time`) and survival, for example a published curve;
        or a life table (`life_table`), which needs `age` (in days), `sex` and `date` at time 0.
    curve
        What the reference does between its points: ``exponential``, the hazard is constant between
        neighbours; ``step``, it falls at the points only.
    method
        ``woolson``: z = (O - E) / sqrt(E); ``wu``: z = (O - E) / sqrt((O + E) / 2), nearer its level in
        small samples (Wu 2014, Pharm Stat 13:377); ``exact``: twice the smaller Poisson tail.
    conf_level
        Level of the limits of O / E.

    Raises
    ------
    DefinitionError
        If arguments do not fit together.
    DataError
        If rows of the cohort or of the reference break their contract.
    NoValidAnswer
        If persons are followed beyond the reference, or no events are expected.

    Examples
    --------
    >>> cohort = pl.DataFrame({"t": [100, 200, 300, 400], "e": [1, 1, 0, 0]})
    >>> curve = pl.DataFrame({"time": [365, 730], "survival": [0.5, 0.25]})
    >>> one_sample_log_rank(cohort, time="t", event="e", reference=curve).table["expected"].round(4).item()
    1.899
    """
    if method not in METHODS or curve not in ("exponential", "step"):
        raise DefinitionError(f"method is one of {', '.join(METHODS)}; curve is exponential or step")
    person = [c for c in (age, sex, date) if c is not None]
    if len(person) != (3 if isinstance(reference, LifeTable) else 0):
        raise DefinitionError("age, sex and date go together with a life table, and with nothing else")
    cells = read(frame, [time, event, *names(entry), *names(by), *person])
    response = respond(cells, time=time, event=event, entry=entry, by=names(by), clock=clock)
    begin, end = _follow_up(response)
    if isinstance(reference, LifeTable):
        response.clock.whole("a life table")
        place = lives(reference, cells, age=str(age), sex=str(sex), date=str(date), until=end.astype(np.int64))
        hazard = place.expected(end) - place.expected(begin)
    else:
        known = reference_curve(reference, step=curve == "step")
        hazard = known.at(end, time) - known.at(begin, time)
    n_groups = response.group.n
    observed = np.bincount(response.group.code, response.event, n_groups).astype(np.int64)
    columns = _tests(
        observed, np.bincount(response.group.code, hazard, n_groups).astype(np.float64), method, conf_level
    )
    n = np.bincount(response.group.code, minlength=n_groups)
    table = response.group.spread(np.arange(n_groups), {"n": n, "observed": observed, **columns})
    return OneSample(table, method, conf_level, tuple(response.group.labels()))


def _follow_up(response: Response) -> tuple[F8, F8]:
    """Return the time each row enters (0 where from the start) and leaves."""
    clock = response.clock
    begin = np.where(response.entry >= 0, clock.times(np.maximum(response.entry, 0)), 0)
    return begin.astype(np.float64), np.asarray(clock.times(response.time), np.float64)


def _tests(observed: I8, expected: F8, method: str, conf_level: float) -> dict[str, Any]:
    if not (expected > 0).all():
        raise NoValidAnswer(f"no events are expected in {int((expected <= 0).sum())} of {expected.size} groups")
    tail = (1 - conf_level) / 2 if normal_quantile(conf_level) else 0.5
    low = np.where(observed > 0, gammaincinv(np.maximum(observed, 1), tail), 0.0) / expected
    high = gammaincinv(observed + 1, 1 - tail) / expected
    if method == "exact":
        above = np.where(observed > 0, pdtrc(np.maximum(observed, 1) - 1, expected), 1.0)
        p_value = np.minimum(1.0, 2 * np.minimum(pdtr(observed, expected), above))
        z = np.full(expected.size, np.nan)
    else:
        z = (observed - expected) / np.sqrt(expected if method == "woolson" else (observed + expected) / 2)
        p_value = np.array([two_sided(x) for x in z])
    ratio = {"estimate": observed / expected, "conf_low": low, "conf_high": high}
    return {"expected": expected, "statistic": z, "p_value": p_value, **ratio}
