# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Strict reading of the csv files that people write: a closed header, every fault with its place."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rwe.errors import DefinitionError, Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a sheet: its cells by column, trimmed, and where they stand."""

    file: str
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def problem(self, column: str, message: str) -> Problem:
        """Return a `Problem` placed at the cell of `column` (exact where no cell before it is quoted)."""
        before = list(self.cells)[: list(self.cells).index(column)]
        return Problem(self.file, self.line, 1 + sum(len(self.cells[c]) + 1 for c in before), column, message)


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Return how to cure an unknown `name`: the nearest allowed one, or all of them."""
    known = sorted(allowed)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known) or 'none'}"


def read_sheet(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read a csv file whose header is exactly `columns`, in that order.

    Raises
    ------
    DefinitionError
        If the file is missing or not UTF-8, the header is another, or lines have too few or too many cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            lines = [(reader.line_num, cells) for cells in reader]
    except FileNotFoundError:
        raise DefinitionError(Problem(str(path), 1, 1, "", "no such file")) from None
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DefinitionError(Problem(str(path), 1, 1, "", f"cannot be read: {type(exc).__name__}")) from None
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    if problems := _header(str(path), header, columns):
        raise DefinitionError(problems)
    filled = [(line, [cell.strip() for cell in cells]) for line, cells in lines[1:] if any(cells)]
    if ragged := [
        Problem(str(path), line, 1, "", f"{len(cells)} cells where the header has {len(columns)}")
        for line, cells in filled
        if len(cells) != len(columns)
    ]:
        raise DefinitionError(ragged)
    return [Row(str(path), line, dict(zip(columns, cells, strict=True))) for line, cells in filled]


def _header(file: str, header: Sequence[str], columns: Sequence[str]) -> list[Problem]:
    unknown = [c for c in header if c not in columns]
    missing = [c for c in columns if c not in header]
    problems = [
        Problem(file, 1, 1, c, f"unknown column{suggest(c, missing) if missing else '; remove it'}") for c in unknown
    ]
    if not unknown and missing:
        problems = [Problem(file, 1, 1, c, "this column is missing") for c in missing]
    if not problems and list(header) != list(columns):
        problems = [Problem(file, 1, 1, "", f"the header must be {','.join(columns)}")]
    return problems
