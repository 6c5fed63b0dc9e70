# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The work itself, for some persons at a time: all their rows in, rows of the common model and their account out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from rwe.cdm import TABLES
from rwe.errors import DataError
from rwe.harmonise import accounting, vital
from rwe.harmonise.accounting import Tally
from rwe.harmonise.codes import Meanings
from rwe.harmonise.fields import Record
from rwe.harmonise.ids import row_ids
from rwe.harmonise.ledger import Ledger
from rwe.harmonise.once import Ids, in_order
from rwe.harmonise.people import OWN, Identities, again, resolve
from rwe.harmonise.records import Made, make
from rwe.harmonise.texts import Texts
from rwe.harmonise.translate import place
from rwe.spec.mapping import FieldRule
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.omop import omop_fields

PERIOD = "observation_period"


@dataclass(frozen=True, slots=True)
class Part:
    """What was made of the rows of some persons: tables of the common model, and what became of the rows.

    Parameters
    ----------
    ids
        What must stand once in the whole hospital, by what it is, in its order (`rwe.harmonise.once`).
    """

    tables: Mapping[str, pl.DataFrame]
    tally: Tally
    ids: Mapping[str, Ids]


@dataclass(frozen=True, slots=True)
class Work:
    """What harmonisation of one hospital goes by.

    Parameters
    ----------
    site
        Name of the hospital; a part of the ids of events.
    mapping, known
        What the rows mean, and what their codes and measures do.
    since
        The day on which its records begin.
    texts
        What texts were read as, kept from part to part.
    """

    site: str
    mapping: SourceMapping
    known: Meanings
    since: date | None = None
    texts: Texts = field(default_factory=Texts)

    def part(self, rows: Mapping[str, pl.DataFrame], who: Identities) -> Part:
        """Harmonise all rows of some persons.

        Parameters
        ----------
        rows
            By stream, in the shape of `rwe.harmonise.landed.read`. Rows of nobody may be among them.
        who
            Who is who in the whole hospital.

        Raises
        ------
        DataError
            If a key or an id stands twice, or the account does not add up.
        """
        streams = {name: self._numbered(rows[name], name) for name in self.mapping.source.streams}
        keys = {name: one["_row_id"] for name, one in streams.items()}
        ids = _once({f"keys of stream {name}": one for name, one in keys.items()})
        stream = self.mapping.person[0]
        person = self._person(streams[stream], who)
        ledgers = [self._stream(streams[name], name, person) for name in streams]
        ledgers, spans = vital.judge(ledgers, _births(person))
        spans = vital.observed(spans, self.since)
        ledgers = [self._with_periods(one, spans) if one.stream == stream else one for one in ledgers]
        ledgers = [accounting.close(one) for one in ledgers]
        tables = _linked(_tables(ledgers), self.mapping)
        _check(tables)
        return Part(tables, accounting.tally(ledgers), ids | _once(self._ids(tables)))

    def sexes(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``_key`` and ``sex``, its concept, of the rows of the person stream that make a person."""
        rows = self._numbered(rows, self.mapping.person[0]).with_columns(
            _person=pl.col(OWN), _rule=pl.lit(None, pl.String)
        )
        made = make(rows, self._record(*self.mapping.person), self.known)
        return made.rows.select(pl.col("_source_key").alias("_key"), pl.col("gender_concept_id").alias("sex"))

    def _numbered(self, rows: pl.DataFrame, stream: str) -> pl.DataFrame:
        """Add the number of each row and its part of the ids."""
        return rows.with_columns(row_ids(self.site, stream, rows["_key"])).with_row_index("_row")

    def _ids(self, tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.Series]:
        """Return the ids of events of the tables where the keys of one stream do not say already that each is one."""
        made: dict[str, list[tuple[FieldRule, ...]]] = {}
        for records in map(self.mapping.records, self.mapping.source.streams):
            for rules in records.values():
                made.setdefault(rules[0].table, []).append(rules)
        several = [name for name, records in made.items() if len(records) > 1 or any(map(self._many, records))]
        keys = {name: TABLES[name].primary_key() for name in several}
        return {f"ids of {name}": tables[name][key[0]] for name, key in keys.items() if key and key != ["person_id"]}

    def _many(self, rules: tuple[FieldRule, ...]) -> bool:
        """Whether a code may have several concepts, so that a source row makes several rows."""
        vocabularies = (self.known.vocabularies.get(rule.argument) for rule in rules if rule.how == "code")
        return any(one.many for one in vocabularies if one)

    def _person(self, rows: pl.DataFrame, who: Identities) -> Made:
        nameless = pl.when(~pl.col("_named")).then(pl.lit("missing_required"))
        rows = rows.with_columns(nameless.alias("_rule"), _person=pl.col(OWN))
        return resolve(rows, make(rows, self._record(*self.mapping.person), self.known), who)

    def _record(self, stream: str, name: str) -> Record:
        records = self.mapping.records(stream)
        columns = self.mapping.stream(stream).columns
        return Record(stream, name, records[name], columns, place(records, name), self.texts)

    def _stream(self, rows: pl.DataFrame, stream: str, person: Made) -> Ledger:
        """Return the verdicts on the rows of a stream, and every record made of them but the period."""
        twice = again(rows, self.mapping.stream(stream))
        second = pl.when(pl.col("_row").is_in(twice.implode())).then(pl.lit("duplicate_row"))
        rows = rows.with_columns(pl.coalesce(_verdict(person), second).alias("_rule"))
        records = [self._record(stream, name) for name in self.mapping.records(stream)]
        made = [make(rows, r, self.known) for r in records if r.table not in ("person", PERIOD)]
        if stream != self.mapping.person[0]:
            return Ledger(stream, rows, rows.select("_row", person_id="_person", rule="_rule"), tuple(made))
        return Ledger(stream, rows, person.lines.select("_row", "person_id", "rule"), (person, *made))

    def _with_periods(self, ledger: Ledger, spans: pl.DataFrame) -> Ledger:
        """Add the observation periods: they rest on all records of a person, so they are made last."""
        stream, person = self.mapping.person
        names = [name for name, rules in self.mapping.records(stream).items() if rules[0].table == PERIOD]
        final = next(made.lines for made in ledger.records if made.record.name == person)
        rows = ledger.rows.with_columns(final["rule"].alias("_rule"), final["person_id"].alias("_person"))
        rows = rows.join(spans, on="_person", how="left", validate="m:1", maintain_order="left")
        unseen = pl.when(pl.col("_first_record").is_null()).then(pl.lit("nothing_recorded"))
        rows = rows.with_columns(
            pl.coalesce("_rule", unseen).alias("_rule"), pl.coalesce("_last_commit", "_commit").alias("_commit")
        )
        made = [make(rows, self._record(stream, name), self.known) for name in names]
        return Ledger(ledger.stream, ledger.rows, ledger.whole, (*ledger.records, *made))


def _births(person: Made) -> pl.DataFrame:
    return person.accepted().select("person_id", "year_of_birth")


def _verdict(person: Made) -> pl.Expr:
    """Return the rule against rows of ``_person``, null where the person was accepted."""
    return (
        pl.when(pl.col("_person").is_null())
        .then(pl.lit("unknown_person"))
        .when(~pl.col("_person").is_in(_births(person)["person_id"].implode()))
        .then(pl.lit("person_set_aside"))
    )


def _tables(ledgers: list[Ledger]) -> dict[str, pl.DataFrame]:
    """Return the rows of the common model whose lines were accepted in the end."""
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
    for made in (made for ledger in ledgers for made in ledger.records if made.rows.height):
        tables[made.record.table].append(made.accepted().drop("_row"))
    return {name: pl.concat([TABLES[name].create_empty(), *frames]) for name, frames in tables.items()}


def _linked(tables: dict[str, pl.DataFrame], mapping: SourceMapping) -> dict[str, pl.DataFrame]:
    """Empty the links to sibling records that were not made: an id must stand in the table it points to."""
    links = {
        (rule.table, rule.field, mapping.records(rule.stream)[rule.argument][0].table)
        for rule in mapping.fields
        if rule.how == "link"
    }
    for table, name, target in sorted(links):
        key = next(f.name for f in omop_fields()[target].values() if f.primary_key)
        there = pl.col(name).is_in(tables[target][key].implode())
        tables[table] = tables[table].with_columns(pl.when(there).then(name).alias(name))
    return tables


def _once(ids: Mapping[str, pl.Series]) -> dict[str, Ids]:
    return {name: in_order(one, name) for name, one in ids.items()}


def _check(tables: Mapping[str, pl.DataFrame]) -> None:
    """Hold the tables against each other: each row is of a person, who stands once, and so does a death."""
    persons = tables["person"]["person_id"]
    for name in ("person", "death"):
        if twice := tables[name].height - tables[name]["person_id"].n_unique():
            raise DataError(f"{twice} ids of {name} stand twice")
    for name, table in tables.items():
        if table.height and (strays := (~table["person_id"].is_in(persons.implode())).sum()):
            raise DataError(f"{strays} rows of {name} belong to nobody in person")
