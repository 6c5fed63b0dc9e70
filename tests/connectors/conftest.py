# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`clinic`: a small hospital database, the same in each database that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyodbc
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import DATETIME

from connectors.conformance import SOURCE, Fault
from connectors.sql import SqlConnector, connect
from connectors.sql_dialects import dialect
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Source
from tests.connectors.servers import MariaDb, Missing, Postgres, odbc_driver
from tests.connectors.tiers import databases

# Nothing is read twice, so that a test can say what exactly comes.
EXACT = {"overlap_days": 0, "retry_seconds": 1}


@dataclass(frozen=True)
class Clinic:
    """A database to write to, and its site to read from."""

    engine: sa.Engine
    site: Site
    home: Path

    def write(self, rows: Sequence[dict[str, Any]], table: str = "visit") -> None:
        """Insert rows, or replace those with the same ``row_id``."""
        there = sa.Table(table, sa.MetaData(), autoload_with=self.engine)
        with self.engine.begin() as connection:
            for row in rows:
                connection.execute(sa.delete(there).where(there.c.row_id == row["row_id"]))
                connection.execute(sa.insert(there).values({name: self._given(value) for name, value in row.items()}))

    def _given(self, value: Any) -> Any:
        """Return a value as the database takes it whole: MariaDB's driver cuts a bound time to seconds."""
        if self.engine.dialect.name == "mysql" and isinstance(value, datetime):
            return sa.literal_column(f"'{value.replace(tzinfo=None).isoformat(' ')}'")
        return value

    def run(self, *statements: str) -> None:
        """Run statements as the hospital itself."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def open(self, page_rows: int = 100, source: Source = SOURCE, **changes: Any) -> SqlConnector:
        """Return a connector on it."""
        return connect(self.site.model_copy(update={"page_rows": page_rows, **changes}), source, self.home)

    def breaks(self, kind: Fault) -> bool:
        """Take a column away, or the database where it is a file."""
        if kind == "contract":
            self.run("ALTER TABLE visit DROP COLUMN note")
        elif self.sqlite:
            Path(self.engine.url.database or "").unlink()
        return kind == "contract" or self.sqlite

    @property
    def sqlite(self) -> bool:
        """Whether it is the SQLite one."""
        return self.engine.dialect.name == "sqlite"


_INSTANT = sa.DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql")


def _tables() -> sa.MetaData:
    made = sa.MetaData()
    for name in ("visit", "visit_empty"):
        sa.Table(
            name,
            made,
            sa.Column("row_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("modified_at", _INSTANT),
            sa.Column("patient_no", sa.Text),
            sa.Column("seen_on", sa.Date),
            sa.Column("seen_at", _INSTANT),
            sa.Column("score", sa.BigInteger),
            sa.Column("size", sa.Float(53)),
            sa.Column("note", sa.Text),
        )
    return made


@pytest.fixture(scope="session")
def hospital(postgres: Callable[[], str]) -> str:
    """Return the URL of one PostgreSQL database for all tests here."""
    return _with_reader(postgres())


@pytest.fixture(scope="session")
def hospital_on_tcp(postgres_tcp: Postgres) -> str:
    """Return the URL of one database of the PostgreSQL on TCP for all tests here."""
    return _with_reader(postgres_tcp.database())


def _with_reader(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE reader LOGIN")
    engine.dispose()
    return url


def _emptied(url: str) -> str:
    """Return the database to what it was when it was made; faster than making another."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        # a session whose line a test before broke may wait there for its reader, and hold what is to be dropped
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} RESET ALL")
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS ward CASCADE")
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO public")
        connection.exec_driver_sql("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader")
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    """Return an empty clinic, once in each of the two databases that need no server of the system."""
    yield from _clinic(request, tmp_path)


@pytest.fixture(params=databases("sqlite", "postgresql", "postgresql over odbc", "mariadb"))
def any_clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    """Return an empty clinic, once in each database and by each way that is here."""
    yield from _clinic(request, tmp_path)


def _clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    engine, shown = _PLACES[request.param](request, tmp_path)
    title = Text(en="Clinic", bg="Клиника")
    options = EXACT
    url = "RWE_TEST_CLINIC_URL"
    site = Site(site="clinic", title=title, connector="sql", url_env=url, mapping=str(tmp_path), options=options)
    _tables().create_all(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(url, shown)
        yield Clinic(engine, site, tmp_path)
    engine.dispose()


def _sqlite(_request: pytest.FixtureRequest, folder: Path) -> tuple[sa.Engine, str]:
    (folder / "hospitals").mkdir()
    return sa.create_engine(f"sqlite:///{folder}/hospitals/clinic.db"), "sqlite:///{home}/hospitals/clinic.db"


def _sqlite_odbc(request: pytest.FixtureRequest, folder: Path) -> tuple[sa.Engine, str]:
    driver = _or_skip(lambda: odbc_driver("SQLite3", "libsqliteodbc"))
    engine, _ = _sqlite(request, folder)
    return engine, f"odbc:///{quote(str(engine.url.database), safe='')}?driver={driver}"


def _postgresql(request: pytest.FixtureRequest, _folder: Path) -> tuple[sa.Engine, str]:
    url = _emptied(request.getfixturevalue("hospital"))
    return sa.create_engine(url), sa.make_url(url).set(username="reader").render_as_string(hide_password=False)


def _postgresql_odbc(request: pytest.FixtureRequest, _folder: Path) -> tuple[sa.Engine, str]:
    driver = _or_skip(lambda: odbc_driver("PostgreSQL Unicode", "odbc-postgresql"))
    engine = sa.create_engine(_emptied(request.getfixturevalue("hospital_on_tcp")))
    return engine, f"odbc://reader@127.0.0.1:{engine.url.port}/{engine.url.database}?driver={quote(driver)}"


def _postgresql_on_tcp(request: pytest.FixtureRequest, _folder: Path) -> tuple[sa.Engine, str]:
    url = _emptied(request.getfixturevalue("hospital_on_tcp"))
    return sa.create_engine(url), sa.make_url(url).set(username="reader").render_as_string(hide_password=False)


def _mariadb(request: pytest.FixtureRequest, _folder: Path) -> tuple[sa.Engine, str]:
    server: MariaDb = request.getfixturevalue("mariadb")
    name = server.database()
    with server.connect(name) as owner:
        owner.execute("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'reader;secret}'")
        owner.execute(f"GRANT SELECT ON {name}.* TO reader@'127.0.0.1'")
    text = server.odbc(name)
    engine = sa.create_engine(dialect("mariadb", "pyodbc"), creator=lambda: pyodbc.connect(text))
    return engine, server.url(name, "reader", quote("reader;secret}"))


def _or_skip(find: Callable[[], str]) -> str:
    try:
        return find()
    except Missing as exc:
        pytest.skip(str(exc))


_PLACES: dict[str, Callable[[pytest.FixtureRequest, Path], tuple[sa.Engine, str]]] = {
    "sqlite": _sqlite,
    "sqlite over odbc": _sqlite_odbc,
    "postgresql": _postgresql,
    "postgresql over odbc": _postgresql_odbc,
    "postgresql on tcp": _postgresql_on_tcp,
    "mariadb": _mariadb,
}
