# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy lacks: any ODBC source by the catalogue of its driver, and MariaDB through MariaDB's own driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.connectors.pyodbc import PyODBCConnector
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.pyodbc import MySQLDialect_pyodbc
from sqlalchemy.engine import Dialect, default
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql import compiler

# SQL types of ODBC by their code (sql.h, sqlext.h of the ODBC 3.8 headers).
_TYPES: dict[int, type[sa.types.TypeEngine[Any]]] = {
    **dict.fromkeys((1, 12, -1, -8, -9, -10), sa.String),  # CHAR, VARCHAR, LONGVARCHAR and their wide forms
    **dict.fromkeys((4, 5, -5, -6), sa.Integer),  # INTEGER, SMALLINT, BIGINT, TINYINT
    **dict.fromkeys((2, 3), sa.Numeric),
    **dict.fromkeys((6, 7, 8), sa.Float),
    **dict.fromkeys((9, 91), sa.Date),
    **dict.fromkeys((11, 93), sa.DateTime),
    -7: sa.Boolean,
}
_TOP = ("Microsoft SQL Server", "ACCESS", "Adaptive Server", "Sybase")
_LIMIT = ("PostgreSQL", "MariaDB", "MySQL", "SQLite")


class OdbcCompiler(compiler.SQLCompiler):
    """Bounds a page in the words of the database behind the driver."""

    def get_select_precolumns(self, select: Any, **kw: Any) -> str:
        """Return TOP where the database says so."""
        before = super().get_select_precolumns(select, **kw)
        return before + (f"TOP {self._rows(select)} " if self._bounded(select) and self._words(_TOP) else "")

    def limit_clause(self, select: Any, **_kw: Any) -> str:
        """Return LIMIT, or the standard's FETCH FIRST."""
        if not self._bounded(select) or self._words(_TOP):
            return ""
        rows = self._rows(select)
        return f"\n LIMIT {rows}" if self._words(_LIMIT) else f"\n FETCH FIRST {rows} ROWS ONLY"

    def _bounded(self, select: Any) -> bool:
        return select._limit_clause is not None

    def _rows(self, select: Any) -> int:
        return int(select._limit)  # a number of the site file, checked by its grammar; never text

    def _words(self, names: tuple[str, ...]) -> bool:
        return str(getattr(self.dialect, "dbms", "")).startswith(names)


class OdbcDialect(PyODBCConnector, default.DefaultDialect):
    """A database of which only ODBC's own calls are asked: names, types, the sign that quotes identifiers."""

    name = "odbc"
    supports_statement_cache = True
    statement_compiler = OdbcCompiler
    default_paramstyle = "qmark"
    dbms = ""

    def initialize(self, connection: sa.Connection) -> None:
        """Ask the driver for what the statements need."""
        import pyodbc

        raw: Any = connection.connection.dbapi_connection
        self.dbms = str(raw.getinfo(pyodbc.SQL_DBMS_NAME))
        sign = str(raw.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR)).strip()
        closing = {"[": "]"}.get(sign, sign)
        self.identifier_preparer = compiler.IdentifierPreparer(self, sign or '"', closing or '"')
        self.default_schema_name = ""
        self.server_version_info = ()

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Roll back only where a transaction was begun through the driver."""
        if not dbapi_connection.autocommit:
            dbapi_connection.rollback()

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **_kw: Any) -> list[str]:
        """Return tables by SQLTables."""
        return self._relations(connection, schema, "TABLE")

    def get_view_names(self, connection: sa.Connection, schema: str | None = None, **_kw: Any) -> list[str]:
        """Return views by SQLTables."""
        return self._relations(connection, schema, "VIEW")

    def get_columns(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **_kw: Any
    ) -> list[Any]:
        """Return columns and their types by SQLColumns; the name is a pattern there, so answers are compared."""
        import pyodbc

        raw: Any = connection.connection.dbapi_connection
        escape, pattern = str(raw.getinfo(pyodbc.SQL_SEARCH_PATTERN_ESCAPE)), table_name
        for sign in (escape, "%", "_") if escape else ():
            pattern = pattern.replace(sign, escape + sign)
        found = [row for row in raw.cursor().columns(table=pattern, schema=schema) if row[2] == table_name]
        if not found:
            raise NoSuchTableError(table_name)
        return [{"name": row[3], "type": _TYPES.get(row[4], sa.types.NullType)(), "nullable": True} for row in found]

    def _relations(self, connection: sa.Connection, schema: str | None, kind: str) -> list[str]:
        raw: Any = connection.connection.dbapi_connection
        return [row[2] for row in raw.cursor().tables(schema=schema, tableType=kind)]


class MariaDialect(MySQLDialect_pyodbc):
    """MariaDB's driver speaks UTF-16 as ODBC says; SQLAlchemy sets UTF-8, which is for MySQL's."""

    supports_statement_cache = True

    def on_connect(self) -> Callable[[Any], None]:
        """Leave the driver as it is."""
        return lambda _connection: None


def dialect(kind: str, driver: str) -> str:
    """Return the URL of a dialect, without an address: the connection is made elsewhere."""
    registry.register("rwe.odbc", __name__, "OdbcDialect")
    registry.register("rwe.mariadb", __name__, "MariaDialect")
    if kind in ("odbc", "mariadb"):
        return f"rwe+{kind}://"
    return "sqlite://" if kind == "sqlite" else f"{kind}+{driver}://"


def behind(found: Dialect) -> str:
    """Return the kind of database that a dialect speaks to; for ODBC, what its driver says."""
    if found.name != "odbc":
        return {"mysql": "mariadb"}.get(found.name, found.name)
    named = str(getattr(found, "dbms", ""))
    return {"Microsoft SQL Server": "mssql", "MySQL": "mariadb"}.get(named, named.lower())
