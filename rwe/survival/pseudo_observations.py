# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-observations: n times the estimate less n - 1 times that without the person, exact and in linear time.

Andersen, Klein & Rosthoj (2003) Biometrika 90:15. Without one person a curve has the factors 1 - d / (n - 1)
up to the day the person leaves and its own factors after it, so that two running products, one from the front
and one from the back, give every leave-one-out estimate: nothing is estimated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.backward import accumulate
from rwe.survival.clock import ClockName
from rwe.survival.data import Response, names, read, respond
from rwe.survival.door import door

ESTIMANDS = ("survival", "rmst", "cumulative_incidence")


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Persons at risk, failed and failed of the cause in one group, by tick."""

    n_risk: I8
    n_event: I8
    n_cause: I8

    @property
    def factors(self) -> F8:
        """Factor of survival on each tick."""
        return np.asarray(1.0 - self.n_event / np.maximum(self.n_risk, 1), np.float64)

    @property
    def front(self) -> F8:
        """Survival just before each tick without one person who is still there."""
        fewer = 1.0 - self.n_event / np.maximum(self.n_risk - 1, 1)
        return np.concatenate([[1.0], np.cumprod(np.where(self.n_risk > 1, fewer, 1.0))[:-1]])


@door
def pseudo_observations(
    frame: Any,
    *,
    time: str,
    event: str | None = None,
    cause: str | None = None,
    of: Any = None,
    at: float | Sequence[float] | None = None,
    tau: float | None = None,
    estimand: Literal["survival", "rmst", "cumulative_incidence"] = "survival",
    by: str | Sequence[str] | None = None,
    clock: ClockName = "days",
) -> pl.DataFrame:
    """Return the pseudo-observation of every row, for regression on survival, restricted mean or incidence.

    Parameters
    ----------
    frame, time, event, by, clock
        As in `kaplan_meier`; with `by`, a row is left out of its own group.
    cause, of
        For the cumulative incidence: column of causes in place of `event`, and the cause wanted.
    at
        Times, for survival and cumulative incidence.
    tau
        Horizon of the restricted mean.
    estimand
        survival (Kaplan-Meier), rmst, or cumulative_incidence (Aalen-Johansen).

    Returns
    -------
    polars.DataFrame
        One row a row of the frame and time: row (from 0), time, pseudo_value. Data about persons: it has
        no long form that could be released.

    Raises
    ------
    DefinitionError
        If arguments do not fit together.
    NoValidAnswer
        If a group holds one row, or a time lies beyond its last follow-up.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3], "e": [1, 1, 1]})
    >>> pseudo_observations(frame, time="t", event="e", at=2)["pseudo_value"].to_list()
    [0.0, 0.0, 1.0]
    """
    _fit_together(estimand, event=event, cause=cause, of=of, at=at, tau=tau)
    columns = [time, *names(event), *names(cause), *names(by)]
    response = respond(read(frame, columns), time=time, event=event, cause=cause, by=names(by), clock=clock)
    if cause is not None and of not in response.causes:
        raise DefinitionError(f"no row has the cause asked for: the causes are {len(response.causes)} others")
    wanted = response.causes.index(of) + 1 if cause is not None else 1
    asked = response.clock.asked(tau if estimand == "rmst" else at, "tau" if estimand == "rmst" else "at")
    out = np.empty((response.time.size, asked.size))
    for g in range(response.group.n):
        member = np.flatnonzero(response.group.code == g)
        code = response.event[member].astype(np.int64) if response.cause is None else response.cause[member]
        out[member] = _group(response, response.time[member], code, wanted, asked, estimand)
    index = {"row": np.repeat(np.arange(out.shape[0]), asked.size), "time": np.tile(asked, out.shape[0])}
    return pl.DataFrame({**index, "pseudo_value": out.ravel()})


def _fit_together(estimand: str, **given: Any) -> None:
    if estimand not in ESTIMANDS:
        raise DefinitionError(f"estimand '{estimand}' is not one of {', '.join(ESTIMANDS)}")
    wanted = {
        "survival": {"event", "at"}, "rmst": {"event", "tau"}, "cumulative_incidence": {"cause", "of", "at"},
    }[estimand]  # fmt: skip
    if {name for name, value in given.items() if value is not None} != wanted:
        raise DefinitionError(f"the estimand {estimand} needs {', '.join(sorted(wanted))}, and no other of its kind")


def _group(response: Response, time: I4, code: I8, wanted: int, asked: Any, estimand: str) -> F8:
    n, clock = time.size, response.clock
    if n < 2:
        raise NoValidAnswer("a group holds one row: nothing is left when it is left out")
    n_risk = np.cumsum(np.bincount(time, minlength=clock.n)[::-1])[::-1]
    failed, of = (np.bincount(time[kind], minlength=clock.n) for kind in (code > 0, code == wanted))
    table = _Table(n_risk, failed, of)
    if not clock.reached(int(time.max()), asked).all() and table.factors.min() > 0:
        raise NoValidAnswer("a time asked for lies beyond the last follow-up of a group: choose an earlier time")
    if estimand == "cumulative_incidence":
        return np.stack([_incidence(table, int(t), time, code, wanted) for t in clock.index(asked)], axis=1)
    if estimand == "survival":
        return np.stack([_survival(table, int(t), time, code > 0) for t in clock.index(asked)], axis=1)
    return np.stack([_mean(table, clock.widths(t), time, code > 0) for t in asked], axis=1)


def _own_day(table: _Table, time: I4, event: Any) -> F8:
    """Return the factor of the day a row leaves, without the row."""
    left = table.n_risk[time] - 1
    return np.asarray(np.where(left > 0, 1.0 - (table.n_event[time] - event) / np.maximum(left, 1), 1.0), np.float64)


def _jackknife(n: int, whole: float, without: F8) -> F8:
    return n * whole - (n - 1) * without


def _survival(table: _Table, tick: int, time: I4, event: Flags) -> F8:
    """Return the pseudo-observations of survival just after a tick."""
    factors = np.where(np.arange(table.n_risk.size) <= tick, table.factors, 1.0)
    after = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
    later = table.front[min(tick + 1, table.front.size - 1)]
    own = table.front[time] * _own_day(table, time, event) * after[time + 1]
    return _jackknife(time.size, float(after[0]), np.where(time <= tick, own, later))


def _mean(table: _Table, widths: F8, time: I4, event: Flags) -> F8:
    """Return the pseudo-observations of the area under the curve; `widths` is how long each tick counts."""
    factors = table.factors
    survival = np.cumprod(factors)
    ahead = accumulate(widths, np.append(factors[1:], 1.0))  # area from a tick on, as if survival there were 1
    fewer = np.append(table.front[1:], 1.0)  # survival on a tick without one who stays beyond it
    before = np.concatenate([[0.0], np.cumsum(widths * fewer)[:-1]])
    without = before[time] + table.front[time] * _own_day(table, time, event) * ahead[time]
    return _jackknife(time.size, float(widths @ survival), without)


def _incidence(table: _Table, tick: int, time: I4, code: I8, wanted: int) -> F8:
    """Return the pseudo-observations of the cumulative incidence just after a tick."""
    inside = np.arange(table.n_risk.size) <= tick
    factors = np.where(inside, table.factors, 1.0)
    jump = np.where(inside, table.n_cause / np.maximum(table.n_risk, 1), 0.0)
    after = accumulate(np.append(jump[1:], 0.0), np.append(factors[1:], 1.0))  # incidence after a tick, from survival 1
    fewer = np.where(inside & (table.n_risk > 1), table.n_cause / np.maximum(table.n_risk - 1, 1), 0.0)
    before = np.concatenate([[0.0], np.cumsum(table.front * fewer)])
    left = np.maximum(table.n_risk[time] - 1, 1)
    own = (table.n_cause[time] - (code == wanted)) / left * (time <= tick)
    stay = np.where(time <= tick, _own_day(table, time, code > 0), 1.0)
    without = before[time] + table.front[time] * (own + stay * after[time])
    whole = float(jump[0] + factors[0] * after[0])
    return _jackknife(time.size, whole, without)
