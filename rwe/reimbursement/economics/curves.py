# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves that a model rests on: by name, drawn together where they are one, and what is made of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rwe.errors import DataError, DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.accrual import Value, value_of
from rwe.reimbursement.economics.distributions import Values, stream
from rwe.reimbursement.economics.family_curve import FamilyCurve
from rwe.survival.curve import Curve

LEAST = 1e-300  # survival below which its logarithm is not taken further
Rows: TypeAlias = Callable[[slice], F8]


@dataclass(frozen=True, slots=True)
class Sample:
    """One base case (``seed`` None), or draws: how many, from which seed, and the parameters of each."""

    n: int
    seed: int | None
    values: Values

    def of(self, value: Value) -> F8:
        """Return a value in each draw."""
        return value_of(value, self.values, self.n)


@dataclass(frozen=True, slots=True)
class Named:
    """A curve under the name by which it is drawn: the same name in two strategies is one draw."""

    name: str
    curve: Curve

    def rows(self, days: F8, sample: Sample) -> Rows:
        """Return what gives survival in some of the draws."""
        if sample.seed is not None and isinstance(self.curve, FamilyCurve):
            some = self.curve.some(days, sample.n, stream(sample.seed, self.name))
        else:
            whole = np.atleast_2d(np.asarray(self._all(days, sample), dtype=float))
            if whole.shape != (sample.n, days.size):
                raise DataError(f"curve '{self.name}' gives {whole.shape} for {sample.n} draws on {days.size} days")
            some = whole.__getitem__

        def rows(part: slice) -> F8:
            found = some(part)
            if not (found.min() >= 0 and found.max() <= 1 + 1e-9):
                known = f"curve '{self.name}': survival must be known, within 0 and 1, on each day of the model"
                raise DataError(f"{known}; where follow-up ends before, fit a model")
            return found

        return rows

    def _all(self, days: F8, sample: Sample) -> F8:
        if sample.seed is None:
            return self.curve.survival_at(days)
        return self.curve.survival_draws(days, sample.n, stream(sample.seed, self.name))


@dataclass(frozen=True, slots=True)
class Proportional:
    """A curve whose hazard is another's times a ratio.

    Parameters
    ----------
    base
        The other curve.
    ratio
        Hazard ratio: a number, or the name of a parameter.
    wanes
        Days on which the effect begins to fade and is gone: the log ratio falls in a line to 0 between them, as in
        `rwe.survival.waned`. It lasts for ever if left out.
    """

    base: Named
    ratio: Value
    wanes: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.wanes is not None and not 0 <= self.wanes[0] <= self.wanes[1]:
            raise DefinitionError("an effect wanes from a day, 0 or later, to that day or a later one")

    def rows(self, days: F8, sample: Sample) -> Rows:
        """Return what gives survival in some of the draws."""
        below, ratio = self.base.rows(days, sample), sample.of(self.ratio)
        if self.wanes is None:
            return lambda part: below(part) ** ratio[part, None]
        begin, end = self.wanes
        ends = days[1:]
        left = ends <= begin if begin == end else np.clip((end - ends) / (end - begin), 0.0, 1.0)

        def faded(part: slice) -> F8:
            hazard = np.diff(-np.log(np.maximum(below(part), LEAST)), axis=1) * ratio[part, None] ** left
            return np.asarray(np.exp(-np.cumsum(np.pad(hazard, ((0, 0), (1, 0))), axis=1)), np.float64)

        return faded


Source: TypeAlias = Named | Proportional
