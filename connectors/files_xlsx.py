# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Workbooks: a cell is what its type says, text is read as text of a file; a formula is its last value."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, time
from itertools import islice
from typing import IO, Any, BinaryIO
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
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BLOCK = 1 << 20


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


def xlsx_line(drop: Drop, contract: Contract, row: int) -> str:
    """Return the line of the sheet that a row of data stands in, as a message names it; the first row is 0."""
    with drop.seekable() as file, _told(drop), closing(_workbook(file, drop)) as book:
        lines = enumerate(_sheet(book, contract, drop.name), 1)
        below = islice(lines, 0 if contract.names else contract.header_row, None)
        kept = (number for number, line in below if any(cell is not None for cell in line))
        return f"line {next(islice(kept, row, None))}"


def refuse_unreckoned(drop: Drop, contract: Contract, columns: Sequence[str], wanted: Collection[str]) -> None:
    """Refuse a sheet with formulas whose last value was not stored: they would be read as empty.

    Parameters
    ----------
    drop, contract
        The workbook.
    columns
        The names of its columns, in order.
    wanted
        Those that are read.

    Raises
    ------
    DataError
        With their number by column.
    """
    with drop.seekable() as file, _told(drop):
        if not _has_formulas(file):
            return
        with closing(_workbook(file, drop)) as values, closing(_workbook(file, drop, values=False)) as formulas:
            found = Counter(_unreckoned(_cells(values, contract, drop), _cells(formulas, contract, drop), columns))
            title = contract.sheet or values.sheetnames[0]
    if told := ", ".join(f"{column} {n}" for column, n in found.items() if column in wanted):
        raise DataError(
            f"file '{drop.name}', sheet '{title}': formulas without a stored value, by column: {told}; open it in a "
            "spreadsheet program, save it and send it again"
        )


def _has_formulas(file: BinaryIO) -> bool:
    with zipfile.ZipFile(file) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(_holds(archive.open(name)) for name in sheets)


def _holds(sheet: IO[bytes]) -> bool:
    tail = b""
    with sheet:
        while block := sheet.read(_BLOCK):
            if _FORMULA.search(tail + block):
                return True
            tail = block[-64:]
    return False


def _cells(book: Workbook, contract: Contract, drop: Drop) -> Iterator[tuple[Any, ...]]:
    return islice(_sheet(book, contract, drop.name, values=False), contract.header_row, None)


def _unreckoned(
    values: Iterator[tuple[Any, ...]], formulas: Iterator[tuple[Any, ...]], columns: Sequence[str]
) -> Iterator[str]:
    """Yield the column of each formula that has no value; one that gives an empty text is of type ``str``."""
    for line, told in zip(values, formulas, strict=True):
        for column, cell, formula in zip(columns, line, told, strict=False):
            if formula.data_type == "f" and cell.value is None and cell.data_type != "str":
                yield column


@contextmanager
def _told(drop: Drop) -> Iterator[None]:
    """Say that a workbook is damaged in words of ours: the reader's own may show a cell."""
    try:
        yield
    except (zipfile.BadZipFile, InvalidFileException, ParseError, LookupError, ValueError, TypeError, ArithmeticError):
        raise DataError(f"file '{drop.name}' is not a workbook, or is protected by a password; send it again") from None


def _workbook(file: BinaryIO, drop: Drop, *, values: bool = True) -> Workbook:
    with zipfile.ZipFile(file) as archive:
        check_archive(archive.infolist(), drop.stamp[0], drop.name, Folder())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that are not read
        return load_workbook(file, read_only=True, data_only=values, keep_links=False)


def _sheet(book: Workbook, contract: Contract, name: str, *, values: bool = True) -> Iterator[tuple[Any, ...]]:
    wanted = contract.sheet or (book.sheetnames[0] if book.sheetnames else "")
    if wanted not in book.sheetnames:
        raise DataError(f"file '{name}' has no sheet '{wanted}', among {len(book.sheetnames)}")
    sheet = book[wanted]
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    return iter(sheet.iter_rows(values_only=values))


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
