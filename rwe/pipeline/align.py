# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From landing tables to the common model in the store; what is read on is what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.harmonise import harmonise
from rwe.pipeline.extract import landing_table
from rwe.pipeline.invented import invented
from rwe.pipeline.planning import Source
from rwe.store import Store, Table


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

    All people are harmonised each time, because the account must cover every landed row; the store
    keeps only the rows that say something new, and deletes those that are no more. `domains` are those of the
    mapping's concepts, as far as known; `persons` those of the hospital (`rwe.pipeline.linking`).
    """
    site, streams = source.site.site, source.mapping.source.streams
    landing = {name: landing_table(store, site, name) for name in streams}
    commits = {name: table.commit for name, table in landing.items()}
    rows = {name: _known(table) for name, table in landing.items()}
    made = harmonise(rows, source.mapping, site, domains, persons)
    whose = persons.sort("_key").write_csv()
    batch = hashlib.sha256(repr((sorted(commits.items()), source.mapping.fields, whose)).encode()).hexdigest()[:32]
    tables = {name: _cdm_table(store, site, name) for name in TABLES}
    for name, table in tables.items():
        table.append(made.rows(name).drop("_op"), batch=batch, kind="common model", whole=True)
    marked = frozenset({site} if invented({name: table.current() for name, table in landing.items()}, streams) else ())
    cdm = Cdm({name: table.current() for name, table in tables.items()}, made.accounting, marked)
    newest = {name: table.commit for name, table in tables.items()}
    return Aligned(site, cdm, made.rejected, made.codes, commits, newest)


def _known(table: Table) -> pl.LazyFrame:
    """Return the current rows with the day on which each was landed, and one more: clocks stand in several zones."""
    days = {seal.commit: date.fromisoformat(seal.utc[:10]) + timedelta(days=1) for seal in table.seals()}
    known = pl.col("_commit").replace_strict(days, default=None, return_dtype=pl.Date)
    return table.current().with_columns(_known=known)


def _cdm_table(store: Store, site: str, name: str) -> Table:
    return store.table(f"{site}/cdm/{name}", partition_by="bucket")


def as_it_was(store: Store, part: Aligned, commits: Mapping[str, int]) -> Cdm | None:
    """Return the common model of a hospital at earlier commits of its tables, None where nothing came since."""
    if commits.keys() != part.tables.keys() or commits == part.tables:
        return None
    tables = {
        name: part.cdm.table(name)
        if commit == part.tables[name]
        else _cdm_table(store, part.site, name).current(commit)
        for name, commit in commits.items()
    }
    return Cdm(tables, pl.DataFrame())
