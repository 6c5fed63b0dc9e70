# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The likelihood of a logistic regression: what a read of the rows adds up, and the climb on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.logistic import logistic_pass
from rwe.kernels.matrix import room, whole_gram
from rwe.survival.ascent import refuse_aliased, runaway
from rwe.survival.columns import numeric, refuse
from rwe.survival.linear import aliased, solve
from rwe.survival.occasions import PART
from rwe.survival.rows import NONE, total

STEPS = 30
STILL = 1e-10  # largest last step, in standard deviations of the covariates
INTERCEPT = "(intercept)"


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows, those with the outcome, and their weighted share."""

    n: int
    n_event: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Log likelihood, score and information (intercept first); those of parts add up."""

    loglik: float
    score: F8
    information: F8

    def __add__(self, other: Sums) -> Sums:
        """Merge two parts."""
        return Sums(self.loglik + other.loglik, self.score + other.score, self.information + other.information)


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The maximum: coefficients (intercept first) of standardised covariates, information, log likelihood."""

    beta: F8
    information: F8
    loglik: float


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Standardised covariates, outcomes and weights (empty: each row counts once)."""

    x: F8
    outcome: Flags
    weight: F8

    def sums(self, beta: F8) -> Sums:
        """Read the rows once; parts are added up in their order."""
        p = self.x.shape[1]

        def part(bounds: tuple[int, int]) -> tuple[F8, F8, F8]:
            score, border, (turned, gram) = np.zeros(p + 1), np.zeros(p + 1), room(p)
            slope, rows = np.ascontiguousarray(beta[1:]), (self.x, self.outcome, self.weight)
            value = logistic_pass(*rows, slope, beta[0], *bounds, score, border, turned, gram)
            return np.append(value, score), border, whole_gram(gram, p)

        found = run(part, cuts(self.x.shape[0], PART))
        values, border, gram = (total([answer[k] for answer in found]) for k in range(3))
        return Sums(float(values[0]), np.roll(values[1:], 1), information_of(gram, border))


def information_of(gram: F8, border: F8) -> F8:
    """Return the information, intercept first, of that of the covariates and the intercept's row, itself last."""
    p = gram.shape[0]
    information = np.empty((p + 1, p + 1))
    information[1:, 1:], information[0, 0] = gram, border[p]
    information[0, 1:] = information[1:, 0] = border[:p]
    return information


def outcomes(table: pl.DataFrame, outcome: str, weights: str | None) -> tuple[Flags, Flags, F8]:
    """Return which rows count (their weight is not 0), and of these the outcome and the weight (empty where none).

    Raises
    ------
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If no row is left.
    """
    weight = NONE if weights is None else numeric(table[weights]).cast(pl.Float64).to_numpy()
    refuse(int((weight < 0).sum()), table.height, str(weights), "have a negative weight")
    kept = weight > 0 if weight.size else np.ones(table.height, np.bool_)
    happened = _truth(table[outcome])
    if not kept.any():
        raise NoValidAnswer("no rows are left to analyse")
    return kept, np.ascontiguousarray(happened[kept]), np.ascontiguousarray(weight[kept]) if weight.size else weight


def _truth(column: pl.Series) -> Flags:
    if column.dtype == pl.Boolean:
        refuse(column.null_count(), column.len(), column.name, "have no value")
        return np.ascontiguousarray(column.to_numpy())
    number = numeric(column)
    refuse(int((~number.is_in([0, 1])).sum()), number.len(), column.name, "are neither 0 nor 1")
    return np.ascontiguousarray((number == 1).to_numpy())


def refuse_one_sided(seen: Seen, outcome: str) -> None:
    """Refuse an outcome that all rows have, or none.

    Raises
    ------
    NoValidAnswer
        Naming the column.
    """
    if seen.n_event in (0, seen.n):
        raise NoValidAnswer(f"column '{outcome}': all {seen.n} rows have the same outcome")


def climb(
    read: Callable[[F8], Sums], share: float, terms: Sequence[str], start: F8 | None = None, still: float = STILL
) -> Top:  # fmt: skip
    """Return the maximum, by Newton's steps halved on need, from the mean or from where the caller begins.

    The information is that of the last read, at most `still` away from the maximum; the error of the coefficients is
    the square of it.

    Raises
    ------
    NoValidAnswer
        If terms are aliased or have no finite estimate; they are named.
    """
    beta = of_share(share, len(terms)) if start is None else start
    at, step = read(beta), beta
    refuse_aliased(at.information, [INTERCEPT, *terms])
    for _ in range(STEPS):
        if aliased(at.information):
            break
        step = solve(at.information, at.score)
        if np.abs(step).max() < still * max(1.0, float(np.abs(beta).max())):
            return Top(beta + step, at.information, at.loglik)
        now = read(beta + step)
        while not now.loglik >= at.loglik - 1e-9 * abs(at.loglik) and np.abs(step).max() > still:
            step = step / 2
            now = read(beta + step)
        beta, at = beta + step, now
    raise NoValidAnswer(runaway([INTERCEPT, *terms], step))


def of_share(share: float, terms: int) -> F8:
    """Return the coefficients without covariates: the log odds of the share, and zeros."""
    return np.append(np.log(share / (1 - share)), np.zeros(terms))
