# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Record`: what the rules of one (stream, record) say of each field, and when they keep a row out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from rwe.harmonise import remarks
from rwe.harmonise.dates import supplied
from rwe.harmonise.ids import event_id
from rwe.harmonise.texts import Texts, by_pattern
from rwe.harmonise.values import Reading, held, reading
from rwe.spec.mapping import FieldRule
from rwe.spec.omop import omop_fields
from rwe.spec.source import Column

Read = list[tuple[FieldRule, Reading]]


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record that a stream feeds: its rules, and the columns they read.

    Parameters
    ----------
    elsewhere
        Domains whose concepts other records of the stream make of the same codes.
    texts
        What texts were read as before.
    """

    stream: str
    name: str
    rules: tuple[FieldRule, ...]
    columns: Mapping[str, Column]
    elsewhere: frozenset[str] = frozenset()
    texts: Texts = field(default_factory=Texts)

    @property
    def table(self) -> str:
        """The table of the common model that it fills."""
        return self.rules[0].table

    def read(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, Read]:
        """Return the rules that read a source column into a field, with how they read it from these rows."""
        found: Read = []
        for rule in (rule for rule in self.rules if rule.column and rule.how != "when"):
            column = self.columns[rule.column]
            read = reading(rule, column)
            if by_pattern(rule, column):
                rows, read = self.texts.once(f"{self.stream}/{self.name}/{rule.field}", rows, rule, read)
            found.append((rule, read))
        return rows, found


def verdict(record: Record, found: Read) -> pl.Expr:
    """Return the name of the first rule that keeps a row from making this record, null if none does."""
    tests = [pl.when(~_applies(r, record)).then(pl.lit("other_kind")) for r in record.rules if r.how == "when"]
    tests += [pl.when(why).then(pl.lit(name)) for _, read in found for name, why in read.refused.items()]
    for word, name in (("reject", "missing_required"), ("skip", "nothing_recorded")):
        empty = [read.raw.is_null() for rule, read in found if rule.missing == word]
        tests += [pl.when(pl.any_horizontal(empty)).then(pl.lit(name))] if empty else []
    return pl.coalesce(*tests, pl.lit(None, dtype=pl.String))


def _applies(rule: FieldRule, record: Record) -> pl.Expr:
    code = held(rule.column, record.columns[rule.column]).cast(pl.String)
    return code.is_in(rule.argument.split("|")).fill_null(value=False)


def values(record: Record, found: Read) -> list[pl.Expr]:
    read = {rule.field: r.value for rule, r in found}
    ends = {r.field: r for r in record.rules if r.how == "supply_end"}
    supplies = {name: read[name] for name in ends}
    read |= {name: supplied(read[r.argument], supplies[name]) for name, r in ends.items()}
    beside = {name: value for _, r in found for name, value in r.beside.items()}
    given = {r.field: _GIVEN[r.how](r, read) for r in record.rules if r.how in _GIVEN}
    sources = {source_value(r): read[r.field] for r in record.rules if r.how in ("code", "unit")}
    fields = omop_fields()[record.table]
    kept = {name: value for name, value in sources.items() if name in fields and name not in read | given}
    inferred = {f"{r.field}_inferred": pl.lit(value=True) for r in record.rules if r.how == "inferred"}
    inferred |= {f"{name}_inferred": days.is_null() | (days < 1) for name, days in supplies.items()}
    told = inferred | _remarks(found)
    values = [value.alias(name) for name, value in (read | beside | given | kept).items()]
    return [*values, *(remarks.said(name, when) for name, when in told.items())]


def _remarks(found: Read) -> dict[str, pl.Expr]:
    """Return the remarks of all columns; one that several columns earn is said once."""
    told: dict[str, list[pl.Expr]] = {}
    for _, read in found:
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
