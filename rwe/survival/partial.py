# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The partial likelihood of a Cox model: its value and derivatives, and the influence of rows.

A step reads the rows once. The hazard that weighs the information is that of the step before, scaled so that the
expected events are those observed; value, score and second moments are exact. At the maximum, where the
hazard no longer moves, so is the information.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from rwe.kernels._jit import F8
from rwe.kernels.matrix import predictor, room, whole_gram
from rwe.kernels.partial_likelihood import add_means, less_lived, run_back, run_on
from rwe.survival.occasions import Occasions
from rwe.survival.rows import Rows, Sums
from rwe.survival.steps import steps_of, ties_of


class Cohort(Protocol):
    """Where the sums come from: rows in memory, in a file, in parts or in hospitals."""

    @property
    def occasions(self) -> Occasions:
        """Days with failures."""
        ...

    @property
    def terms(self) -> int:
        """Number of covariates."""
        ...

    @property
    def x_event(self) -> F8:
        """Weighted sum of the covariates of those who fail."""
        ...

    @property
    def offset_event(self) -> float:
        """Weighted sum of the offsets of those who fail."""
        ...

    def weigh(self) -> F8:
        """Return the weights by key."""
        ...

    def sums(self, beta: F8, hazard: F8, *, gram: bool) -> Sums:
        """Read the rows once."""
        ...

    def sample(self) -> Cohort | None:
        """Return some of the rows, where there are so many that they show the way to the maximum."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The partial likelihood at one value of the coefficients.

    Parameters
    ----------
    beta
        Coefficients of the standardised covariates.
    loglik, score, information
        Value, gradient and negative second derivative (without rows where it was not asked for).
    at_risk
        Sums of r x by occasion over those at risk (the sum of r last); of single occasions, not yet of
        those at risk, where no information was asked for.
    failing_tied
        The same over those who fail, of occasions with a slot.
    ties
        Rows h, g, u, v, z of `tie_sums`.
    hazard
        By key, what rows have lived through.
    error
        Rounding error of the score that late entries leave: they are added, then taken off again.
    """

    beta: F8
    loglik: float
    score: F8
    information: F8
    at_risk: F8
    failing_tied: F8
    ties: F8
    hazard: F8
    occasions: Occasions
    error: float = 0.0

    @property
    def failing(self) -> F8:
        """Sums of r x over those who fail, by occasion; 0 where nothing rests on them (one failure, or Breslow)."""
        out = np.zeros(self.at_risk.shape)
        out[self.occasions.tied] = self.failing_tied
        return out

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def ahead(self, step: F8) -> F8:
        """Return by key the hazard foretold for a step further, to first order; as it is where that is no number.

        The hazard of an occasion falls by the mean covariates of those at risk times the step.
        """
        if not self.information.size:
            return self.hazard
        carried = np.exp(-(self.at_risk[:, :-1] @ step) / self.at_risk[:, -1])
        foretold = self.occasions.hazard(self.ties[0] * carried, self.ties[1] * carried)
        return foretold if np.isfinite(foretold).all() else self.hazard

    def carried(self, step: F8) -> Point:
        """Return the point a short step further, of the information here: value and sums by occasion go along."""
        when, at_risk, failing = self.occasions, _grown(self.at_risk, step), _grown(self.failing_tied, step)
        of_failing = np.zeros(when.n)
        of_failing[when.tied] = failing[:, -1]
        ties = ties_of(when, at_risk[:, -1].copy(), of_failing)[:5]
        return replace(
            self,
            beta=self.beta + step,
            loglik=self.loglik + float(step @ self.score) / 2,
            score=self.score - self.information @ step,
            at_risk=at_risk,
            failing_tied=failing,
            ties=ties,
            hazard=when.hazard(ties[0], ties[1]),
        )


def _grown(sums: F8, step: F8) -> F8:
    """Return sums of r x and r a step further, to first order: r grows with the mean covariates times the step."""
    return np.asarray(sums * np.exp(sums[:, :-1] @ step / sums[:, -1])[:, None], np.float64)


def evaluate(data: Cohort, beta: F8) -> Point:
    """Evaluate the partial likelihood; two reads of the rows. Not finite where a step went too far."""
    if not beta.any():
        return point(data, beta, at_0(data).hazard)
    return point(data, beta, point(data, beta, np.zeros(data.occasions.nowhere + 1), gram=False).hazard)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def point(data: Cohort, beta: F8, hazard: F8, *, gram: bool = True) -> Point:
    """Evaluate with one read; the information is exact where `hazard` is that of `beta`."""
    found, when = data.sums(beta, hazard, gram=gram), data.occasions
    table, n = found.table, when.n
    failing = table[n : when.nowhere]
    steps = steps_of(when, table[:, -1])
    ties, error = steps.ties, steps.error
    now = when.hazard(ties[0], ties[1])
    score = data.x_event.copy()
    less_lived(table, now, score)
    information = found.gram
    at_risk = table[:n]
    if gram:
        at_risk[when.tied] += failing
        run_back(at_risk, when.opens)
        turned, square = room(data.terms)
        add_means(at_risk, failing, when.slot, ties[2], ties[3], ties[4], turned, square)
        scaled = found.gram * (when.w_event.sum() / found.lived if found.lived > 0 else 1.0)
        information = scaled - whole_gram(square, data.terms)
    loglik = float(data.x_event @ beta) + data.offset_event - steps.logs if error < np.inf else np.nan
    return Point(beta, loglik, score, information, at_risk, failing, ties, now, when, error)


def at_0(data: Cohort) -> Point:
    """Return the value and the hazard where no covariate has an effect, from weights alone."""
    steps, nothing = steps_of(data.occasions, data.weigh()), np.empty(0)
    hazard = data.occasions.hazard(steps.ties[0], steps.ties[1])
    tables = (np.empty((0, 0)),) * 3
    loglik = data.offset_event - steps.logs
    return Point(np.zeros(data.terms), loglik, nothing, *tables, steps.ties, hazard, data.occasions, steps.error)


def score_residuals(data: Rows, at: Point) -> F8:
    """Return the weighted influence of each row on the score, shape (rows, terms).

    Lin & Wei (1989) J Am Stat Assoc 84:1074; Efron ties as in R ``residuals.coxph(type = "score")``.
    """
    path, mean = lived_tables(at)
    borne, lived = path[data.leave], at.hazard[data.leave]
    if data.enter.size:
        borne, lived = borne - path[data.enter], lived - at.hazard[data.enter]
    own = np.where(data.event[:, None], data.x - mean[data.leave], 0.0)
    own -= relative_risk(data, at)[:, None] * (data.x * lived[:, None] - borne)
    return np.asarray(data.weight[:, None] * own, np.float64)


def lived_tables(at: Point) -> tuple[F8, F8]:
    """Return by key the hazard lived through times the mean covariates at risk, and the mean where a row fails."""
    when, (h, g, u, v, z) = at.occasions, (row[:, None] for row in at.ties)
    s1, e1, tied = at.at_risk[:, :-1], at.failing[:, :-1], at.occasions.tied
    path = u * s1 - v * e1
    of_failing = ((u - v) * s1 - (v - z) * e1 - path)[tied]
    run_on(path, when.opens)
    mean = (h * s1 - (h - g) * e1) / when.w_event[:, None]
    nowhere = np.zeros((1, s1.shape[1]))
    return np.concatenate([path, path[tied] + of_failing, nowhere]), np.concatenate([mean, mean[tied], nowhere])


def relative_risk(data: Rows, at: Point) -> F8:
    """Return exp of the predictor of each row, its offset included."""
    eta = predictor(data.x, at.beta)
    return np.asarray(np.exp(eta + data.offset if data.offset.size else eta), np.float64)
