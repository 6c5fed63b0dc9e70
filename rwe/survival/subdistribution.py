# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The partial likelihood of a subdistribution hazard: its value and derivatives, from one read of the rows.

Fine & Gray (1999) J Am Stat Assoc 94:496. The hazard that weighs the information is that of the step before, scaled
so that the expected failures are those observed; value, score and second moments are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rwe.kernels._jit import F8
from rwe.kernels.matrix import room, whole_gram
from rwe.kernels.partial_likelihood import add_means
from rwe.survival.digits import score_error
from rwe.survival.rows import Sums
from rwe.survival.subdistribution_grid import Grid


class Cohort(Protocol):
    """Where the sums come from: rows in memory, in a file or in parts."""

    @property
    def grid(self) -> Grid:
        """Occasions and cells."""
        ...

    @property
    def mean(self) -> F8:
        """What was taken off the covariates."""
        ...

    @property
    def scale(self) -> F8:
        """Unit of the covariates."""
        ...

    @property
    def x_event(self) -> F8:
        """Weighted sum of the covariates of those who fail."""
        ...

    @property
    def units(self) -> int:
        """Number of rows, or of clusters."""
        ...

    def sums(self, beta: F8, hazard: F8) -> Sums:
        """Read the rows once; sums by cell."""
        ...

    def products(self, beta: F8, hazard: F8, failed: F8, table: F8) -> F8:
        """Return the products of the influences of rows, or of clusters, added up."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The partial likelihood at one value of the coefficients.

    Parameters
    ----------
    beta
        Coefficients of the standardised covariates.
    loglik, score, information
        Value, gradient and negative second derivative.
    at_risk, failing
        Sums of r x by occasion over those at risk and those who fail (the sum of r last).
    ties
        Rows h, g, u, v, z of `tie_sums`.
    late
        Sums of r x by key of competing failures (the sum of r last).
    hazard
        By key, what a row has lived through.
    error
        Rounding error of the score that late entries leave.
    """

    beta: F8
    loglik: float
    score: F8
    information: F8
    at_risk: F8
    failing: F8
    ties: F8
    late: F8
    hazard: F8
    error: float


def evaluate(data: Cohort, beta: F8, hazard: F8) -> Top:
    """Evaluate with one read; the information is exact where `hazard` is that of `beta`."""
    found, grid = data.sums(beta, hazard), data.grid
    at_risk, failing = grid.risk_sets(found.table)
    ties, loglik = grid.ties(at_risk[:, -1], failing[:, -1])
    h, g, u, v, z = ties
    s1, e1 = at_risk[:, :-1], failing[:, :-1]
    turned, square = room(data.x_event.size)
    add_means(at_risk, failing, np.arange(h.size), u, v, z, turned, square)
    second = whole_gram(square, data.x_event.size)
    scale = grid.w_event.sum() / found.lived if found.lived > 0 else 1.0
    risk = at_risk[:, -1].copy()
    error = score_error(risk, grid.w_event, np.arange(risk.size) == 0) if grid.cells.late else 0.0
    return Top(
        beta=beta,
        loglik=float(data.x_event @ beta) + loglik if error < np.inf else np.nan,
        score=data.x_event - np.einsum("k,kj->j", h, s1) - np.einsum("k,kj->j", g - h, e1),
        information=found.gram * scale - second,
        at_risk=at_risk,
        failing=failing,
        ties=ties,
        late=found.table[grid.late],
        hazard=grid.lived(h, g),
        error=error,
    )


def exactly(data: Cohort, beta: F8) -> Top:
    """Evaluate with two reads, the first for the hazard of these coefficients."""
    return evaluate(data, beta, evaluate(data, beta, np.zeros(data.grid.cells.n)).hazard)
