# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the columns of a response must hold: each is read once, and rows that break its rule are counted and refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import BrokenRows, DataError, DefinitionError
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.encode import days_of_floats, days_of_integers, flags_of_floats, flags_of_integers

LARGEST_WEIGHT = 1e50  # sums of cubes of weights, and their inverse, must be numbers
ALONE = 1e12  # times the sum of all other weights: a weight above it leaves them four digits
APART = "weights lie so far apart that rows at risk are lost in rounding beside others: trim or leave out the largest"
CENSORED = "censored"  # what a column of causes in words says of a row that did not fail
SMALL = 1024  # causes numbered below are coded by a table
BLOCK = 65_536  # rows encoded at once
LAST_DAY = 54_787  # 150 years: a longer follow-up is a column in another unit


def refuse(n: int, of: int, column: str, rule: str, advice: str = "mend or leave out these rows") -> None:
    """Raise a BrokenRows when `n` rows break a rule of a column."""
    if n:
        raise BrokenRows(column, rule, advice, n, of)


def numeric(column: pl.Series, *, look: bool = True) -> pl.Series:
    """Return a column of numbers as Int64 or Float64; text, dates and single precision are refused.

    Without a `look`, values that are not finite pass: the caller finds them in its sums.
    """
    if column.dtype == pl.Float32:
        raise DataError(f"column '{column.name}' is in single precision: give Float64, so that no digit is invented")
    if not column.dtype.is_numeric():
        raise DataError(f"column '{column.name}' holds {column.dtype}, not numbers")
    column = column.cast(pl.Int64 if column.dtype.is_integer() else pl.Float64, strict=False)
    bad = column.null_count()
    if (
        look and column.dtype == pl.Float64 and not np.isfinite(float(column.sum()))
    ):  # finite sum, finite terms: one read
        bad += int((~column.is_finite()).sum())
    refuse(bad, column.len(), column.name, "have no finite value")
    return column


def moments_of(column: pl.Series) -> F8:
    """Return a column of numbers from 0."""
    number = numeric(column).cast(pl.Float64)
    refuse(int((number < 0).sum()), number.len(), column.name, "lie before time 0")
    return number.to_numpy()


def days_of(column: pl.Series) -> I4:
    """Return a column of whole days from 0; what is wrong with one that holds others is found out column-wise."""
    if (days := _all_days(column)) is not None:
        return days
    number = numeric(column)
    of = number.len()
    if number.dtype == pl.Float64:
        advice = "give whole days (a time in years: multiply by 365.25 and round, once, and say so)"
        refuse(int((number != number.floor()).sum()), of, column.name, "are not whole days", advice)
    refuse(int((number < 0).sum()), of, column.name, "lie before day 0")
    refuse(int((number > LAST_DAY).sum()), of, column.name, "lie beyond 150 years", "give the column in days")
    return np.ascontiguousarray(number.cast(pl.Int32).to_numpy())


def _all_days(column: pl.Series) -> I4 | None:
    """Return a column of numbers as days, in one read; None where one is not."""
    if column.dtype not in (pl.Int64, pl.Float64) or column.null_count():
        return None
    values, days = column.to_numpy(), np.empty(column.len(), np.int32)
    encode = days_of_floats if column.dtype == pl.Float64 else days_of_integers

    def part(bounds: tuple[int, int]) -> int:
        rows, block = slice(*bounds), np.empty(bounds[1] - bounds[0], np.uint16)
        last = encode(values[rows], LAST_DAY, block)
        days[rows] = block
        return last

    return days if min(run(part, cuts(days.size, BLOCK)), default=0) >= 0 else None


def events_of(column: pl.Series) -> Flags:
    """Return a column of failed or not."""
    if column.dtype == pl.Boolean:
        refuse(column.null_count(), column.len(), column.name, "have no value")
        return np.ascontiguousarray(column.to_numpy())
    if (flags := _all_flags(column)) is not None:
        return flags
    number = numeric(column)
    advice = "0 is censored, 1 is failed (1 and 2, as R also takes them, must be converted first)"
    refuse(int(((number != 0) & (number != 1)).sum()), number.len(), column.name, "are neither 0 nor 1", advice)
    return np.ascontiguousarray((number == 1).to_numpy())


def _all_flags(column: pl.Series) -> Flags | None:
    """Return a column of 0 and 1 as flags, in one read; None where another value is among them."""
    if column.dtype not in (pl.Int64, pl.Float64) or column.null_count():
        return None
    values, flags = column.to_numpy(), np.empty(column.len(), np.bool_)
    flag = flags_of_floats if column.dtype == pl.Float64 else flags_of_integers
    fit = run(lambda bounds: flag(values[slice(*bounds)], flags[slice(*bounds)]), cuts(flags.size, BLOCK))
    return flags if all(fit) else None


def causes_of(column: pl.Series) -> tuple[I8, tuple[Any, ...]]:
    """Return the code of each row's cause (0: censored) and the names of the causes."""
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        number = numeric(column.cast(pl.Int64) if column.dtype == pl.Boolean else column)
        advice = "0 is censored, 1, 2, ... are causes"
        odd = int((number < 0).sum()) + (0 if number.dtype == pl.Int64 else int((number.floor() != number).sum()))
        refuse(odd, number.len(), column.name, "are no whole numbers from 0", advice)
        if number.dtype == pl.Int64 and int(number.to_numpy().max(initial=0)) < SMALL:
            return _small_causes(number.to_numpy())
        column, censored = number.cast(pl.Int64), pl.Series([0])
    else:
        refuse(column.null_count(), column.len(), column.name, f"have no value ('{CENSORED}' is for the censored)")
        column, censored = column.cast(pl.String), pl.Series([CENSORED])
    causes = column.filter(column != censored[0]).unique().sort()
    if column.dtype == pl.String:
        meant = causes.filter(causes.str.strip_chars().str.to_lowercase() == CENSORED)
        advice = f"'{CENSORED}' alone is for the censored: write it so"
        refuse(
            int(column.is_in(meant.implode()).sum()), column.len(), column.name, "say it in another spelling", advice
        )
    code = column.replace_strict(causes, np.arange(1, causes.len() + 1), default=0, return_dtype=pl.Int64)
    return np.ascontiguousarray(code.to_numpy()), tuple(causes)


def never_censored(causes: tuple[Any, ...], n_censored: int) -> tuple[str, ...]:
    """Return a note where causes in words leave nobody censored, so that a word for it may count as a cause."""
    if n_censored or not causes or not isinstance(causes[0], str):
        return ()
    return (f"no row is '{CENSORED}': every word of the column of causes, such as one for alive, counts as a cause",)


def apart(time: str, event: str | None, cause: str | None, entry: str | None) -> None:
    """Refuse a column that plays two parts of a response."""
    status = ("cause", cause) if event is None else ("event", event)
    named = {role: column for role, column in (("time", time), status, ("entry", entry)) if column is not None}
    if twice := [role for role, c in named.items() if list(named.values()).count(c) > 1]:
        raise DefinitionError(f"{' and '.join(twice)} name the same column '{named[twice[0]]}': each needs its own")


def once(columns: Sequence[str]) -> None:
    """Refuse a column that is named twice among those that split or stratify."""
    if twice := sorted({c for c in columns if list(columns).count(c) > 1}):
        raise DefinitionError(f"columns {twice} are named twice: name each once")


def _small_causes(number: I8) -> tuple[I8, tuple[Any, ...]]:
    """Code causes by a table; 1, 2, ... without a gap are their own codes."""
    causes = 1 + np.flatnonzero(np.bincount(number, minlength=1)[1:])
    if causes.size == 0 or causes[-1] == causes.size:
        return np.ascontiguousarray(number), tuple(causes.tolist())
    code = np.zeros(causes[-1] + 1, np.int64)
    code[causes] = np.arange(1, causes.size + 1)
    return code[number], tuple(causes.tolist())


def weights_of(column: pl.Series) -> F8:
    """Return a column of weights from 0."""
    number = numeric(column).cast(pl.Float64)
    refuse(int((number < 0).sum()), number.len(), column.name, "have a negative weight")
    odd = (number > 0) & ~number.is_between(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)
    refuse(int(odd.sum()), number.len(), column.name, "have a weight beyond 1e50 or below 1e-50", "scale the weights")
    return np.ascontiguousarray(number.to_numpy())


def refuse_alone(column: str, n: int, total: float, square: float) -> None:
    """Refuse weights of `n` rows one of which hides all the others in rounding; a few may be as tiny as they are.

    From the sum of the weights and that of their squares, which add up over parts: Kish's effective number of rows,
    total^2 / square, is then 1 but for twice the others' share of the largest.
    """
    alone = n > 1 and total**2 < (1 + 2 / ALONE) * square
    refuse(
        int(alone), n, column, "have a weight beside which all others are lost in rounding", "trim it or leave it out"
    )
