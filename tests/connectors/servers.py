# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Database servers of a test process: Debian's own programs, on 127.0.0.1 and a free port, stopped by their own pid."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa

from synthetic.postgres import Missing, folder_of, free_port, ran, serving, wait
from synthetic.postgres import postgres as started

_NUMBERS = count(1)


def odbc_driver(name: str, package: str) -> str:
    """Return the name of an ODBC driver if it is registered here."""
    try:
        import pyodbc
    except ImportError:
        raise Missing("no ODBC manager: install the Debian package unixodbc") from None
    if name not in pyodbc.drivers():
        raise Missing(f"no ODBC driver '{name}': install the Debian package {package}")
    return name


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL that listens on TCP: `admin` owns everything, its password is not asked for."""

    port: int
    admin: str = "postgres"

    def database(self, encoding: str = "UTF8") -> str:
        """Make an empty database and return its URL as the owner."""
        name = f"hospital_{next(_NUMBERS)}"
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(
                f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            )
        engine.dispose()
        return self.url(name)

    def url(self, database: str, user: str = "") -> str:
        """Return the address of a database for psycopg."""
        return f"postgresql://{user or self.admin}@127.0.0.1:{self.port}/{database}"

    def odbc(self, database: str, user: str = "") -> str:
        """Return the ODBC connection string of a database."""
        driver = odbc_driver("PostgreSQL Unicode", "odbc-postgresql")
        return f"DRIVER={{{driver}}};Servername=127.0.0.1;Port={self.port};Database={database};Uid={user or self.admin}"


@dataclass(frozen=True)
class MariaDb:
    """A MariaDB that listens on TCP: `admin` owns everything, with `password`."""

    port: int
    admin: str = "owner"
    password: str = "owner-secret"

    def database(self) -> str:
        """Make an empty database and return its name."""
        name = f"hospital_{next(_NUMBERS)}"
        with self.connect("") as connection:
            connection.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    @contextmanager
    def connect(self, database: str) -> Iterator[Any]:
        """Return a connection of the owner, through ODBC."""
        import pyodbc

        with closing(pyodbc.connect(self.odbc(database), autocommit=True)) as connection:
            yield connection

    def odbc(self, database: str, user: str = "", password: str = "") -> str:
        """Return the ODBC connection string of a database."""
        driver = odbc_driver("MariaDB Unicode", "odbc-mariadb")
        account = f"UID={user or self.admin};PWD={password or self.password}"
        return f"DRIVER={{{driver}}};SERVER=127.0.0.1;PORT={self.port};DATABASE={database};{account}"

    def url(self, database: str, user: str = "", password: str = "") -> str:
        """Return the address of a database for the connector."""
        account = f"{user or self.admin}:{password or self.password}"
        return f"mariadb://{account}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL on TCP."""
    with started() as port:
        yield Postgres(port)


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """Start a MariaDB on TCP."""
    program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    install = shutil.which("mariadb-install-db")
    if not (program and install):
        raise Missing("no MariaDB server: install the Debian package mariadb-server")
    odbc_driver("MariaDB Unicode", "odbc-mariadb")
    with folder_of("rwe-maria-", "mysql") as (folder, user):
        server, data = MariaDb(free_port()), folder / "data"
        ran([install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"], user)
        first = folder / "first.sql"
        first.write_text(
            f"CREATE USER {server.admin}@'127.0.0.1' IDENTIFIED BY '{server.password}';\n"
            f"GRANT ALL ON *.* TO {server.admin}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        first.chmod(0o644)
        settings = (f"--datadir={data}", f"--port={server.port}", f"--socket={folder}/s", f"--pid-file={folder}/pid")
        light = ("--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=32M")
        quick = ("--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4", f"--init-file={first}")
        with serving([program, "--no-defaults", *settings, *light, *quick], user, folder):
            wait(lambda: _connects(server))
            yield server


def _connects(server: MariaDb) -> None:
    with server.connect(""):
        pass
