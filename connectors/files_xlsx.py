# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Workbooks: a cell is what its type says, text is read as text of a file; a formula is its last value."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, time
from itertools import islice
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import polars as pl
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from connectors.files_contract import Contract, Folder
from connectors.files_csv import Piece, named
from connectors.files_folder import Drop, check_archive
from connectors.files_text import from_text, instants, without_null_words
from connectors.typed import DTYPES
from rwe.errors import DataError
from rwe.spec.source import Kind

_EXACT = 2**53


def xlsx_pieces(drop: Drop, contract: Contract, rows: int) -> Iterator[Piece]:
    """Yield columns of cells, `rows` at a time: first an empty one, which tells their names.

    Raises
    ------
    DataError
        If it is no workbook, unpacks to too much, or has no such sheet or line of names.
    """
    with drop.seekable() as file, _told(drop), closing(_workbook(file, drop)) as book:
        lines = _sheet(book, contract, drop.name)
        columns = list(contract.names) or _header(lines, contract, drop.name)
        yield {column: [] for column in columns}
        kept = (line for line in lines if any(cell is not None for cell in line))
        while part := [_fit(line, len(columns), drop.name) for line in islice(kept, rows)]:
            yield dict(zip(columns, map(list, zip(*part, strict=True)), strict=True))


@contextmanager
def _told(drop: Drop) -> Iterator[None]:
    """Say that a workbook is damaged in words of ours: the reader's own may show a cell."""
    try:
        yield
    except (zipfile.BadZipFile, InvalidFileException, ParseError, LookupError, ValueError, TypeError, ArithmeticError):
        raise DataError(f"file '{drop.name}' is not a workbook, or is protected by a password; send it again") from None


def _workbook(file: BinaryIO, drop: Drop) -> Workbook:
    with zipfile.ZipFile(file) as archive:
        check_archive(archive.infolist(), drop.stamp[0], drop.name, Folder())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that are not read
        return load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _sheet(book: Workbook, contract: Contract, name: str) -> Iterator[tuple[Any, ...]]:
    wanted = contract.sheet or (book.sheetnames[0] if book.sheetnames else "")
    if wanted not in book.sheetnames:
        raise DataError(f"file '{name}' has no sheet '{wanted}', among {len(book.sheetnames)}")
    sheet = book[wanted]
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    return iter(sheet.iter_rows(values_only=True))


def _header(lines: Iterator[tuple[Any, ...]], contract: Contract, name: str) -> list[str]:
    cells = list(next(islice(lines, contract.header_row - 1, None), ()))
    while cells and cells[-1] is None:
        cells.pop()
    if not cells or any(cell is None for cell in cells):
        raise DataError(f"file '{name}': line {contract.header_row} does not name every column")
    return named([str(cell) for cell in cells], name)


def _fit(line: tuple[Any, ...], width: int, name: str) -> tuple[Any, ...]:
    if any(cell is not None for cell in line[width:]):
        raise DataError(f"file '{name}': cells stand right of the last named column")
    return line[:width] + (None,) * (width - len(line))


def xlsx_typed(values: Any, kind: Kind, contract: Contract) -> tuple[pl.Series, int]:
    """Return a column of cells in its type, and how many do not fit it."""
    text = pl.Series([cell if isinstance(cell, str) else None for cell in values], dtype=pl.String)
    read, wrong = from_text(without_null_words(text, contract), kind, contract)
    made = [None if cell is None or isinstance(cell, str) else _cell(cell, kind) for cell in values]
    if kind == "timestamp":
        native = instants(pl.Series(made, dtype=pl.Datetime("us")), contract)
    else:
        native = pl.Series(made, dtype=DTYPES[kind])
    said = sum(cell is not None and not isinstance(cell, str) for cell in values)
    return read.fill_null(native), wrong + said - (len(native) - native.null_count())


def _cell(cell: Any, kind: Kind) -> Any:
    if kind in ("integer", "number") and type(cell) in (int, float):
        whole = float(cell).is_integer() and abs(cell) <= _EXACT
        return float(cell) if kind == "number" else int(cell) if whole else None
    if isinstance(cell, datetime) and cell.tzinfo is None:
        return cell if kind == "timestamp" else cell.date() if kind == "date" and cell.time() == time(0) else None
    return None
