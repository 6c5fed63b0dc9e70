# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a model of the subdistribution: standardised covariates, and the cells in which they leave and enter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from rwe.errors import DataError
from rwe.execute import cuts, even, run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.column_pass import column_pass, wide
from rwe.kernels.keyed_influence import add_products
from rwe.kernels.matrix import room, whole_gram
from rwe.kernels.risk_pass import risk_pass
from rwe.survival.cells import cells_of_rows
from rwe.survival.column_rows import CHANGED
from rwe.survival.column_values import addresses, moments_of_columns, side_by_side
from rwe.survival.data import Response
from rwe.survival.design import Design
from rwe.survival.occasions import NOBODY, PART
from rwe.survival.rows import MANY, NONE, PARTS, Sums, added, total
from rwe.survival.standard import CACHE, matrix_of, on_scale
from rwe.survival.subdistribution_grid import Grid, grid

NO_ROWS = np.empty((0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class RiskRows:
    """Rows and their keys.

    Parameters
    ----------
    x
        Covariates less their mean, in units of their standard deviation, shape (rows, terms).
    weight
        Of each row; empty where each counts once.
    leave, enter
        Cell in which each row leaves and enters; `enter` is empty where nobody enters late.
    cluster
        Of each row; empty where rows are independent.
    """

    x: F8
    weight: F8
    leave: I4
    enter: I4
    cluster: I8

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.x.shape[0])

    def sums(self, beta: F8, hazard: F8) -> Sums:
        """Read the rows once; parts run at once and are merged in their order."""
        size = max(PART, 4 * hazard.size, -(-self.n // PARTS))
        parts = run(lambda part: self._read(beta, hazard, part), cuts(self.n, size))
        table, gram = total([part[0] for part in parts]), total([part[1] for part in parts])
        return Sums(table, gram, sum(part[2] for part in parts))

    def products(self, beta: F8, hazard: F8, failed: F8, table: F8) -> F8:
        """Return the products of the influences of rows, or of clusters, added up; see `add_products`."""
        q = table.shape[1] // 2
        rows = (self.x, beta, self.weight, self.leave, self.enter, failed, hazard, table, self.cluster)
        if self.cluster.size:
            sums = np.zeros((int(self.cluster.max()) + 1, q))
            add_products(*rows, 0, self.n, room(q)[0], sums)
            return np.asarray(sums.T @ sums, np.float64)

        def block(part: tuple[int, int]) -> F8:
            turned, square = room(q)
            add_products(*rows, *part, turned, square)
            return whole_gram(square, q)

        return total(run(block, cuts(self.n, PART)))

    def _read(self, beta: F8, hazard: F8, part: tuple[int, int]) -> tuple[F8, F8, float]:
        p = beta.size
        table, (turned, square) = np.zeros((hazard.size, p + 1)), room(p)
        rows = (self.x, beta, NONE, self.weight, self.leave, self.enter, hazard, NOBODY)
        lived = risk_pass(*rows, *part, 0, NONE, table, turned, square)
        return table, whole_gram(square, p), lived


@dataclass(frozen=True, eq=False)  # no slots: rows put side by side are kept once somebody needs them
class RiskColumns:
    """Many rows as `RiskRows`, of columns that stay where they are and are read from there.

    Parameters
    ----------
    columns
        The covariates, one array each.
    mean, scale
        What is taken off each, and its unit.
    response
        Follow-up, of which those fail who do from the cause of interest.
    weight, leave, enter, cluster
        As of `RiskRows`.
    """

    columns: tuple[F8, ...]
    mean: F8
    scale: F8
    response: Response
    weight: F8
    leave: I4
    enter: I4
    cluster: I8

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.leave.size)

    @cached_property
    def rows(self) -> RiskRows:
        """The same rows with their covariates side by side."""
        if not np.array_equal(moments_of_columns(self.response, self.columns, self.weight)[0], self.mean):
            raise DataError(CHANGED)
        x = side_by_side(self.columns, self.mean, self.scale)
        return RiskRows(x, self.weight, self.leave, self.enter, self.cluster)

    def sums(self, beta: F8, hazard: F8) -> Sums:
        """Read the rows once; tables too large for a cache are filled from rows side by side."""
        if hazard.size * (beta.size + 1) > CACHE:
            return self.rows.sums(beta, hazard)
        size = max(PART, 4 * hazard.size, self.n // PARTS)
        return added(run(lambda part: self._read(beta, hazard, part), even(self.n, size)), beta.size)

    def products(self, beta: F8, hazard: F8, failed: F8, table: F8) -> F8:
        """Return the products of the influences of rows, or of clusters, added up."""
        return self.rows.products(beta, hazard, failed, table)

    def _read(self, beta: F8, hazard: F8, part: tuple[int, int]) -> Sums:
        table, (turned, square) = wide(hazard.size, beta.size), room(beta.size)
        units = (self.mean, 1 / self.scale, beta / self.scale, NONE, self.weight)
        at = addresses(self.columns)
        lived = column_pass(at, *units, self.leave, self.enter, hazard, *part, table, turned, square)
        return Sums(table, whole_gram(square, beta.size), lived)


@dataclass(frozen=True, slots=True, eq=False)
class HeldRisks:
    """A cohort held in memory.

    Parameters
    ----------
    rows, grid
        Rows and their occasions.
    mean, scale
        What was taken off the covariates, and their unit.
    x_event
        Weighted sum of the covariates of those who fail.
    """

    rows: RiskRows | RiskColumns
    grid: Grid
    mean: F8
    scale: F8
    x_event: F8

    @property
    def units(self) -> int:
        """Number of rows, or of clusters."""
        return int(self.rows.cluster.max()) + 1 if self.rows.cluster.size else self.rows.n

    def sums(self, beta: F8, hazard: F8) -> Sums:
        """Read the rows once."""
        return self.rows.sums(beta, hazard)

    def products(self, beta: F8, hazard: F8, failed: F8, table: F8) -> F8:
        """Return the products of the influences of rows, or of clusters, added up."""
        return self.rows.products(beta, hazard, failed, table)


def held_risks(
    response: Response, code: int, plan: Design, frame: pl.DataFrame, *, efron: bool, failures_first: bool
) -> HeldRisks:
    """Put the covariates on their scale, and find the grid and the keys of the rows.

    Raises
    ------
    NoValidAnswer
        See `grid`.
    DataError
        If rows break the contract of a column.
    """
    assert response.cause is not None
    many = response.time.size >= MANY
    columns, x = (plan.values(frame), NO_ROWS) if many else ([], matrix_of(plan, frame))
    found, leave, enter = cells_of_rows(response, code)
    when = grid(found, response.clock, efron=efron, failures_first=failures_first)
    weight = NONE if response.weight is None else response.weight
    cluster = np.empty(0, np.int64) if response.cluster is None else response.cluster
    of_cause = replace(response, event=response.cause == code)
    if many:
        mean, scale, x_event, _ = moments_of_columns(of_cause, columns, weight)
        rows = RiskColumns(tuple(columns), mean, scale, of_cause, weight, leave, enter, cluster)
        return HeldRisks(rows, when, mean, scale, x_event)
    mean, scale, x_event = on_scale(x, weight, of_cause.event)
    return HeldRisks(RiskRows(x, weight, leave, enter, cluster), when, mean, scale, x_event)
