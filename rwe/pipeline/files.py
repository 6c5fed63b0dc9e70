# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tables written by us, not by polars, whose errors do not say which file the disk refused, or that it was the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from rwe.chain import on_disk


def _workbook(frame: pl.DataFrame, into: io.BytesIO) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(frame.columns)
    for row in frame.iter_rows():
        sheet.append(row)
    book.save(into)


def read_workbook(content: io.BytesIO) -> pl.DataFrame:
    """Return the one sheet of a workbook that `write_table` wrote, as text."""
    from openpyxl import load_workbook

    head, *rows = load_workbook(content, read_only=True).worksheets[0].iter_rows(values_only=True)
    # a row ends with its last filled cell
    whole = ([*row, *[None] * (len(head) - len(row))] for row in rows)
    texts = [[None if value is None else str(value) for value in row] for row in whole]
    return pl.DataFrame(texts, schema=dict.fromkeys(map(str, head), pl.String), orient="row")


_FORMS: dict[str, Callable[[pl.DataFrame, io.BytesIO], object]] = {
    ".csv": pl.DataFrame.write_csv,
    ".json": pl.DataFrame.write_json,
    ".parquet": pl.DataFrame.write_parquet,
    ".xlsx": _workbook,
}


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Write a table in the form that its suffix names.

    Raises
    ------
    MachineError
        If the disk refuses; names the file.
    """
    encoded = io.BytesIO()
    _FORMS[path.suffix](frame, encoded)
    with on_disk(path):
        path.write_bytes(encoded.getbuffer())
