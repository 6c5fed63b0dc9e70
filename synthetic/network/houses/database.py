# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sheets as tables of a database: SQLite in a file, or whatever server a URL names, in the types of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import polars as pl
import sqlalchemy as sa

from rwe.errors import DefinitionError, MachineError, SourceUnreachable
from synthetic.network.houses.cells import Kind, Sheet

_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    "key": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),  # of SQLite the key that costs nothing
    "text": sa.Unicode(255).with_variant(sa.Text(), "sqlite", "postgresql"),
    "day": sa.Date(),
    "moment": sa.DateTime(),
    "integer": sa.BigInteger(),
    "number": sa.Double(),
}


class Database:
    """The tables of one house.

    Parameters
    ----------
    url
        SQLAlchemy URL; only an empty database is taken.
    sheets
        Its tables.
    changed
        The column of a table that says when a row was written; it is read in this order.
    zoned
        Whether moments have a zone.

    Attributes
    ----------
    tables
        By name, as the database is told of them.
    """

    def __init__(self, url: str, sheets: Sequence[Sheet], *, changed: str, zoned: bool = False) -> None:
        self._sheets = sheets
        self._zoned = zoned
        try:
            self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        except (sa.exc.ArgumentError, ValueError):
            raise DefinitionError(
                "a hospital's url is not an SQLAlchemy URL; write postgresql://host/database"
            ) from None
        except ImportError as exc:
            raise MachineError(f"the driver of a hospital's url is not installed: {exc.name}") from None
        metadata = sa.MetaData()
        self.tables = {sheet.name: self._table(metadata, sheet) for sheet in sheets}
        self._orders = [
            sa.Index(f"{name}_order", table.c[changed], next(iter(table.primary_key)))
            for name, table in self.tables.items()
        ]

    def _table(self, metadata: sa.MetaData, sheet: Sheet) -> sa.Table:
        return sa.Table(sheet.name, metadata, *(self._column(name, cell.kind) for name, cell in sheet.cells.items()))

    def _column(self, name: str, kind: Kind) -> sa.Column[Any]:
        as_is = sa.DateTime(timezone=True) if kind == "moment" and self._zoned else _TYPES[kind]
        return sa.Column(name, as_is, primary_key=kind == "key", autoincrement=False)

    def create(self) -> None:
        """Make the tables, without the indexes that rows would only wait for."""
        with self._ready() as connection:
            taken = set(sa.inspect(connection).get_table_names()) & set(self.tables)
            if taken:
                raise DefinitionError(f"the database of a hospital has tables {', '.join(sorted(taken))} already")
            for table in self.tables.values():
                connection.execute(sa.schema.CreateTable(table))

    def write(self, entries: Mapping[str, pl.DataFrame], hospital: str) -> dict[str, int]:
        """Append what a hospital holds of some persons; return rows by table."""
        rows = {sheet.name: sheet.of(entries, hospital) for sheet in self._sheets}
        if self._engine.dialect.name == "sqlite":
            rows = {name: _as_text(table) for name, table in rows.items()}
            if find_spec("adbc_driver_sqlite"):
                return _columns_into(str(self._engine.url.database), rows)
        with self._ready() as connection:
            for name, table in rows.items():
                if table.height:
                    connection.exec_driver_sql(self._insert(name), table.rows())
        return {name: table.height for name, table in rows.items()}

    def finish(self) -> None:
        """Make the indexes and let the database go."""
        with self._ready() as connection:
            for order in self._orders:
                order.create(connection)
        self._engine.dispose()

    def _insert(self, name: str) -> str:
        dialect = self._engine.dialect
        quote = dialect.identifier_preparer.quote
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        columns = self.tables[name].columns.keys()
        return (
            f"INSERT INTO {quote(name)} ({', '.join(map(quote, columns))}) VALUES ({', '.join([mark] * len(columns))})"
        )

    @contextmanager
    def _ready(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA synchronous = OFF")  # it can be made again
                yield connection
        except sa.exc.OperationalError as exc:
            shown = self._engine.url.render_as_string(hide_password=True)
            kind = MachineError if self._engine.dialect.name == "sqlite" else SourceUnreachable
            raise kind(f"the hospital database {shown} cannot be written: {type(exc.orig).__name__}") from None


def _as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Return days and instants as the text that SQLite keeps, which sorts by time."""
    instants, days = pl.selectors.datetime(), pl.selectors.date()
    table = table.with_columns(instants.dt.replace_time_zone(None).dt.to_string("%Y-%m-%d %H:%M:%S"))
    return table.with_columns(days.dt.to_string("%Y-%m-%d"))


def _columns_into(path: str, rows: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    """Append columns to a file of SQLite at half the cost of rows, where the extra ``arrow`` is installed."""
    from adbc_driver_sqlite import dbapi

    try:
        with dbapi.connect(path, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # it can be made again
            for name, table in rows.items():
                if table.height:
                    cursor.adbc_ingest(name, table.to_arrow(), mode="append")
    except dbapi.Error as exc:
        raise MachineError(f"the hospital database {path} cannot be written: {type(exc).__name__}") from None
    return {name: table.height for name, table in rows.items()}
