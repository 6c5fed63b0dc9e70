# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Second sessions that answer with Arrow, database by database: in the same state and of the same manners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import visitors

from connectors.sql_catalogue import Plan
from connectors.sql_manners import MANNERS
from connectors.sql_session import Session

_BYTES = 1 << 23  # of an ODBC driver's buffer: one four times as large reads no sooner and is held twice
_LONGEST = 1 << 14  # bytes of a text in that buffer; a longer one is an error of the driver, and read row by row


class Way(Protocol):
    """A session that answers with Arrow."""

    def fetch(self, page: sa.Select[Any]) -> pa.Table:
        """Return the rows of a page."""
        ...

    def tell(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


class Unlike(Exception):
    """A second session could be had, but not one that behaves as the first."""


class _Adbc:
    """A session of an ADBC driver, without that package's DB-API, which would load pandas."""

    def __init__(self, database: Any, dialect: sa.Dialect) -> None:
        from adbc_driver_manager import AdbcConnection

        self._database, self._dialect = database, dialect
        self._connection = AdbcConnection(database)

    def begin(self) -> None:
        """Begin a transaction that lasts: one begun by a statement the driver ends when it binds a time with a zone."""
        self._connection.set_autocommit(False)

    def ask(self, statement: str, values: Sequence[Any] = ()) -> pa.Table:
        from adbc_driver_manager import AdbcStatement

        with AdbcStatement(self._connection) as asked:
            asked.set_sql_query(statement)
            if values:
                # by way of polars: Arrow loads pandas to see what plain values are
                given = pl.DataFrame({str(i): [value] for i, value in enumerate(values)})
                asked.prepare()
                asked.bind(given.to_arrow().to_batches()[0])
            answer, _ = asked.execute_query()
            return pa.RecordBatchReader.from_stream(answer).read_all()

    def tell(self, statement: str) -> None:
        from adbc_driver_manager import AdbcStatement

        with AdbcStatement(self._connection) as told:
            told.set_sql_query(statement)
            told.execute_update()

    def fetch(self, page: sa.Select[Any]) -> pa.Table:
        made = page.compile(dialect=self._dialect)
        return self.ask(str(made), [made.params[name] for name in made.positiontup or ()])

    def close(self) -> None:
        self._connection.close()
        self._database.close()


class _Copied(_Adbc):
    """A session of PostgreSQL: an answer with nothing bound comes as a binary COPY, for a fifth less than the other."""

    def fetch(self, page: sa.Select[Any]) -> pa.Table:
        return super().fetch(plainly(page))


def _postgresql(session: Session, seconds: int, _plan: Plan) -> Way:
    """Open a session that sees the very snapshot of the first."""
    import adbc_driver_postgresql as adbc

    snapshot = session.connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    place = session.address.url.set(drivername="postgresql").update_query_dict({"connect_timeout": str(seconds)})
    numbered: Any = postgresql.dialect
    way = _Copied(adbc.connect(place.render_as_string(hide_password=False)), numbered(paramstyle="numeric_dollar"))
    way.begin()
    manners = MANNERS[session.kind]
    state = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    for statement in (*state, *manners.settings(seconds, "")):
        way.tell(statement)
    return _alike(way, lambda question: str(way.ask(question)[0][0]), manners.read_only, session)


def _sqlite(session: Session, _seconds: int, plan: Plan) -> Way:
    """Open the file once more; a text column must be one that SQLite itself holds to texts."""
    import adbc_driver_sqlite as adbc

    path = session.connection.exec_driver_sql("PRAGMA database_list").one()[2]
    way = _Adbc(adbc.connect(f"file:{quote(str(Path(path)))}?mode=ro"), sqlite.dialect())
    for statement in ("PRAGMA query_only = ON", "BEGIN"):
        way.tell(statement)
    types = _declared(way, plan)
    texts = [name for name in plan.present if plan.stream.columns[name].type == "text"]
    paging = [name for name, kind in ((plan.by, plan.cursor), (plan.stream.key, plan.key)) if kind == "text"]
    if loose := [name for name in texts + paging if not _only_texts(types.get(name, ""))]:
        times = loose == [plan.by] and plan.spelled  # each is compared with `_TIME`
        if not times:
            way.close()
            raise Unlike
    return _alike(way, lambda question: str(way.ask(question)[0][0]), MANNERS[session.kind].read_only, session)


def _declared(way: _Adbc, plan: Plan) -> Mapping[str, str]:
    quoted = plan.stream.table.replace("'", "''")
    found = way.ask(f"SELECT name, upper(type) FROM pragma_table_info('{quoted}')")
    return dict(zip(found[0].to_pylist(), found[1].to_pylist(), strict=True))


def _only_texts(declared: str) -> bool:
    """Tell whether a column has text affinity (SQLite, datatypes, 3.1)."""
    return "INT" not in declared and any(word in declared for word in ("CHAR", "CLOB", "TEXT"))


class _Odbc:
    """A session of arrow-odbc."""

    def __init__(self, connection: Any, dialect: sa.Dialect, seconds: int) -> None:
        self._connection, self._dialect, self._seconds = connection, dialect, seconds

    def ask(self, statement: str, values: list[str] | None = None) -> pa.Table:
        limits = {"max_bytes_per_batch": _BYTES, "max_text_size": _LONGEST, "query_timeout_sec": self._seconds}
        reader = self._connection.read_arrow_batches(statement, parameters=values, **limits)
        batches = list(reader)
        return pa.Table.from_batches(batches, reader.schema)

    def tell(self, statement: str) -> None:
        self._connection.execute(statement)

    def fetch(self, page: sa.Select[Any]) -> pa.Table:
        """Ask with whole numbers in the statement and the rest bound: this driver binds all as text."""
        inlined: Any = visitors.replacement_traverse(page, {}, _inlined)
        made = inlined.compile(dialect=self._dialect)
        values = [made.params[name] for name in made.positiontup or ()]
        return self.ask(str(made), [_spelled(value) for value in values] or None)

    def close(self) -> None:
        self._connection = None


def _inlined(element: Any, **_kw: Any) -> Any:
    whole = isinstance(element, sa.BindParameter) and type(element.value) is int
    return sa.literal_column(str(element.value)) if whole else None


def plainly(page: sa.Select[Any]) -> sa.Select[Any]:
    """Return a statement with numbers, days and instants written out; texts stay bound."""
    made: Any = visitors.replacement_traverse(page, {}, _written)
    return cast(sa.Select[Any], made)


def _written(element: Any, **_kw: Any) -> Any:
    """Write what cannot hold a statement of its own: whole numbers, days and instants of Python."""
    if isinstance(element, sa.BindParameter) and isinstance(element.value, date):  # an instant is one too
        return sa.cast(sa.literal_column(f"'{element.value.isoformat()}'"), element.type)
    return _inlined(element)


def _spelled(value: Any) -> str:
    if not isinstance(value, str):
        raise Unlike
    return value


def _mariadb(session: Session, seconds: int, _plan: Plan) -> Way:
    import arrow_odbc

    connection = arrow_odbc.connect(session.address.text.reveal(), login_timeout_sec=seconds)
    way, manners = _Odbc(connection, session.connection.dialect, seconds), MANNERS[session.kind]
    for statement in (*manners.settings(seconds, session.facts["server"]), *manners.snapshot(lambda _question: "")):
        way.tell(statement)
    return _alike(way, lambda question: str(way.ask(question)[0][0]), manners.read_only, session)


def _alike(way: Way, ask: Callable[[str], str], read_only: str, session: Session) -> Way:
    """Return the session if it only reads and keeps the same clock."""
    zone = MANNERS[session.kind].clock(ask)
    if ask(read_only) not in ("1", "on") or zone != session.facts["zone"]:
        way.close()
        raise Unlike
    return way


WAYS: dict[tuple[str, str], tuple[Callable[[Session, int, Plan], Way], str]] = {
    ("postgresql", "psycopg"): (_postgresql, "adbc-driver-postgresql"),
    ("sqlite", "sqlite3"): (_sqlite, "adbc-driver-sqlite"),
    ("mariadb", "pyodbc"): (_mariadb, "arrow-odbc"),
}
