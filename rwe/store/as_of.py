# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which commits a table was made of as of a number or an instant, the rows that they brought, and which stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from rwe.errors import DataError
from rwe.store.rows import schema_of
from rwe.store.seal import Seal


def commit_at(seals: list[Seal], moment: datetime, name: str) -> int:
    """Return the number of the newest commit of the table `name` that was sealed at `moment` or before.

    Raises
    ------
    DataError
        If the table was made later.
    """
    known = -1
    for seal in seals:  # a clock that was set back must not put a later commit before an earlier one
        if datetime.fromisoformat(seal.utc) > moment:
            break
        known = seal.commit
    if known < 0:
        raise DataError(f"{name}: nothing was sealed by {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    return known


def up_to(seals: list[Seal], as_of: int | datetime | None, name: str) -> list[Seal]:
    """Return the seals of the table `name` as of a commit, an instant, or now.

    Raises
    ------
    DataError
        If the table was never made, or has no such commit.
    """
    if not seals:
        raise DataError(f"{name}: this table was never written; extract it first")
    number = commit_at(seals, as_of, name) if isinstance(as_of, datetime) else as_of
    if number is not None and not 0 <= number < len(seals):
        raise DataError(f"{name}: there is no commit {number}; the newest is {len(seals) - 1}")
    return seals if number is None else seals[: number + 1]


def scan(folder: Path, seals: list[Seal]) -> pl.LazyFrame:
    """Return every version of every row of these commits; whoever reads them has verified them."""
    columns, split = schema_of(seals[0].schema), seals[0].partition_by
    paths = [folder / file.path for seal in seals for file in seal.files]
    if not paths:
        return pl.LazyFrame(schema=columns)
    hive = {split: columns[split]} if split else None
    found = pl.scan_parquet(paths, hive_partitioning=bool(hive), hive_schema=hive)
    return found.select(list(columns)).filter(pl.col("_commit") <= seals[-1].commit)


def current(folder: Path, seals: list[Seal]) -> pl.LazyFrame:
    """Return the newest version of each key of these commits, without deleted ones; in the memory of few rows.

    Only commits that brought a key again say that an earlier version stands no more, so only their keys are held.
    """
    filled = [seal for seal in seals if seal.files]
    again = [seal for seal in filled[1:] if not seal.anew]
    rows, stands = scan(folder, seals), pl.col("_op") != "delete"
    if again:
        brought = scan(folder, [seals[0], *again]).select("_key", _newest="_commit")
        newest = brought.group_by("_key").agg(pl.col("_newest").max())
        rows = rows.join(newest, on="_key", how="left", maintain_order="left")
        stands &= pl.col("_newest").is_null() | (pl.col("_commit") == pl.col("_newest"))
        return rows.filter(stands).drop("_newest")
    return rows.filter(stands)
