# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`harmonise`: the rows of one hospital as people in the common model, with the account of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.errors import DataError
from rwe.harmonise import accounting, vital
from rwe.harmonise.codes import Meanings, meanings
from rwe.harmonise.ids import person_ids, row_ids
from rwe.harmonise.people import People, is_again, resolve
from rwe.harmonise.records import Made, Record, ledger, make, verdicts
from rwe.harmonise.remarks import CODES, NOTES
from rwe.harmonise.translate import place
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.omop import omop_fields

PERIOD = "observation_period"


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
    landing: Mapping[str, pl.LazyFrame], mapping: SourceMapping, site: str, domains: Mapping[int, str] | None = None
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

    Raises
    ------
    DataError
        If a stream is missing, a key stands twice, tokens collide, or the account does not add up.
    """
    known = meanings(mapping, domains or {})
    streams = {name: _rows(landing, name, site) for name in mapping.source.streams}
    people = _people(streams[mapping.person[0]], mapping, known)
    parts = [people.made]
    for name, rows in streams.items():
        parts += _stream(rows, name, people, mapping, known)
    lines = vital.judge(pl.concat(part.ledger for part in parts), people.ids)
    parts += (periods := _periods(streams[mapping.person[0]], lines, mapping, known))
    lines = accounting.close(pl.concat([lines, *(part.ledger for part in periods)]))
    account = accounting.account(lines, pl.concat(part.notes for part in parts))
    accounting.check(account, {name: rows.height for name, rows in streams.items()})
    tables = _linked(_tables(parts, lines), mapping)
    _check(tables)
    cdm = Cdm({name: table.lazy() for name, table in tables.items()}, account)
    return Harmonised(cdm, accounting.rejected(lines), _shares(pl.concat(part.codes for part in parts)))


def _shares(codes: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of codes with their share of all rows that have a code in the same field, most first."""
    whole = ["stream", "record", "field", "vocabulary"]
    share = (pl.col("n") / pl.col("n").sum().over(whole)).alias("share")
    return codes.with_columns(share).sort(*whole, pl.col("code") != "", -pl.col("n"), "code")


def _rows(landing: Mapping[str, pl.LazyFrame], stream: str, site: str) -> pl.DataFrame:
    """Return the rows of a stream in the order of their keys, with their part of the ids."""
    if stream not in landing:
        raise DataError(f"stream '{stream}' of the mapping has no landing table; extract it first")
    rows = landing[stream].sort("_key").collect()
    if twice := rows.height - rows["_key"].n_unique():
        raise DataError(f"stream '{stream}': {twice} keys stand twice among its current rows")
    return rows.with_columns(row_ids(site, stream, rows["_key"]))


def _people(rows: pl.DataFrame, mapping: SourceMapping, known: Meanings) -> People:
    stream, name = mapping.person
    if "national_token" not in rows.columns:
        rows = rows.with_columns(national_token=pl.lit(None, dtype=pl.String))
    nameless = pl.when(pl.col("person_token").is_null()).then(pl.lit("missing_required"))
    rows = rows.with_columns(person_ids(rows, stream), nameless.alias("_rule"))
    return resolve(rows, make(rows, _record(mapping, stream, name), known))


def _record(mapping: SourceMapping, stream: str, name: str) -> Record:
    records = mapping.records(stream)
    return Record(stream, name, records[name], mapping.stream(stream).columns, place(records, name))


def _stream(rows: pl.DataFrame, stream: str, people: People, mapping: SourceMapping, known: Meanings) -> list[Made]:
    """Return the verdicts on the rows of a stream, and every record made of them but person and period."""
    rows = rows.join(people.tokens, on="person_token", how="left", maintain_order="left", validate="m:1")
    again = pl.when(is_again(mapping.stream(stream))).then(pl.lit("duplicate_row"))
    rows = rows.with_columns(pl.coalesce(people.verdict(), again).alias("_rule"))
    lines = people.made.ledger if stream == mapping.person[0] else verdicts(rows)
    whole = Made(pl.DataFrame(), ledger(lines, stream), pl.DataFrame(schema=NOTES), pl.DataFrame(schema=CODES))
    records = [_record(mapping, stream, name) for name in mapping.records(stream)]
    return [whole, *(make(rows, r, known) for r in records if r.table not in ("person", PERIOD))]


def _periods(rows: pl.DataFrame, lines: pl.DataFrame, mapping: SourceMapping, known: Meanings) -> list[Made]:
    """Return the observation periods: they rest on all records of a person, so they are made last."""
    stream, person = mapping.person
    names = [name for name, rules in mapping.records(stream).items() if rules[0].table == PERIOD]
    final = lines.filter(pl.col("stream") == stream, pl.col("record") == person)
    whose = final.select("_key", pl.col("person_id").alias("_person"), pl.col("rule").alias("_rule"))
    rows = rows.join(whose, on="_key", validate="1:1", maintain_order="left")
    rows = rows.join(vital.spans(lines), on="_person", how="left", validate="m:1", maintain_order="left")
    unseen = pl.when(pl.col("_first_record").is_null()).then(pl.lit("nothing_recorded"))
    rows = rows.with_columns(
        pl.coalesce("_rule", unseen).alias("_rule"), pl.coalesce("_last_commit", "_commit").alias("_commit")
    )
    return [make(rows, _record(mapping, stream, name), known) for name in names]


def _tables(parts: list[Made], lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the rows of the common model whose lines were accepted in the end."""
    accepted = lines.filter(pl.col("rule").is_null(), pl.col("record") != "")
    whose = accepted.partition_by("stream", "record", as_dict=True)
    tables: dict[str, list[pl.DataFrame]] = {name: [TABLES[name].create_empty()] for name in TABLES}
    for part in (part for part in parts if part.rows.height):
        stream, record, table = part.ledger.select("stream", "record", "table").row(0)
        keys = whose.get((stream, record))
        if keys is not None:
            tables[table].append(part.rows.join(keys, left_on="_source_key", right_on="_key", how="semi"))
    return {name: pl.concat(frames) for name, frames in tables.items()}


def _linked(tables: dict[str, pl.DataFrame], mapping: SourceMapping) -> dict[str, pl.DataFrame]:
    """Empty the links to sibling records that were not made: an id must stand in the table it points to."""
    links = {
        (rule.table, rule.field, mapping.records(rule.stream)[rule.argument][0].table)
        for rule in mapping.fields
        if rule.how == "link"
    }
    for table, field, target in sorted(links):
        key = next(f.name for f in omop_fields()[target].values() if f.primary_key)
        there = pl.col(field).is_in(tables[target][key].implode())
        tables[table] = tables[table].with_columns(pl.when(there).then(field).alias(field))
    return tables


def _check(tables: Mapping[str, pl.DataFrame]) -> None:
    """Hold the tables against each other: every row belongs to a person, every id stands once."""
    for name, table in tables.items():
        ids = TABLES[name].primary_key() or ["person_id"]  # of a death there is at most one a person
        if twice := table.height - table.select(ids).n_unique():
            raise DataError(f"{twice} ids of {name} stand twice")
        if strays := table.join(tables["person"], on="person_id", how="anti").height:
            raise DataError(f"{strays} rows of {name} belong to nobody in person")
