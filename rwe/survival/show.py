# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How results look, printed or in a notebook: a line of words, the table, the notes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from typing import TypeAlias

import polars as pl

from rwe.survival.levels import text
from rwe.survival.text import ENDS, grid, number, p_value

Story: TypeAlias = tuple[str, pl.DataFrame, Sequence[str]]
FIRST, LAST = 20, 5  # rows printed of a longer table


class Shown(ABC):
    """A result that prints its figures; dataclasses of it are declared with ``repr=False``, which would dump arrays."""

    __slots__ = ()

    @abstractmethod
    def _story(self) -> Story:
        """Return the title, the table, and what a reader must know."""

    def __repr__(self) -> str:
        title, table, notes = self._story()
        return "\n".join([title, "", *_lines(table), *notes])

    def _repr_html_(self) -> str:
        return framed(*self._story())


def framed(title: str, table: pl.DataFrame, notes: Sequence[str] = (), steps: pl.DataFrame | None = None) -> str:
    """Return a table as HTML under its title, the first and last steps of a curve under it, with notes below."""
    words = "".join(f"<p>{escape(note)}</p>" for note in notes)
    with pl.Config(tbl_rows=2 * ENDS, tbl_cols=-1):
        curve = "" if steps is None else steps._repr_html_()
    return f"<div><p><strong>{escape(title)}</strong></p>{table._repr_html_()}{curve}{words}</div>"


def _lines(table: pl.DataFrame) -> list[str]:
    """Return the lines of a table: its leading columns of words to the left, from the middle of a long one nothing."""
    cut = table.height - FIRST - LAST
    shown = table if cut <= 0 else pl.concat([table.head(FIRST), table.tail(LAST)])
    columns = {column.name: _cells(column) for column in shown}
    head = next(iter(columns), "") if table.width and table.dtypes[0] == pl.String else ""
    lines = grid(columns.pop(head), columns, head) if head else grid([""] * shown.height, columns)
    return lines if cut <= 0 else [*lines[: FIRST + 1], f"... {cut} rows", *lines[FIRST + 1 :]]


def _cells(column: pl.Series) -> list[str]:
    if column.name == "p_value":
        return [p_value(value) for value in column]
    if column.dtype.is_numeric():
        return [number(value) for value in column]
    return ["NA" if value is None else text(value) for value in column]
