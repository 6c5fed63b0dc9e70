# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One stream into its landing table: pseudonymised in memory, judged, rows and cursor in one commit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from rwe.buffers import text_words
from rwe.identity import pseudonymise
from rwe.national import national_kinds
from rwe.pipeline.ahead import ahead
from rwe.pipeline.contract import Contract
from rwe.pipeline.drift import Finding
from rwe.pipeline.erased_people import barred
from rwe.ports import Connector
from rwe.store import Landed, Table, hashed

QUARANTINE = "quarantine"


@dataclass
class Landing:
    """A reading on its way: where the rows go, and what became of them so far."""

    known: Contract
    table: Table
    aside_table: Table
    domain: str
    key: bytes
    received: int = 0
    landed: int = 0
    unchanged: int = 0
    new: int = 0
    late: int = 0
    corrected: int = 0
    deleted: int = 0
    aside: int = 0
    fault: str = ""
    unreachable: bool = False
    ended: bool = False
    national: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, Any]:
        """Return what became of the rows."""
        names = ("received", "landed", "unchanged", "new", "late", "corrected", "deleted", "aside")
        faults = {"fault": self.fault, "unreachable": self.unreachable}
        return {name: getattr(self, name) for name in names} | faults | {"national": dict(self.national)}


def land(connector: Connector, name: str, into: Landing, tell: Callable[[int], None]) -> None:
    """Read a stream from where its landing table ends; the first batch that speaks against it ends the reading.

    Raises
    ------
    SourceUnreachable, DataError
        As the connector's reading raises them; what landed before stays landed.
    """
    began = since = into.table.cursor()
    known = frozenset(seal.batch for seal in into.table.seals())
    commit = into.table.commit
    with into.table.appending() as opened, ahead(connector.read(name, since, known)) as batches:
        admitted = barred(into.table.store, into.key)  # under the lock: who is erased later is erased from here too
        for batch in batches:
            rows = hashed(admitted(pseudonymise(batch.rows, into.known.stream.columns, into.key, into.domain)))
            into.received += rows.height
            into.national.update(national_kinds(batch.rows, into.known.stream.columns))
            mark, came = batch.id or _mark(f"{commit}\0{since}\0{batch.cursor}", rows), into.known.profile(rows)
            if found := into.known.judge(rows, came):
                _set_aside(into, rows, mark, found)
                return
            done = opened.append(rows, batch=mark, cursor=batch.cursor)
            if done.commit is not None:
                into.known.learn(came)
                _count(into, done, again=not batch.id and batch.cursor == began)
            into.landed, into.unchanged = into.landed + done.landed, into.unchanged + done.unchanged
            since, commit = batch.cursor, done.commit or commit
            tell(into.received)
    into.ended = True


def _count(into: Landing, done: Landed, *, again: bool) -> None:
    new = done.landed - done.corrected - done.deleted
    into.new, into.late = into.new + (0 if again else new), into.late + (new if again else 0)
    into.corrected, into.deleted = into.corrected + done.corrected, into.deleted + done.deleted


def _set_aside(into: Landing, rows: pl.DataFrame, mark: str, found: list[Finding]) -> None:
    """Keep the rows where people can look at them; the cursor stays, so that nothing is lost."""
    into.aside_table.append(rows, batch=mark, kind=QUARANTINE)
    into.known.set_aside(found, mark, rows.height)
    into.aside += rows.height
    signs = "; ".join(one.words for one in found)
    into.fault = (
        f"stream '{into.known.name}': {rows.height} rows set aside: {signs}; mend the source, or let them land with "
        f"rwe extract --accept {into.known.name}"
    )


def _mark(place: str, rows: pl.DataFrame) -> str:
    """Return what a batch without an id of its own is known by.

    It is made of the content, by key and hash of each row, and of the place: the commit and the cursor that it
    comes after, and its own cursor. The same rows sent twice land once, but rows that return to what they once
    were land again.
    """
    digest = hashlib.sha256(f"{place}\0".encode())
    digest.update((rows["_op"] == "delete").to_numpy().tobytes())
    for name in ("_key", "_hash"):
        for words in text_words(rows[name]):
            digest.update(words.astype("<u8", copy=False).data)
    return digest.hexdigest()[:32]
