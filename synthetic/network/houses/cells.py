# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A sheet: which of its entries a house writes, under which names, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["key", "text", "day", "moment", "integer", "number"]
SOFIA = "Europe/Sofia"
DAY_MONTH_YEAR, CLOCK = "%d.%m.%Y", "%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a sheet.

    Parameters
    ----------
    of
        The column of the entries that it shows.
    kind
        Its type in a database.
    shown
        What stands in it; the column of the entries as it is where None.
    """

    of: str
    kind: Kind = "text"
    shown: pl.Expr | None = None

    def expression(self, present: frozenset[str]) -> pl.Expr:
        """Return what stands in the cell: letter by letter where the entries say so in ``<of>_text``."""
        plain = pl.col(self.of) if self.shown is None else self.shown
        literal = f"{self.of}_text"
        if literal not in present:
            plainly = {"text": pl.String, "integer": pl.Int64}.get(self.kind)
            return plain.cast(plainly) if plainly else plain
        return pl.coalesce(pl.col(literal), plain.cast(pl.String))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table or file of a house: its name, the entries that it shows, its columns by name."""

    name: str
    entries: str
    cells: Mapping[str, Cell]

    def of(self, entries: Mapping[str, pl.DataFrame], hospital: str | None = None) -> pl.DataFrame:
        """Return the sheet of a hospital, or of whoever keeps all such entries."""
        rows = entries[self.entries]
        mine = rows if hospital is None else rows.filter(pl.col("hospital") == hospital)
        present = frozenset(name for name in mine.columns if mine[name].null_count() < mine.height)
        return mine.select(cell.expression(present).alias(name) for name, cell in self.cells.items())


def mark() -> Cell:
    """Return the column that says of every row that nobody lived it."""
    return Cell("synthetic", "integer", pl.col("synthetic").cast(pl.Int64))


def words(of: str, said: Mapping[str, str]) -> Cell:
    """Return a column in the words of a house; what it has no word for stands as it is."""
    return Cell(of, "text", pl.col(of).replace(said))


def result(decimal: str = ".") -> Cell:
    """Return a laboratory value as it is typed."""
    typed = pl.col("value").cast(pl.String).str.strip_suffix(".0")
    return Cell("value", "text", typed.str.replace(".", decimal, literal=True))


def text_day(of: str, nothing: str | None = None) -> Cell:
    """Return a date as DD.MM.YYYY, `nothing` where there is none."""
    day = pl.col(of).dt.to_string(DAY_MONTH_YEAR)
    return Cell(of, "text", day if nothing is None else day.fill_null(nothing))


def wall(of: str) -> pl.Expr:
    """Return an instant as the clock on the wall shows it."""
    return pl.col(of).dt.convert_time_zone(SOFIA).dt.replace_time_zone(None)


def wall_day(of: str) -> Cell:
    """Return the date of an instant as DD.MM.YYYY."""
    return Cell(of, "text", wall(of).dt.to_string(DAY_MONTH_YEAR))


def wall_clock(of: str) -> Cell:
    """Return the time of day of an instant."""
    return Cell(f"{of}_clock", "text", wall(of).dt.to_string(CLOCK))
