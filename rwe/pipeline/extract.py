# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a hospital into its landing tables: pseudonymised in memory, rows and cursor in one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.identity import pseudonymise
from rwe.pipeline.erasure import barred, resume
from rwe.pipeline.planning import Source
from rwe.ports import Batch, Connector, Cursor
from rwe.store import Store, Table

Tell = Callable[[str], None]
Door = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class StreamRead:
    """What one reading of a stream brought: received = landed + unchanged; `commit` is its newest now."""

    site: str
    stream: str
    received: int
    landed: int
    unchanged: int
    commit: int


def extract(source: Source, store: Store, home: Path, key: bytes, tell: Tell) -> list[StreamRead]:
    """Bring what is new in one hospital into its landing tables.

    Raises
    ------
    SourceUnreachable, DataError, Refused
        As the connector's check and reading raise them; what landed before stays landed.
    """
    resume(home)
    site, door = source.site, barred(store, key)
    opener = plugins.connector(site.connector)
    with closing(opener(site, source.mapping.source, home)) as connector:
        connector.check()
        return [
            _stream(connector, name, source, landing_table(store, site.site, name), key, door, tell)
            for name in connector.streams()
        ]


def landing_table(store: Store, site: str, stream: str) -> Table:
    """Return the landing table of a stream."""
    return store.table(f"{site}/landing/{stream}")


def _stream(
    connector: Connector, name: str, source: Source, table: Table, key: bytes, door: Door, tell: Tell
) -> StreamRead:
    table.mend()
    spec, since = source.mapping.source.streams[name], table.cursor()
    received = landed = unchanged = 0
    known = frozenset(seal.batch for seal in table.seals())
    for batch in connector.read(name, since, known):
        rows = door(pseudonymise(batch.rows, spec.columns, key, f"{source.site.site}/person"))
        done = table.append(rows, batch=batch.id or _batch_id(table.name, since, batch), cursor=batch.cursor)
        received, landed, unchanged = received + done.received, landed + done.landed, unchanged + done.unchanged
        since = batch.cursor
        tell(f"{source.site.site}/{name}: {received}")
    return StreamRead(source.site.site, name, received, landed, unchanged, table.commit)


def _batch_id(table: str, since: Cursor | None, batch: Batch) -> str:
    """Return the same id for the same stretch of a stream, so that a batch sent twice lands once."""
    text = f"{table}\0{since}\0{batch.cursor}\0{batch.rows.height}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
