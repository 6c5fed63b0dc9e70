# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`harmonise`: the rows of one hospital as people in the common model, with the account of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from rwe.cdm import Cdm
from rwe.harmonise import landed, remarks
from rwe.harmonise.codes import meanings
from rwe.harmonise.part import Work
from rwe.harmonise.people import identities
from rwe.spec.mapping import Mapping as SourceMapping


@dataclass(frozen=True, slots=True)
class Harmonised:
    """Records of people in the common model, and what became of the rows they were made from.

    Parameters
    ----------
    cdm
        The tables, with the accounting.
    rejected
        What was refused: ``stream``, ``record`` (``""`` for a whole row), ``_key``, ``rule``.
    codes
        How the codes of each field were understood: ``stream``, ``record``, ``field``, ``vocabulary``, ``code``
        (``""`` for all that have a concept), ``n`` rows, and their ``share`` of the rows with a code there. Counted
        on rows that made a record, before the rules that look at all records of a person.
    """

    cdm: Cdm
    rejected: pl.DataFrame
    codes: pl.DataFrame

    @property
    def accounting(self) -> pl.DataFrame:
        """What became of the source rows: ``stream``, ``record``, ``rule``, ``outcome``, ``n``."""
        return self.cdm.accounting

    def rows(self, table: str) -> pl.DataFrame:
        """Return the rows of a table, ready to be appended to the store."""
        return self.cdm.table(table).with_columns(_op=pl.lit("upsert")).collect()


def harmonise(
    landing: landed.Landing,
    mapping: SourceMapping,
    site: str,
    domains: Mapping[int, str] | None = None,
    persons: pl.DataFrame | None = None,
    since: date | None = None,
) -> Harmonised:
    """Bring the rows of one hospital into OMOP CDM 5.4.

    Parameters
    ----------
    landing
        Current landing rows by stream, as `rwe.store` keeps them: identifiers are tokens already.
    mapping
        What the rows mean (`rwe.spec.mapping.load_mapping`).
    site
        Name of the hospital; a part of the ids of events.
    domains
        Domains of OMOP by concept, as far as a vocabulary says them: a record goes only where its concept belongs.
    persons
        Whose each row of the person stream is (``_key``, ``person_id``), as `rwe.link` found it; where None, rows of
        one national number are one person.
    since
        The day on which the hospital's records begin: nobody is observed before.

    Raises
    ------
    DataError
        If a stream is missing, a key stands twice, tokens collide, or the account does not add up.
    """
    work = Work(site, mapping, meanings(mapping, domains or {}), since)
    stream = mapping.person[0]
    if persons is not None:
        landing = {**landing, stream: landed.linked(landed.stream_of(landing, stream), persons)}
    who = identities(landed.stream_of(landing, stream), stream)
    plans = {name: landed.read(landing, name, mapping, who) for name in mapping.source.streams}
    part = work.part(dict(zip(plans, pl.collect_all(plans.values()), strict=True)), who)
    return Harmonised(
        Cdm({name: table.lazy() for name, table in part.tables.items()}, part.tally.account),
        part.tally.rejected,
        remarks.shares(part.tally.codes),
    )


def person_rows(landing: landed.Landing, mapping: SourceMapping, site: str) -> pl.DataFrame:
    """Return the rows of the person stream with ``sex``, the concept of what stands there; null where none was made.

    Raises
    ------
    DataError
        As `harmonise`.
    """
    stream = mapping.person[0]
    who = identities(landed.stream_of(landing, stream), stream)
    rows = landed.read(landing, stream, mapping, who).collect()
    sexes = Work(site, mapping, meanings(mapping, {})).sexes(rows)
    told = landed.stream_of(landing, stream).drop("sex", strict=False)
    return told.join(sexes.lazy(), on="_key", how="left", maintain_order="left").collect()
