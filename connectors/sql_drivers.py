# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Connections, driver by driver: told to give up in time and to read only, wherever a driver can be told so."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectors.sql_address import Address
from rwe.errors import SourceUnreachable
from rwe.spec.site import Site


def creator(site: Site, found: Address, home: Path) -> Callable[[], Any]:
    """Return what opens a connection of the driver that an address names.

    Parameters
    ----------
    site, found
        Where it is.
    home
        What ``{home}`` in the address of a file stands for.
    """
    ours = {
        "sqlite3": lambda: _sqlite(site, found, home),
        "psycopg": lambda: _psycopg(site, found),
        "pyodbc": lambda: _pyodbc(site, found),
        "mssqlpython": lambda: _mssql_python(site, found),
    }
    return ours.get(found.driver) or _plain(site, found)


def _sqlite(site: Site, found: Address, home: Path) -> sqlite3.Connection:
    path = Path((found.url.database or "").replace("{home}", str(home)))
    if not path.is_file():
        made = "'rwe demo' makes that of the demonstration; of another, " if "{home}" in str(found.url.database) else ""
        cure = f"{made}see its address in the site file, and that its disk is there"
        raise SourceUnreachable(f"site '{site.site}': there is no database file {path}; {cure}")
    place = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(place, uri=True, timeout=site.timeout_seconds, check_same_thread=False)
    connection.text_factory = _utf8
    return connection


def _utf8(raw: bytes) -> str | bytes:
    """Return text, or bytes where it is none: the driver's own complaint would show them."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _psycopg(site: Site, found: Address) -> Any:
    import psycopg

    parts = found.url.translate_connect_args(username="user", database="dbname")
    alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    ours = {"connect_timeout": site.timeout_seconds, "application_name": "rwe", **alive}
    query: dict[str, Any] = {
        key: value if isinstance(value, str) else value[-1] for key, value in found.url.query.items()
    }
    return psycopg.connect(**{**parts, **ours, **query})


def _pyodbc(site: Site, found: Address) -> Any:
    import pyodbc

    # 101 is SQL_ATTR_ACCESS_MODE, 1 SQL_MODE_READ_ONLY: a hint that drivers may use, or not.
    limit, read = site.timeout_seconds, {101: 1}
    connection = pyodbc.connect(found.text.reveal(), autocommit=True, timeout=limit, attrs_before=read)
    with contextlib.suppress(pyodbc.Error):  # some drivers know no such limit; the database is told its own
        connection.timeout = limit
    return connection


def _mssql_python(site: Site, found: Address) -> Any:
    import mssql_python

    try:
        return mssql_python.connect(found.text.reveal(), autocommit=True, timeout=site.timeout_seconds)
    except mssql_python.Error:
        raise
    except Exception as exc:  # of its parser of addresses, which tells what it could not parse
        kind = type(exc).__name__
        raise SourceUnreachable(
            f"site '{site.site}': no connection to the database ({kind}); see its address"
        ) from None


def _plain(_site: Site, found: Address) -> Callable[[], Any]:
    """Return what opens a connection by the driver's own ways, with parts of the URL."""
    made: Any = found.url.get_dialect()
    there = made.import_dbapi()
    given, named = made(dbapi=there).create_connect_args(found.url)
    return lambda: there.connect(*given, **named)
