# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a local code means on a day: the look-up in the SOURCE_TO_CONCEPT_MAP of a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from rwe.spec.mapping import ConceptRule

UNMAPPED = 0  # OMOP: a code without a concept keeps its row, with concept 0 and its source value
_NOW = date(2099, 12, 31)  # OMOP's last day of what is valid today; the day of records that have none


def concept_table(rules: Sequence[ConceptRule]) -> pl.DataFrame:
    """Return the map as a frame: ``vocabulary``, ``code``, ``concept_id``, ``valid_from``, ``valid_to``."""
    schema = {
        "vocabulary": pl.String,
        "code": pl.String,
        "concept_id": pl.Int64,
        "valid_from": pl.Date,
        "valid_to": pl.Date,
    }
    rows = [(r.vocabulary, r.code, r.concept_id, r.valid_from, r.valid_to) for r in rules]
    return pl.DataFrame(rows, schema=schema, orient="row")


def look_up(frame: pl.DataFrame, field: str, vocabulary: str, day: str, concepts: pl.DataFrame) -> pl.DataFrame:
    """Replace the codes in `field` by the concepts they stood for on `day`.

    A code without one becomes concept 0. `day` is a column of dates, or ``""`` for records without a
    date, which are read as of today.
    """
    known = concepts.filter(pl.col("vocabulary") == vocabulary).drop("vocabulary")
    asked = frame.select("_key", pl.col(field).alias("code"), (pl.col(day) if day else pl.lit(_NOW)).alias("day"))
    # At most one row a code and day: the map was refused if two of its periods overlapped.
    found = (
        asked.join(known, on="code")
        .filter(pl.col("day").is_between("valid_from", "valid_to"))
        .select("_key", "concept_id")
    )
    concept = pl.when(pl.col(field).is_not_null()).then(pl.coalesce("concept_id", pl.lit(UNMAPPED, dtype=pl.Int64)))
    return (
        frame.join(found, on="_key", how="left", maintain_order="left", validate="1:1")
        .with_columns(concept.alias(field))
        .drop("concept_id")
    )
