# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Count plain columns by day in one pass, checked on the way, without a copy of any column.

Rows are cut into parts by their number alone; each part is counted on a thread, a block at a time, so
that codes and days stay in the cache. Columns or rows that do not fit are left to the long way, which
says what is wrong with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rwe.execute import run
from rwe.kernels._jit import I8, U2, U4
from rwe.kernels.encode import add_codes, count_codes, days_of_floats, days_of_integers
from rwe.survival.columns import LAST_DAY
from rwe.survival.levels import levels
from rwe.survival.roles import Roles

Column: TypeAlias = pl.Series | NDArray[Any]
BLOCK = 1 << 16  # rows: their codes and days stay in the second cache
PART = 1 << 18
MOST_PARTS, MOST_CODES, MOST_BYTES = 16, 1 << 16, 1 << 26
SMALL = 64  # codes up to which the last day need not be known beforehand
SAMPLE, WIDEST = 4096, 1024


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Rows by kind, stratum, group, cause and day, with the levels that occur.

    Parameters
    ----------
    persons
        Shape (3, strata, groups, codes, days): censored, failed, entered late.
    group, strata
        One row a level.
    causes
        Names of the causes.
    """

    persons: I8
    group: pl.DataFrame
    strata: pl.DataFrame
    causes: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Coder:
    """A column whose values are integers from `low`, `size` of them, and what each stands for."""

    column: Column
    low: int
    size: int
    values: pl.Series


def count(frame: pl.DataFrame, roles: Roles) -> Counted | None:
    """Count the rows of a frame; None where columns or rows need the long way."""
    days = [frame[c] for c in (roles.time, roles.entry) if c is not None]
    status = frame[roles.event if roles.event is not None else str(roles.cause)]
    odd = (pl.Float64,) if roles.cause is None else (pl.Float64, pl.Boolean)  # causes are told as integers
    plain = all(_plain(c) for c in (*days, status)) and status.dtype not in odd
    if roles.weights is not None or roles.clock != "days" or not frame.height or not plain:
        return None
    failure = _Coder(_held(status), 0, 2, status) if roles.event is not None else _coder(status)
    coders = [failure, *(_coder(frame[c]) for c in (*reversed(roles.by), *reversed(roles.strata)))]
    found = [c for c in coders if c is not None]
    n_codes = prod(c.size for c in found)
    if len(found) < len(coders) or found[0].low != 0 or n_codes > MOST_CODES:
        return None
    table = _table([_held(c) for c in days], found, n_codes, frame.height)
    return None if table is None else _told(table, roles, found)


def _plain(column: pl.Series) -> bool:
    kind = column.dtype
    return not column.null_count() and (kind in (pl.Float64, pl.Boolean) or kind.is_integer())


def _held(column: pl.Series) -> Column:
    """Return a column as an array where that needs no copy, else as it is, to be copied by blocks."""
    return column.to_numpy() if column.n_chunks() == 1 and column.dtype != pl.Boolean else column


def _coder(column: pl.Series) -> _Coder | None:
    """Return how a column is coded: small integers as they are, others by their place among the levels."""
    name, kind = column.name, column.dtype
    if column.null_count():
        return None
    if kind == pl.Boolean:
        return _Coder(column, 0, 2, pl.Series(name, [False, True]))
    if isinstance(kind, pl.Enum):
        words = kind.categories
        return _Coder(_held(column.to_physical()), 0, words.len(), words.alias(name).cast(kind))
    if kind == pl.String and column[:SAMPLE].n_unique() < WIDEST:
        words = column.unique().sort()
        coded = _Coder(_held(column.cast(pl.Enum(words)).to_physical()), 0, words.len(), words)
        return coded if words.len() <= MOST_CODES else None
    if not kind.is_integer():
        found = levels(column.to_frame(), [name])
        return _Coder(found.code, 0, found.n, found.frame[name])
    held, step = _held(column), max(1, column.len() // SAMPLE)
    some = column.gather_every(step).to_numpy() if isinstance(held, pl.Series) else held[::step]
    low, high = int(some.min()), int(some.max())
    if high - low >= WIDEST:
        return None
    low = 0 if 0 <= low < WIDEST else low
    return _Coder(held, low, high - low + 1, pl.Series(name, range(low, high + 1), kind))


def _table(days: list[Column], coders: list[_Coder], n_codes: int, rows: int) -> I8 | None:
    """Return rows by kind (leaving, entering), code and day; None where a row does not fit."""
    last = LAST_DAY if n_codes <= SMALL else _last(days[0], rows)
    n_parts = min(MOST_PARTS, max(1, MOST_BYTES // (4 * len(days) * n_codes * (last + 1))), -(-rows // PART))
    cuts = np.linspace(0, rows, n_parts + 1).astype(np.int64).tolist()
    found = run(partial(_count, days=days, coders=coders, n_codes=n_codes, last=last), list(pairwise(cuts)))
    parts = [part for part in found if part is not None]
    if len(parts) < n_parts:
        return None
    total = np.zeros((len(days), n_codes, max(part.shape[2] for part in parts)), np.int64)
    for part in parts:
        total[:, :, : part.shape[2]] += part
    return total


def _last(days: Column, rows: int) -> int:
    top = max(float(_block(days, begin, min(BLOCK, rows - begin)).max()) for begin in range(0, rows, BLOCK))
    return int(top) if 0 <= top <= LAST_DAY else 0


def _count(part: tuple[int, int], days: list[Column], coders: list[_Coder], n_codes: int, last: int) -> U4 | None:
    """Count the rows from one place to another; None where one of them does not fit."""
    table, top, room = np.zeros((len(days), n_codes, last + 1), np.uint32), 0, np.empty((3, BLOCK), np.uint16)
    for begin in range(part[0], part[1], BLOCK):
        code, leave, enter = room[:, : part[1] - begin]
        ticks = (leave, enter)[: len(days)]
        tops = [_days(column, begin, last, tick) for column, tick in zip(days, ticks, strict=True)]
        fits = _coded(coders, begin, code) and min(tops) >= 0
        if not fits or (len(days) > 1 and (enter >= leave).any()):
            return None
        top = max(top, *tops)
        for kind, tick in enumerate(ticks):
            count_codes(code, tick, table[kind])
    return table[:, :, : top + 1].copy()


def _block(column: Column, begin: int, n: int) -> NDArray[Any]:
    values = column.slice(begin, n).to_numpy() if isinstance(column, pl.Series) else column[begin : begin + n]
    return values if values.dtype == np.float64 else values.astype(np.int64, copy=False)


def _days(column: Column, begin: int, last: int, out: U2) -> int:
    values = _block(column, begin, out.size)
    return (days_of_floats if values.dtype == np.float64 else days_of_integers)(values, last, out)


def _coded(coders: list[_Coder], begin: int, out: U2) -> bool:
    """Write the code of each row (the first column counts fastest); return whether all rows fit."""
    out[:], step, fits = 0, 1, True
    for c in coders:
        fits = add_codes(_block(c.column, begin, out.size), c.low, c.size, step, out) and fits
        step *= c.size
    return fits


def _told(table: I8, roles: Roles, coders: list[_Coder]) -> Counted:
    """Return the counts with the levels that occur, in ascending order."""
    shape = [c.size for c in reversed(coders)]
    n_strata, n_groups = prod(shape[: len(roles.strata)]), prod(shape[len(roles.strata) : -1])
    by_kind = table.reshape(table.shape[0], n_strata, n_groups, shape[-1], table.shape[2])
    turned = coders[:0:-1]
    strata, s = _levels(turned[: len(roles.strata)], by_kind[0].sum(axis=(1, 2, 3)))
    group, g = _levels(turned[len(roles.strata) :], by_kind[0].sum(axis=(0, 2, 3)))
    by_kind = by_kind[:, s][:, :, g]
    codes = np.arange(2) if roles.event is not None else _causes(by_kind[0].sum(axis=(0, 1, 3)))
    left = by_kind[0][:, :, codes]
    failed = (codes > 0)[None, None, :, None]
    late = by_kind[1][:, :, codes] if roles.entry is not None else np.zeros_like(left)
    persons = np.stack([np.where(failed, 0, left), np.where(failed, left, 0), late])
    if roles.event is not None:
        return Counted(persons.sum(axis=3, keepdims=True), group, strata, ())
    return Counted(persons, group, strata, tuple(coders[0].values[codes[1:]]))


def _causes(n: I8) -> I8:
    return np.flatnonzero((n > 0) | (np.arange(n.size) == 0))


def _levels(coders: list[_Coder], n: I8) -> tuple[pl.DataFrame, I8]:
    """Return the levels of some columns that occur, and the place of each among all: both ascend, as values do."""
    there = np.flatnonzero(n)
    if not coders:
        return pl.DataFrame(), there
    places = np.unravel_index(there, [c.size for c in coders])
    return pl.DataFrame([c.values[place] for c, place in zip(coders, places, strict=True)]), there
