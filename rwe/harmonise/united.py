# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Results with their unit behind the number, ``3.28 mmol/L``: read where the word is a unit and no other stands beside.

- ``unit_in_result``: the number and the unit were read from one cell;
- ``unit_contradicted``: the unit's own column names another, so the number is left out.

A word that is no unit leaves the result in words.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rwe.harmonise.codes import Meanings
from rwe.harmonise.remarks import say, unsay
from rwe.spec.mapping import FieldRule
from rwe.spec.units import units
from rwe.spec.vocabulary import PLAIN

_NUMBER, _OPERATOR, _UNIT = "_bare_number", "_bare_operator", "_bare_unit"


def unite(drafts: pl.DataFrame, rules: Iterable[FieldRule], known: Meanings) -> pl.DataFrame:
    """Read the numbers and units of results that were taken for words, in drafts whose units are not yet concepts."""
    rule = next((rule for rule in rules if rule.how == "unit"), None)
    if rule is None or _UNIT not in drafts.columns or not drafts[_UNIT].count():
        return drafts
    spelled = {text: _spelled(text, rule, known) for text in drafts[_UNIT].drop_nulls().unique().to_list()}
    named = pl.col(_UNIT).is_in([text for text, unit in spelled.items() if unit])
    own = pl.col(rule.field)
    same = own.is_null() | (own.str.strip_chars() == pl.col(_UNIT))
    taken = named.fill_null(value=False)
    drafts = drafts.with_columns(_taken=taken & same, _against=taken & ~same)
    drafts = say(say(drafts, "unit_in_result", pl.col("_taken")), "unit_contradicted", pl.col("_against"))
    for mark in ("changed", "unclear"):
        drafts = say(drafts, f"decimal_mark_{mark}", pl.col("_taken") & pl.col(f"_bare_{mark}"))
    drafts = unsay(drafts, "result_in_words", pl.col("_taken") | pl.col("_against"))
    return drafts.with_columns(
        pl.when("_taken").then(_NUMBER).otherwise("value_as_number").alias("value_as_number"),
        pl.when("_taken").then(_OPERATOR).otherwise("operator_concept_id").alias("operator_concept_id"),
        pl.when(~(pl.col("_taken") | pl.col("_against"))).then("value_as_concept_id").alias("value_as_concept_id"),
        pl.when("_taken").then(_UNIT).otherwise(rule.field).alias(rule.field),
    ).drop("_taken", "_against")


def _spelled(text: str, rule: FieldRule, known: Meanings) -> bool:
    """Whether a word is a unit: of UCUM, or of the hospital's own list."""
    vocabulary = known.vocabularies.get(rule.argument, PLAIN)
    listed = known.concepts.filter(pl.col("vocabulary") == rule.argument)["code"]
    return text in units() or vocabulary.spelled(text) in set(listed)
