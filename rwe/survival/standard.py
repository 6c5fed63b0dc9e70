# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a response and the columns of a frame to the rows of a Cox model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rwe.errors import DataError, NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.columns import LINE, column_sums, interleave, interleave_one, standardise
from rwe.survival.data import Response
from rwe.survival.design import Design
from rwe.survival.occasions import NOBODY, PART, Occasions, occasions
from rwe.survival.rows import NONE, Rows, total

CACHE = 524_288  # numbers of a table that still sits in a cache; larger ones are filled in the order of their keys
FEW = 1024  # rows whose mean squares are taken about
STRETCH = 2048  # rows whose covariates stay in a cache while they are put side by side


def matrix_of(plan: Design, frame: pl.DataFrame) -> F8:
    """Return the terms of the model for the rows of a frame, made a stretch of rows at a time.

    Raises
    ------
    DataError
        If rows break the contract of a column.
    """
    x = np.empty((frame.height, len(plan.terms)))
    try:
        run(lambda bounds: _fill(plan, frame, x, *bounds), cuts(frame.height, PART))
    except DataError:
        plan.values(frame)  # says it of all rows
        raise
    return x


def _fill(plan: Design, frame: pl.DataFrame, x: F8, first: int, last: int) -> None:
    columns = plan.values(frame[first:last])
    for start, end in cuts(last - first, STRETCH):
        for j in range(0, len(columns) - LINE + 1, LINE):
            interleave(start, end, x, first + start, j, *columns[j : j + LINE])
        for j in range(len(columns) // LINE * LINE, len(columns)):
            interleave_one(columns[j], start, end, x, first + start, j)


LEAST = 1e-140  # smallest spread of a covariate, and its inverse the largest: squares must be numbers too


def rows(response: Response, x: F8, *, efron: bool, offset: F8 = NONE, own: bool = False) -> Rows:
    """Standardise the covariates (in place where they are `own`ed by the caller) and find the occasions.

    Raises
    ------
    NoValidAnswer
        If there are no events.
    """
    if not response.event.any():
        raise NoValidAnswer("there are no events: a Cox model has no answer")
    x = x if own else x.copy()
    weight = NONE if response.weight is None else response.weight
    when = occasions(response, efron=efron)
    leave, enter = when.keys(response)
    mean, scale, x_event = on_scale(x, weight, response.event)
    borne = response.weights[response.event] @ offset[response.event] if offset.size else 0.0
    order, by_enter = ordered(when, leave, enter, x.shape[1])
    return Rows(
        x, mean, scale, leave, enter, response.event, weight, offset, x_event, float(borne), when, order, by_enter
    )


def on_scale(x: F8, weight: F8, event: Flags) -> tuple[F8, F8, F8]:
    """Put covariates on their scale, in place; return mean, scale, and the weighted sums over those who fail."""
    mean, scale = moments(x, weight)
    parts = cuts(x.shape[0], PART)
    return mean, scale, total(run(lambda b: standardise(x, weight, mean, scale, event, *b), parts))


@np.errstate(over="ignore", invalid="ignore")  # a covariate that cannot be squared is refused by its unit
def moments(x: F8, weight: F8) -> tuple[F8, F8]:
    """Return mean and unit of each covariate, in one read.

    Squares are taken about the mean of some rows. However they lie, their squares about the mean of all are part of
    the sum sought: at most n / FEW of its size is lost in the difference.
    """
    some = np.ascontiguousarray(x[:: max(x.shape[0] // FEW, 1)])
    about = column_sums(some, NONE, np.zeros(x.shape[1]), 0, some.shape[0])[0, :-1] / some.shape[0]
    found = run(lambda b: column_sums(x, weight, about, *b), cuts(x.shape[0], PART))
    sums = total([part[:2] for part in found])
    mean = sums[0, :-1] / sums[0, -1]
    variance = sums[1, :-1] / sums[0, -1] - (mean - about) ** 2
    least, most = (reach.reduce([part[k][:-1] for part in found]) for k, reach in ((2, np.minimum), (3, np.maximum)))
    return mean, held(np.sqrt(np.maximum(variance, 0.0)), least, most)


def held(scale: F8, least: F8, most: F8) -> F8:
    """Return the unit of each covariate: 1 where it is constant, NaN where no number holds its square."""
    odd = (least != most) & ~((scale > LEAST) & (scale < 1 / LEAST))
    return np.where(least == most, 1.0, np.where(odd, np.nan, scale))


def refuse_units(scale: F8, terms: Sequence[str]) -> None:
    """Refuse terms whose spread no double precision number holds.

    Raises
    ------
    DataError
        Naming the terms.
    """
    if odd := [terms[int(j)] for j in np.flatnonzero(np.isnan(scale))]:
        raise DataError(f"terms {odd} are too large or too small to be squared: give their columns in another unit")


def ordered(when: Occasions, leave: I4, enter: I4, p: int) -> tuple[I4, I4 | None]:
    """Return the rows by key of leaving and of entry, where the tables are too large for a cache."""
    if leave.size <= PART or (when.nowhere + 1) * (p + 1) <= CACHE:
        return NOBODY, None
    occasion = np.concatenate([np.arange(when.n), when.tied, [-1]])[leave]
    return _sorted(occasion), _sorted(enter)


def _sorted(key: I8 | I4) -> I4:
    """Return the rows by key, then by themselves: both in one number, for numbers sort faster than places."""
    both = np.sort((key.astype(np.int64) << 32) | np.arange(key.size))
    return (both & 0xFFFFFFFF).astype(np.int32)
