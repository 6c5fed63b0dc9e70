# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers by group, cause and day, and the cumulative incidences with their variances made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.incidence import Hazards, Paths, changes, counting_variance, hazards, paths, squared_influence
from rwe.survival.clock import Clock
from rwe.survival.counts import Tally
from rwe.survival.data import Response

VARIANCES = ("jackknife", "aalen")


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Who leaves and is at risk, by group and day.

    Parameters
    ----------
    n_leave, w_leave, squares
        Persons, their weight and its square, censored and failed of each cause, shape (groups, 1 + causes, days).
    n_risk, w_risk
        At risk, shape (groups, days).
    """

    n_leave: I8
    w_leave: F8
    squares: F8
    n_risk: I8
    w_risk: F8

    def steps(self) -> tuple[I8, I8, I8]:
        """Return group, cause and day of each step of a curve: the days on which someone left, for each cause."""
        left = np.repeat(self.n_leave.sum(axis=1, keepdims=True) > 0, self.n_leave.shape[1] - 1, axis=1)
        group, cause, day = np.nonzero(left)
        return group, cause, day


def counts(found: Tally) -> Counts:
    """Return the numbers of a table with causes."""
    days = found.days
    kinds = days.persons, days.weights, days.squares
    shape = (found.group.n, found.n_codes, days.persons.shape[2])
    n_leave, w_leave, squares = ((kind[0] + kind[1]).reshape(shape) for kind in kinds)
    n_risk, w_risk = (_back((kind[0] + kind[1] - kind[2]).reshape(shape).sum(axis=1)) for kind in kinds[:2])
    return Counts(n_leave, w_leave, squares, n_risk, w_risk)


def _back(ahead: Any) -> Any:
    return np.ascontiguousarray(np.cumsum(ahead[:, ::-1], axis=1)[:, ::-1])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one group: weight, stretch of days, code of the cause (0: censored), and who belongs together."""

    weight: F8
    enter: I8
    leave: I8
    code: I8
    cluster: I8 | None

    def changes(self, on: Paths, cause: int) -> F8:
        """Return what entry and exit of each row change; `cause` counts from 0."""
        failed, mine = (self.code > 0).astype(np.float64), (self.code == cause + 1).astype(np.float64)
        return changes(on, self.weight, self.enter, self.leave, failed, mine)


def rows_of(rows: Response | None, group: int, of: Counts) -> Rows:
    """Return the rows of a group; of a table alone those alike as one, of the root of their summed squared weights."""
    if rows is None:
        code, day = np.nonzero(of.n_leave[group])
        return Rows(np.sqrt(of.squares[group, code, day]), np.full(code.size, -1), day, code, None)
    assert rows.cause is not None
    member = rows.group.code == group
    cluster = None if rows.cluster is None else rows.cluster[member]
    time, entry = rows.time[member].astype(np.int64), rows.entry[member].astype(np.int64)
    return Rows(rows.weights[member], entry, time, rows.cause[member], cluster)


@dataclass(frozen=True, slots=True, eq=False)
class Incidences:
    """Cumulative incidences of all groups.

    Parameters
    ----------
    clock, rows
        Of the days; the rows, where variances of what is asked later need them: entered late or in clusters.
    weighted
        Whether rows carry weights.
    counts
        Numbers by day.
    incidence, variance
        Shape (groups, causes, days).
    last
        Last day followed in each group.
    """

    clock: Clock
    rows: Response | None
    weighted: bool
    counts: Counts
    incidence: F8
    variance: F8
    last: I8

    def group(self, g: int) -> Hazards:
        """Return the hazards of one group."""
        of = self.counts
        return hazards(of.n_risk[g], of.n_leave[g, 1:], of.w_risk[g], of.w_leave[g, 1:])


def incidences(found: Tally, rows: Response | None, variance: str) -> Incidences:
    """Estimate the cumulative incidences of each group.

    Raises
    ------
    DefinitionError
        If the variance is not one of those known, or Aalen's is asked for where rows are not independent counts.
    """
    if variance not in VARIANCES:
        raise DefinitionError(f"variance '{variance}' is not one of {', '.join(VARIANCES)}")
    clustered = rows is not None and rows.cluster is not None
    if variance == "aalen" and (clustered or not found.whole):
        raise DefinitionError(
            "Aalen's variance is for independent persons: with clusters or weights take the jackknife"
        )
    if not found.causes:
        raise NoValidAnswer("nobody fails of any cause: there is no incidence to estimate")
    of, groups = counts(found), range(found.group.n)
    by_group = [hazards(of.n_risk[g], of.n_leave[g, 1:], of.w_risk[g], of.w_leave[g, 1:]) for g in groups]
    left = of.n_leave.sum(axis=1) > 0
    last = left.shape[1] - 1 - np.argmax(left[:, ::-1], axis=1)
    incidence = np.stack([at.incidence for at in by_group])
    variances = [_aalen(at) if variance == "aalen" else _jackknife(rows, of, g, at) for g, at in enumerate(by_group)]
    return Incidences(found.clock, rows, found.weighted, of, incidence, np.stack(variances), np.asarray(last, np.int64))


def _aalen(at: Hazards) -> F8:
    return np.stack([counting_variance(at, cause) for cause in range(at.events.shape[0])])


def _jackknife(whole: Response | None, of: Counts, group: int, at: Hazards) -> F8:
    rows, n_days = rows_of(whole, group, of), at.risk.size
    unit = np.arange(rows.weight.size) if rows.cluster is None else rows.cluster
    units, days = np.repeat(unit, 2), np.column_stack([np.maximum(rows.enter, 0), rows.leave]).ravel()
    order = np.arange(units.size) if rows.cluster is None else np.lexsort((days, units))
    units, days = units[order], days[order]
    out = np.empty((at.events.shape[0], n_days))
    for cause in range(out.shape[0]):
        on = paths(at, cause)
        slope, share, level = (part.ravel()[order] for part in rows.changes(on, cause))
        out[cause] = squared_influence(units, days, slope, share, level, on.path[:-1], on.curve[:-1], n_days)
    return np.maximum(out, 0.0)


def time_lost(found: Incidences, tau: float) -> tuple[F8, F8]:
    """Return the mean time lost to each cause up to `tau` and its variance, shape (groups, causes).

    The area under the incidence (Andersen 2013, Stat Med 32:5278); variance by the infinitesimal jackknife.

    Raises
    ------
    NoValidAnswer
        If a group is not followed to `tau` while some of it have failed of nothing.
    """
    groups = [found.group(g) for g in range(found.last.size)]
    alive = np.array([at.after[last] > 0 for at, last in zip(groups, found.last, strict=True)])
    short = ~found.clock.reached(found.last, np.full(found.last.size, tau)) & alive
    if short.any():
        late = f"{int(short.sum())} of {short.size} groups"
        raise NoValidAnswer(f"tau = {tau} lies beyond the last follow-up of {late}: choose an earlier time")
    ahead = np.maximum(tau - found.clock.times(np.arange(found.clock.n)), 0.0)
    both = [[_lost(found, g, at, cause, ahead) for cause in range(at.events.shape[0])] for g, at in enumerate(groups)]
    return np.array([[mean for mean, _ in row] for row in both]), np.array([[var for _, var in row] for row in both])


def _lost(found: Incidences, group: int, at: Hazards, cause: int, ahead: F8) -> tuple[float, float]:
    rows, on = rows_of(found.rows, group, found.counts), paths(at, cause, ahead)
    slope, share, level = (part.sum(axis=1) for part in rows.changes(on, cause))
    own = slope * on.path[-2] + share * on.curve[-2] + level
    if rows.cluster is not None:
        own = np.bincount(rows.cluster, own)
    return float(on.curve[-2]), float(own @ own)
