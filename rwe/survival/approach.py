# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The way to the maximum of many rows: a sample shows the start and the curvature, reads without the information lead.

The curvature of a sample is good to a few hundredths, so each chord step takes the distance down by as much, and
mends the curvature along its own direction (Broyden, Fletcher, Goldfarb and Shanno; Nocedal & Wright 2006, ch. 6).
Only the value and the slope of all rows are needed on the way; where it ends, Newton's steps take over and prove it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.ascent import refuse_aliased
from rwe.survival.column_rows import ColumnRows, Leads
from rwe.survival.linear import aliased, solve
from rwe.survival.partial import Cohort, Point, at_0, evaluate, point
from rwe.survival.steps import steps_of

CLOSE = 0.1  # step in standard errors from which Newton takes over
LAST = 1e-8  # step in standard errors over which the information may be carried
CARRIED = 5e-9  # step times tail of columns over which it may: about the share of the information that changes
SLOW = 0.2  # share of a step that is left after a read from which columns are led no further
SHOWN = 0.1  # squared step in standard errors of a sample, for each term: that of the sample itself is 1
CHORDS = 8  # reads without the information before Newton takes over


@runtime_checkable
class Led(Cohort, Protocol):
    """A cohort of many rows that can be read for the value and the slope alone."""

    @property
    def n_days(self) -> int:
        """Ticks from 0 to the last exit, both counted."""
        ...

    def leads(self, beta: F8, hazard: F8) -> Leads:
        """Read the rows once."""
        ...

    def unchanged(self) -> bool:
        """Return whether the rows still are those of the first read."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """Where the way has come to: coefficients, value, slope, and the hazard with which to read the rows next."""

    beta: F8
    loglik: float
    score: F8
    hazard: F8

    def ahead(self, _step: F8) -> F8:
        """Return the hazard with which to read the rows after the step."""
        return self.hazard


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """Where Newton begins.

    Parameters
    ----------
    null
        The likelihood where nothing has an effect; without slope and information where nobody needed them.
    first
        Its information, or that of the sample in the measure of all rows.
    now, step
        A point near the maximum (or null itself) and the step from it.
    tail
        As of `ColumnRows` where reads without the information came so near that one with it may be enough.
    """

    null: Point
    first: F8
    now: Point | Lead
    step: F8
    tail: F8 | None = None

    def ends(self, step: F8, gain: float) -> bool:
        """Return whether the information may be carried over a step, and nothing is to be had beyond it."""
        return gain < LAST**2 or (self.tail is not None and _reach(step, self.tail) < CARRIED)


def beginning(data: Cohort, names: tuple[str, ...]) -> Beginning:
    """Return where to begin.

    Raises
    ------
    NoValidAnswer
        If a term is a combination of others or constant among those at risk.
    """
    if isinstance(data, Led) and (found := _by_columns(data)):
        return found
    null = evaluate(data, np.zeros(data.terms))
    refuse_aliased(null.information, names)
    part = data.sample()
    shown = None if part is None else _of_sample(part)
    if shown is not None:
        # The sample tells only how the information changes on the way: it errs less in that than in the whole.
        first, then = shown
        share = data.occasions.w_event.sum() / then.occasions.w_event.sum()
        curvature = null.information + share * (then.information - first.information)
        if way := _chords(_Tables(data, null), null.loglik, then.beta, curvature):
            return Beginning(null, null.information, *way)
    return Beginning(null, null.information, null, solve(null.information, null.score))


@np.errstate(over="ignore", invalid="ignore")
def _by_columns(data: Led) -> Beginning | None:
    part = data.sample()
    shown = None if part is None else _of_sample(part)
    if part is None or shown is None:
        return None
    first, then = shown
    share = data.occasions.w_event.sum() / then.occasions.w_event.sum()
    null = at_0(data)
    way = _chords(_Columns(data, part, then), null.loglik, then.beta, share * then.information)
    return Beginning(null, share * first.information, *way, _tail(data)) if way else None


def _tail(data: Cohort) -> F8 | None:
    """Return the tails of columns in memory; rows that are fetched anew for each read are read as seldom as may be."""
    return data.tail if isinstance(data, ColumnRows) else None


def _reach(step: F8, tail: F8) -> float:
    return float(np.sqrt(np.sum((step * tail) ** 2)))


class _Tables:
    """Leads from rows that add up r x by key: the slope is exact."""

    def __init__(self, data: Cohort, null: Point) -> None:
        self.data, self.null = data, null

    def near(self, length: float, _left: float, _step: F8) -> bool:
        """Return whether Newton's next step is the last but one."""
        return length < CLOSE

    def lead(self, beta: F8) -> Lead:
        at = point(self.data, beta, self.null.hazard, gram=False)
        return Lead(beta, at.loglik, at.score, at.hazard)

    def ahead(self, now: Lead, _step: F8) -> F8:
        """Return the hazard with which to read the rows after the step."""
        return now.hazard


class _Columns:
    """Leads from columns, whose rows take their part in the score from a hazard foretold before they are read.

    The hazard of the read before is carried to the new coefficients by the mean covariates of those at risk, to first
    order. What the slope then lacks is the rest of its change, summed with S1, the covariates of those at risk; their
    means come from the sample, so that the error is a few hundredths of a small rest; where times are continuous its
    occasions are far fewer than those of all rows, and `at` tells which of them shows each.
    """

    def __init__(self, data: Led, part: Cohort, shown: Point) -> None:
        self.data, self.beta, self.tail, span = data, shown.beta, _tail(data), data.n_days
        mine = data.occasions.stratum * span + data.occasions.day
        theirs = part.occasions.stratum * span + part.occasions.day
        self.at = at = np.minimum(np.searchsorted(theirs, mine), theirs.size - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = shown.at_risk[:, :-1] / shown.at_risk[:, -1:]
        self.means = np.where(np.isfinite(means), means, 0.0)
        self.h, self.g = (np.where(theirs[at] == mine, row[at], 0.0) for row in shown.ties[:2])

    def near(self, length: float, left: float, step: F8) -> bool:
        """Return whether Newton's next step is the last, to judge by what the step before has left; or none helps."""
        done = self.tail is None or left > SLOW or _reach(step, self.tail) * left < CARRIED
        return length < CLOSE and done

    def lead(self, beta: F8) -> Lead:
        h, g = self._foretold(beta)
        found = self.data.leads(beta, self.data.occasions.hazard(h, g))
        steps = steps_of(self.data.occasions, found.at_risk)
        self.beta, self.h, self.g = beta, *steps.ties[:2]
        score = found.score - np.bincount(self.at, (self.h - h) * steps.at_risk, len(self.means)) @ self.means
        failing = float(self.data.x_event @ beta) + self.data.offset_event
        return Lead(beta, failing - steps.logs, score, self.data.occasions.hazard(self.h, self.g))

    def ahead(self, now: Lead, step: F8) -> F8:
        """Return the hazard with which to read the rows after the step."""
        return self.data.occasions.hazard(*self._foretold(now.beta + step))

    def _foretold(self, beta: F8) -> tuple[F8, F8]:
        carried = np.exp(-self.means @ (beta - self.beta))[self.at]
        return self.h * carried, self.g * carried


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a way that leads nowhere ends at what is no number
def _chords(way: _Tables | _Columns, least: float, start: F8, curvature: F8) -> tuple[Lead, F8] | None:
    """Return a point near the maximum and the step from it; None where the way leads nowhere."""
    if aliased(curvature):
        return None
    now, before = way.lead(start), 0.0
    for _ in range(CHORDS):
        step = solve(curvature, now.score)
        if not now.loglik >= least or not np.isfinite(step).all():
            return None
        length = float(np.sqrt(step @ now.score))
        if way.near(length, length / before if before else np.inf, step):
            return replace(now, hazard=way.ahead(now, step)), step
        new = way.lead(now.beta + step)
        fell, bent = now.score - new.score, curvature @ step
        if step @ fell > 0:
            curvature = curvature + np.outer(fell, fell) / (step @ fell) - np.outer(bent, bent) / (step @ bent)
        if not np.isfinite(curvature).all() or aliased(curvature):
            return None
        now, before = new, length
    return None


def _of_sample(part: Cohort) -> tuple[Point, Point] | None:
    """Return the partial likelihood of a sample at 0 and near its maximum; None where it has no maximum."""
    null = now = evaluate(part, np.zeros(part.terms))
    for _ in range(CHORDS):
        if aliased(now.information) or not np.isfinite(now.loglik):
            return None
        step = solve(now.information, now.score)
        if step @ now.score < SHOWN * part.terms:
            return null, replace(now, beta=now.beta + step)
        now = point(part, now.beta + step, now.hazard)
    return None
