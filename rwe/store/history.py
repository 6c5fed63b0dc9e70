# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What each commit of a table brought, and what differs between two: new, late, corrected, deleted, merged keys.

A key is *late* where it is new although its event lies more than `LATE_DAYS` before the newest event
known by then. It is *merged* where its rows went to another person and the one they came from has
none left, *unmerged* where they went to a person who had none; else it is *corrected*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from rwe.store.rows import META
from rwe.store.seal import Seal
from rwe.store.table import Table

LATE_DAYS = 30
CLASSES = ("new", "late", "corrected", "merged", "unmerged", "deleted")
PERSON = ("person_token", "person_id")


@dataclass(frozen=True, slots=True)
class Told:
    """One commit: its seal, and how many keys of each class of `CLASSES` it brought."""

    seal: Seal
    counts: dict[str, int]


def history(table: Table, late_days: int = LATE_DAYS) -> list[Told]:
    """Return what each commit of a table brought, oldest first.

    Raises
    ------
    TornStore, DataError
        As `Table.rows`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from rwe.store import Store
    >>> table = Store(Path(tempfile.mkdtemp())).table("site/landing/visit")
    >>> for n, x in enumerate([[1, 2], [1, 3]]):
    ...     _ = table.append(pl.DataFrame({"_key": ["a", "b"], "x": x}), batch=str(n))
    >>> [{name: n for name, n in told.counts.items() if n} for told in history(table)]
    [{'new': 2}, {'corrected': 1}]
    """
    seals, rows = table.seals(), table.rows()
    versions = _states(rows, "_commit").sort("_key", "_commit")
    here = pl.col("_said").shift().over("_key")
    both = versions.with_columns(_was=here, _from=pl.col("_person").shift().over("_key"))
    steps = both.filter(~pl.col("_said").eq_missing(pl.col("_was"))).collect()
    days = _known(seals, steps)
    found = []
    for seal in seals:
        mine = steps.filter(pl.col("_commit") == seal.commit)
        found.append(Told(seal, _counted(_classed(table, mine, seal.commit - 1, seal.commit, days, late_days))))
    return found


def between(table: Table, before: int | datetime, after: int | datetime, late_days: int = LATE_DAYS) -> pl.DataFrame:
    """Return the keys that two commits (or instants) of a table tell differently: ``_key``, ``class``.

    Raises
    ------
    TornStore, DataError
        As `Table.rows`; also where `after` comes before `before`.
    """
    first, last = (table.commit_at(one) if isinstance(one, datetime) else one for one in (before, after))
    old, new = (_states(table.current(commit).with_columns(_commit=commit), "_commit") for commit in (first, last))
    both = old.select("_key", _was="_said", _from="_person").join(new, on="_key", how="full", coalesce=True)
    steps = both.filter(~pl.col("_said").eq_missing(pl.col("_was"))).collect()
    newest = old.select(pl.col("_day").max()).collect().item()
    return _classed(table, steps, first, last, {first: newest}, late_days)


def _states(rows: pl.LazyFrame, by: str) -> pl.LazyFrame:
    """Return what rows say of each key at each commit: ``_said`` (null for deleted), ``_person``, ``_day``."""
    columns = rows.collect_schema()
    days = [n for n, t in columns.items() if n not in META and isinstance(t, pl.Date | pl.Datetime)]
    day = pl.max_horizontal(pl.col(name).cast(pl.Date) for name in days) if days else pl.lit(None, pl.Date)
    person = next((pl.col(name).cast(pl.String) for name in PERSON if name in columns), pl.lit(None, pl.String))
    gone = (pl.col("_op") == "delete").all()
    return rows.group_by("_key", by).agg(
        pl.when(~gone).then(pl.col("_hash").sort().str.join()).alias("_said"),
        person.max().alias("_person"),
        day.max().alias("_day"),
    )


def _known(seals: list[Seal], steps: pl.DataFrame) -> dict[int, date | None]:
    """Return the newest day of an event known at each commit."""
    newest: dict[int, date | None] = {0: None}
    brought = dict(steps.group_by("_commit").agg(pl.col("_day").max()).iter_rows())
    for seal in seals:
        days = [day for day in (newest[seal.commit - 1], brought.get(seal.commit)) if day]
        newest[seal.commit] = max(days, default=None)
    return newest


def _classed(
    table: Table, steps: pl.DataFrame, before: int, after: int, days: dict[int, date | None], late_days: int
) -> pl.DataFrame:
    newest = days.get(before)
    lag = pl.lit(newest, pl.Date) - pl.col("_day") > pl.duration(days=late_days)
    moved = (
        ~pl.col("_person").eq_missing(pl.col("_from")) & pl.col("_said").is_not_null() & pl.col("_was").is_not_null()
    )
    had, left = (_people(table, commit, steps.filter(moved)) for commit in (before, after))
    kind = (
        pl.when(pl.col("_said").is_null())
        .then(pl.lit("deleted"))
        .when(pl.col("_was").is_null() & lag)
        .then(pl.lit("late"))
        .when(pl.col("_was").is_null())
        .then(pl.lit("new"))
        .when(moved & ~pl.col("_from").is_in(left))
        .then(pl.lit("merged"))
        .when(moved & ~pl.col("_person").is_in(had))
        .then(pl.lit("unmerged"))
        .otherwise(pl.lit("corrected"))
    )
    return steps.select("_key", kind.alias("class")).sort("class", "_key")


def _people(table: Table, commit: int, moved: pl.DataFrame) -> list[str]:
    """Return which of the people between whom rows moved have rows at a commit."""
    if moved.is_empty():
        return []
    asked = pl.concat([moved["_person"], moved["_from"]]).unique().drop_nulls()
    found = _states(table.current(commit).with_columns(_commit=commit), "_commit")
    return (
        found.filter(pl.col("_person").is_in(asked.implode())).select("_person").unique().collect()["_person"].to_list()
    )


def _counted(keys: pl.DataFrame) -> dict[str, int]:
    counts = dict(keys["class"].value_counts().iter_rows())
    return {name: counts.get(name, 0) for name in CLASSES}
