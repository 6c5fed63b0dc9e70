# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A record: what the rules of one (stream, record) make of each source row.

Every row gets a verdict: the name of the rule that keeps it out, or none. Rows without one are rows
of the common model that its schema has accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from rwe.cdm import TABLES
from rwe.harmonise.codes import UNMAPPED, look_up
from rwe.harmonise.ids import bucket, event_id
from rwe.harmonise.values import Reading, held, reading
from rwe.spec.mapping import FieldRule
from rwe.spec.omop import dated_by, omop_fields
from rwe.spec.source import Column

LEDGER = {
    "stream": pl.String,
    "record": pl.String,
    "table": pl.String,
    "_key": pl.String,
    "_commit": pl.Int64,
    "person_id": pl.Int64,
    "day": pl.Date,
    "rule": pl.String,
}
NOTES = {"stream": pl.String, "record": pl.String, "_key": pl.String, "rule": pl.String, "outcome": pl.String}


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record that a stream feeds: its rules, and the columns they read."""

    stream: str
    name: str
    rules: tuple[FieldRule, ...]
    columns: Mapping[str, Column]

    @property
    def table(self) -> str:
        """The table of the common model that it fills."""
        return self.rules[0].table

    @property
    def readings(self) -> list[tuple[FieldRule, Reading]]:
        """The rules that read a source column into a field, with how they read it."""
        return [(r, reading(r, self.columns[r.column])) for r in self.rules if r.column and r.how != "when"]


@dataclass(frozen=True, slots=True)
class Made:
    """What a record made.

    Parameters
    ----------
    rows
        Rows of the common model, in the shape of `rwe.cdm.TABLES`.
    ledger
        One line a source row, in the shape of `LEDGER`: ``rule`` is null where the row made a record.
    notes
        What was done to rows that were made (unmapped codes, inferred values), in the shape of `NOTES`.
    """

    rows: pl.DataFrame
    ledger: pl.DataFrame
    notes: pl.DataFrame


def make(rows: pl.DataFrame, record: Record, concepts: pl.DataFrame) -> Made:
    """Make a record from each of `rows`.

    Parameters
    ----------
    rows
        Source rows with ``_key`` (unique), ``_commit``, ``_row_id``, ``_person`` (its id) and
        ``_rule``, the verdict on the row as a whole: where it is not null no record is made.
    record
        The rules to apply.
    concepts
        The map of codes (`rwe.harmonise.codes.concept_table`).
    """
    person = pl.col("_person").alias("person_id")
    open_rows = rows.filter(pl.col("_rule").is_null())
    drafts = open_rows.select("_key", "_commit", "_row_id", person, _verdict(record), *_values(record))
    drafts = _translate(drafts, record, concepts)
    drafts, made = _conform(drafts, record)
    closed = verdicts(rows.filter(pl.col("_rule").is_not_null()))
    lines = pl.concat([drafts.select("_key", "_commit", "person_id", "rule", "day"), closed], how="diagonal")
    return Made(made, ledger(lines, record.stream, record.name, record.table), _notes(drafts, record))


def verdicts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the verdicts on source rows as lines of a ledger.

    What the engine adds to source rows begins with ``_``, because no column of a source may.
    """
    return rows.select("_key", "_commit", pl.col("_person").alias("person_id"), pl.col("_rule").alias("rule"))


def ledger(lines: pl.DataFrame, stream: str, record: str = "", table: str = "") -> pl.DataFrame:
    """Return `lines` (``_key``, ``_commit``, ``person_id``, ``rule``, perhaps ``day``) in the shape of `LEDGER`."""
    if "day" not in lines.columns:
        lines = lines.with_columns(day=None)
    named = {"stream": stream, "record": record, "table": table}
    return lines.with_columns(pl.lit(v).alias(k) for k, v in named.items()).select(
        pl.col(name).cast(kind) for name, kind in LEDGER.items()
    )


def _verdict(record: Record) -> pl.Expr:
    """Return the name of the first rule that keeps a row from making this record, null if none does."""
    tests = [pl.when(~_applies(r, record)).then(pl.lit("other_kind")) for r in record.rules if r.how == "when"]
    tests += [pl.when(read.fault).then(pl.lit(read.rule)) for _, read in record.readings if read.rule]
    for word, name in (("reject", "missing_required"), ("skip", "nothing_recorded")):
        empty = [read.raw.is_null() for rule, read in record.readings if rule.missing == word]
        tests += [pl.when(pl.any_horizontal(empty)).then(pl.lit(name))] if empty else []
    return pl.coalesce(*tests, pl.lit(None, dtype=pl.String)).alias("rule")


def _applies(rule: FieldRule, record: Record) -> pl.Expr:
    code = held(rule.column, record.columns[rule.column]).cast(pl.String)
    return code.is_in(rule.argument.split("|")).fill_null(value=False)


def _values(record: Record) -> list[pl.Expr]:
    read = {rule.field: r.value for rule, r in record.readings}
    given = {r.field: _GIVEN[r.how](r, read) for r in record.rules if r.how in _GIVEN}
    sources = {source_value(r): read[r.field] for r in record.rules if r.how == "code"}
    fields = omop_fields()[record.table]
    kept = {name: value for name, value in sources.items() if name in fields and name not in read | given}
    return [value.alias(name) for name, value in (read | given | kept).items()]


def _constant(rule: FieldRule) -> pl.Expr:
    kind = omop_fields()[rule.table][rule.field].kind
    return pl.lit(rule.argument).cast({"integer": pl.Int64, "float": pl.Float64}.get(kind, pl.String))


_GIVEN: dict[str, Callable[[FieldRule, Mapping[str, pl.Expr]], pl.Expr]] = {
    "concept": lambda rule, _: pl.lit(int(rule.argument), dtype=pl.Int64),
    "constant": lambda rule, _: _constant(rule),
    "first_record": lambda *_: pl.col("_first_record"),
    "inferred": lambda rule, read: read[rule.argument],
    "last_record": lambda *_: pl.col("_last_record"),
    "link": lambda rule, _: event_id(rule.argument),
}


def source_value(rule: FieldRule) -> str:
    """Return the field where OMOP keeps the code that `rule` looks up."""
    if rule.field == "value_as_concept_id":
        return "value_source_value"
    return rule.field.removesuffix("_concept_id") + "_source_value"


def _translate(drafts: pl.DataFrame, record: Record, concepts: pl.DataFrame) -> pl.DataFrame:
    day = dated_by(record.table)
    for rule in record.rules:
        if rule.how == "code":
            drafts = look_up(drafts, rule.field, rule.argument, day, concepts)
    return drafts.with_columns((pl.col(day) if day else pl.lit(None, dtype=pl.Date)).alias("day"))


def _conform(drafts: pl.DataFrame, record: Record) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the drafts with the schema's verdict added, and the rows that it accepts.

    Whether ids are unique is no property of a row and is left to the end: a person sent twice is two rows here.
    """
    schema = TABLES[record.table]
    filled = drafts.filter(pl.col("rule").is_null()).with_columns(_engine_columns(record))
    absent = [pl.lit(None, dtype=c.dtype).alias(n) for n, c in schema.columns().items() if n not in filled.columns]
    made = filled.with_columns(absent).select(schema.column_names())
    failure = schema.filter(made).failure
    if not len(failure):
        return drafts, made
    details = failure.details()
    broken = details.select(pl.col("_source_key").alias("_key"), _first_broken(details).alias("_broken")).drop_nulls()
    drafts = drafts.join(broken, on="_key", how="left", maintain_order="left", validate="1:1")
    kept = made.join(broken, left_on="_source_key", right_on="_key", how="anti")
    return drafts.with_columns(pl.coalesce("rule", "_broken").alias("rule")).drop("_broken"), kept


def _first_broken(details: pl.DataFrame) -> pl.Expr:
    """Return the name of the first schema rule that a row breaks, such as ``drug_source_value|max_length``."""
    unique = ("primary_key", "_key|unique")
    rules = [n for n, kind in details.schema.items() if isinstance(kind, pl.Enum) and n not in unique]
    return pl.coalesce(*(pl.when(pl.col(n) == "invalid").then(pl.lit(n)) for n in rules), pl.lit(None, dtype=pl.String))


def _engine_columns(record: Record) -> list[pl.Expr]:
    key = [f.name for f in omop_fields()[record.table].values() if f.primary_key and f.name != "person_id"]
    return [
        *(event_id(record.name).alias(name) for name in key),
        pl.concat_str(pl.lit(f"{record.stream}/{record.name}/"), "_key").alias("_key"),
        pl.lit(record.stream).alias("_source"),
        pl.col("_key").alias("_source_key"),
        pl.col("_commit").alias("_source_commit"),
        bucket(pl.col("person_id")).alias("bucket"),
    ]


def _notes(drafts: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Return what was done to each row: codes that have no concept, values that were inferred."""
    codes = [pl.col(r.field) == UNMAPPED for r in record.rules if r.how == "code"]
    noted = [("code_unmapped", "unmapped", drafts.filter(pl.any_horizontal(codes)))] if codes else []
    noted += [(f"{r.field}_inferred", "repaired", drafts) for r in record.rules if r.how == "inferred"]
    frames = [
        rows.select(
            pl.lit(record.stream).alias("stream"),
            pl.lit(record.name).alias("record"),
            "_key",
            pl.lit(rule).alias("rule"),
            pl.lit(outcome).alias("outcome"),
        )
        for rule, outcome, rows in noted
    ]
    return pl.concat([pl.DataFrame(schema=NOTES), *frames])
