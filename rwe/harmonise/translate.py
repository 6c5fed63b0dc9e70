# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The codes of a record become concepts; a code of many makes several rows, each in the table of its domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from rwe.harmonise.codes import UNMAPPED, Meanings, found, listed, looked_up, with_codes
from rwe.harmonise.remarks import say
from rwe.harmonise.united import unite
from rwe.spec.mapping import FieldRule
from rwe.spec.omop import dated_by, meaning_of, omop_fields
from rwe.spec.units import units

WORDS = "value_as_concept_id"  # where a result that is no number goes


def coded(rules: Iterable[FieldRule]) -> dict[str, FieldRule]:
    """Return the fields that hold codes until they are translated, with their rules."""
    fields = {"code": None, "unit": None, "result": WORDS}
    return {fields[rule.how] or rule.field: rule for rule in rules if rule.how in fields}


def place(rules: Mapping[str, tuple[FieldRule, ...]], name: str) -> frozenset[str]:
    """Return the domains whose concepts go to another record that is made of the same codes.

    Parameters
    ----------
    rules
        All records of a stream by name.
    name
        The record that is made.
    """
    about = {record: _about(own) for record, own in rules.items()}
    mine = about[name]
    others = [rule for record, rule in about.items() if record != name and mine and rule and rule.column == mine.column]
    return frozenset(_domain(rule.table) for rule in others)


def translate(
    drafts: pl.DataFrame, rules: Iterable[FieldRule], known: Meanings, elsewhere: frozenset[str]
) -> pl.DataFrame:
    """Replace the codes of a record by concepts.

    Adds ``_part``, 0 for the first row of a source row, 1, 2, ... for further ones, and ``_code_<field>``, the codes
    as they stood. A code without concept becomes concept 0; ``code_out_of_date`` says that the map holds it for other
    days. Where the domain of a concept is that of another table
    the row is refused as ``wrong_domain``, or is of ``other_kind``, where `elsewhere` says that a record takes it; a
    row that has a concept of this table beside it bears the remark ``concept_of_other_domain``.
    """
    rules = tuple(rules)
    drafts = unite(drafts.with_columns(_part=pl.lit(0, dtype=pl.Int64)), rules, known)
    for field, rule in coded(rules).items():
        drafts = drafts.with_columns(pl.col(field).alias(f"_code_{field}"))
        if field == meaning_of(rule.table):
            drafts = _subject(drafts, rule, known, elsewhere)
        else:
            drafts = _attribute(drafts, field, rule, known)
        if rule.how == "unit":
            drafts = _ucum(drafts, field)
        drafts = say(drafts, "unit_unknown" if rule.how == "unit" else "code_unmapped", pl.col(field) == UNMAPPED)
        drafts = _out_of_date(drafts, field, rule, known)
    return drafts


def _out_of_date(drafts: pl.DataFrame, field: str, rule: FieldRule, known: Meanings) -> pl.DataFrame:
    lost = drafts.filter(pl.col(field) == UNMAPPED)[f"_code_{field}"].drop_nulls().unique().to_list()
    codes = listed(lost, rule.argument, known)
    there = (pl.col(field) == UNMAPPED) & pl.col(f"_code_{field}").is_in(codes)
    return say(drafts, "code_out_of_date", there) if codes else drafts


def _about(rules: tuple[FieldRule, ...]) -> FieldRule | None:
    field = meaning_of(rules[0].table)
    return next((rule for rule in rules if rule.field == field and rule.how == "code"), None)


def _domain(table: str) -> str:
    """Return the domain of a table's concepts; OMOP names none for observations, which take what no table takes."""
    return omop_fields()[table][meaning_of(table)].domain or "Observation"


def _attribute(drafts: pl.DataFrame, field: str, rule: FieldRule, known: Meanings) -> pl.DataFrame:
    drafts = with_codes(drafts, field, dated_by(rule.table))
    meant = found(drafts, rule.argument, known).drop("domain")
    return _placed(looked_up(drafts, meant), field)


def _subject(drafts: pl.DataFrame, rule: FieldRule, known: Meanings, elsewhere: frozenset[str]) -> pl.DataFrame:
    """Translate what a row is about: as many rows as its code has concepts of this table's domain."""
    drafts = with_codes(drafts, rule.field, dated_by(rule.table))
    meant = found(drafts, rule.argument, known)
    here = meant.filter(~_misplaced(rule.table)).drop("domain")
    away = _away(meant, rule.table, elsewhere)
    drafts = _verdicts(drafts, away) if away.height else drafts
    vocabulary = known.vocabularies.get(rule.argument)
    many = bool(vocabulary and vocabulary.many)
    drafts = _placed(looked_up(drafts, here, many=many), rule.field)
    return drafts.with_columns(pl.int_range(pl.len()).over("_row").alias("_part")) if many else drafts


def _misplaced(table: str) -> pl.Expr:
    """Whether a concept's domain is known and not this table's."""
    own = _domain(table)
    if own != "Observation":
        return (pl.col("domain") != own).fill_null(value=False)
    others = {_domain(name) for name in omop_fields() if meaning_of(name)} - {own}
    return pl.col("domain").is_in(others).fill_null(value=False)


def _away(meant: pl.DataFrame, table: str, elsewhere: frozenset[str]) -> pl.DataFrame:
    """Return the codes with concepts of other tables: whether all are, and whether other records take those."""
    misplaced = _misplaced(table)
    taken = ~misplaced | pl.col("domain").is_in(elsewhere).fill_null(value=False)
    told = {"_any": misplaced.any(), "_alone": misplaced.all(), "_taken": taken.all()}
    return meant.group_by("code", "day").agg(**told).filter("_any").drop("_any")


def _verdicts(drafts: pl.DataFrame, away: pl.DataFrame) -> pl.DataFrame:
    drafts = looked_up(drafts.with_columns(_kept=pl.col("_code"), _kept_day=pl.col("_day")), away)
    taken = pl.when("_taken").then(pl.lit("other_kind")).otherwise(pl.lit("wrong_domain"))
    why = pl.when("_alone").then(taken)
    drafts = say(drafts, "concept_of_other_domain", ~pl.col("_alone") & ~pl.col("_taken"))
    drafts = drafts.with_columns(pl.coalesce("rule", why).alias("rule")).drop("_alone", "_taken")
    return drafts.rename({"_kept": "_code", "_kept_day": "_day"})


def _placed(drafts: pl.DataFrame, field: str) -> pl.DataFrame:
    """Put the concept that was looked up in place of the code in `field`."""
    concept = pl.when(pl.col(field).is_not_null()).then(pl.coalesce("concept", pl.lit(UNMAPPED, dtype=pl.Int64)))
    drafts = say(drafts, "code_to_parent", pl.col("steps") > 0)
    return drafts.with_columns(concept.alias(field)).drop("concept", "steps")


def _ucum(drafts: pl.DataFrame, field: str) -> pl.DataFrame:
    """Give units that the map does not name the concept of the UCUM code that they are."""
    codes = {code: unit.concept_id for code, unit in units().items()}
    said = pl.col(f"_code_{field}").str.strip_chars().replace_strict(codes, default=UNMAPPED, return_dtype=pl.Int64)
    return drafts.with_columns(pl.when(pl.col(field) == UNMAPPED).then(said).otherwise(field).alias(field))
