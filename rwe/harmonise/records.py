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
from rwe.harmonise import measured, remarks
from rwe.harmonise.codes import Meanings
from rwe.harmonise.dates import in_order, supplied
from rwe.harmonise.ids import bucket, event_id
from rwe.harmonise.translate import coded, translate
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


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record that a stream feeds: its rules, and the columns they read.

    Parameters
    ----------
    elsewhere
        Domains whose concepts other records of the stream make of the same codes.
    """

    stream: str
    name: str
    rules: tuple[FieldRule, ...]
    columns: Mapping[str, Column]
    elsewhere: frozenset[str] = frozenset()

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
        What was done to rows that were made (unmapped codes, inferred values), in the shape of `remarks.NOTES`.
    codes
        How often codes without a concept stood in them, in the shape of `remarks.CODES`.
    """

    rows: pl.DataFrame
    ledger: pl.DataFrame
    notes: pl.DataFrame
    codes: pl.DataFrame


def make(rows: pl.DataFrame, record: Record, known: Meanings) -> Made:
    """Make a record from each of `rows`.

    Parameters
    ----------
    rows
        Source rows with ``_key`` (unique), ``_commit``, ``_row_id``, ``_person`` (its id) and
        ``_rule``, the verdict on the row as a whole: where it is not null no record is made; perhaps with
        ``_known``, the day on which the row was landed.
    record
        The rules to apply.
    known
        What codes, units and measures mean.
    """
    person = pl.col("_person").alias("person_id")
    open_rows = rows.filter(pl.col("_rule").is_null())
    landed = [name for name in ("_known",) if name in rows.columns]
    drafts = open_rows.select("_key", "_commit", "_row_id", *landed, person, _verdict(record), *_values(record))
    drafts = in_order(drafts, record.table)
    drafts = translate(drafts, record.rules, known, record.elsewhere)
    if record.table == measured.TABLE:
        units_read = any(rule.how == "unit" for rule in record.rules)
        drafts = measured.standardise(drafts, known, units_read=units_read)
    drafts, made = _conform(_dated(drafts, record), record)
    closed = verdicts(rows.filter(pl.col("_rule").is_not_null()))
    lines = pl.concat([_first(drafts).select("_key", "_commit", "person_id", "rule", "day"), closed], how="diagonal")
    fields = [(field, rule.argument) for field, rule in coded(record.rules).items()]
    return Made(
        made,
        ledger(lines, record.stream, record.name, record.table),
        remarks.notes(drafts, record.stream, record.name),
        remarks.codes(drafts, record.stream, record.name, fields),
    )


def _first(drafts: pl.DataFrame) -> pl.DataFrame:
    """Return one line a source row: of one that made several, the first that nothing kept out."""
    if not (drafts["_part"] > 0).any():
        return drafts
    return drafts.sort("_key", pl.col("rule").is_not_null(), "_part").unique("_key", keep="first", maintain_order=True)


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
    tests += [pl.when(why).then(pl.lit(name)) for _, read in record.readings for name, why in read.refused.items()]
    for word, name in (("reject", "missing_required"), ("skip", "nothing_recorded")):
        empty = [read.raw.is_null() for rule, read in record.readings if rule.missing == word]
        tests += [pl.when(pl.any_horizontal(empty)).then(pl.lit(name))] if empty else []
    return pl.coalesce(*tests, pl.lit(None, dtype=pl.String)).alias("rule")


def _applies(rule: FieldRule, record: Record) -> pl.Expr:
    code = held(rule.column, record.columns[rule.column]).cast(pl.String)
    return code.is_in(rule.argument.split("|")).fill_null(value=False)


def _values(record: Record) -> list[pl.Expr]:
    read = {rule.field: r.value for rule, r in record.readings}
    ends = {r.field: r for r in record.rules if r.how == "supply_end"}
    supplies = {name: read[name] for name in ends}
    read |= {name: supplied(read[r.argument], supplies[name]) for name, r in ends.items()}
    beside = {name: value for _, r in record.readings for name, value in r.beside.items()}
    given = {r.field: _GIVEN[r.how](r, read) for r in record.rules if r.how in _GIVEN}
    sources = {source_value(r): read[r.field] for r in record.rules if r.how in ("code", "unit")}
    fields = omop_fields()[record.table]
    kept = {name: value for name, value in sources.items() if name in fields and name not in read | given}
    inferred = {f"{r.field}_inferred": pl.lit(value=True) for r in record.rules if r.how == "inferred"}
    inferred |= {f"{name}_inferred": days.is_null() | (days < 1) for name, days in supplies.items()}
    told = inferred | _remarks(record)
    values = [value.alias(name) for name, value in (read | beside | given | kept).items()]
    return [*values, *(remarks.said(name, when) for name, when in told.items())]


def _remarks(record: Record) -> dict[str, pl.Expr]:
    """Return the remarks of all columns; one that several columns earn is said once."""
    told: dict[str, list[pl.Expr]] = {}
    for _, read in record.readings:
        for name, when in read.remarks.items():
            told.setdefault(name, []).append(when)
    return {name: pl.any_horizontal(whens) for name, whens in told.items()}


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


def _dated(drafts: pl.DataFrame, record: Record) -> pl.DataFrame:
    day = dated_by(record.table)
    return drafts.with_columns((pl.col(day) if day else pl.lit(None, dtype=pl.Date)).alias("day"))


def _conform(drafts: pl.DataFrame, record: Record) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the drafts with the schema's verdict added, and the rows that it accepts.

    Whether ids are unique is no property of a row and is left to the end: a person sent twice is two rows here.
    """
    schema = TABLES[record.table]
    parts = 1 + int(drafts.select(pl.col("_part").max().fill_null(0)).item())
    filled = drafts.filter(pl.col("rule").is_null()).with_columns(_engine_columns(record, parts))
    absent = [pl.lit(None, dtype=c.dtype).alias(n) for n, c in schema.columns().items() if n not in filled.columns]
    made = filled.with_columns(absent).select(schema.column_names())
    failure = schema.filter(made).failure
    if not len(failure):
        return drafts, made
    details = failure.details()
    broken = details.select(pl.col("_key").alias("_made"), _first_broken(details).alias("_broken")).drop_nulls()
    drafts = drafts.with_columns(_made_key(record).alias("_made"))
    drafts = drafts.join(broken, on="_made", how="left", maintain_order="left", validate="1:1")
    kept = made.join(broken, left_on="_key", right_on="_made", how="anti")
    return drafts.with_columns(pl.coalesce("rule", "_broken").alias("rule")).drop("_broken", "_made"), kept


def _first_broken(details: pl.DataFrame) -> pl.Expr:
    """Return the name of the first schema rule that a row breaks, such as ``drug_source_value|max_length``."""
    unique = ("primary_key", "_key|unique")
    rules = [n for n, kind in details.schema.items() if isinstance(kind, pl.Enum) and n not in unique]
    return pl.coalesce(*(pl.when(pl.col(n) == "invalid").then(pl.lit(n)) for n in rules), pl.lit(None, dtype=pl.String))


def _made_key(record: Record) -> pl.Expr:
    """Return the key of a row of the common model: that of its source row, and the number of a further part."""
    key = pl.concat_str(pl.lit(f"{record.stream}/{record.name}/"), "_key")
    return pl.when(pl.col("_part") == 0).then(key).otherwise(pl.concat_str(key, pl.lit("/"), "_part"))


def _engine_columns(record: Record, parts: int) -> list[pl.Expr]:
    key = [f.name for f in omop_fields()[record.table].values() if f.primary_key and f.name != "person_id"]
    return [
        *(event_id(record.name, parts).alias(name) for name in key),
        _made_key(record).alias("_key"),
        pl.lit(record.stream).alias("_source"),
        pl.col("_key").alias("_source_key"),
        pl.col("_commit").alias("_source_commit"),
        bucket(pl.col("person_id")).alias("bucket"),
    ]
