# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The order in which messages arrived, kept on disk: a number for each, given once, that cursors count by.

A folder has no order of arrival: a message made weeks ago may be put there today, and a cursor over times of making
would pass it by. So each message gets the next number when it is first seen, among those seen together by
``createdOn`` and then by name. The ledger also knows the sha256 of every messageId, so that the same id with other
content is refused whatever became of the first file, and which documents each message spoke of, so that a message
older than what was told already does not take its place.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.nhis_folder import Place, Stamp
from connectors.nhis_ledger_sql import ARRIVE, STAGED, TABLES
from connectors.nhis_message import Message
from rwe.errors import MachineError

FOLDER = "nhis"  # in the home folder

_CHUNK = 10_000
OTHER_CONTENT = "its messageId came before with other content"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that has its number."""

    seq: int
    id: str
    sha256: str
    created_on: str
    place: Place


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was set aside: where, and why in words of ours."""

    place: Place
    reason: str


class Ledger:
    """The arrivals of one site.

    Parameters
    ----------
    path
        Its file, made where it is not there, for its owner only.

    Raises
    ------
    MachineError
        If it cannot be made or read.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            # opened in one thread, read ahead in another; never used by two at once
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA temp_store = MEMORY")
            with self._written():
                for statement in filter(str.strip, (TABLES + STAGED).split(";")):
                    self._db.execute(statement)
                if self._db.execute("SELECT id FROM ledger").fetchone() is None:
                    self._db.execute("INSERT INTO ledger VALUES (?)", (secrets.token_hex(8),))
            self.id = str(self._db.execute("SELECT id FROM ledger").fetchone()[0])
        except (OSError, sqlite3.Error) as exc:
            raise MachineError(
                f"{path} cannot be used: {getattr(exc, 'strerror', None) or type(exc).__name__}"
            ) from None

    def _written(self) -> _Transaction:
        return _Transaction(self._db)

    def known_files(self) -> dict[str, Stamp]:
        """Return the files that were examined, as they were then."""
        return {path: Stamp(*stamp) for path, *stamp in self._db.execute("SELECT * FROM file")}

    def forget(self, paths: Iterable[str]) -> None:
        """Take note that files are gone: what was wrong with them is wrong no more."""
        with self._written():
            for path in paths:
                self._db.execute("DELETE FROM file WHERE path = ?", (path,))
                self._db.execute("DELETE FROM fault WHERE path = ?", (path,))

    def examined(
        self, path: str, stamp: Stamp, found: Iterable[tuple[Place, Message]], faults: Iterable[Fault]
    ) -> None:
        """Note what one file holds, in memory, until `arrive` gives the numbers.

        Parameters
        ----------
        path, stamp
            The file, as it was before it was read.
        found
            The messages read in it.
        faults
            What could not be read.
        """
        self._db.execute("INSERT INTO temp.seen VALUES (?, ?, ?, ?)", (path, stamp.size, stamp.modified, stamp.changed))
        rows = (
            (one.id, one.sha256, one.kind, one.created_on.isoformat(timespec="microseconds"), *_at(place), one.signed)
            for place, one in found
        )
        self._db.executemany("INSERT INTO temp.come VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._db.executemany(
            "INSERT INTO temp.wrong VALUES (?, ?, ?)", ((*_at(one.place), one.reason) for one in faults)
        )

    def arrive(self) -> None:
        """Give each new message its number, in one transaction; one that came before as it is may have moved."""
        with self._written():
            for statement in filter(str.strip, ARRIVE.split(";")):
                self._db.execute(statement, {"other": OTHER_CONTENT} if ":other" in statement else {})

    def faults(self) -> list[Fault]:
        """Return what is wrong with files that are there."""
        rows = self._db.execute("SELECT path, member, reason FROM fault ORDER BY path, member")
        return [Fault(Place(path, member), reason) for path, member, reason in rows]

    def after(self, seq: int, types: Sequence[str]) -> Iterator[Arrival]:
        """Yield the messages of these types or families with a higher number, in its order."""
        like = " OR ".join("kind LIKE ?" for _ in types)
        wanted = f"seq > ? AND ({like}) ORDER BY seq LIMIT {_CHUNK}"
        query = f"SELECT seq, id, sha256, created_on, path, member FROM message WHERE {wanted}"
        while rows := list(self._arrivals(query, (seq, *(f"{one}%" for one in types)))):
            yield from rows
            seq = rows[-1].seq

    def aside(self, stream: str) -> list[Arrival]:
        """Return the messages that a stream has set aside."""
        rows = """SELECT m.seq, id, sha256, created_on, path, member FROM message m
            JOIN aside a ON a.seq = m.seq WHERE a.stream = ? ORDER BY m.seq"""
        return list(self._arrivals(rows, (stream,)))

    def _arrivals(self, query: str, values: tuple[object, ...]) -> Iterator[Arrival]:
        for seq, identity, sha256, created_on, path, member in self._db.execute(query, values).fetchall():
            yield Arrival(seq, identity, sha256, created_on, Place(path, member))

    def told_before(self, stream: str, number: str, of: Arrival, *, late: bool) -> tuple[str, int]:
        """Return when the newest message about a document was made and the most rows that any had.

        Those that came before `of` count; where that is read late, all but itself.
        """
        before = "seq <> ?" if late else "seq < ?"
        query = f"SELECT max(created_on), max(count) FROM version WHERE stream = ? AND number = ? AND {before}"
        newest, most = self._db.execute(query, (stream, number, of.seq)).fetchone()
        return newest or "", most or 0

    def tell(self, stream: str, batch: str, versions: Iterable[tuple[str, Arrival, int]]) -> None:
        """Keep which documents a batch is about, before it is handed over; rows set aside before wait for its id."""
        with self._written():
            for number, of, count in versions:
                values = stream, number, of.seq, of.created_on, count
                self._db.execute("INSERT OR REPLACE INTO version VALUES (?, ?, ?, ?, ?)", values)
                where = batch, stream, of.seq
                self._db.execute("UPDATE aside SET batch = ? WHERE stream = ? AND seq = ?", where)

    def set_aside(self, stream: str, of: Arrival, reason: str | None) -> None:
        """Keep that a stream could not read a message, to try it again; without a reason where it is gone."""
        with self._written():
            values = stream, of.seq, reason
            self._db.execute("INSERT OR REPLACE INTO aside (stream, seq, reason) VALUES (?, ?, ?)", values)

    def settled(self, stream: str) -> Iterator[tuple[int, str]]:
        """Yield the number of each message set aside whose rows were handed over since, and the batch's id."""
        query = "SELECT seq, batch FROM aside WHERE stream = ? AND batch IS NOT NULL"
        yield from self._db.execute(query, (stream,)).fetchall()

    def done(self, stream: str, seq: int) -> None:
        """Take note that a message set aside need not be tried again."""
        with self._written():
            self._db.execute("DELETE FROM aside WHERE stream = ? AND seq = ?", (stream, seq))

    def set_asides(self, stream: str) -> list[Fault]:
        """Return what a stream has set aside and could not read since, but what is gone."""
        query = """SELECT path, member, reason FROM message m JOIN aside a ON a.seq = m.seq
            WHERE stream = ? AND batch IS NULL AND reason IS NOT NULL ORDER BY m.seq"""
        return [Fault(Place(path, member), why) for path, member, why in self._db.execute(query, (stream,))]

    def forget_documents(self, numbers: Iterable[str]) -> int:
        """Forget in all streams that documents were told of, and force it out of the file; return how many were known.

        That a message came stays known, by its own id: who it was about is told by nothing that is left.
        """
        with self._written():
            found = [(number,) for number in numbers]
            gone = self._db.executemany("DELETE FROM version WHERE number = ?", found).rowcount if found else 0
        if gone > 0:
            self._db.execute("VACUUM")
        return max(gone, 0)

    def counts(self) -> tuple[int, int]:
        """Return how many messages came, and how many of them bore a signature."""
        total, signed = self._db.execute("SELECT count(*), coalesce(sum(signed), 0) FROM message").fetchone()
        return int(total), int(signed)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _at(place: Place) -> tuple[str, str]:
    return place.path, place.member


class _Transaction:
    """All of it or nothing, alone among processes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
