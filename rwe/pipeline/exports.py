# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A table as of a commit or an instant, written inside the zone: the same state gives the same bytes."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, time
from pathlib import Path

import polars as pl

from rwe.errors import DefinitionError, Refused
from rwe.pipeline.erased_files import EXPORTS
from rwe.pipeline.files import write_table
from rwe.store import Store, Table

_NAME = re.compile(r"[\w][\w.-]{0,150}\.(csv|parquet)")


def find_table(home: Path, name: str) -> Table:
    """Return a table of a home by its name, for example ``clinic/landing/visit``.

    Raises
    ------
    DefinitionError
        If there is none; names the nearest.
    """
    store = Store(home / "store")
    known = store.names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        cure = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}"
        raise DefinitionError(f"no table '{name}' in {store.root}; {cure}")
    return store.table(name)


def moment(text: str) -> int | datetime:
    """Return what ``7``, ``2026-03-01`` (the end of that day) or ``2026-03-01T09:30`` names; times are UTC.

    Raises
    ------
    DefinitionError
        If it is none of these.

    Examples
    --------
    >>> moment("7"), moment("2026-03-01T09:30")
    (7, datetime.datetime(2026, 3, 1, 9, 30, tzinfo=datetime.timezone.utc))
    >>> moment("2026-03-01")
    datetime.datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc)
    """
    if text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError("write a commit (7), a day (2026-03-01) or a time in UTC (2026-03-01T09:30)") from None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        found = datetime.combine(found, time.max)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def export(table: Table, at: int | datetime, home: Path, name: str | None = None) -> tuple[Path, int]:
    """Write the rows of a table as of a commit or an instant into the home's ``exports/``; return path and rows.

    Parameters
    ----------
    name
        File name, ``.csv`` or ``.parquet``; made from table and commit where None.

    Raises
    ------
    Refused
        If `name` leads out of the folder: rows of people stay inside the zone.
    TornStore, DataError
        As `Table.rows`.
    """
    commit = table.commit_at(at) if isinstance(at, datetime) else at
    name = name or f"{table.name.replace('/', '.')}-{commit}.csv"
    if not _NAME.fullmatch(name):
        raise Refused("rows of people stay inside the zone: name a .csv or .parquet file without a folder")
    rows = table.current(commit).sort("_key", "_hash").collect()
    if name.endswith(".csv"):
        rows = rows.with_columns(pl.col(pl.List(pl.String)).list.join(" "))
    folder = home / EXPORTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_table(folder / name, rows)
    return folder / name, rows.height
