# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Checks that look a value up in another table: each value is looked up once, however many rows hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rwe.quality.checks import Check

CONCEPT = "concept"
_NAMES = ("isForeignKey", "fkDomain", "isStandardValidConcept")


def known(check: Check) -> bool:
    """Tell whether a check looks something up."""
    return check.name in _NAMES


def target(check: Check) -> tuple[str, str]:
    """Return the table and the field in which the value must stand."""
    if check.name == "isForeignKey":
        table, _, field = check.argument.partition(".")
        return table, field
    return CONCEPT, "concept_id"


def plan(rows: pl.LazyFrame, fields: Sequence[str], found_in: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Return how many rows have values of each kind: ``field``, ``found``, ``zero``, ``domain``, ``valid``, ``n``.

    Parameters
    ----------
    rows
        The table whose fields are looked up.
    fields
        Those of its fields that point to the same table.
    found_in, key
        The table they point to, and its key.
    """
    counts = [
        rows.filter(pl.col(field).is_not_null())
        .group_by(pl.col(field).cast(pl.Int64).alias("value"))
        .agg(pl.len().alias("n"))
        .select("value", "n", field=pl.lit(field))
        for field in dict.fromkeys(fields)
    ]
    met = pl.concat(counts).join(_known(found_in, key), on="value", how="left")
    kinds = met.with_columns(found=pl.col("valid").is_not_null(), zero=pl.col("value") == 0)
    return kinds.group_by("field", "found", "zero", "domain", "valid").agg(pl.col("n").sum())


def _known(found_in: pl.LazyFrame, key: str) -> pl.LazyFrame:
    if key != "concept_id":
        domain, valid = pl.lit(""), pl.lit(value=True)
    else:
        domain = pl.col("domain_id").fill_null("")
        # an Athena file has nothing where a concept is not standard; and nothing where it is valid
        valid = (pl.col("standard_concept").fill_null("") == "S") & (pl.col("invalid_reason").fill_null("") == "")
    values = found_in.select(pl.col(key).cast(pl.Int64).alias("value"), domain.alias("domain"), valid.alias("valid"))
    return values.unique("value")


def broken(check: Check, kinds: pl.DataFrame) -> int:
    """Return how many rows break the rule, from the answer to `plan`."""
    concept = pl.col("found") & ~pl.col("zero")
    wrong: Mapping[str, pl.Expr] = {
        "isForeignKey": ~pl.col("found"),
        "fkDomain": concept & (pl.col("domain") != check.argument),
        "isStandardValidConcept": concept & ~pl.col("valid"),
    }
    return int(kinds.filter(pl.col("field") == check.field, wrong[check.name])["n"].sum())
