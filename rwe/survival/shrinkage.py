# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The elastic net on a Cox partial likelihood: its path of penalties, by Newton steps and coordinate descent.

Simon, Friedman, Hastie & Tibshirani (2011) J Stat Softw 39(5); conventions of R ``glmnet``: Breslow ties,
covariates in units of their standard deviation (divisor n), and the objective
``-loglik / sum of weights + penalty (l1_ratio |b| + (1 - l1_ratio) b'b / 2)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.shrink import descend
from rwe.survival.ascent import Hill, Spot
from rwe.survival.maximum import plain_hill
from rwe.survival.partial import point
from rwe.survival.risk_sets import lived, risk_sets
from rwe.survival.rows import Rows
from rwe.survival.shrinkable import Shrinkable
from rwe.survival.spread import Spread

LEAST_SHARE = 1e-3  # of l1 when the largest penalty is sought: a pure ridge never shrinks to 0
STILL = 1e-11  # a step so small ends the search at one penalty
LARGEST = 600.0  # score whose exponential, and the inverse of that, can still be summed
FAR = "risks are too far apart for numbers: a covariate has a value far from all others"
SLACK = 1e-9  # share by which a slope may exceed the penalty before its term joins


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One elastic net problem.

    Parameters
    ----------
    cohort
        The rows, with covariates standardised.
    l1_ratio
        Share of the penalty on absolute values; the rest is on squares.
    """

    cohort: Shrinkable
    l1_ratio: float

    @property
    def data(self) -> Rows | Spread:
        """The rows, held or not."""
        return self.cohort.data

    @property
    def rows(self) -> Rows:
        """The rows, which are held."""
        assert isinstance(self.data, Rows)
        return self.data

    def loglik(self, beta: F8) -> float:
        """Return the log partial likelihood, by one read."""
        return point(self.data, beta, np.zeros(self.data.occasions.nowhere + 1), gram=False).loglik

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return self.cohort.total

    def largest(self) -> float:
        """Return the smallest penalty at which every coefficient is 0."""
        slope = np.abs(self.slope(np.zeros(self.data.terms)))
        return float(slope.max()) / max(self.l1_ratio, LEAST_SHARE)

    def slope(self, beta: F8) -> F8:
        """Return the gradient of the log likelihood over the sum of weights, for every term."""
        if not isinstance(self.data, Rows):
            return self._read(beta)
        active = np.flatnonzero(beta)
        score = np.einsum("ij,j->i", self.data.x[:, active], beta[active])
        if np.ptp(score) > 2 * LARGEST:
            raise NoValidAnswer(FAR)
        r = self.data.weight * np.exp(score - max(score.max() - LARGEST, 0.0))  # in any unit: it cancels
        sets = risk_sets(self.data, r[:, None])
        been = lived(self.data, sets, (sets.weight / sets.sums[:, 0])[:, None])[:, 0]
        residual = self.data.weight * self.data.event - r * been
        return np.asarray(np.einsum("i,ij->j", residual, self.data.x) / self.total, np.float64)

    def _read(self, beta: F8) -> F8:
        """Return the slope by one read of rows that are not held."""
        score = point(self.data, beta, np.zeros(self.data.occasions.nowhere + 1), gram=False).score
        if not np.isfinite(score).all():
            raise NoValidAnswer(FAR)
        return np.asarray(score / self.total, np.float64)

    def solve(self, penalty: float, beta: F8) -> F8:
        """Return the coefficients (standardised) at one penalty, sought from `beta`.

        Only terms whose slope reaches the penalty take part; the others are checked at the end.
        """
        l1 = penalty * self.l1_ratio
        slope = self.slope(beta)
        working = (beta != 0) | (np.abs(slope) > l1 * (1 - 1e-3))
        while True:
            members = np.flatnonzero(working)
            beta = _scatter(self._newton(members, penalty, beta[members]), members, beta.size)
            missed = ~working & (np.abs(self.slope(beta)) > l1 * (1 + SLACK))
            if not missed.any():
                return beta
            working |= missed

    def _newton(self, members: I8, penalty: float, beta: F8) -> F8:
        if not members.size:
            return beta
        hill = self._hill(members)
        at = hill(beta)
        for _ in range(200):
            new = self._step(hill, at, penalty)
            moved = float(np.abs(new.beta - at.beta).max())
            at = new
            if moved <= STILL * max(1.0, float(np.abs(at.beta).max())):
                return at.beta
        raise NoValidAnswer(f"no solution is found at penalty {penalty:g}: take larger penalties")

    def _hill(self, members: I8) -> Hill:
        """Return the partial likelihood of some of the terms, the others 0."""
        if isinstance(self.data, Rows):
            x = np.ascontiguousarray(self.data.x[:, members])
            return plain_hill(replace(self.data, x=x, x_event=self.data.x_event[members]))
        of_all, terms = plain_hill(self.data), self.data.terms

        def spot(beta: F8) -> Spot:
            at = of_all(_scatter(beta, members, terms))
            return Spot(beta, at.value, at.slope[members], at.curve[np.ix_(members, members)])

        return spot

    def _step(self, hill: Hill, at: Spot, penalty: float) -> Spot:
        """Return the next point: the minimum of the quadratic at this one, nearer while the objective rises."""
        gram, total = np.ascontiguousarray(at.curve / self.total), self.total
        l1, l2 = penalty * self.l1_ratio, penalty * (1 - self.l1_ratio)
        aim = descend(gram, at.slope / total + gram @ at.beta, at.beta, l1, l2, STILL / 10, 100_000)
        now = self._objective(at, penalty)
        for halved in range(30):
            new = hill(at.beta + (aim - at.beta) / 2**halved)
            if self._objective(new, penalty) <= now + 1e-13 * max(1.0, abs(now)):
                return new
        return at

    def _objective(self, at: Spot, penalty: float) -> float:
        absolute, square = float(np.abs(at.beta).sum()), float(at.beta @ at.beta)
        shrunk = penalty * (self.l1_ratio * absolute + (1 - self.l1_ratio) * square / 2)
        value = shrunk - at.value / self.total
        return value if np.isfinite(value) else np.inf


def path(of: Problem, penalties: F8) -> F8:
    """Return the coefficients at each penalty in the units of the covariates, shape (penalties, terms)."""
    beta, found = np.zeros(of.data.terms), []
    for penalty in penalties:
        beta = of.solve(float(penalty), beta)
        found.append(beta / of.cohort.scale)
    return np.array(found)


def _scatter(values: F8, members: I8, size: int) -> F8:
    full = np.zeros(size)
    full[members] = values
    return full
