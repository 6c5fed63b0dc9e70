# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions that can read and nothing else: opened, told how to behave, asked what is true of them."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from connectors.sql_address import Address
from connectors.sql_deadline import within
from connectors.sql_dialects import behind, dialect
from connectors.sql_drivers import creator
from connectors.sql_faults import answering
from connectors.sql_grants import may_write
from connectors.sql_manners import NONE, Manners, ask, manners_of
from rwe.errors import DefinitionError, Refused
from rwe.spec.site import Site

_SQLITE = "give its address as sqlite:///path"


@dataclass(frozen=True, slots=True)
class Session:
    """One connection that can only read.

    Parameters
    ----------
    connection
        As SQLAlchemy has it; the driver's own is `connection.connection.dbapi_connection`.
    facts
        What is true of it and belongs to the record of a run: ``zone``, ``server``, ``driver``, ``snapshot``.
    kind
        The kind of database, behind ODBC too: a name of `MANNERS`.
    address
        Where it leads, for whoever must open another way in; its text is a secret.
    """

    connection: sa.Connection
    facts: dict[str, str]
    kind: str
    address: Address


class Database:
    """A database that is read.

    Parameters
    ----------
    site, home
        Where it is; ``{home}`` in the URL of a file becomes `home`.
    found
        Its address.
    """

    def __init__(self, site: Site, found: Address, home: Path) -> None:
        self._site, self._address = site, found
        level = {} if found.kind == "oracle" else {"isolation_level": "AUTOCOMMIT"}
        url = dialect(found.kind, found.driver)
        self.engine = sa.create_engine(
            url, creator=creator(site, found, home), hide_parameters=True, poolclass=NullPool, **level
        )

    def __repr__(self) -> str:
        return f"Database({self._site.site})"

    @contextmanager
    def session(self, *, snapshot: bool = False) -> Iterator[Session]:
        """Open a session; with `snapshot`, in a transaction that sees one state wherever the database can.

        Raises
        ------
        SourceUnreachable, DefinitionError
            If the database does not answer, or not to this account.
        """
        with answering(self._site.site, self._address.place):
            opened = within(self._limit, self._open)
        try:
            if snapshot:
                self.run(opened, lambda: self._begin(opened))
            yield opened
        finally:
            _end(opened.connection)

    @property
    def _limit(self) -> float:
        """Seconds after which an answer is given up; the database itself should give up before."""
        return self._site.timeout_seconds * 1.25 + 1

    def run(self, session: Session, work: Callable[[], Any]) -> Any:
        """Return what `work` answers, within the time of the site; a session that hangs is cut off.

        Raises
        ------
        SourceUnreachable, DataError, DefinitionError
            As `answering`.
        """
        with answering(self._site.site, self._address.place):
            return within(self._limit, work, cut=lambda: _cut(session.connection))

    def row(self, session: Session, question: sa.Select[Any]) -> Sequence[Any]:
        """Return the one row of an answer, as `run` does."""
        answer: Sequence[Any] = self.run(session, lambda: session.connection.execute(question).one())
        return answer

    def probe(self, tables: list[str]) -> dict[str, str]:
        """Try to write, ask what the account may do, refuse a source that lets us; return the session's facts.

        Raises
        ------
        Refused
            If the session is not read-only, or the account could write.
        """
        with self.session() as opened:
            manners = manners_of(opened.kind)
            refuse_writer(self.run(opened, lambda: _writes(opened.connection, manners)), self._site)
            may = self.run(opened, lambda: may_write(opened.connection, opened.kind, self._site.schema_name, tables))
        if may:
            cure = "give this site an account that has SELECT and nothing more"
            raise Refused(f"site '{self._site.site}': its account may write to the source ({may}); {cure}")
        return opened.facts

    def _open(self) -> Session:
        connection = self.engine.connect()
        kind = behind(self.engine.dialect)
        if kind == "sqlite" and self._address.kind == "odbc":
            raise DefinitionError(f"site '{self._site.site}': over ODBC a SQLite file loses microseconds; {_SQLITE}")
        manners = manners_of(kind)
        version = ask(connection, manners.version)
        for setting in manners.settings(self._site.timeout_seconds, version):
            connection.exec_driver_sql(setting)
        facts = {
            "database": str(getattr(self.engine.dialect, "dbms", "")) or kind,
            "server": " ".join(version.split()[:8]),
            "driver": self._address.driver,
            "zone": manners.clock(lambda question: ask(connection, question)),
            "snapshot": NONE,
        }
        return Session(connection, facts, kind, self._address)

    def _begin(self, opened: Session) -> None:
        statements = manners_of(opened.kind).snapshot(lambda question: ask(opened.connection, question))
        for statement in statements:
            opened.connection.exec_driver_sql(statement)
        opened.facts["snapshot"] = statements[-1] if statements else f"{NONE}: a later overlap finds what changed"


def refuse_writer(wrote: str, site: Site) -> None:
    """Refuse a session in which a write was not refused by the database."""
    if wrote:
        raise Refused(
            f"site '{site.site}': a write to the source would succeed ({wrote}); give it an account that can only read"
        )


def _writes(connection: sa.Connection, manners: Manners) -> str:
    """Return what shows that the session can write, or nothing; what was tried is undone."""
    if manners.read_only and ask(connection, manners.read_only) not in ("1", "on"):
        return "the session is not read-only"
    name = f"rwe_probe_{secrets.token_hex(8)}"
    if manners.tables:
        connection.exec_driver_sql("BEGIN TRANSACTION")
    try:
        connection.exec_driver_sql(f"CREATE TABLE {name} (x INTEGER)")
    except DBAPIError:
        return ""
    finally:
        with contextlib.suppress(DBAPIError):
            connection.exec_driver_sql("ROLLBACK" if manners.tables else f"DROP TABLE {name}")
    return "a table was made, and removed again"


def _end(connection: sa.Connection) -> None:
    """Close a session, whatever state it is in; closing ends its transaction."""

    def close() -> None:
        connection.invalidate()
        connection.close()

    with contextlib.suppress(Exception):  # nothing is lost with a session that only read
        within(5, close)


def _cut(connection: sa.Connection) -> None:
    """Wake a driver that waits for an answer, where it has a socket to shut; ODBC drivers have limits of their own."""
    raw: Any = connection.connection.dbapi_connection
    number = getattr(getattr(raw, "pgconn", None), "socket", None)
    if number is not None:
        with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(number)) as line:
            line.shutdown(socket.SHUT_RDWR)
