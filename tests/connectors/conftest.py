# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`clinic`: a small hospital database, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.conformance import SOURCE
from connectors.sql import SqlConnector, connect
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Source


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
                connection.execute(sa.insert(there).values(row))

    def run(self, *statements: str) -> None:
        """Run statements as the hospital itself."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def open(self, page_rows: int = 100, source: Source = SOURCE, **changes: Any) -> SqlConnector:
        """Return a connector on it."""
        return connect(self.site.model_copy(update={"page_rows": page_rows, **changes}), source, self.home)

    @property
    def sqlite(self) -> bool:
        """Whether it is the SQLite one."""
        return self.engine.dialect.name == "sqlite"


def _tables() -> sa.MetaData:
    made = sa.MetaData()
    for name in ("visit", "visit_empty"):
        sa.Table(
            name,
            made,
            sa.Column("row_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("modified_at", sa.DateTime(timezone=True)),
            sa.Column("patient_no", sa.Text),
            sa.Column("seen_on", sa.Date),
            sa.Column("seen_at", sa.DateTime(timezone=True)),
            sa.Column("score", sa.BigInteger),
            sa.Column("size", sa.Float(53)),
            sa.Column("note", sa.Text),
        )
    return made


@pytest.fixture(scope="session")
def hospital(postgres: Callable[[], str]) -> str:
    """Return the URL of one PostgreSQL database for all tests here."""
    return postgres()


def _emptied(url: str) -> str:
    """Return the database to what it was when it was made; faster than making another."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} RESET ALL")
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS ward CASCADE")
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO public")
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    """Return an empty clinic, once in each database."""
    if request.param == "sqlite":
        (tmp_path / "hospitals").mkdir()
        url, shown = f"sqlite:///{tmp_path}/hospitals/clinic.db", "sqlite:///{home}/hospitals/clinic.db"
    else:
        url = shown = _emptied(request.getfixturevalue("hospital"))
    title = Text(en="Clinic", bg="Клиника")
    site = Site(site="clinic", title=title, connector="sql", url_env="RWE_TEST_CLINIC_URL", mapping=".")
    engine = sa.create_engine(url)
    _tables().create_all(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RWE_TEST_CLINIC_URL", shown)
        yield Clinic(engine, site, tmp_path)
    engine.dispose()
