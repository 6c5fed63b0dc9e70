# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One stream into its landing table: pseudonymised in memory, judged, rows and cursor in one commit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, fields

import polars as pl

from rwe.buffers import text_words
from rwe.identity import person_tokens, pseudonymise
from rwe.national import national_kinds
from rwe.pipeline.ahead import ahead
from rwe.pipeline.contract import Contract
from rwe.pipeline.drift import Finding, Profile
from rwe.pipeline.erased_people import barred
from rwe.ports import Batch, Connector
from rwe.store import Landed, Table, hashed

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows of a stream; counts of parts add up.

    Parameters
    ----------
    received, landed, unchanged, aside
        Rows; received = landed + unchanged + aside, which are those kept in quarantine.
    new, late, corrected, deleted
        What the landed rows say: of keys never seen; of such keys before the place that the reading went on from;
        of keys that stood; and keys that stand no more.
    national
        National numbers that came, by kind.
    """

    received: int = 0
    landed: int = 0
    unchanged: int = 0
    new: int = 0
    late: int = 0
    corrected: int = 0
    deleted: int = 0
    aside: int = 0
    national: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(Counts)}
        mine, theirs = both.pop("national")
        return Counts(
            **{name: sum(pair) for name, pair in both.items()}, national=dict(Counter(mine) + Counter(theirs))
        )


@dataclass
class Landing:
    """A reading on its way: where the rows go, and what became of them so far."""

    known: Contract
    table: Table
    aside_table: Table
    domain: str
    key: bytes
    counts: Counts = field(default_factory=Counts)
    fault: str = ""
    unreachable: bool = False
    ended: bool = False


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
    with into.table.appending() as opened, ahead(_ready(connector.read(name, since, known), into)) as batches:
        for batch, rows, came, digest in batches:
            into.counts += Counts(received=rows.height, national=national_kinds(batch.rows, into.known.stream.columns))
            mark = batch.id or _mark(f"{commit}\0{since}\0{batch.cursor}", digest)
            if found := into.known.judge(rows, came):
                _set_aside(into, rows, mark, found)
                return
            done = opened.append(rows, batch=mark, cursor=batch.cursor)
            if done.commit is not None:
                into.known.learn(came)
            into.counts += _counted(done, again=not batch.id and batch.cursor == began)
            since, commit = batch.cursor, done.commit or commit
            tell(into.counts.received)
    into.ended = True


def _ready(batches: Iterator[Batch], into: Landing) -> Iterator[tuple[Batch, pl.DataFrame, Profile, bytes]]:
    """Yield each batch, its rows as they land, what they look like and their hash, while the one before is written."""
    columns, people = into.known.stream.columns, person_tokens(into.key, into.domain)
    admitted = barred(into.table.store, into.key)  # under the lock: who is erased later is erased from here too
    try:
        for batch in batches:
            rows = hashed(admitted(pseudonymise(batch.rows, columns, into.key, into.domain, people)))
            yield batch, rows, into.known.profile(rows), b"" if batch.id else _digest(rows)
    finally:
        if isinstance(batches, Generator):
            batches.close()


def _counted(done: Landed, *, again: bool) -> Counts:
    new = done.landed - done.corrected - done.deleted
    return Counts(
        landed=done.landed,
        unchanged=done.unchanged,
        new=0 if again else new,
        late=new if again else 0,
        corrected=done.corrected,
        deleted=done.deleted,
    )


def _set_aside(into: Landing, rows: pl.DataFrame, mark: str, found: list[Finding]) -> None:
    """Keep the rows where people can look at them; the cursor stays, so that nothing is lost."""
    into.aside_table.append(rows, batch=mark, kind=QUARANTINE)
    into.known.set_aside(found, mark, rows.height)
    into.counts += Counts(aside=rows.height)
    signs = "; ".join(one.words for one in found)
    into.fault = (
        f"stream '{into.known.name}': {rows.height} rows set aside: {signs}; mend the source, or let them land with "
        f"rwe extract --accept {into.known.name}"
    )


def _mark(place: str, rows: bytes) -> str:
    """Return what a batch without an id of its own is known by.

    It is made of its content (`_digest`), and of the place: the commit and the cursor that it comes after, and its own
    cursor. The same rows sent twice land once, but rows that return to what they once were land again.
    """
    return hashlib.sha256(f"{place}\0".encode() + rows).hexdigest()[:32]


def _digest(rows: pl.DataFrame) -> bytes:
    """Return a hash of which rows these are and what they say."""
    digest = hashlib.sha256((rows["_op"] == "delete").to_numpy().tobytes())
    for name in ("_key", "_hash"):
        for words in text_words(rows[name]):
            digest.update(words.astype("<u8", copy=False).data)
    return digest.digest()
