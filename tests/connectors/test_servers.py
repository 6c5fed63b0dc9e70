# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The servers of the tests are real, keep Cyrillic, and are reached over TCP and ODBC."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from tests.connectors.servers import MariaDb, Postgres

NAME = "Иванов № 5"


@pytest.mark.ci
def test_postgresql_on_tcp_and_odbc_in_two_encodings(postgres_tcp: Postgres) -> None:
    import pyodbc

    for encoding in ("UTF8", "WIN1251"):
        url = postgres_tcp.database(encoding)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (name text)")
            connection.execute(sa.text("INSERT INTO t VALUES (:name)"), {"name": NAME})
        engine.dispose()

        with closing(pyodbc.connect(postgres_tcp.odbc(engine.url.database or ""))) as connection:
            assert connection.execute("SELECT name FROM t").fetchval() == NAME


@pytest.mark.ci
def test_mariadb_on_odbc(mariadb: MariaDb) -> None:
    with mariadb.connect(mariadb.database()) as connection:
        connection.execute("CREATE TABLE t (name text)")
        connection.execute("INSERT INTO t VALUES (?)", NAME)

        assert connection.execute("SELECT name FROM t").fetchval() == NAME
