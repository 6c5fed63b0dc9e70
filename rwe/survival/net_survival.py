# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Net survival against a life table: what patients would live were the disease the only cause of death."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe import execute
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.life_table import population
from rwe.result import Result, tidy
from rwe.survival.clock import whole_days
from rwe.survival.data import Response, names, read, respond
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile
from rwe.survival.levels import Levels
from rwe.survival.life_table import LifeTable, Lives, lives
from rwe.survival.show import Shown, Story

ROWS = 16_384  # of one part
METHODS = ("pohar_perme", "ederer_2", "ederer_1")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NetSurvival(Shown):
    """Net survival by group.

    Parameters
    ----------
    table
        One row a group and day on which someone left: the columns of ``by``, then time (days), n_risk,
        n_event, n_censor, survival (it may exceed 1), std_error, conf_low, conf_high, and
        expected_survival, that of the population.
    method, conf_level
        Of the estimate.
    """

    table: pl.DataFrame
    method: str
    conf_level: float
    _groups: Levels
    _every: pl.DataFrame
    _last: tuple[int, ...]

    def at(self, times: float | Sequence[float]) -> pl.DataFrame:
        """Return net survival on these days; null after the last day followed of a group."""
        days = whole_days(times, "times")
        asked = pl.DataFrame(
            {"group": np.repeat(np.arange(len(self._last)), len(days)), "time": days * len(self._last)}
        )
        last = pl.Series(self._last)[asked["group"]]
        known = asked.with_columns(time=pl.when(pl.col("time") <= last).then("time"))
        found = known.join(self._every, on=["group", "time"], how="left", maintain_order="left").drop("group", "time")
        columns = {"time": asked["time"], **{c: found[c] for c in found.columns}}
        return self._groups.spread(asked["group"].to_list(), columns)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the curves in the long tidy form (n at risk; n_event of the day)."""
        labels = self._groups.labels()
        rows = self._every.filter((pl.col("n_event") + pl.col("n_censor")) > 0)
        rows = rows.with_columns(group=pl.Series([labels[g] for g in rows["group"]], dtype=pl.String))
        rows = rows.select(
            "group", "time", "n_event", "std_error", "conf_low", "conf_high", n="n_risk", estimate="survival"
        )
        given = {"population": population, "outcome": outcome, "estimand": "net_survival"}
        settings = {"method": self.method, "conf_level": self.conf_level, "conf_type": "log"}
        return Result(tidy(rows, analysis="survival", **given), settings)

    def _story(self) -> Story:
        return f"Net survival, {self.method}, {self.conf_level:.0%} limits on the log scale", self.table, ()


@door
def net_survival(
    frame: Any,
    *,
    time: str,
    event: str,
    life_table: LifeTable,
    age: str,
    sex: str,
    date: str,
    method: Literal["pohar_perme", "ederer_2", "ederer_1"] = "pohar_perme",
    by: str | Sequence[str] | None = None,
    entry: str | None = None,
    conf_level: float = 0.95,
) -> NetSurvival:
    """Estimate net survival, as R ``relsurv::rs.surv`` (its type kaplan-meier).

    Parameters
    ----------
    frame, time, event, entry, by
        As in `kaplan_meier`; failure is death from any cause.
    life_table
        Of the population the patients come from (`life_table`).
    age, sex, date
        Columns: age in days on day 0, sex as in the life table, calendar date of day 0.
    method
        ``pohar_perme``: each person weighs 1 / expected survival, so that who dies of other causes does
        not bias the estimate (Pohar Perme, Stare & Esteve 2012, Biometrics 68:113). ``ederer_2``: the
        hazard less the mean expected hazard of those at risk (Ederer & Heise 1959). ``ederer_1``: the
        hazard less that of the whole cohort had nobody left (Ederer, Axtell & Cutler 1961).
    conf_level
        Level of the limits, which are symmetric for the logarithm.

    Raises
    ------
    DefinitionError
        If the method is none of those allowed, or ``ederer_1`` is asked for with late entry.
    DataError
        If rows break the contract of a column, or leave the life table.

    Notes
    -----
    The population part is integrated in continuous time over each day: with weights w it is exactly
    log(sum of w as the day ends / sum as it begins). Failures take the weight of their day's end.

    Examples
    --------
    >>> cells = pl.DataFrame({"sex": ["f", "m"], "year": 2000, "age": 0, "hazard": [1e-4, 2e-4]})
    >>> table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard")
    >>> people = pl.DataFrame({"t": [100, 200], "e": [1, 0], "age": [20_000, 25_000], "sex": ["f", "m"]})
    >>> people = people.with_columns(date=pl.date(2000, 1, 1))
    >>> found = net_survival(people, time="t", event="e", life_table=table, age="age", sex="sex", date="date")
    >>> found.table["survival"].round(4).to_list()
    [0.5101, 0.5204]
    """
    if method not in METHODS:
        raise DefinitionError(f"method '{method}' is not one of {', '.join(METHODS)}")
    if method == "ederer_1" and entry is not None:
        raise DefinitionError("ederer_1 compares with a cohort followed from day 0: leave out entry, or take ederer_2")
    cells = read(frame, [time, event, age, sex, date, *names(entry), *names(by)])
    response = respond(cells, time=time, event=event, entry=entry, by=names(by))
    placed = lives(life_table, cells, age=age, sex=sex, date=date, until=response.time.astype(np.int64))
    table = _curves(response, placed, method, normal_quantile(conf_level))
    days = response.fold()
    left = table.filter((pl.col("n_event") + pl.col("n_censor")) > 0)
    shown = response.group.spread(left["group"].to_list(), {c: left[c] for c in left.columns if c != "group"})
    someone = days.n_event + days.n_censor > 0
    last = tuple(int(d) for d in someone.shape[1] - 1 - np.argmax(someone[:, ::-1], axis=1))
    return NetSurvival(shown, method, conf_level, response.group, table, last)


def _curves(response: Response, placed: Lives, method: str, z: float) -> pl.DataFrame:
    """Return every day of every group with its estimate."""
    begin, end, hazard, fail, square = _population(response, placed, forever=False)
    days = response.fold()
    n_risk, n_event = days.n_risk, days.n_event
    if method == "pohar_perme":
        with np.errstate(all="ignore"):
            expected = np.where(n_risk > 0, np.log(end / np.where(begin > 0, begin, 1.0)), 0.0)
        expected = np.where(begin > 0, expected, 0.0)
        safe = np.where(end > 0, end, np.maximum(n_risk, 1))
        observed, variance = fail / safe, square / safe**2
    else:
        safe = np.maximum(n_risk, 1)
        expected = hazard / safe if method == "ederer_2" else _whole_cohort(response, placed)
        observed, variance = n_event / safe, n_event / safe**2
    survival = np.cumprod(1.0 - observed, axis=1) * np.exp(np.cumsum(expected, axis=1))
    error = np.sqrt(np.cumsum(variance, axis=1))
    group, day = np.indices(survival.shape)
    columns = {
        "group": group, "time": day, "n_risk": n_risk, "n_event": n_event, "n_censor": days.n_censor,
        "survival": survival, "std_error": survival * error, "conf_low": survival * np.exp(-z * error),
        "conf_high": survival * np.exp(z * error), "expected_survival": np.exp(-np.cumsum(expected, axis=1)),
    }  # fmt: skip
    return pl.DataFrame({name: values.ravel() for name, values in columns.items()})


def _whole_cohort(response: Response, placed: Lives) -> F8:
    """Return the expected hazard by group and day of all, whether they left or not."""
    n = np.bincount(response.group.code, minlength=response.group.n)
    alive = _population(response, placed, forever=True)[1] / n[:, None]
    alive[:, 0] = 1.0
    return np.asarray(-np.diff(np.log(alive), axis=1, prepend=0.0), np.float64)


def _population(response: Response, placed: Lives, *, forever: bool) -> F8:
    """Return the sums over those at risk.

    `forever`: over all, whether they left or not, with negative hazards, so that w is the expected survival.
    """
    hazard, ages, days = placed.table.cuts
    r = response

    def part(rows: slice) -> F8:
        leave = np.full(r.time[rows].size, r.n_days - 1, np.int32) if forever else r.time[rows]
        return population(
            -hazard if forever else hazard, ages, days, placed.sex[rows], placed.age[rows], placed.day[rows],
            r.group.code[rows], r.entry[rows], leave, r.event[rows], r.group.n, r.n_days,
        )  # fmt: skip

    cuts = [slice(i, i + ROWS) for i in range(0, r.time.size, ROWS)]
    return execute.merge(np.add, execute.run(part, cuts))
