# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of single concepts: the rows are counted once by concept, sex and unit, and every check reads the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from rwe.quality.around import SEX, Tables, with_people
from rwe.quality.checks import Check

ANCESTOR = "concept_ancestor"
NO_UNIT = -1  # how the lists of the dashboard write "without a unit"
_SEXES = {"Male": 8507, "Female": 8532}
_NAMES = ("plausibleGender", "plausibleGenderUseDescendants", "plausibleUnitConceptIds")
Families = Mapping[int, frozenset[int]]


def known(check: Check) -> bool:
    """Tell whether a check speaks of single concepts."""
    return check.name in _NAMES


def plan(rows: pl.LazyFrame, tables: Tables, checks: Iterable[Check]) -> pl.LazyFrame:
    """Return how many rows there are of each concept that `checks` of one field ask, by what they ask.

    Columns are ``value``, ``sex`` of the person, ``unit`` and ``n``; ``unit`` is null for a row without a number,
    `NO_UNIT` for a number without a unit.
    """
    asked = {check.name: check.field for check in checks}
    unit, sex = pl.lit(None, dtype=pl.Int64), pl.lit(None, dtype=pl.Int64)
    if "plausibleUnitConceptIds" in asked:
        unit = pl.when(pl.col("value_as_number").is_not_null()).then(pl.col("unit_concept_id").fill_null(NO_UNIT))
    if asked.keys() != {"plausibleUnitConceptIds"}:
        rows, sex = with_people(rows, tables), pl.col(SEX)
    keyed = rows.select(value=pl.col(next(iter(asked.values()))), sex=sex, unit=unit)
    return keyed.filter(pl.col("value").is_not_null()).group_by("value", "sex", "unit").agg(pl.len().alias("n"))


def families(checks: Iterable[Check], tables: Tables) -> Families:
    """Return the descendants of every concept that a check asks with its descendants."""
    asked = {c for check in checks if check.name == "plausibleGenderUseDescendants" for c in check.concepts}
    if not asked:
        return {}
    of = tables[ANCESTOR].filter(pl.col("ancestor_concept_id").is_in(sorted(asked)))
    pairs = of.select("ancestor_concept_id", "descendant_concept_id").collect()
    found: dict[int, set[int]] = {}
    for ancestor, descendant in pairs.iter_rows():
        found.setdefault(ancestor, set()).add(descendant)
    return {ancestor: frozenset(below) for ancestor, below in found.items()}


def count(check: Check, kinds: pl.DataFrame, below: Families) -> tuple[int, int]:
    """Return how many rows of the concepts break the rule, and how many there are, from the answer to `plan`."""
    concepts = set(check.concepts)
    if check.name == "plausibleGenderUseDescendants":
        concepts = {concept for ancestor in check.concepts for concept in below.get(ancestor, ())}
    own = kinds.filter(pl.col("value").is_in(sorted(concepts)))
    if check.name == "plausibleUnitConceptIds":
        own = own.filter(pl.col("unit").is_not_null())
        broken = own.filter(~pl.col("unit").is_in([int(unit) for unit in check.argument.split(",")]))
    else:
        broken = own.filter(pl.col("sex") != _SEXES[check.argument])
    return int(broken["n"].sum()), int(own["n"].sum())
