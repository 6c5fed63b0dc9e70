# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented hospital on a database server, which can be told to fail: its sessions, its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from rwe.spec.site import Site
from synthetic.postgres import postgres
from synthetic.rows import rows as seeded

_KINDS = {pl.Int64: "bigint", pl.Float64: "double precision", pl.Date: "date", pl.Datetime: "timestamptz"}
# while a row stands in `trouble`, whoever reads a table is told its SQLSTATE
_TROUBLE = (
    "CREATE TABLE trouble (state text, until timestamptz)",
    """CREATE FUNCTION calm() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
    DECLARE told text := (SELECT state FROM trouble WHERE clock_timestamp() < until);
    BEGIN
        IF told IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = told, MESSAGE = 'made on purpose'; END IF;
        RETURN true;
    END $$""",
    "CREATE ROLE reader LOGIN",
    "GRANT SELECT ON trouble TO reader",
)


@dataclass(frozen=True, slots=True)
class Served:
    """A database server of one hospital, for self tests.

    Parameters
    ----------
    port
        Where it listens on 127.0.0.1.
    """

    port: int

    def site(self, like: Site, port: int) -> Site:
        """Return where the hospital is, as another site of it says, behind `port`."""
        url = f"postgresql://reader@127.0.0.1:{port}/postgres"
        options = {**like.options, "retry_seconds": 6}
        return like.model_copy(update={"url": url, "timeout_seconds": 1, "options": options})

    def trouble(self, state: str, seconds: float) -> None:
        """Answer whoever reads with an SQLSTATE for so long."""
        with _owner(self.port) as connection:
            connection.exec_driver_sql("DELETE FROM trouble")
            until = "clock_timestamp() + make_interval(secs => %(seconds)s)"
            values = {"state": state, "seconds": seconds}
            connection.exec_driver_sql(f"INSERT INTO trouble SELECT %(state)s, {until}", values)

    def kill(self) -> None:
        """End the sessions of whoever reads."""
        self._of_readers("pg_terminate_backend(pid)")

    def sessions(self) -> int:
        """Return how many sessions of readers there are."""
        return len(self._of_readers("pid"))

    def _of_readers(self, what: str) -> Sequence[sa.Row[Any]]:
        with _owner(self.port) as connection:
            return connection.exec_driver_sql(
                f"SELECT {what} FROM pg_stat_activity WHERE usename = 'reader'"
            ).fetchall()


@contextmanager
def served(tables: Sequence[str], rows: int, seed: int) -> Iterator[Served]:
    """Start a server of so many rows a table.

    Raises
    ------
    MachineError
        If no server is installed; says which package holds it.
    """
    with postgres() as port:
        with _owner(port) as connection:
            for statement in _TROUBLE:
                connection.exec_driver_sql(statement)
            for table in tables:
                _fill(connection, table, seeded(table, rows, seed=seed))
        yield Served(port)


def _fill(connection: sa.Connection, table: str, frame: pl.DataFrame) -> None:
    kinds = {name: next((k for t, k in _KINDS.items() if isinstance(d, t)), "text") for name, d in frame.schema.items()}
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    places = ", ".join(["%s"] * frame.width)
    for statement in (
        f"CREATE TABLE {table}_rows ({columns}, PRIMARY KEY (row_id))",
        f"CREATE INDEX ON {table}_rows (modified_at, row_id)",
        f"CREATE VIEW {table} AS SELECT * FROM {table}_rows WHERE calm()",
        f"GRANT SELECT ON {table} TO reader",
    ):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"INSERT INTO {table}_rows VALUES ({places})", frame.rows())


@contextmanager
def _owner(port: int) -> Iterator[sa.Connection]:
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
