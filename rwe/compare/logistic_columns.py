# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Many rows of a logistic regression whose covariates are read where they lie, column by column, and never copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rwe.compare.logistic_climb import Rows, Sums, information_of
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.column_logistic import column_gradient, column_logistic, column_shares
from rwe.kernels.matrix import room, whole_gram
from rwe.survival.column_values import addresses, moments_about, side_by_side
from rwe.survival.occasions import PART
from rwe.survival.rows import total
from rwe.survival.standard import held


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Rows as `Rows`, of columns that stay where they are; they are kept alive here.

    Parameters
    ----------
    columns
        The covariates, one array each.
    mean, scale
        Their means and units.
    outcome, weight
        As of `Rows`.
    """

    columns: tuple[F8, ...]
    mean: F8
    scale: F8
    outcome: Flags
    weight: F8

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.outcome.size)

    def sums(self, beta: F8) -> Sums:
        """Read the rows once; parts are added up in their order."""
        p, at, (slope, intercept) = len(self.columns), addresses(self.columns), self._own(beta)

        def part(bounds: tuple[int, int]) -> tuple[F8, F8, F8]:
            score, border, (turned, gram) = np.zeros(p + 1), np.zeros(p + 1), room(p)
            rows = (self.outcome, self.weight, *bounds)
            units = (self.mean, 1 / self.scale, slope, intercept)
            value = column_logistic(at, *units, *rows, score, border, turned, gram)
            return np.append(value, score), border, whole_gram(gram, p)

        found = run(part, cuts(self.n, PART))
        values, border, gram = (total([answer[k] for answer in found]) for k in range(3))
        score, border = self._standard(values[1:]), self._standard(border)
        return Sums(float(values[0]), np.roll(score, 1), information_of(gram, border))

    def gradient(self, beta: F8) -> F8:
        """Read the rows once for the score alone."""
        at, (slope, intercept) = addresses(self.columns), self._own(beta)

        def part(bounds: tuple[int, int]) -> F8:
            score = np.zeros(beta.size)
            column_gradient(at, self.mean, slope, intercept, self.outcome, self.weight, *bounds, score)
            return score

        return np.roll(self._standard(total(run(part, cuts(self.n, PART)))), 1)

    def fitted(self, beta: F8) -> F8:
        """Return the probability of each row."""
        at, out, (slope, intercept) = addresses(self.columns), np.empty(self.n), self._own(beta)
        run(lambda b: column_shares(at, self.mean, slope, intercept, *b, out), cuts(self.n, PART))
        return out

    def sample(self, step: int) -> Rows:
        """Return every `step`-th row, its covariates side by side and on the scale of all."""
        chosen = np.arange(0, self.n, step, dtype=np.int32)
        weight = self.weight[chosen] if self.weight.size else self.weight
        return Rows(side_by_side(self.columns, self.mean, self.scale, chosen), self.outcome[chosen], weight)

    def _own(self, beta: F8) -> tuple[F8, float]:
        return beta[1:] / self.scale, float(beta[0])

    def _standard(self, sums: F8) -> F8:
        return np.append(sums[:-1] / self.scale, sums[-1])


@np.errstate(all="ignore")  # a covariate that cannot be squared is refused by its unit
def columns_as_they_lie(columns: Sequence[F8], outcome: Flags, weight: F8) -> Columns:
    """Find mean and unit of columns, in one read (as `standard.moments`)."""
    about, sums, square, _, away = moments_about(columns, outcome, weight)
    whole = float(weight.sum()) if weight.size else float(outcome.size)
    spread = np.sqrt(np.maximum(square / whole - (sums / whole) ** 2, 0.0))
    return Columns(tuple(columns), about + sums / whole, held(spread, np.zeros(away.size), away), outcome, weight)
