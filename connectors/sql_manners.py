# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What each database is told, so that a session only reads, keeps one clock, gives up in time and sees one state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

Ask = Callable[[str], str]
NONE = "none"
_FORGOTTEN = 3600  # seconds without a question after which a session was left behind; MariaDB's own word is 8 hours


@dataclass(frozen=True, slots=True)
class Manners:
    """How to behave in one kind of database.

    Parameters
    ----------
    settings
        Statements for a new session, given the seconds that one answer may take and the server's version.
    snapshot
        Statements that begin a transaction which sees one state of the database, or none where it has no such
        thing; given a way to ask the session.
    version, zone
        Questions for the server's version and the session's zone; a zone without a question is said as it is.
    read_only
        A question whose answer says that the session cannot write, or empty.
    tables
        Whether a table can be made in a transaction and be gone when that is rolled back.
    """

    settings: Callable[[int, str], tuple[str, ...]]
    snapshot: Callable[[Ask], tuple[str, ...]]
    version: str
    zone: str
    read_only: str = ""
    tables: bool = True

    def clock(self, ask: Ask) -> str:
        """Return the zone that the session gives times in."""
        return ask(self.zone) if self.zone.startswith("SELECT") else self.zone


def _postgresql(seconds: int, _version: str) -> tuple[str, ...]:
    return (
        "SET TIME ZONE 'UTC'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        f"SET statement_timeout = {seconds * 1000}",
        "SET extra_float_digits = 3",  # before version 12 a double is otherwise told with 15 digits
        # the server notices a dead line in two minutes, not in two hours: a snapshot that nobody reads any more keeps
        # it from clearing up the hospital's old rows
        "SET tcp_keepalives_idle = 60",
        "SET tcp_keepalives_interval = 10",
        "SET tcp_keepalives_count = 6",
    )


def _mariadb(seconds: int, version: str) -> tuple[str, ...]:
    own = "mariadb" in version.lower()
    limit = f"max_statement_time = {seconds}" if own else f"max_execution_time = {seconds * 1000}"
    return (
        "SET SESSION time_zone = '+00:00'",
        f"SET SESSION {limit}",
        f"SET SESSION wait_timeout = {_FORGOTTEN}",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION TRANSACTION READ ONLY",
    )


def _mssql(seconds: int, _version: str) -> tuple[str, ...]:
    return (f"SET LOCK_TIMEOUT {seconds * 1000}", "SET TEXTSIZE 2147483647")


def _mssql_snapshot(ask: Ask) -> tuple[str, ...]:
    if ask("SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()") != "1":
        return ()
    return ("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "BEGIN TRANSACTION")


def _sqlite_snapshot(ask: Ask) -> tuple[str, ...]:
    """Hold a state only where that does not keep the hospital from writing."""
    return ("BEGIN",) if ask("PRAGMA journal_mode") == "wal" else ()


MANNERS: dict[str, Manners] = {
    "postgresql": Manners(
        _postgresql,
        lambda _ask: ("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",),
        "SELECT current_setting('server_version')",
        "SELECT current_setting('TimeZone')",
        "SELECT current_setting('transaction_read_only')",
    ),
    "mariadb": Manners(
        _mariadb,
        lambda _ask: ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",),
        "SELECT VERSION()",
        "SELECT @@session.time_zone",
        "SELECT @@session.tx_read_only",
        tables=False,
    ),
    "mssql": Manners(_mssql, _mssql_snapshot, "SELECT @@VERSION", "none: times carry no zone"),
    "oracle": Manners(
        lambda _seconds, _version: ("ALTER SESSION SET TIME_ZONE = '+00:00'",),
        lambda _ask: ("SET TRANSACTION READ ONLY",),
        "SELECT version FROM product_component_version WHERE product LIKE 'Oracle%'",
        "SELECT sessiontimezone FROM dual",
        tables=False,
    ),
    "sqlite": Manners(
        lambda _seconds, _version: ("PRAGMA query_only = ON",),
        _sqlite_snapshot,
        "SELECT sqlite_version()",
        "none: times are kept as text",
        "PRAGMA query_only",
    ),
}

_OTHER = Manners(
    lambda _seconds, _version: (),
    lambda _ask: (),
    "",
    "unknown: no question for it is known here",
    tables=False,
)


def manners_of(kind: str) -> Manners:
    """Return how to behave in a kind of database; in one that is not known, by ODBC alone."""
    return MANNERS.get(kind, _OTHER)


def ask(connection: sa.Connection, question: str) -> str:
    """Return the first value of an answer as text, or empty."""
    found = connection.exec_driver_sql(question).first() if question else None
    return "" if found is None or found[0] is None else str(found[0]).strip()
