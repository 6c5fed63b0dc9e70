# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows as a table keeps them: hashed, told from those it has already, marked with their commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from rwe.errors import DataError
from rwe.store.row_hash import row_hashes

META = ("_key", "_hash", "_op", "_commit", "_batch")
_STORABLE: tuple[pl.DataType, ...] = (
    pl.String(),
    pl.Int32(),
    pl.Int64(),
    pl.Float64(),
    pl.Boolean(),
    pl.Date(),
    pl.Datetime("us"),
    pl.Datetime("us", "UTC"),
    pl.List(pl.String()),
)
_TYPES = {str(dtype): dtype for dtype in _STORABLE}


@dataclass(frozen=True, slots=True)
class News:
    """Of the rows received: those to land, and how many of each sort there were.

    `corrected` of the rows landed say something else of a key that stood; `deleted` keys stand no more; `anew` says
    that the table never had one of the keys.
    """

    rows: pl.DataFrame
    landed: int
    unchanged: int
    deleted: int
    corrected: int = 0
    anew: bool = False


def type_names(frame: pl.DataFrame, table: str) -> dict[str, str]:
    """Return the types of the columns a table keeps, by name.

    Raises
    ------
    DataError
        If there is no ``_key``, or a column has a type that a table cannot keep.
    """
    if frame.schema.get("_key") != pl.String():
        raise DataError(f"{table}: rows need a text column _key")
    names = {name: str(dtype) for name, dtype in frame.schema.items() if name not in META}
    if odd := [f"{name} ({dtype})" for name, dtype in names.items() if dtype not in _TYPES]:
        raise DataError(f"{table}: columns of types that cannot be kept: {', '.join(odd)}; possible are {list(_TYPES)}")
    return names


def schema_of(names: Mapping[str, str]) -> dict[str, pl.DataType]:
    """Return the columns of a table as stored, the store's own first."""
    meta = {name: pl.Int64() if name == "_commit" else pl.String() for name in META}
    return {**meta, **{name: _TYPES[dtype] for name, dtype in names.items()}}


def check_same(have: Mapping[str, str], come: Mapping[str, str], table: str) -> None:
    """Refuse rows of another shape than the table's.

    Raises
    ------
    DataError
        Naming the columns that came, went or changed their type.
    """
    faults = [f"{name} is new" for name in come if name not in have]
    faults += [f"{name} is missing" for name in have if name not in come]
    faults += [f"{n} was {have[n]}, is {come[n]}" for n in have if have[n] != come.get(n, have[n])]
    if faults:
        raise DataError(f"{table}: not the columns of the table on disk ({'; '.join(faults)}); use another folder")


def hashed(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``_hash``, of what a row says in every column but the store's own, and ``_op`` where it is absent.

    Rows that have their hash already keep it.
    """
    if "_hash" in frame.columns:
        return frame
    op = [] if "_op" in frame.columns else [pl.lit("upsert").alias("_op")]
    return frame.with_columns(row_hashes(frame.drop(META, strict=False)), *op)


def news(rows: pl.DataFrame, versions: pl.LazyFrame) -> News:
    """Keep the rows that say something new.

    A key may stand on several rows, which then change together.

    Parameters
    ----------
    rows
        Hashed rows.
    versions
        Every version of every row of the table.
    """
    keys = rows.lazy().select("_key").unique()
    held = versions.select("_key", "_hash", "_op", "_commit").join(keys, on="_key", how="semi").collect()
    new = _told_apart(rows, latest(held.lazy()))
    return replace(new, anew=held.is_empty())


def whole_news(rows: pl.DataFrame, current: pl.LazyFrame) -> News:
    """Keep the rows that say something new where they are all there is: keys that are current beside them are deleted.

    Parameters
    ----------
    rows
        Hashed rows.
    current
        The rows that stand.
    """
    new = _told_apart(rows, current)
    gone = current.join(rows.lazy(), on="_key", how="anti").collect(engine="streaming")
    gone = gone.with_columns(pl.lit("delete").alias("_op")).select(rows.columns)
    return replace(new, rows=pl.concat([new.rows, gone]), deleted=new.deleted + gone["_key"].n_unique())


def changes_of(was: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return what makes rows that are each other's whole into others, with ``_hash`` and ``_op``; a key stands once."""
    was, now = hashed(was), hashed(now)
    said = now.join(was, on=["_key", "_hash"], how="anti")
    gone = was.join(now, on="_key", how="anti").with_columns(pl.lit("delete").alias("_op"))
    return pl.concat([said, gone])


def _told_apart(rows: pl.DataFrame, current: pl.LazyFrame) -> News:
    mine, theirs = _by_key(rows.lazy()), _by_key(current)
    stood, ends = pl.col("_all_right").is_not_null(), pl.col("_ends")
    known = mine.join(theirs, on="_key", how="left").select(
        "_key",
        _same=pl.when(ends).then(~stood).otherwise(pl.col("_all").eq_missing(pl.col("_all_right"))),
        _was=stood,
    )
    told = rows.join(known.collect(), on="_key", how="left", maintain_order="left")
    fresh = told.filter(~pl.col("_same"))
    corrected = fresh.filter("_was", pl.col("_op") != "delete").height
    ended = fresh.filter(pl.col("_op") == "delete")["_key"].n_unique()
    return News(fresh.select(rows.columns), fresh.height, rows.height - fresh.height, ended, corrected)


def _by_key(rows: pl.LazyFrame) -> pl.LazyFrame:
    said, ends = pl.col("_hash").sort().str.join().alias("_all"), (pl.col("_op") == "delete").all().alias("_ends")
    return rows.group_by("_key").agg(said, ends)


def latest(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the newest version of each key that is not deleted."""
    return rows.filter(pl.col("_commit") == pl.col("_commit").max().over("_key"), pl.col("_op") != "delete")
