# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Many rows of a Cox model whose covariates are read where they lie, column by column, and never copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import add

import numpy as np

from rwe.errors import DataError, NoValidAnswer
from rwe.execute import even, merge, run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.column_lead import score_pass
from rwe.kernels.column_pass import column_pass, wide
from rwe.kernels.matrix import room, whole_gram
from rwe.survival.column_values import addresses, moments_of_columns, side_by_side
from rwe.survival.data import Response
from rwe.survival.occasions import NOBODY, PART, Occasions, occasions
from rwe.survival.rows import MANY, NONE, PARTS, Rows, Sums, added, sampled
from rwe.survival.some import some
from rwe.survival.standard import CACHE, ordered

RUN = 8  # rows that share a line of memory
CHANGED = "the rows are read once more for this, and they are not those of the fit: fit again"


@dataclass(frozen=True, slots=True, eq=False)
class Leads:
    """What a read without the information adds up; parts of a cohort add up to the whole.

    Parameters
    ----------
    at_risk
        r by key.
    score
        The score if each row had lived through the hazard that was given.
    """

    at_risk: F8
    score: F8

    def __add__(self, other: Leads) -> Leads:
        """Merge two parts."""
        return Leads(self.at_risk + other.at_risk, self.score + other.score)


@dataclass(frozen=True, eq=False)  # no slots: rows put side by side are kept once somebody needs them
class ColumnRows:
    """Rows as `Rows`, of columns that stay where they are.

    Parameters
    ----------
    columns
        The covariates, one array each; they are kept alive here.
    mean, scale, x_event, offset_event, occasions
        As of `Rows`.
    leave, enter, case_weight, offset
        As of `Rows`.
    response
        Follow-up of the rows.
    tail
        Unit of each column over the mean distance from its middle: 1.25 of a normal one, 1 / sqrt(q) of a level that
        the share q of the rows has. Empty where rows are a part of a cohort.
    """

    columns: tuple[F8, ...]
    mean: F8
    scale: F8
    leave: I4
    enter: I4
    case_weight: F8
    offset: F8
    x_event: F8
    offset_event: float
    occasions: Occasions
    response: Response
    tail: F8 = field(default_factory=lambda: NONE)

    @property
    def terms(self) -> int:
        """Number of covariates."""
        return len(self.columns)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.leave.size)

    @cached_property
    def rows(self) -> Rows:
        """The same rows with their covariates side by side."""
        order, by_enter = ordered(self.occasions, self.leave, self.enter, self.terms)
        return self._rows(side_by_side(self.columns, self.mean, self.scale), order, by_enter)

    def unchanged(self) -> bool:
        """Return whether the columns still hold what they held."""
        now = moments_of_columns(self.response, self.columns, self.case_weight)
        return all(
            np.array_equal(a, b) for a, b in zip(now, (self.mean, self.scale, self.x_event, self.tail), strict=True)
        )

    def weigh(self) -> F8:
        """Return by key the weights of the rows, their offset included."""
        return self._rows(np.empty((0, self.terms))).weigh()

    def sums(self, beta: F8, hazard: F8, *, gram: bool) -> Sums:
        """Read the rows once; tables too large for a cache are filled in the order of their keys."""
        keys = self.occasions.nowhere + 1
        if not gram or keys * (self.terms + 1) > CACHE:
            return self.rows.sums(beta, hazard, gram=gram)
        size = max(PART, 16 * keys, self.n // PARTS)
        return added(run(lambda b: self._read(beta, hazard, b, keys), even(self.n, size)), self.terms)

    @property
    def n_days(self) -> int:
        """Ticks from 0 to the last exit, both counted."""
        return self.response.n_days

    def leads(self, beta: F8, hazard: F8) -> Leads:
        """Read the rows once, without the information and without r x by key."""
        keys = self.occasions.nowhere + 1
        size = max(PART, keys // 2, self.n // PARTS)
        return merge(add, run(lambda b: self._lead(beta, hazard, b, keys), even(self.n, size)))

    def sample(self) -> Rows | None:
        """Return each k-th line of rows, where there are many, as a cohort of its own on the scale of all."""
        every = self.n // sampled(self.n, self.terms) | 1
        if self.n < MANY or every < 4:
            return None
        lines = np.arange(0, self.n - RUN + 1, RUN * every, dtype=np.int32)
        chosen = np.add.outer(lines, np.arange(RUN, dtype=np.int32)).ravel()
        response = some(self.response, chosen)
        if not response.event.any():
            return None
        when = occasions(response, efron=self.occasions.efron)
        x, offset = (
            side_by_side(self.columns, self.mean, self.scale, chosen),
            self.offset[chosen] if self.offset.size else NONE,
        )
        leave, enter = when.keys(response)
        failed, weight = response.event, NONE if response.weight is None else response.weight
        w = response.weights[failed]
        borne, x_event = float(w @ offset[failed]) if offset.size else 0.0, np.einsum("i,ij->j", w, x[failed])
        return Rows(x, self.mean, self.scale, leave, enter, failed, weight, offset, x_event, borne, when)

    def _rows(self, x: F8, order: I4 = NOBODY, by_enter: I4 | None = None) -> Rows:
        return Rows(
            x,
            self.mean,
            self.scale,
            self.leave,
            self.enter,
            self.response.event,
            self.case_weight,
            self.offset,
            self.x_event,
            self.offset_event,
            self.occasions,
            order,
            by_enter,
        )

    @cached_property
    def _address(self) -> I8:
        return addresses(self.columns)

    def _read(self, beta: F8, hazard: F8, bounds: tuple[int, int], keys: int) -> Sums:
        turned, square = room(self.terms)
        table = wide(keys, self.terms)
        units = (self.mean, 1 / self.scale, beta / self.scale, self.offset, self.case_weight)
        lived = column_pass(self._address, *units, self.leave, self.enter, hazard, *bounds, table, turned, square)
        return Sums(table, whole_gram(square, self.terms), lived)

    def _lead(self, beta: F8, hazard: F8, bounds: tuple[int, int], keys: int) -> Leads:
        at_risk, score = np.zeros(keys), np.zeros(self.terms)
        rows = (self.offset, self.case_weight, self.leave, self.enter, self.response.event, hazard)
        score_pass(self._address, self.mean, beta / self.scale, *rows, *bounds, at_risk, score)
        return Leads(at_risk, score / self.scale)


def beside(data: Rows | ColumnRows) -> Rows:
    """Return rows whose covariates stand side by side.

    Raises
    ------
    DataError
        If the memory of the columns has been written to since they were first read.
    """
    if not isinstance(data, ColumnRows):
        return data
    if not data.unchanged():
        raise DataError(CHANGED)
    return data.rows


def column_rows(response: Response, columns: Sequence[F8], *, efron: bool, offset: F8) -> ColumnRows:
    """Find moments and occasions of columns as they lie.

    Raises
    ------
    NoValidAnswer
        If there are no events.
    """
    if not response.event.any():
        raise NoValidAnswer("there are no events: a Cox model has no answer")
    weight = NONE if response.weight is None else response.weight
    when = occasions(response, efron=efron)
    leave, enter = when.keys(response)
    mean, scale, x_event, tail = moments_of_columns(response, columns, weight)
    borne = float(response.weights[response.event] @ offset[response.event]) if offset.size else 0.0
    return ColumnRows(tuple(columns), mean, scale, leave, enter, weight, offset, x_event, borne, when, response, tail)
