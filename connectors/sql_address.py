# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the address of a database to what its driver is given: passwords pass through and are never shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from connectors.sql_catalogue import near
from rwe.errors import DefinitionError, MachineError
from rwe.spec.site import Site

KINDS = ("sqlite", "postgresql", "mariadb", "mssql", "oracle", "odbc")
_MICROSOFT = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS")


class Hidden:
    """A text with a secret in it: only `reveal` tells it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Parameters
    ----------
    kind
        One of `KINDS`.
    driver
        What speaks to it: ``psycopg``, ``pyodbc``, ``mssqlpython``, ``oracledb``, ``sqlite3``.
    place
        ``host:port`` for messages, or empty.
    text
        An ODBC connection string where the driver is one of ODBC, else the URL.
    """

    kind: str
    driver: str
    place: str
    text: Hidden

    @property
    def url(self) -> sa.URL:
        """The address as SQLAlchemy's URL, for drivers that take its parts."""
        return sa.make_url(self.text.reveal())


def address(site: Site) -> Address:
    """Return where the database of a site is.

    Raises
    ------
    DefinitionError
        If the address is not one of a database that this connector reads.
    MachineError
        If no driver for it is installed here.
    """
    try:
        url = sa.make_url(site.address())
    except (ArgumentError, ValueError):
        raise DefinitionError(f"site '{site.site}': its address is not a database URL") from None
    kind = {"mysql": "mariadb"}.get(url.get_backend_name(), url.get_backend_name())
    if kind not in KINDS:
        known = f"connector sql reads {', '.join(KINDS)}, not '{kind}'"
        raise DefinitionError(f"site '{site.site}': {known}{near(kind, KINDS)}")
    place = f"{url.host}{f':{url.port}' if url.port else ''}" if url.host else ""
    driver, text = _TELL[kind](url, site)
    return Address(kind, driver, place, Hidden(text))


def odbc_text(keys: Mapping[str, str]) -> str:
    """Return an ODBC connection string; a value that holds a sign of its grammar is put in braces.

    Examples
    --------
    >>> odbc_text({"UID": "reader", "PWD": "a;b}c"})
    'UID=reader;PWD={a;b}}c}'
    """
    return ";".join(f"{key}={_braced(value)}" for key, value in keys.items() if value != "")


def _braced(value: str) -> str:
    special = any(sign in value for sign in "[]{}();?*=!@") or value != value.strip()
    return "{" + value.replace("}", "}}") + "}" if special else value


def _plain(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def _sqlite(url: sa.URL, _site: Site) -> tuple[str, str]:
    return "sqlite3", _plain(url)


def _postgresql(url: sa.URL, _site: Site) -> tuple[str, str]:
    return "psycopg", _plain(url.set(drivername="postgresql+psycopg"))


def _oracle(url: sa.URL, site: Site) -> tuple[str, str]:
    if importlib.util.find_spec("oracledb") is None:
        raise MachineError(f"site '{site.site}': an Oracle database is read by 'oracledb': install that package")
    return "oracledb", _plain(url.set(drivername="oracle+oracledb"))


def _mariadb(url: sa.URL, site: Site) -> tuple[str, str]:
    own = _query(url)
    seconds = str(site.timeout_seconds + 5)
    waits = {"CONN_TIMEOUT": str(site.timeout_seconds), "READ_TIMEOUT": seconds, "WRITE_TIMEOUT": seconds}
    given = {"DRIVER": own.pop("driver", "") or _installed(site, ("MariaDB Unicode", "MariaDB ODBC 3.2 Driver"))}
    return "pyodbc", odbc_text({**given, **_account(url), **waits, "CHARSET": "utf8mb4", **own})


def _mssql(url: sa.URL, site: Site) -> tuple[str, str]:
    own = _query(url)
    if whole := own.pop("odbc_connect", ""):
        return "pyodbc", whole
    keys = {**_account(url), "SERVER": f"{url.host},{url.port}" if url.port else url.host or "", "PORT": ""}
    intent = {"ApplicationIntent": "ReadOnly"}
    if url.get_driver_name() == "mssqlpython" or not _odbc_drivers():
        if importlib.util.find_spec("mssql_python") is None:
            raise MachineError(
                f"site '{site.site}': no driver of SQL Server is here: install the package 'mssql-python' (needs no "
                "root), or unixODBC with Microsoft's driver or FreeTDS (Debian: tdsodbc)"
            )
        return "mssqlpython", odbc_text({**keys, **intent, **own})
    driver = own.pop("driver", "") or _installed(site, _MICROSOFT)
    if "freetds" in driver.lower():
        keys = {**_account(url), "TDS_Version": "7.4", "ClientCharset": "UTF-8"}
    return "pyodbc", odbc_text({"DRIVER": driver, **keys, **intent, **own})


def _odbc(url: sa.URL, site: Site) -> tuple[str, str]:
    own = _query(url)
    if whole := own.pop("odbc_connect", ""):
        return "pyodbc", whole
    names = {name.lower(): name for name in own}
    if "dsn" not in names and "driver" not in names:
        raise DefinitionError(f"site '{site.site}': an odbc address names ?driver=... or ?dsn=...")
    first = {key.upper(): own.pop(names[key]) for key in ("dsn", "driver") if key in names}
    if "DRIVER" in first and first["DRIVER"] not in (here := _odbc_drivers()):
        raise MachineError(f"site '{site.site}': no ODBC driver of that name is here{near(first['DRIVER'], here)}")
    return "pyodbc", odbc_text({**first, **_account(url), **own})


def _account(url: sa.URL) -> dict[str, str]:
    parts = {"SERVER": url.host, "PORT": url.port, "DATABASE": url.database, "UID": url.username, "PWD": url.password}
    return {key: "" if value is None else str(value) for key, value in parts.items()}


def _query(url: sa.URL) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()}


def _installed(site: Site, wanted: tuple[str, ...]) -> str:
    here = _odbc_drivers()
    found = next((name for name in wanted if name in here), None)
    if found is None:
        raise MachineError(f"site '{site.site}': install one of the ODBC drivers {', '.join(wanted)}, or name ?driver=")
    return found


def _odbc_drivers() -> list[str]:
    try:
        import pyodbc
    except ImportError:  # its library is not there without unixODBC
        return []
    drivers: list[Any] = pyodbc.drivers()
    return [str(name) for name in drivers]


_TELL = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mssql": _mssql,
    "oracle": _oracle,
    "odbc": _odbc,
}
