# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Measured values in the standard unit of what was measured; those that cannot be are left out, by name.

- ``unit_unknown``, ``unit_missing``, ``unit_not_convertible``: the row stays, its number is not used;
- ``unit_converted``: the number was brought to the standard unit;
- ``negative_impossible``: a negative number becomes null unless its measure allows it (Themis, "negative
  value_as_number");
- ``value_implausible``: a number beyond the limits of its measure becomes null.

The text of the source stays in the landing row that the record names.
"""

from __future__ import annotations

from math import inf
from typing import Any

import polars as pl

from rwe.harmonise.codes import UNMAPPED, Meanings
from rwe.harmonise.remarks import say
from rwe.spec.measures import Measure

TABLE = "measurement"
VALUE, UNIT, CONCEPT, OPERATOR = "value_as_number", "unit_concept_id", "measurement_concept_id", "operator_concept_id"
_LINE = {
    CONCEPT: pl.Int64,
    UNIT: pl.Int64,
    "_fate": pl.String,
    "_factor": pl.Float64,
    "_offset": pl.Float64,
    "_into": pl.Int64,
    "_low": pl.Float64,
    "_high": pl.Float64,
}
LEFT_OUT = ("unit_unknown", "unit_missing", "unit_not_convertible")
_DIGITS = 12  # of what a conversion gives: the rest is noise


def standardise(drafts: pl.DataFrame, known: Meanings, *, units_read: bool) -> pl.DataFrame:
    """Bring the values of a measurement record to standard units and hold them against their limits.

    Parameters
    ----------
    drafts
        With concepts in place of codes.
    known
        Its measures say what is standard; a concept without one keeps its value and unit.
    units_read
        Whether the unit is read from a column of its own, so that an unknown one makes the number unusable.
    """
    if VALUE not in drafts.columns:
        return drafts
    if absent := UNIT not in drafts.columns:
        drafts = drafts.with_columns(pl.lit(None, dtype=pl.Int64).alias(UNIT))
    lines = lines_of(drafts.select(CONCEPT, UNIT).unique(), known, units_read=units_read)
    drafts = drafts.join(lines, on=[CONCEPT, UNIT], how="left", maintain_order="left", validate="m:1", nulls_equal=True)
    drafts = _limited(_converted(drafts)).drop("_fate", "_factor", "_offset", "_into", "_low", "_high")
    if OPERATOR in drafts.columns:
        drafts = drafts.with_columns(pl.when(pl.col(VALUE).is_not_null()).then(OPERATOR).alias(OPERATOR))
    return drafts.drop(UNIT) if absent else drafts


def lines_of(pairs: pl.DataFrame, known: Meanings, *, units_read: bool) -> pl.DataFrame:
    """Return what becomes of numbers of each pair of a concept and a unit."""
    rows = [(concept, unit, known.measures.get(concept)) for concept, unit in pairs.iter_rows()]
    told = [_line(concept, unit, measure, units_read=units_read) for concept, unit, measure in rows]
    return pl.DataFrame(told, schema=_LINE, orient="row")


def _line(concept: int | None, unit: int | None, measure: Measure | None, *, units_read: bool) -> tuple[Any, ...]:
    """Return what becomes of numbers of one concept in one unit, in the shape of `_LINE`."""
    low, high = (measure.low, measure.high) if measure else (0.0, inf)
    if unit == UNMAPPED and (measure or units_read):
        return concept, unit, "unit_unknown", None, None, None, low, high
    if measure is None or unit == measure.unit.concept_id:
        return concept, unit, None, None, None, unit, low, high
    if unit is None:
        return concept, unit, "unit_missing", None, None, None, low, high
    way = measure.standard(unit)
    if way is None:
        return concept, unit, "unit_not_convertible", None, None, None, low, high
    return concept, unit, "unit_converted", way.factor, way.offset, measure.unit.concept_id, low, high


def _converted(drafts: pl.DataFrame) -> pl.DataFrame:
    there = pl.col(VALUE).is_not_null()
    for fate in ("unit_missing", "unit_not_convertible", "unit_converted"):
        drafts = say(drafts, fate, (pl.col("_fate") == fate) & there)
    moved = (pl.col(VALUE) * pl.col("_factor") + pl.col("_offset")).round_sig_figs(_DIGITS)
    value = (
        pl.when(pl.col("_fate").is_in(LEFT_OUT))
        .then(None)
        .when(pl.col("_factor").is_not_null())
        .then(moved)
        .otherwise(VALUE)
    )
    unit = pl.when(there & pl.col("_factor").is_not_null()).then("_into").otherwise(UNIT)
    return drafts.with_columns(value.alias(VALUE), unit.alias(UNIT))


def _limited(drafts: pl.DataFrame) -> pl.DataFrame:
    value = pl.col(VALUE)
    negative = (value < 0) & (pl.col("_low") >= 0)
    beyond = ~negative & ((value < pl.col("_low")) | (value > pl.col("_high")))
    drafts = say(say(drafts, "negative_impossible", negative), "value_implausible", beyond)
    kept = pl.when(~(negative | beyond)).then(value)
    return drafts.with_columns(kept.alias(VALUE))
