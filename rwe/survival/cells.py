# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a cohort with competing risks: who leaves alike, of one group, on one day has one key, and so who enters.

Everything that a model of the subdistribution adds up or looks up by row goes by these keys; the rest of the work is
done on the cells, which are few beside the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.cells import places_of_entering, places_of_leaving, renumber
from rwe.survival.data import Response
from rwe.survival.occasions import NOBODY, PART

FAILED, OTHER, ENTERED, NOWHERE = 1, 2, 3, 4  # kinds of cells; 0 is censored


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells that occur, and the key of each row.

    Parameters
    ----------
    kind, group, day
        Of each cell. Cells of leaving come first, in the order of kind, group and day; then cells of entering, and
        last one of those who were there from the start (both only where anybody enters late).
    persons, weight
        Rows in each cell and their weight.
    leave, enter
        Cell in which each row leaves and enters; `enter` is empty where nobody enters late.
    """

    kind: I8
    group: I8
    day: I8
    persons: I8
    weight: F8
    leave: I4
    enter: I4

    @property
    def n(self) -> int:
        """Number of cells."""
        return self.kind.size

    def table(self, kind: int, n_groups: int, span: int) -> F8:
        """Return the weight of the cells of a kind, shape (groups, days)."""
        out, here = np.zeros((n_groups, span)), self.kind == kind
        out[self.group[here], self.day[here]] = self.weight[here]
        return out


def cells(response: Response, code: int) -> Cells:
    """Return the cells of a response, where `code` is the cause of interest."""
    assert response.cause is not None
    cause, n, span, n_groups = response.cause, response.time.size, response.n_days, response.strata.n
    group = response.strata.code
    leave, enter = np.empty(n, np.int32), NOBODY
    run(lambda b: places_of_leaving(cause, code, group, n_groups, response.time, span, *b, leave), cuts(n, PART))
    there, persons, weight = _numbered(leave, 3 * n_groups * span, response.weight)
    if (response.entry >= 0).any():
        enter, nowhere = np.empty(n, np.int32), n_groups * span
        run(lambda b: places_of_entering(group, n_groups, response.entry, span, *b, nowhere, enter), cuts(n, PART))
        came = _numbered(enter, nowhere + 1, response.weight, first=there.size)
        place = 3 * n_groups * span + came[0]
        both = zip((there, persons, weight), (place, *came[1:]), strict=True)
        there, persons, weight = (np.concatenate(pair) for pair in both)
    rest, day = np.divmod(there, span)
    kind, group_of = np.divmod(rest, n_groups)
    return Cells(kind, group_of, day, persons, weight, leave, enter)


def _numbered(place: I4, n: int, weight: F8 | None, first: int = 0) -> tuple[I8, I8, F8]:
    """Number the places that occur, from `first`, in the rows; return them with their rows and weight."""
    persons = np.bincount(place, minlength=n)
    there = np.flatnonzero(persons)
    number = np.zeros(n, np.int32)
    number[there] = np.arange(first, first + there.size)
    sums = np.bincount(place, weight, n).astype(np.float64)
    run(lambda b: renumber(number, *b, place), cuts(place.size, PART))
    return there, persons[there], sums[there]
