# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented hospital: a SQLite database of as many seeded rows as a self test asks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe.chain import on_disk
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Source
from synthetic.rows import pieces, source
from synthetic.served import Served, served

_PIECE = 50_000


@dataclass(frozen=True, slots=True)
class Invented:
    """A hospital of seeded rows (`synthetic.rows`), built to order.

    Parameters
    ----------
    name
        What the user calls it, and the name of its site.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "hospital.db"
    >>> INVENTED.build(place, ["patient", "dose"], rows=10)
    >>> INVENTED.site(place).connector
    'sql'
    """

    name: str

    def source(self, tables: Sequence[str]) -> Source:
        """Return what a database of these tables is declared to hold."""
        return source(*tables)

    def site(self, path: Path, page_rows: int = 20_000) -> Site:
        """Return where the database is."""
        title = Text(en="Invented hospital", bg="Измислена болница")
        url = f"sqlite:///{path.as_posix()}"
        options = {"overlap_days": 1}  # a week would be 19,000 rows of a hospital that writes one every half minute
        settings = {"page_rows": page_rows, "options": options}
        return Site(site=self.name, title=title, connector="sql", url=url, mapping=".", **settings)

    def build(self, path: Path, tables: Sequence[str], *, rows: int, seed: int = 0, people: int = 1000) -> None:
        """Write a new database of `rows` rows a table (of the table ``patient`` at most one for each person)."""
        with on_disk(path), closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA synchronous = OFF")  # it can be made again
            for table in tables:
                n = min(rows, people) if table == "patient" else rows
                for piece in pieces(table, n, _PIECE, seed=seed, people=people):
                    _insert(database, table, piece)
                database.execute(f"CREATE INDEX {table}_order ON {table} (modified_at, row_id)")
            database.commit()

    def served(self, tables: Sequence[str], rows: int, seed: int = 0) -> AbstractContextManager[Served]:
        """Start a PostgreSQL of `rows` rows a table, to be read over the network and to fail.

        Raises
        ------
        MachineError
            If it is not installed.
        """
        return served(tables, rows, seed)


def _insert(database: sqlite3.Connection, table: str, piece: pl.DataFrame) -> None:
    """Insert rows as SQLite keeps them: days and instants as text that sorts by time."""
    kinds = {"row_id": "INTEGER PRIMARY KEY", "modified_at": "TIMESTAMP"}
    columns = [f"{name} {kinds.get(name, _kind(dtype))}" for name, dtype in piece.schema.items()]
    database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})")
    instants = pl.selectors.datetime()
    plain = piece.with_columns(instants.dt.replace_time_zone(None).dt.to_string("%Y-%m-%d %H:%M:%S%.6f"))
    plain = plain.with_columns(pl.selectors.date().dt.to_string("%Y-%m-%d"))
    database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * piece.width)})", plain.rows())


def _kind(dtype: pl.DataType) -> str:
    kinds = {pl.Date: "DATE", pl.Datetime: "TIMESTAMP", pl.Int64: "BIGINT", pl.Float64: "DOUBLE"}
    return next((name for kind, name in kinds.items() if isinstance(dtype, kind)), "TEXT")


INVENTED = Invented("invented")
