# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions that can read and nothing else, and say what failed without a value or a password."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import DataError as DriverDataError
from sqlalchemy.pool import NullPool

from rwe.errors import DataError, DefinitionError, Refused, SourceUnreachable
from rwe.spec.site import Site

_SHOW = {"sqlite": "PRAGMA query_only", "postgresql": "SHOW transaction_read_only"}


@dataclass(frozen=True, slots=True)
class Session:
    """One connection that can only read.

    Parameters
    ----------
    connection
        As SQLAlchemy has it; the driver's own is `connection.connection.dbapi_connection`.
    facts
        What is true of it and belongs to the record of a run: ``zone``, ``server``, ``driver``, ``snapshot``.
    """

    connection: sa.Connection
    facts: dict[str, str]


def open_engine(site: Site, home: Path) -> sa.Engine:
    """Return an engine whose sessions are read-only.

    Parameters
    ----------
    site
        Where the database is; ``{home}`` in its URL becomes `home`.

    Raises
    ------
    DefinitionError
        If the address is not one of a database that this connector reads.
    SourceUnreachable
        If it names a file that is not there.
    """
    try:
        url = sa.make_url(site.address())
    except ArgumentError:
        raise DefinitionError(f"site '{site.site}': its address is not a database URL") from None
    openers = {"sqlite": _sqlite, "postgresql": _postgresql}
    backend = url.get_backend_name()
    if backend not in openers:
        raise DefinitionError(f"site '{site.site}': connector sql reads {' and '.join(openers)}, not '{backend}'")
    return openers[backend](url, site, home)


def _engine(url: sa.URL, **settings: Any) -> sa.Engine:
    return sa.create_engine(url, hide_parameters=True, isolation_level="AUTOCOMMIT", poolclass=NullPool, **settings)


def _sqlite(url: sa.URL, site: Site, home: Path) -> sa.Engine:
    path = Path((url.database or "").replace("{home}", str(home)))
    if not path.is_file():
        raise SourceUnreachable(f"site '{site.site}': there is no database file {path}")

    def connect() -> sqlite3.Connection:
        place = f"file:{quote(str(path.absolute()))}?mode=ro"
        connection = sqlite3.connect(place, uri=True, timeout=site.timeout_seconds)
        connection.text_factory = _utf8
        connection.execute("PRAGMA query_only = ON")
        return connection

    return _engine(url, creator=connect)


def _utf8(raw: bytes) -> str | bytes:
    """Return text, or bytes where it is none: the driver's own complaint would show them."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _postgresql(url: sa.URL, site: Site, _home: Path) -> sa.Engine:
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(site.timeout_seconds * 1000),
        "timezone": "UTC",
    }
    given = url.normalized_query.get("options", ())
    options = " ".join([*given, *(f"-c {name}={value}" for name, value in settings.items())])
    arguments = {"connect_timeout": site.timeout_seconds, "options": options, "application_name": "rwe"}
    return _engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments)


def probe(engine: sa.Engine, site: Site) -> None:
    """Try to write, in a transaction that is rolled back, and refuse a source that lets us.

    Raises
    ------
    Refused
        If the session is not read-only.
    SourceUnreachable
        If the source does not answer.
    """
    with answering(site), engine.connect() as connection:
        shown = str(connection.exec_driver_sql(_SHOW[engine.dialect.name]).scalar())
        connection.exec_driver_sql("BEGIN")
        wrote = _writes(connection)
        connection.exec_driver_sql("ROLLBACK")
    if wrote or shown not in ("1", "on"):
        raise Refused(f"site '{site.site}': a write to the source would succeed; give it an account that can only read")


def _writes(connection: sa.Connection) -> bool:
    try:
        connection.exec_driver_sql(f"CREATE TABLE rwe_probe_{secrets.token_hex(8)} (x INTEGER)")
    except DBAPIError:
        return False
    return True


@contextmanager
def answering(site: Site) -> Iterator[None]:
    """Turn what a driver raises into words of ours; its own may hold a value or a password."""
    try:
        yield
    except DriverDataError as exc:
        raise DataError(f"site '{site.site}': the source holds a value that cannot be read ({_name(exc)})") from None
    except SQLAlchemyError as exc:
        raise SourceUnreachable(f"site '{site.site}': the database{_at(site)} does not answer ({_name(exc)})") from None


def _at(site: Site) -> str:
    url = sa.make_url(site.address())
    return f" at {url.host}{f':{url.port}' if url.port else ''}" if url.host else ""


def _name(exc: SQLAlchemyError) -> str:
    origin = exc.orig if isinstance(exc, DBAPIError) else exc
    state = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None)
    return " ".join(filter(None, [type(origin).__name__, state]))
