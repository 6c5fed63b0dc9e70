# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a stream's columns looked like so far, added up batch by batch, and what in a new batch speaks against it.

A profile holds counts only: how many values, by size for numbers, and keyed tokens of the values of columns
with few of them. So it can be kept beside the landing table for ever, and no record can be read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import floor
from typing import Any

import polars as pl

from rwe.spec.source import Column, Stream
from rwe.tokens import tokens

BINS = 20  # a decade; a median is then known to an eighth
FEW, LISTED = 50, 50_000  # different values of a text column that is watched unasked, and of a declared one
_SOME = 1_000  # values that mostly show already that they are many
BASE, BATCH = 100, 20  # values before which nothing is judged, of what was seen and of the batch
CLOSED = 1_000  # values after which an undeclared column that stays with its values counts as a list of codes
WORDS = ("codes", "unit")  # rules about words that were never seen before
NEAR = 0.1  # how far, in decades, a median may be from a whole power of ten


@dataclass
class Seen:
    """What one column held.

    Parameters
    ----------
    values, nulls
        Values that were there, and those that were not.
    quiet
        Values since the last that had never been seen before.
    levels
        Keyed tokens of the different values; None where they are many.
    sizes
        Numbers other than zero, counted by twentieths of a decade.
    most
        Different values from which on they are many.
    """

    values: int = 0
    nulls: int = 0
    quiet: int = 0
    levels: set[str] | None = field(default_factory=set)
    sizes: dict[int, int] = field(default_factory=dict)
    most: int = FEW

    def add(self, came: Seen) -> None:
        """Add what a batch holds."""
        new = came.levels is not None and self.levels is not None and not came.levels <= self.levels
        self.quiet = 0 if new else self.quiet + came.values
        self._grow(came.values, came.nulls, came.levels, came.sizes, came.most)

    def since(self, before: Seen) -> dict[str, Any]:
        """Return what was added to `before`, as plain values for a log."""
        levels = None if self.levels is None else sorted(self.levels - (before.levels or set()))
        sizes = {str(size): n - before.sizes.get(size, 0) for size, n in sorted(self.sizes.items())}
        more = {size: n for size, n in sizes.items() if n}
        values, nulls = self.values - before.values, self.nulls - before.nulls
        return {"values": values, "nulls": nulls, "quiet": self.quiet, "levels": levels, "sizes": more}

    def grow(self, plain: Mapping[str, Any]) -> None:
        """Add what `since` told."""
        sizes = {int(size): n for size, n in plain["sizes"].items()}
        self._grow(plain["values"], plain["nulls"], plain["levels"], sizes, LISTED)
        self.quiet = plain["quiet"]

    def _grow(self, values: int, nulls: int, levels: Iterable[str] | None, sizes: Mapping[int, int], most: int) -> None:
        if self.levels is not None and levels is not None:
            self.levels.update(levels)  # in place: a long list is not copied for each small batch
        self.levels = None if levels is None or len(self.levels or ()) > most else self.levels
        self.values, self.nulls = self.values + values, self.nulls + nulls
        for size, n in sizes.items():
            self.sizes[size] = self.sizes.get(size, 0) + n


@dataclass(frozen=True, slots=True)
class Finding:
    """One sign of drift: the column, the rule it breaks, and the words for people, without a value."""

    column: str
    rule: str
    words: str


Profile = dict[str, Seen]


def profile(rows: pl.DataFrame, stream: Stream, key: bytes) -> Profile:
    """Return what the watched columns of a batch hold."""
    said = standing(rows)
    return {name: _seen(said[name], column, key) for name, column in watched(stream) if name in said.columns}


def standing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a batch that are no deletions; nothing is copied where all are such."""
    deleted = rows["_op"] == "delete" if "_op" in rows.columns else pl.Series([], dtype=pl.Boolean())
    return rows.filter(~deleted) if deleted.any() else rows


def watched(stream: Stream) -> Iterator[tuple[str, Column]]:
    """Yield the columns whose values are compared: those that neither page the stream nor tell who."""
    for name, column in stream.columns.items():
        paging = name in (stream.key, stream.cursor)
        if not paging and column.role is None:
            yield name, column


def _seen(values: pl.Series, column: Column, key: bytes) -> Seen:
    there = values.drop_nulls()
    made = Seen(there.len(), values.null_count())
    if column.type == "text":
        made.most = LISTED if column.codes or column.unit else FEW
        many = column.codes is False or there.head(_SOME).n_unique() > made.most
        texts = there.clear() if many else there.unique()
        made.levels = None if many or texts.len() > made.most else set(_levels(key, texts))
    elif column.type in ("date", "timestamp"):
        made.levels = None
    elif column.steady:
        made.levels = None
        big = there.cast(pl.Float64).abs()
        sizes = (big.filter(big > 0).log10() * BINS).floor().cast(pl.Int64).value_counts()
        made.sizes = dict(sizes.iter_rows())
    return made


def _levels(key: bytes, texts: pl.Series) -> pl.Series:
    return tokens(key, "level", texts).str.slice(0, 16)


def findings(rows: pl.DataFrame, came: Profile, stream: Stream, seen: Profile, key: bytes) -> list[Finding]:
    """Return what in a batch, whose profile is `came`, speaks against what was seen before."""
    return [
        Finding(name, rule, f"column '{name}' {words}")
        for name, column in watched(stream)
        if name in seen and name in came
        for rule, judge in _RULES.items()
        if (words := judge(column, seen[name], came[name], rows[name], key))
    ]


Judge = Callable[[Column, Seen, Seen, pl.Series, bytes], str]


def _gone(_column: Column, was: Seen, now: Seen, _rows: pl.Series, _key: bytes) -> str:
    before = was.values + was.nulls
    if before >= BASE and 2 * was.nulls < before and now.values == 0 and now.nulls >= BATCH:
        return f"is empty in all {now.nulls} rows and was not before: missing at the source?"
    return ""


def _unit(column: Column, was: Seen, now: Seen, _rows: pl.Series, _key: bytes) -> str:
    if column.unit and was.levels and now.levels and (new := now.levels - was.levels):
        return f"names {len(new)} unit(s) of measure never seen before"
    return ""


def _codes(column: Column, was: Seen, now: Seen, rows: pl.Series, key: bytes) -> str:
    if column.unit or not was.levels or was.values < BATCH or now.values < BATCH:
        return ""
    closed = len(was.levels) <= FEW and was.values >= CLOSED and 2 * was.quiet >= was.values
    if not (column.codes or (column.codes is None and closed)):
        return ""
    if now.levels is not None and now.levels <= was.levels:
        return ""
    counts = rows.drop_nulls().value_counts(name="n")
    known = _levels(key, counts.to_series(0)).is_in(list(was.levels))
    new = counts.filter(~known)["n"].sum()
    if new <= column.new_codes * now.values:
        return ""
    return f"has codes never seen before in {new} of {now.values} rows, more than {100 * column.new_codes:g}%"


def _size(column: Column, was: Seen, now: Seen, _rows: pl.Series, _key: bytes) -> str:
    if not column.steady or sum(was.sizes.values()) < BASE or sum(now.sizes.values()) < BATCH:
        return ""
    moved = (_median(now.sizes) - _median(was.sizes)) / BINS
    power = floor(moved + 0.5)
    if not 1 <= abs(power) <= 3 or abs(moved - power) > NEAR:
        return ""
    return (
        f"has a median about {10 ** abs(power)} times {'larger' if power > 0 else 'smaller'} than before: another unit?"
    )


def _median(sizes: Mapping[int, int]) -> float:
    half, below = sum(sizes.values()) / 2, 0
    for size in sorted(sizes):
        if below + sizes[size] >= half:
            return size + (half - below) / sizes[size]
        below += sizes[size]
    raise ValueError("a median of nothing")


_RULES: dict[str, Judge] = {"empty": _gone, "unit": _unit, "codes": _codes, "median": _size}
