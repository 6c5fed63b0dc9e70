# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Database servers of a test process: Debian's own programs, on 127.0.0.1 and a free port, stopped by their own pid."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_NUMBERS = count(1)


class Missing(Exception):
    """A program or driver is not installed here; says which Debian package holds it."""


def odbc_driver(name: str, package: str) -> str:
    """Return the name of an ODBC driver if it is registered here."""
    try:
        import pyodbc
    except ImportError:
        raise Missing("no ODBC manager: install the Debian package unixodbc") from None
    if name not in pyodbc.drivers():
        raise Missing(f"no ODBC driver '{name}': install the Debian package {package}")
    return name


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise Missing("no PostgreSQL server: install the Debian package postgresql")
    with _folder("rwe-pgtcp-", "postgres") as (folder, user):
        port, data = free_port(), str(folder / "data")
        start = [str(programs[-1] / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run([*start, "--locale=C"], user)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _serving([str(programs[-1] / "postgres"), "-D", data, *options], user, folder):
            server = Postgres(port)
            _wait(lambda: _asks(server.url("postgres")))
            yield server


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """Start a MariaDB on TCP."""
    program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    install = shutil.which("mariadb-install-db")
    if not (program and install):
        raise Missing("no MariaDB server: install the Debian package mariadb-server")
    odbc_driver("MariaDB Unicode", "odbc-mariadb")
    with _folder("rwe-maria-", "mysql") as (folder, user):
        server, data = MariaDb(free_port()), folder / "data"
        _run([install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"], user)
        first = folder / "first.sql"
        first.write_text(
            f"CREATE USER {server.admin}@'127.0.0.1' IDENTIFIED BY '{server.password}';\n"
            f"GRANT ALL ON *.* TO {server.admin}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        first.chmod(0o644)
        settings = (f"--datadir={data}", f"--port={server.port}", f"--socket={folder}/s", f"--pid-file={folder}/pid")
        light = ("--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=32M")
        quick = ("--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4", f"--init-file={first}")
        with _serving([program, "--no-defaults", *settings, *light, *quick], user, folder):
            _wait(lambda: _connects(server))
            yield server


def _asks(url: str) -> None:
    engine = sa.create_engine(url, connect_args={"connect_timeout": 5})
    with engine.connect():
        pass
    engine.dispose()


def _connects(server: MariaDb) -> None:
    with server.connect(""):
        pass


@contextmanager
def _folder(prefix: str, user: str) -> Iterator[tuple[Path, str | None]]:
    """Make a folder outside pytest's own; as root it belongs to the server's user, who may not be root."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    chosen = user if getpass.getuser() == "root" else None
    if chosen:
        shutil.chown(folder, chosen)
    try:
        yield folder, chosen
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr[-2000:]}")


@contextmanager
def _serving(command: Sequence[str], user: str | None, folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd="/")
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(ready: Callable[[], None], seconds: float = 60) -> None:
    """Wait until `ready` raises nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ready()
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
