# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files whose columns have types of their own: Parquet, SAS and Stata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import polars as pl

from connectors.files_contract import Contract
from connectors.files_csv import Piece
from connectors.files_folder import Drop
from connectors.files_text import instants, without_null_words
from connectors.typed import DTYPES
from rwe.errors import DataError, MachineError
from rwe.spec.source import Kind

_EXACT = 2**53


def parquet_pieces(drop: Drop, _contract: Contract, rows: int) -> Iterator[Piece]:
    """Yield columns of a Parquet file, `rows` at a time; first an empty one, which tells their names and types.

    Raises
    ------
    DataError
        If it is not a Parquet file.
    """
    with drop.seekable() as file:
        try:
            scan = pl.scan_parquet(drop.path if drop.inside is None else file)
            yield scan.head(0).collect().to_dict()
            held = pl.DataFrame()
            for frame in scan.collect_batches(chunk_size=rows, maintain_order=True):
                held = frame if held.is_empty() else pl.concat([held, frame])
                while held.height >= rows:
                    yield held.head(rows).to_dict()
                    held = held.slice(rows)
            if not held.is_empty():
                yield held.to_dict()
        except pl.exceptions.PolarsError:
            raise DataError(f"file '{drop.name}' is not a Parquet file, or is damaged; send it again") from None


def statistical_pieces(drop: Drop, contract: Contract, rows: int) -> Iterator[Piece]:
    """Yield columns of a SAS or Stata file, `rows` at a time; first an empty one, which tells their names.

    Raises
    ------
    DataError
        If it is not such a file, or its text is not of the declared encoding.
    MachineError
        If the library that reads such files is not installed.
    """
    with drop.seekable() as file:
        read = _reader(contract, drop.name)
        names = read(file, metadataonly=True)
        yield {name: [] for name in names.columns}
        offset = 0
        while (frame := read(file, row_offset=offset, row_limit=rows)).height:
            yield frame.to_dict()
            offset += frame.height
            if frame.height < rows:
                return


def frame_line(_drop: Drop, _contract: Contract, row: int) -> str:
    """Return a row as a message names it, counted from 1: such files have no lines."""
    return f"row {row + 1}"


def _reader(contract: Contract, name: str) -> Callable[..., pl.DataFrame]:
    try:
        import pyreadstat
    except ImportError:
        raise MachineError("SAS and Stata files need the package pyreadstat: install rwe-engine[statistical]") from None
    readers: dict[str, Any] = {
        "sas": pyreadstat.read_sas7bdat,
        "xport": pyreadstat.read_xport,
        "stata": pyreadstat.read_dta,
    }
    encoding = {} if contract.encoding == "utf-8" else {"encoding": contract.encoding.upper()}

    def read(file: BinaryIO, **bounds: Any) -> pl.DataFrame:
        file.seek(0)
        try:
            frame, _ = readers[contract.format](file, output_format="polars", **encoding, **bounds)
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, ArithmeticError):
            raise DataError(
                f"file '{name}' is not a {contract.format} file, is damaged or of another encoding"
            ) from None
        return pl.DataFrame(frame)

    return read


def frame_typed(values: Any, kind: Kind, contract: Contract) -> tuple[pl.Series, int]:
    """Return a typed column in its declared type, and how many values do not fit it."""
    column = pl.Series(values)
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        column = without_null_words(column.cast(pl.String), contract)
    elif column.dtype.is_float():
        column = column.cast(pl.Float64).fill_nan(None)  # how such files write that there is no value
    made = _of(column, kind, contract)
    return made, made.null_count() - column.null_count()


def _of(column: pl.Series, kind: Kind, contract: Contract) -> pl.Series:
    dtype = column.dtype
    if kind == "text" and dtype == pl.String:
        return column
    if kind in ("integer", "number") and dtype.is_integer():
        small = kind == "integer" or (column.cast(pl.Int128).abs() <= _EXACT)
        return pl.select(pl.when(small).then(column.cast(DTYPES[kind], strict=False))).to_series()
    if kind in ("integer", "number") and dtype.is_float():
        exact = (column == column.round()) & (column.abs() <= _EXACT) if kind == "integer" else column.is_finite()
        return pl.select(pl.when(exact).then(column)).to_series().cast(DTYPES[kind])
    if kind == "number" and dtype.is_decimal():
        return pl.select(pl.when(column.abs() <= _EXACT).then(column.cast(pl.Float64))).to_series()
    if kind == "date" and dtype == pl.Date:
        return column
    if isinstance(dtype, pl.Datetime) and kind == "date":
        midnight = column.dt.time() == pl.time(0, 0, 0)
        return pl.select(pl.when(midnight).then(column.dt.date())).to_series()
    if isinstance(dtype, pl.Datetime) and kind == "timestamp":
        return _instants(column, dtype, contract)
    return pl.Series([None] * len(column), dtype=DTYPES[kind])


def _instants(column: pl.Series, dtype: pl.Datetime, contract: Contract) -> pl.Series:
    micro = column.dt.cast_time_unit("us")
    exact = pl.select(
        pl.when(micro.dt.cast_time_unit("ns") == column).then(micro) if dtype.time_unit == "ns" else micro
    )
    found = exact.to_series()
    return found.dt.convert_time_zone("UTC") if dtype.time_zone else instants(found, contract)
