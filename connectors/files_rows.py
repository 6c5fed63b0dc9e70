# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the columns of a file to those that are declared: each there, each of its type, each row with a key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import polars as pl

from connectors.files_contract import Contract
from connectors.files_csv import Piece, csv_line, csv_pieces, csv_typed
from connectors.files_folder import Drop
from connectors.files_frames import frame_line, frame_typed, parquet_pieces, statistical_pieces
from connectors.files_xlsx import refuse_unreckoned, xlsx_line, xlsx_pieces, xlsx_typed
from connectors.sql_catalogue import near
from connectors.typed import DTYPES
from rwe.errors import DataError
from rwe.spec.source import Kind, Stream

_Typed = Callable[[Any, Kind, Contract], tuple[pl.Series, int]]
_FORMATS: dict[
    str, tuple[Callable[[Drop, Contract, int], Iterator[Piece]], _Typed, Callable[[Drop, Contract, int], str]]
] = {
    "csv": (csv_pieces, csv_typed, csv_line),
    "xlsx": (xlsx_pieces, xlsx_typed, xlsx_line),
    "parquet": (parquet_pieces, frame_typed, frame_line),
    "sas": (statistical_pieces, frame_typed, frame_line),
    "xport": (statistical_pieces, frame_typed, frame_line),
    "stata": (statistical_pieces, frame_typed, frame_line),
}
_JOIN = "\x1f"  # the unit separator: no key holds it


def parts(drop: Drop, name: str, stream: Stream, contract: Contract, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the declared columns and ``_key`` of a file, `rows` at a time.

    Parameters
    ----------
    drop
        The file.
    name, stream, contract
        What it is declared to be.
    rows
        How many rows a part has; the last may have fewer.

    Raises
    ------
    DataError
        If its columns are not the declared ones, values do not fit their type (counted by column, with
        the line of the first), or keys are missing or repeat within a part.
    """
    _, typed, line = _FORMATS[contract.format]
    pieces = _pieces(drop, contract, rows)
    held = list(next(pieces))
    _check_header(held, name, stream, contract, drop.name)
    if contract.format == "xlsx":
        refuse_unreckoned(drop, contract, held, {*stream.columns, *key_columns(stream, contract)})
    before = 0
    for piece in pieces:
        place = partial(_place, drop, contract, line, before)
        made = _rows(piece, f"stream '{name}', file '{drop.name}'", stream, contract, typed, place)
        before += made.height
        yield made


def _place(drop: Drop, contract: Contract, line: Callable[[Drop, Contract, int], str], before: int, row: int) -> str:
    """Return where a row of a piece stands in its file; the file is read again for it."""
    return line(drop, contract, before + row)


def header(found: Sequence[Drop], contract: Contract) -> list[str]:
    """Return the names of the columns that the newest file has."""
    return list(next(_pieces(found[-1], contract, 1)))


def _pieces(drop: Drop, contract: Contract, rows: int) -> Iterator[Piece]:
    pieces = _FORMATS[contract.format][0](drop, contract, rows)
    return (_small(piece, drop.name) for piece in pieces) if contract.any_case else pieces


def _small(piece: Piece, file: str) -> Piece:
    made = {name.lower(): values for name, values in piece.items()}
    if len(made) < len(piece):
        alike = sorted(name for name in piece if sum(name.lower() == other.lower() for other in piece) > 1)
        raise DataError(
            f"file '{file}': columns {', '.join(map(repr, alike))} differ in capitals only, which any_case takes for "
            "one; rename them at the source, or leave any_case out"
        )
    return made


def key_columns(stream: Stream, contract: Contract) -> Sequence[str]:
    """Return the columns that make the key of a row."""
    return contract.key_of or (stream.key,)


def empty(stream: Stream) -> pl.DataFrame:
    """Return no rows, in the declared types."""
    return pl.DataFrame(schema={"_key": pl.String, **{n: DTYPES[column.type] for n, column in stream.columns.items()}})


def _check_header(held: list[str], name: str, stream: Stream, contract: Contract, file: str) -> None:
    asked = (column for column, declared in stream.columns.items() if not declared.optional)
    known = {*stream.columns, *key_columns(stream, contract), *filter(None, (stream.cursor,))}
    new = [column for column in held if column not in known]
    faults = [
        f"column '{column}' is missing{near(column, new)}"
        for column in dict.fromkeys((*key_columns(stream, contract), *asked))
        if column not in held
    ]
    if contract.strict and new:
        faults.append(f"columns {', '.join(map(repr, new))} are not declared")
    if contract.width is not None and len(held) != contract.width:
        faults.append(f"it has {len(held)} columns, declared are {contract.width}")
    if faults:
        raise DataError(f"stream '{name}', file '{file}': {'; '.join(faults)}")


def _rows(
    piece: Piece, where: str, stream: Stream, contract: Contract, typed: _Typed, place: Callable[[int], str]
) -> pl.DataFrame:
    made, faults = {}, []
    height = len(next(iter(piece.values())))
    for column, declared in stream.columns.items():
        values = piece.get(column, [None] * height)
        made[column], wrong = typed(values, declared.type, contract)
        if wrong:
            first = place(_first_wrong(values, declared.type, contract, typed))
            faults.append(f"{column}: {wrong} of {height} values are not of type {declared.type} (the first: {first})")
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}; mend the source or declare what it holds")
    key = _key(piece, made, stream, contract, typed)
    _check_key(key, where, key_columns(stream, contract), place)
    return pl.DataFrame({"_key": key, **made})


def _first_wrong(values: Any, kind: Kind, contract: Contract, typed: _Typed) -> int:
    """Return the place of the first value that does not fit a type; one does not."""
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if typed(values[low : middle + 1], kind, contract)[1]:
            high = middle
        else:
            low = middle + 1
    return low


def _key(piece: Piece, made: dict[str, pl.Series], stream: Stream, contract: Contract, typed: _Typed) -> pl.Series:
    texts = []
    for column in key_columns(stream, contract):
        exact = column in made and stream.columns[column].type != "number"
        texts.append(made[column].cast(pl.String) if exact else _as_text(piece[column], contract, typed))
    return pl.select(pl.concat_str(texts, separator=_JOIN)).to_series()


def _as_text(values: Any, contract: Contract, typed: _Typed) -> pl.Series:
    """Return a part of a key of no declared type as text, value by value, whatever others stand beside it.

    A time has one spelling, a whole number no point; all else is as it is written.
    """
    kinds: tuple[Kind, ...] = ("timestamp", "text", "integer", "date")
    made = pl.Series([None] * len(values), dtype=pl.String)
    for kind in kinds:
        if made.null_count():
            made = made.fill_null(typed(values, kind, contract)[0].cast(pl.String))
    return made


def _check_key(key: pl.Series, where: str, of: Collection[str], place: Callable[[int], str]) -> None:
    bad = key.is_null() | ~key.is_first_distinct()
    if bad.any():
        missing, repeated = key.null_count(), len(key) - key.n_unique()
        first = place(bad.arg_true()[0])
        raise DataError(
            f"{where}: {missing} rows have no key ({', '.join(of)}), {repeated} repeat one (the first: {first})"
        )
