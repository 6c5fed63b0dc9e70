# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A form of dirt: which rows it can befall and what it makes of them, as polars expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

A, B = pl.col("_a"), pl.col("_b")  # two numbers between 0 and 1, drawn for each row that a form befalls
NTH = pl.col("_nth")  # which copy of a row, from 0, where a form adds several
NEW = pl.col("_new")  # the key of a row that is added
TEXT = "_text"  # a column X_text is written letter by letter in place of X


@dataclass(frozen=True, slots=True)
class Form:
    """One form of dirt. It writes cells, adds rows, takes rows away, or marks what the truth did itself.

    Parameters
    ----------
    name, table
        Its line in ``forms.csv`` (together with the class), which also says how often it befalls a row.
    cells
        What the row holds afterwards, by column; the first column names the fault.
    again
        What the row holds when it is written once more, under a key of its own; None where it is not.
    gone
        Whether the row is taken away.
    when
        Rows that it can befall.
    copies
        How often the row is written once more.
    """

    name: str
    table: str
    cells: Mapping[str, pl.Expr] = field(default_factory=dict)
    again: Mapping[str, pl.Expr] | None = None
    gone: bool = False
    when: pl.Expr = field(default_factory=lambda: pl.lit(value=True))
    copies: int | pl.Expr = 1

    @property
    def column(self) -> str:
        """The column that the fault is in; empty where it is the row as a whole."""
        return next(iter(self.cells or self.again or {}), "").removesuffix(TEXT)

    @property
    def acts(self) -> bool:
        """Whether it changes anything: what does not marks rows that the truth made so, all that it can befall."""
        return bool(self.cells) or self.again is not None or self.gone

    @property
    def texts(self) -> set[str]:
        """Columns of raw text that it writes."""
        return {name for name in (*self.cells, *(self.again or ())) if name.endswith(TEXT)}


def whole(draw: pl.Expr, low: int, high: int) -> pl.Expr:
    """Return a whole number from `low` to `high`, both included, from a draw."""
    return (draw * (high - low + 1)).floor().cast(pl.Int64) + low


def days(number: pl.Expr | int) -> pl.Expr:
    """Return a length of so many days."""
    return pl.duration(days=number)


def one_of(draw: pl.Expr, words: Mapping[str, tuple[str, ...]] | tuple[str, ...]) -> pl.Expr:
    """Return one of several words, by a draw."""
    texts = tuple(words)
    return whole(draw, 0, len(texts) - 1).replace_strict(range(len(texts)), texts, return_dtype=pl.String)


def within(*hospitals: str) -> pl.Expr:
    """Return whether a row is of one of these hospitals."""
    return pl.col("hospital").is_in(hospitals)
