# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Limits and tests of one coefficient from the likelihood itself, the others at their best beside it.

The limits are where twice the fall of the profile log likelihood equals the chi-square quantile, as in
Venzon & Moolgavkar (1988) J R Stat Soc C 37:87. The root is sought on the signed root of that fall,
which is nearly a straight line, by Newton's steps kept within a bracket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.ascent import Hill, Spot, climb
from rwe.survival.intervals import chi_square_tail
from rwe.survival.linear import solve

NEAR = 1e-11  # of the root sought


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A likelihood, its maximum, and the terms that may be followed.

    Parameters
    ----------
    hill, top
        The likelihood and its maximum, for covariates in units of `scale`.
    terms
        Names of the coefficients.
    steps
        How many steps a climb may take.
    scale
        Unit of each covariate.
    """

    hill: Hill
    top: Spot
    terms: Sequence[str]
    steps: int
    scale: F8

    def table(self, coefficients: pl.DataFrame, z: float) -> pl.DataFrame:
        """Return a table of coefficients with limits and tests of the profile in place of its own.

        The statistic is the signed root of the likelihood ratio; its square is a chi-square variable with
        one degree of freedom.
        """
        low, high = (limit / self.scale for limit in self.limits(z))
        ratio, p_value = self.p_values()
        with np.errstate(over="ignore"):
            limits = {"conf_low": np.exp(low), "conf_high": np.exp(high)}
        tests = {"statistic": np.sign(self.top.beta) * np.sqrt(ratio), "p_value": p_value}
        return coefficients.with_columns(pl.Series(name, values) for name, values in (limits | tests).items())

    def limits(self, z: float) -> tuple[F8, F8]:
        """Return lower and upper limits of every coefficient at the normal quantile `z`."""
        error = np.sqrt(np.diag(solve(self.top.curve, np.eye(self.top.beta.size))))
        both = [[self._limit(j, side, z, error[j]) for j in range(error.size)] for side in (-1, 1)]
        return np.array(both[0]), np.array(both[1])

    def p_values(self) -> tuple[F8, F8]:
        """Return likelihood ratio statistics (one degree of freedom) that each coefficient is 0, and p-values."""
        falls = [2 * (self.top.value - self._best(j, 0.0, self.top).value) for j in range(self.top.beta.size)]
        statistic = np.maximum(falls, 0.0)
        return statistic, np.array([chi_square_tail(s, 1) for s in statistic])

    def _best(self, j: int, value: float, near: Spot) -> Spot:
        """Return the maximum with coefficient `j` held, sought along the ridge from a spot nearby."""
        free = np.arange(near.beta.size) != j
        start = near.beta.copy()
        if free.any():
            ridge = solve(near.curve[np.ix_(free, free)], near.curve[free, j])
            start[free] -= (value - near.beta[j]) * ridge
        start[j] = value
        return climb(self.hill, start, self.terms, free=free, steps=self.steps)

    def _limit(self, j: int, side: int, z: float, error: float) -> float:
        inside, outside = float(self.top.beta[j]), side * np.inf
        value, near = inside + side * z * error, self.top
        for _ in range(60):
            spot = self._best(j, value, near)
            if not np.isfinite(spot.value):
                outside, value = value, (inside + value) / 2
                continue
            root = np.sqrt(max(2 * (self.top.value - spot.value), 0.0))
            if abs(root - z) <= NEAR * z:
                return value
            inside, outside = (value, outside) if root < z else (inside, value)
            near = spot
            slope = -side * float(spot.slope[j]) / root if root > 0 else 1 / error
            value = _between(value + side * (z - root) / slope, inside, outside, side * error)
        raise NoValidAnswer(f"no profile limit is found for term '{self.terms[j]}': its likelihood is flat")


def _between(guess: float, inside: float, outside: float, stride: float) -> float:
    """Return the guess where it lies in the bracket, otherwise the middle or, without an end, a stride further."""
    low, high = sorted((inside, outside))
    if low < guess < high:
        return guess if abs(guess - inside) < 8 * abs(stride) or np.isfinite(outside) else inside + 8 * stride
    return (inside + outside) / 2 if np.isfinite(outside) else inside + 2 * stride
