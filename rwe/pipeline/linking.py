# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Linking the persons of all hospitals of a home: the units of each are kept, so that who a person is depends on what
has landed here and on what was decided, not on which hospitals a study names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl
from filelock import FileLock, Timeout

from rwe.chain import on_disk
from rwe.errors import Busy
from rwe.harmonise import person_rows
from rwe.link import UNITS, link, units
from rwe.link.register import Decision, Register
from rwe.pipeline import account
from rwe.pipeline.erased_people import LINKS
from rwe.pipeline.extract import landing_table
from rwe.pipeline.linked import Persons, keep, load
from rwe.pipeline.planning import Source
from rwe.store import Store


def persons(sources: Sequence[Source], store: Store) -> Persons:
    """Link what has landed of these hospitals, and what was kept of the others; keep it.

    Raises
    ------
    DataError
        If a stream has never landed, or its tokens are none.
    Busy
        If another process links in the same home.
    """
    with _alone(store):
        decisions = Register(store.root).standing()
        rests_on = _rests_on(sources, store, decisions)
        return load(store, rests_on) or _linked(sources, store, decisions)


def persons_at(store: Store, site: str, commit: int) -> pl.DataFrame:
    """Return ``_key`` and ``person_id`` of the rows of a hospital's person stream as they were linked at a commit.

    Raises
    ------
    TornStore, DataError
        As `rwe.store.Table.current`.
    """
    head = f"{site}/"
    rows = store.table(LINKS).current(commit).select("_key", "person_id").collect()
    own = rows.filter(pl.col("_key").str.starts_with(head))
    return own.select(pl.col("_key").str.strip_prefix(head), "person_id").sort("_key")


def _linked(sources: Sequence[Source], store: Store, decisions: Sequence[Decision]) -> Persons:
    table = store.table(LINKS)
    fresh = [_units(source, store) for source in sources]
    sites = [source.site.site for source in sources]
    kept = table.current().select(list(UNITS)).collect() if table.commit else pl.DataFrame(schema=UNITS)
    found = pl.concat([kept.filter(~pl.col("site").is_in(sites)), *fresh])
    linked = link(found, decisions)
    told = found.join(linked.persons, on="_key").sort("_key")
    digest = hashlib.sha256(f"{table.commit}\0{linked.persons.write_csv()}".encode()).hexdigest()[:32]
    table.append(told, batch=digest, kind="links", whole=True)
    made = Persons(linked, dict(found["site"].value_counts().sort("site").rows()))
    keep(store, _rests_on(sources, store, decisions), made)
    return made


def _rests_on(sources: Sequence[Source], store: Store, decisions: Sequence[Decision]) -> str:
    """Return a hash of all that decides who is whom."""
    landing = [landing_table(store, source.site.site, source.mapping.person[0]) for source in sources]
    tables = [(table.name, account.newest(table)) for table in (*landing, store.table(LINKS))]
    rules = [account.rules_of(source.mapping, {}) for source in sources]
    return hashlib.sha256(repr([tables, rules, [(one.pair, one.said) for one in decisions]]).encode()).hexdigest()


def _units(source: Source, store: Store) -> pl.DataFrame:
    site, stream = source.site.site, source.mapping.person[0]
    rows = person_rows({stream: landing_table(store, site, stream).current()}, source.mapping, site)
    return units(rows, site)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    with on_disk(store.root):
        store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(store.root / "links.lock", timeout=store.patience)
        try:
            lock.acquire()
        except Timeout:
            raise Busy("another process links the persons of this home; try again later") from None
    try:
        yield
    finally:
        lock.release()
