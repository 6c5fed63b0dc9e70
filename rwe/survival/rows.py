# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a Cox model: standardised covariates, the keys of their occasions, and one read of them all."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np

from rwe.execute import cuts, merge, run
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.matrix import room, whole_gram
from rwe.kernels.risk_pass import risk_pass, take_off, weigh_keys
from rwe.survival.occasions import NOBODY, PART, Occasions

PARTS = 16  # parts at most: tables are held for each
MANY = 400_000  # rows from which a sample shows the way
SHARE, MOST, ENOUGH = 16, 100_000, 1000  # a sample: one row in so many, no more rows than this, at least so many a term
NONE = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What one read of the rows adds up; sums of parts of a cohort add up to those of the whole.

    Parameters
    ----------
    table
        r x and, last, r by key, shape (keys, terms + 1).
    gram
        r A x x', with the hazard A of the step before; without rows where it was not asked for.
    lived
        Sum of r A.
    """

    table: F8
    gram: F8
    lived: float

    def __add__(self, other: Sums) -> Sums:
        """Merge two parts."""
        return Sums(self.table + other.table, self.gram + other.gram, self.lived + other.lived)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows with standardised covariates, and the occasions on which they are at risk.

    Parameters
    ----------
    x
        Covariates less their mean, in units of their standard deviation, shape (rows, terms).
    mean, scale
        What was taken off, and the unit.
    leave, enter
        Keys of each row; `enter` is empty where nobody enters late.
    event
        Failure of each row.
    case_weight, offset
        Weight and known part of the predictor of each row; empty where there are none.
    x_event, offset_event
        Weighted sums over those who fail.
    occasions
        Days with failures.
    order
        Rows in the order in which they are read (all or some of them); empty where they are read as they stand.
    by_enter
        Rows in the order of their key of entry, where `order` is that of their key of leaving because the
        tables are too large for a cache.
    """

    x: F8
    mean: F8
    scale: F8
    leave: I4
    enter: I4
    event: Flags
    case_weight: F8
    offset: F8
    x_event: F8
    offset_event: float
    occasions: Occasions
    order: I4 = field(default_factory=lambda: NOBODY)
    by_enter: I4 | None = None

    @property
    def terms(self) -> int:
        """Number of covariates."""
        return int(self.x.shape[1])

    @property
    def weight(self) -> F8:
        """Weight of each row; ones where rows carry none."""
        return self.case_weight if self.case_weight.size else np.ones(self.leave.size)

    @property
    def stop(self) -> I8:
        """Occasion up to which, not included, each row is at risk."""
        return self._at(self.leave) + 1

    @property
    def start(self) -> I8:
        """First occasion on which each row is at risk."""
        seen = self._at(self.leave)
        opening = np.append(np.maximum.accumulate(np.where(self.opens, np.arange(self.opens.size), 0)), 0)
        first: I8 = opening[seen]
        if self.enter.size:
            before = self._at(self.enter)
            first = np.where(before >= 0, before + 1, first)
        return np.where(seen < 0, 0, first)

    @property
    def stratum(self) -> I8:
        """Stratum of each occasion."""
        return self.occasions.stratum

    @property
    def day(self) -> I8:
        """Day of each occasion."""
        return self.occasions.day

    @property
    def opens(self) -> Flags:
        """Whether an occasion is the first of its stratum."""
        return self.occasions.opens

    @property
    def n_event(self) -> I8:
        """Failures on each occasion."""
        return self.occasions.n_event

    @property
    def w_event(self) -> F8:
        """Weight of the failures on each occasion."""
        return self.occasions.w_event

    @property
    def efron(self) -> bool:
        """Whether ties are handled after Efron, otherwise Breslow."""
        return self.occasions.efron

    @property
    def n(self) -> int:
        """Number of rows that are read."""
        return int(self.order.size or self.leave.size)

    def weigh(self) -> F8:
        """Return by key the weights of the rows, their offset included: r where beta is 0."""
        keys = self.occasions.nowhere + 1
        return total(run(lambda b: self._weigh(b, keys), cuts(self.n, max(PART, -(-self.n // PARTS)))))

    def sums(self, beta: F8, hazard: F8, *, gram: bool) -> Sums:
        """Read the rows once; parts run at once and are merged in their order."""
        shape = (self.occasions.nowhere + 1, self.terms + 1)
        if self.by_enter is None:
            size = max(PART // 4, 8 * shape[0], -(-self.n // PARTS))
            parts = run(lambda b: self._read(beta, hazard, b, np.zeros(shape), NONE, gram=gram), cuts(self.n, size))
            return added(parts, self.terms)
        table, risk, late = np.zeros(shape), np.empty(self.leave.size if self.enter.size else 0), self.by_enter
        bounds = between(self._at(self.leave)[self.order])
        parts = run(lambda b: self._read(beta, hazard, b, table, risk, gram=gram), bounds)
        run(lambda b: take_off(self.x, risk, self.enter, late, *b, table), between(self.enter[late]))
        return Sums(table, total([part.gram for part in parts]), sum(part.lived for part in parts))

    def sample(self) -> Rows | None:
        """Return each k-th row, where there are many; k is odd, so that rows that take turns are all met."""
        every = self.n // sampled(self.n, self.terms) | 1
        worth = self.occasions.n < self.n // SHARE  # else the occasions are the work, however few the rows
        if self.n < MANY or every < 4 or not worth:
            return None
        order = (
            np.ascontiguousarray(self.order[::every])
            if self.order.size
            else np.arange(0, self.n, every, dtype=np.int32)
        )
        return self.only(order)

    def counted(self, times: I8) -> Rows:
        """Return rows that weigh so many times as much; those counted 0 times are not there."""
        there = times > 0
        order = self.order[there[self.order]] if self.order.size else np.flatnonzero(there).astype(np.int32)
        return replace(self, case_weight=self.weight * times).only(order)

    def only(self, order: I4) -> Rows:
        """Return some of the rows, with the failures among them."""
        fails = order[self.event[order]]
        where, w = (
            self._at(self.leave)[fails],
            self.case_weight[fails] if self.case_weight.size else np.ones(fails.size),
        )
        n_event = np.bincount(where, minlength=self.occasions.n)
        w_event = np.bincount(where, w, minlength=self.occasions.n).astype(np.float64)
        when = replace(self.occasions, n_event=n_event, w_event=w_event)
        borne = float(w @ self.offset[fails]) if self.offset.size else 0.0
        x_event = np.einsum("i,ij->j", w, self.x[fails])
        return replace(self, order=order, by_enter=None, occasions=when, x_event=x_event, offset_event=borne)

    def _read(self, beta: F8, hazard: F8, bounds: tuple[int, int], table: F8, risk: F8, *, gram: bool) -> Sums:
        turned, square = room(self.terms)
        square = square if gram else np.empty((0, 0))
        rows = (self.x, beta, self.offset, self.case_weight, self.leave, self.enter, hazard, self.order)
        lived = risk_pass(*rows, *bounds, risk.size, risk, table, turned, square)
        return Sums(table, whole_gram(square, self.terms) if gram else square, lived)

    def _weigh(self, bounds: tuple[int, int], keys: int) -> F8:
        out = np.zeros(keys)
        weigh_keys(self.offset, self.case_weight, self.leave, self.enter, self.order, *bounds, out)
        return out

    def _at(self, key: I4) -> I8:
        """Return the occasion of each key, -1 for nowhere."""
        return np.concatenate([np.arange(self.occasions.n), self.occasions.tied, [-1]])[key]


def added(parts: list[Sums], terms: int) -> Sums:
    """Return sums of parts added up, in the table of the first; tables may be wider than terms and r."""
    for part in parts[1:]:
        np.add(parts[0].table, part.table, out=parts[0].table)
    table = np.ascontiguousarray(parts[0].table[:, : terms + 1])
    return Sums(table, total([part.gram for part in parts]), sum(part.lived for part in parts))


def sampled(n: int, terms: int) -> int:
    """Return how many of n rows a sample is to hold."""
    return max(min(n // SHARE, MOST), ENOUGH * terms)


def total(arrays: list[F8]) -> F8:
    """Return the sum of arrays, added up in their order."""
    return merge(np.add, arrays)


def between(key: I8 | I4) -> list[tuple[int, int]]:
    """Return parts of sorted keys such that no key lies in two."""
    n = key.size
    size = max(PART, -(-n // PARTS))
    edges = [0, *(int(np.searchsorted(key, key[at])) for at in range(size, n, size)), n]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]
