# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a cohort with competing risks: who leaves alike, of one group, on one day has one key, and so who enters.

Everything that a model of the subdistribution adds up or looks up by row goes by these keys; the rest of the work is
done on the cells, which are few beside the rows, and which a cohort that is not held in memory counts in one read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.errors import DataError
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.cells import places_of_entering, places_of_leaving, renumber
from rwe.survival.counts import Tally
from rwe.survival.data import Response
from rwe.survival.occasions import NOBODY, PART

FAILED, OTHER, ENTERED, NOWHERE = 1, 2, 3, 4  # kinds of cells; 0 is censored
CHANGED = "the rows are not those of the first read: they changed while they were analysed"
NO_CAUSE = -1  # code of a cause of which no row here fails


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells that occur.

    Parameters
    ----------
    kind, group, day
        Of each cell. Cells of leaving come first, in the order of kind, group and day; then cells of entering, and
        last one of those who were there from the start (both only where anybody enters late).
    persons, weight
        Rows in each cell and their weight.
    n_groups, span
        Number of groups and of days.
    """

    kind: I8
    group: I8
    day: I8
    persons: I8
    weight: F8
    n_groups: int
    span: int

    @property
    def n(self) -> int:
        """Number of cells."""
        return self.kind.size

    @property
    def late(self) -> bool:
        """Whether anybody enters late."""
        return bool(self.kind[-1] >= ENTERED)

    def table(self, kind: int) -> F8:
        """Return the weight of the cells of a kind, shape (groups, days)."""
        out, here = np.zeros((self.n_groups, self.span)), self.kind == kind
        out[self.group[here], self.day[here]] = self.weight[here]
        return out

    def number(self, leave: I4, enter: I4) -> None:
        """Put the cells of rows in place of their `places`.

        Raises
        ------
        DataError
            If a row is in no cell.
        """
        numbers = np.full(4 * self.n_groups * self.span + 1, -1, np.int32)
        numbers[(self.kind * self.n_groups + self.group) * self.span + self.day] = np.arange(self.n)
        entering = numbers[3 * self.n_groups * self.span :]
        run(lambda b: renumber(numbers, *b, leave), cuts(leave.size, PART))
        run(lambda b: renumber(entering, *b, enter), cuts(enter.size, PART))
        if min(leave.min(initial=0), enter.min(initial=0)) < 0:
            raise DataError(CHANGED)


def places(response: Response, code: int) -> tuple[I4, I4]:
    """Return where each row leaves and enters among all kinds, groups and days; nowhere if nobody enters late.

    Parameters
    ----------
    code
        Of the cause of interest.
    """
    assert response.cause is not None
    cause, n, span, n_groups = response.cause, response.time.size, response.n_days, response.strata.n
    group = response.strata.code
    leave, enter = np.empty(n, np.int32), NOBODY
    run(lambda b: places_of_leaving(cause, code, group, n_groups, response.time, span, *b, leave), cuts(n, PART))
    if response.late.size:
        enter, nowhere = np.empty(n, np.int32), n_groups * span
        run(lambda b: places_of_entering(group, n_groups, response.late, span, *b, nowhere, enter), cuts(n, PART))
    return leave, enter


def cells_of_rows(response: Response, code: int) -> tuple[Cells, I4, I4]:
    """Return the cells of rows, where `code` is the cause of interest, and in which each row leaves and enters."""
    n_groups, span = response.strata.n, response.n_days
    leave, enter = places(response, code)
    left = _counted(leave, 3 * n_groups * span, response.weight)
    came = _counted(enter, n_groups * span + 1 if enter.size else 0, response.weight if enter.size else None)
    found = _cells(left, came, n_groups, span)
    found.number(leave, enter)
    return found, leave, enter


def cells_of_counts(tally: Tally, code: int) -> Cells:
    """Return the cells of a cohort from its counts by cause and day."""
    n_groups, span = tally.strata.n, tally.clock.n
    kinds = (tally.days.persons, tally.days.weights)
    persons, weight = (kind.reshape(3, n_groups, tally.n_codes, span) for kind in kinds)
    left, came = zip(*(_turned(kind, code) for kind in (persons, weight.astype(np.float64))), strict=True)
    late = persons[2].any()
    return _cells(left, came if late else tuple(kind[:0] for kind in came), n_groups, span)


def _turned(kinds: I8 | F8, code: int) -> tuple[I8 | F8, I8 | F8]:
    """Return by place what leaves and what enters, those there from the start last."""
    censored, failed, entered = kinds[0].sum(axis=1), kinds[1][:, code], kinds[2].sum(axis=1)
    others = np.delete(kinds[1], code, axis=1).sum(axis=1)
    left = np.stack([censored, failed, others]).ravel()
    return left, np.append(entered.ravel(), left.sum() - entered.sum())


def _counted(place: I4, n: int, weight: F8 | None) -> tuple[I8, F8]:
    persons = np.bincount(place, minlength=n)
    return persons, (persons if weight is None else np.bincount(place, weight, n)).astype(np.float64)


def _cells(left: tuple[I8, F8], came: tuple[I8, F8], n_groups: int, span: int) -> Cells:
    """Return the cells that occur, from rows and weights by place."""
    persons, weight = (np.concatenate(pair) for pair in zip(left, came, strict=True))
    there = np.flatnonzero(persons)
    rest, day = np.divmod(there, span)
    kind, group = np.divmod(rest, n_groups)
    return Cells(kind, group, day, persons[there], weight[there], n_groups, span)
