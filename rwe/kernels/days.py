# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Additive statistics of follow-up: who entered, failed and was censored on each day, by cell.

Clinical time is whole days, so a cohort of any size folds into one small table. Tables of parts of a
cohort add up to the table of the whole, on one machine or many; everything that rests on numbers at
risk (Kaplan-Meier, Nelson-Aalen, log-rank, restricted mean) is finished from the table alone.

The convention of all survival code here: a row is at risk on day t when entry < t <= exit; failures
precede censorings of the same day; entry -1 means followed from the start, so that a failure on day
0 counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags, f8_in, flags_in, i4_in, i8_in, integer, kernel

Table = TypeVar("Table", I8, F8)


@kernel(i8_in, i4_in, flags_in, i4_in, integer, integer)
def count_days(cell: I8, leave: I4, event: Flags, enter: I4, n_cells: int, n_days: int) -> I8:
    """Count rows by kind (0 censored, 1 failed, 2 entered), cell and day."""
    out = np.zeros((3, n_cells, n_days), np.int64)
    for i in range(cell.size):
        out[int(event[i]), cell[i], leave[i]] += 1
        if enter[i] >= 0:
            out[2, cell[i], enter[i]] += 1
    return out


@kernel(i8_in, i4_in, flags_in, i4_in, f8_in, integer, integer)
def weigh_days(cell: I8, leave: I4, event: Flags, enter: I4, weight: F8, n_cells: int, n_days: int) -> F8:
    """Sum weights by kind (0 censored, 1 failed, 2 entered), cell and day."""
    out = np.zeros((3, n_cells, n_days), np.float64)
    for i in range(cell.size):
        out[int(event[i]), cell[i], leave[i]] += weight[i]
        if enter[i] >= 0:
            out[2, cell[i], enter[i]] += weight[i]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class DayTable:
    """Follow-up of a cohort (or part of one) by day.

    Parameters
    ----------
    persons
        Rows, shape (3, cells, days): censored, failed, entered late.
    weights, squares
        Sums of their weights, and of the squares of these, in the same shape; the counts themselves
        where rows carry no weights.
    """

    persons: I8
    weights: F8
    squares: F8

    def __add__(self, other: DayTable) -> DayTable:
        """Merge two parts of a cohort: the table of both together."""
        n_days = max(self.persons.shape[2], other.persons.shape[2])
        return DayTable(
            _longer(self.persons, n_days) + _longer(other.persons, n_days),
            _longer(self.weights, n_days) + _longer(other.weights, n_days),
            _longer(self.squares, n_days) + _longer(other.squares, n_days),
        )

    def placed(self, cell: I8, day: I8, n_cells: int, n_days: int) -> DayTable:
        """Return the table with its cells and days at other places of a larger table; those that meet add up."""
        shape = (n_cells, n_days)
        persons = _placed(self.persons, cell, day, shape)
        return DayTable(persons, _placed(self.weights, cell, day, shape), _placed(self.squares, cell, day, shape))

    @property
    def n_censor(self) -> I8:
        """Persons censored, shape (cells, days)."""
        n_censor: I8 = self.persons[0]
        return n_censor

    @property
    def n_event(self) -> I8:
        """Persons failed, shape (cells, days)."""
        n_event: I8 = self.persons[1]
        return n_event

    @property
    def n_risk(self) -> I8:
        """Persons at risk, shape (cells, days)."""
        return at_risk(self.persons)

    @property
    def w_censor(self) -> F8:
        """Weight of those censored, shape (cells, days)."""
        w_censor: F8 = self.weights[0]
        return w_censor

    @property
    def w_event(self) -> F8:
        """Weight of those failed, shape (cells, days)."""
        w_event: F8 = self.weights[1]
        return w_event

    @property
    def w_risk(self) -> F8:
        """Weight at risk, shape (cells, days)."""
        return at_risk(self.weights)


def fold(cell: I8, leave: I4, event: Flags, enter: I4, weight: F8 | None, n_cells: int, n_days: int) -> DayTable:
    """Fold rows into their table.

    Parameters
    ----------
    cell
        Group (or stratum and group) of each row, from 0.
    leave, enter
        Last day followed, and the day after which the row is at risk (-1: from the start).
    event
        Whether the row failed on its last day.
    weight
        Weight of each row, or None where each counts once.
    n_cells, n_days
        Size of the table; every `leave` and `enter` is below `n_days`.
    """
    persons = count_days(cell, leave, event, enter, n_cells, n_days)
    if weight is None:
        return unweighted(persons)
    first, second = (weigh_days(cell, leave, event, enter, w, n_cells, n_days) for w in (weight, weight * weight))
    return DayTable(persons, first, second)


def unweighted(persons: I8) -> DayTable:
    """Return the table of rows that each count once."""
    weights = persons.astype(np.float64)
    return DayTable(persons, weights, weights)


def at_risk(kinds: Table) -> Table:
    """Return who is at risk on each day: left on it or later, less entered on it or later."""
    ahead = kinds[0] + kinds[1] - kinds[2]
    return np.ascontiguousarray(np.cumsum(ahead[:, ::-1], axis=1)[:, ::-1])


def _longer(kinds: Table, n_days: int) -> Table:
    return kinds if kinds.shape[2] == n_days else np.pad(kinds, ((0, 0), (0, 0), (0, n_days - kinds.shape[2])))


def _placed(kinds: Table, cell: I8, day: I8, shape: tuple[int, int]) -> Table:
    out = np.zeros((3, *shape), kinds.dtype)
    for kind in range(3):
        np.add.at(out[kind], (cell[:, None], day[None, :]), kinds[kind])
    return out
