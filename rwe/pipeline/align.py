# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From landing tables to the common model in the store; what is read on is what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.harmonise import (
    Part,
    Since,
    Tally,
    Work,
    again,
    buckets_of,
    harmonise,
    identities,
    in_parts,
    linked,
    meanings,
    parts_of,
    shares,
    total,
)
from rwe.pipeline import account
from rwe.pipeline.extract import landing_table
from rwe.pipeline.invented import invented
from rwe.pipeline.planning import Source
from rwe.store import Draft, Store, Table, changes_of


@dataclass(frozen=True, slots=True)
class Aligned:
    """One hospital in the common model.

    Parameters
    ----------
    rejected, codes
        As `rwe.harmonise.Harmonised` has them.
    commits, tables
        Newest commits of its streams' landing, and of the tables of the model.
    """

    site: str
    cdm: Cdm
    rejected: pl.DataFrame
    codes: pl.DataFrame
    commits: dict[str, int]
    tables: dict[str, int]


def align(source: Source, store: Store, domains: Mapping[int, str], persons: pl.DataFrame) -> Aligned:
    """Harmonise the landing rows of one hospital and append what changed to the common model.

    Only persons with changed rows, or whom linking tells apart otherwise, are harmonised again, where mapping,
    `domains` (those of the mapping's concepts, as far as known) and code are what they were; else all are, a part at a
    time. The store keeps only the rows that say something new, and deletes those that are no more.

    Parameters
    ----------
    persons
        Whose each row of the person stream is (`rwe.pipeline.linking`).
    """
    site, mapping = source.site.site, source.mapping
    landing = {name: landing_table(store, site, name) for name in mapping.source.streams}
    parts = parts_of(sum(seal.rows for table in landing.values() for seal in table.seals()))
    tables = {name: cdm_table(store, site, name, split=parts > 1) for name in TABLES}
    since, persons = source.site.records_from, persons.select("_key", "person_id").sort("_key")
    rules = account.rules_of(mapping, domains, since)
    seen = {name: account.newest(table) for name, table in landing.items()}
    work = _Alignment(Work(site, mapping, meanings(mapping, domains), since), landing, tables, persons, parts)
    before = account.load(store, site)
    if before and before.rests_on.holds(rules, landing, tables):
        tally = work.again(before, f"{rules}{sorted(seen.items())}")
    else:
        tally = work.all(account.scratch(store, site), f"{rules}{sorted(seen.items())}")
    made = {name: account.newest(table) for name, table in tables.items()}
    account.keep(store, site, account.Account(account.RestsOn(rules, seen, made), tally, persons))
    rows = {name: table.current() for name, table in landing.items()}
    marked = frozenset({site} if invented(rows, mapping.source.streams) else ())
    commits, newest = ({name: table.commit for name, table in some.items()} for some in (landing, tables))
    cdm = Cdm(_Opened(tables, newest), tally.account, marked)
    return Aligned(site, cdm, tally.rejected, shares(tally.codes), commits, newest)


class _Opened(Mapping[str, pl.LazyFrame]):
    """Tables at a commit, each held against its seals when it is first asked for: not all are read."""

    def __init__(self, tables: Mapping[str, Table], commits: Mapping[str, int]) -> None:
        self._tables, self._commits = tables, commits
        self._open: dict[str, pl.LazyFrame] = {}

    def __getitem__(self, name: str) -> pl.LazyFrame:
        if name not in self._open:
            self._open[name] = self._tables[name].current(self._commits[name])
        return self._open[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def as_landed(
    source: Source, store: Store, commits: Mapping[str, int], domains: Mapping[int, str], persons: pl.DataFrame
) -> Aligned:
    """Harmonise the landing rows of one hospital as they stood at earlier commits; nothing is written.

    Raises
    ------
    TornStore, DataError
        As `rwe.store.Table.current`, and as `harmonise`.
    """
    site, mapping = source.site.site, source.mapping
    landing = {name: landing_table(store, site, name) for name in mapping.source.streams if name in commits}
    rows = {name: _dated(table, table.current(commits[name])) for name, table in landing.items()}
    made = harmonise(rows, mapping, site, domains, persons, source.site.records_from)
    marked = frozenset({site} if invented(rows, mapping.source.streams) else ())
    cdm = Cdm(made.cdm.tables, made.accounting, marked)
    return Aligned(site, cdm, made.rejected, made.codes, dict(commits), {})


def _dated(table: Table, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add to landing rows the day on which each was landed."""
    # One day more, because clocks stand in several zones.
    days = {seal.commit: date.fromisoformat(seal.utc[:10]) + timedelta(days=1) for seal in table.seals()}
    return rows.with_columns(_known=pl.col("_commit").replace_strict(days, default=None, return_dtype=pl.Date))


@dataclass(frozen=True, slots=True)
class _Alignment:
    """One hospital on its way from its landing tables to the tables of the common model."""

    work: Work
    landing: Mapping[str, Table]
    tables: Mapping[str, Table]
    persons: pl.DataFrame
    parts: int

    def all(self, scratch: Path, made_of: str) -> Tally:
        """Harmonise every person, a part at a time, and make one commit of each table of it."""
        rows = {name: self._rows(name, table.current(), self.persons) for name, table in self.landing.items()}
        who = identities(rows[self.work.mapping.person[0]], self.work.mapping.person[0])
        with self._drafts(self.tables, made_of) as drafts:

            def put(number: int, part: Part) -> None:
                for name, draft in drafts.items():
                    draft.whole(part.tables[name], "bucket", buckets_of(number, self.parts))

            return in_parts(self.work, rows, who, self.parts, scratch, put)

    def again(self, before: account.Account, made_of: str) -> Tally:
        """Harmonise the persons who changed, and append what differs of what they had."""
        since = {name: self._since(name, table, before) for name, table in self.landing.items()}
        if all(one.came.is_empty() for one in since.values()):
            return before.tally
        was, now = again(self.work, since)
        changes = {name: changes_of(was.tables[name], now.tables[name]) for name in self.tables}
        touched = {name: self.tables[name] for name, rows in changes.items() if rows.height}
        with self._drafts(touched, made_of) as drafts:
            for name, draft in drafts.items():
                draft.news(changes[name])
        return total([before.tally.less(was.tally), now.tally])

    def _since(self, name: str, table: Table, before: account.Account) -> Since:
        commit = before.rests_on.landing[name][0]
        stood = self._rows(name, table.current(commit), before.persons)
        came = self._rows(name, table.since(commit), self.persons).collect()
        came = came.filter(pl.col("_commit") == pl.col("_commit").max().over("_key"))
        again = any(seal.rows and not seal.anew for seal in table.seals()[commit:])
        if name != self.work.mapping.person[0]:
            return Since(stood, came, again)
        both = pl.concat([before.persons, self.persons])
        moved = both.filter(~both.is_duplicated()).join(came, on="_key", how="anti").select("_key").unique().lazy()
        given = self._rows(name, table.current(commit), self.persons).join(moved, on="_key", how="semi").collect()
        return Since(stood, pl.concat([came, given]), again or given.height > 0)

    def _rows(self, name: str, rows: pl.LazyFrame, persons: pl.DataFrame) -> pl.LazyFrame:
        """Add to landing rows the day on which each was landed, and to those of persons whose they are."""
        rows = _dated(self.landing[name], rows)
        return linked(rows, persons) if name == self.work.mapping.person[0] else rows

    def _drafts(self, tables: Mapping[str, Table], made_of: str) -> AbstractContextManager[dict[str, Draft]]:
        whose = hashlib.sha256(self.persons.write_csv().encode()).hexdigest()
        return _drafts(tables, hashlib.sha256(f"{made_of}{whose}".encode()).hexdigest()[:32])


@contextmanager
def _drafts(tables: Mapping[str, Table], batch: str) -> Iterator[dict[str, Draft]]:
    """Hold all tables, and make their commits one after another once all of them are whole."""
    with ExitStack() as stack:
        yield {n: stack.enter_context(t.draft(batch=batch, kind="common model")) for n, t in tables.items()}


def cdm_table(store: Store, site: str, name: str, *, split: bool = False) -> Table:
    """Return a table of the common model; a small hospital's is not split: 64 files cost more than one."""
    return store.table(f"{site}/cdm/{name}", partition_by="bucket" if split else None)


def tables_at(store: Store, site: str, commits: Mapping[str, int]) -> dict[str, pl.LazyFrame]:
    """Return the common model of a hospital at commits of its tables.

    Raises
    ------
    TornStore, DataError
        As `rwe.store.Table.current`.
    """
    return {name: cdm_table(store, site, name).current(commit) for name, commit in commits.items()}


def as_it_was(store: Store, part: Aligned, commits: Mapping[str, int]) -> Cdm | None:
    """Return the common model of a hospital at earlier commits of its tables, None where nothing came since."""
    if commits.keys() != part.tables.keys() or commits == part.tables:
        return None
    tables = {
        name: part.cdm.table(name) if commit == part.tables[name] else cdm_table(store, part.site, name).current(commit)
        for name, commit in commits.items()
    }
    return Cdm(tables, pl.DataFrame())
