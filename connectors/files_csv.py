# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Delimited text, split a part at a time: every line must have as many fields as the first."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import polars as pl

from connectors.files_contract import Contract
from connectors.files_folder import Drop
from connectors.files_survey import refuse_unreadable, survey
from connectors.files_text import from_text, without_null_words
from rwe.errors import DataError, SourceUnreachable
from rwe.spec.source import Kind

Piece = dict[str, Any]
_SHOWN = 5  # lines that a message names
_END = re.compile(r"\r\n|\r|\n")


def csv_pieces(drop: Drop, contract: Contract, rows: int) -> Iterator[Piece]:
    """Yield columns of text, `rows` lines at a time: first an empty one, which tells their names.

    Raises
    ------
    DataError
        If the file is not of the declared code page, has lines that end differently or lines of other lengths (by
        number), or a quote that is never closed.
    """
    with drop.open() as file:
        found = survey(file, contract)
    refuse_unreadable(found, contract, drop.name)
    try:
        if not found.one_end and contract.line_ends == "one":
            _refuse_mixed_ends(drop, contract)
        with drop.open() as file, _lines(file, contract) as text:
            yield from _pieces(text, contract, drop.name, rows)
    except csv.Error:
        raise DataError(f"file '{drop.name}': a quote is not closed, or stands within a field") from None
    except UnicodeDecodeError:  # its bytes were other ones a moment ago
        raise SourceUnreachable(f"file '{drop.name}' changed while it was read; it is read again next time") from None


def csv_line(drop: Drop, contract: Contract, row: int) -> str:
    """Return the line that a row of data begins in, as a message names it; the first row is 0."""
    with drop.open() as file, _lines(file, contract) as text:
        split = _split(text, contract)
        if not contract.names:
            _header(split, contract, drop.name)
        began = split.line_num + 1
        for fields in split:
            if fields and not row:
                break
            row, began = row - bool(fields), split.line_num + 1
    return f"line {began}"


def csv_typed(values: Any, kind: Kind, contract: Contract) -> tuple[pl.Series, int]:
    """Return a column of text in its type, and how many values do not fit it."""
    return from_text(without_null_words(pl.Series(values, dtype=pl.String), contract), kind, contract)


def _lines(file: BinaryIO, contract: Contract) -> io.TextIOWrapper:
    encoding = "utf-8-sig" if contract.encoding == "utf-8" else contract.encoding
    return io.TextIOWrapper(file, encoding, newline="")


def _split(lines: Iterator[str], contract: Contract) -> Any:
    return csv.reader(lines, delimiter=contract.separator, quotechar=contract.quote, strict=True)


def _pieces(text: io.TextIOWrapper, contract: Contract, name: str, rows: int) -> Iterator[Piece]:
    split = _split(text, contract)
    columns = list(contract.names) or _header(split, contract, name)
    yield {column: [] for column in columns}
    first = split.line_num
    while part := list(islice(split, rows)):
        part = _even(part, len(columns), first, name)
        first = split.line_num
        if part:
            yield dict(zip(columns, map(list, zip(*part, strict=True)), strict=True))


def _header(split: Iterator[list[str]], contract: Contract, name: str) -> list[str]:
    columns = next(islice(split, contract.header_row - 1, None), [])
    if not columns:
        raise DataError(f"file '{name}' has no line {contract.header_row} with the names of its columns")
    return named(columns, name)


def named(columns: list[str], name: str) -> list[str]:
    """Return the names of columns without white space around them.

    Raises
    ------
    DataError
        If two columns bear one name.
    """
    plain = [column.strip() for column in columns]
    if repeated := len(plain) - len(set(plain)):
        raise DataError(f"file '{name}': {repeated} names of columns repeat")
    return plain


def _even(part: list[list[str]], width: int, first: int, name: str) -> list[list[str]]:
    """Return the lines that are not blank; refuse those that have another number of fields."""
    if set(map(len, part)) == {width}:
        return part
    wrong, line = [], first
    for fields in part:
        if fields and len(fields) != width:
            wrong.append(line + 1)
        line += 1 + sum(len(_END.findall(field)) for field in fields)
    if wrong:
        shown = ", ".join(map(str, wrong[:_SHOWN])) + (", ..." if len(wrong) > _SHOWN else "")
        raise DataError(f"file '{name}': {len(wrong)} lines do not have {width} fields (line {shown})")
    return [fields for fields in part if fields]


class _Watched:
    """Lines of a text, the end of the last one kept in mind: within quotes lines may end as they like."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.end = ""

    def __iter__(self) -> _Watched:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.end = line[len(line.rstrip("\r\n")) :]
        return line


def _refuse_mixed_ends(drop: Drop, contract: Contract) -> None:
    with drop.open() as file, _lines(file, contract) as text:
        watched = _Watched(text)
        ends = Counter(watched.end for _ in _split(watched, contract))
    del ends[""]
    if len(ends) > 1:
        kinds = ", ".join(f"{n} {end.replace(chr(13), 'CR').replace(chr(10), 'LF')}" for end, n in ends.most_common())
        raise DataError(
            f"file '{drop.name}': its lines end differently ({kinds}); end them alike or say line_ends: any"
        )
