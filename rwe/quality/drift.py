# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`drift`: how two extracts of one hospital differ, in volume, column by column, and in whom they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.quality.turnover import Extract, turnover
from rwe.result import Result, tidy
from rwe.spec.omop import OmopField, omop_fields

BINS, LEVELS = 10, 20
FLOOR = 1e-4  # a share of nothing, so that its logarithm is there
LARGE = 0.25  # the population stability index from which a distribution is called another
Row = dict[str, Any]


def drift(before: Extract, after: Extract) -> Result:
    """Compare two extracts.

    Parameters
    ----------
    before, after
        The records of the hospital in the common model, and the source rows that were refused.

    Returns
    -------
    Result
        ``rows`` of each table before and after; of each column ``psi``, the population stability index over tenths of
        a number or day, or over the most frequent codes, nothing being a class of its own, and ``ks``, the largest
        distance of the two distributions; ``people`` who entered, left, changed or stayed the same, and why.

    Notes
    -----
    The index is the sum over classes of (q - p) log(q / p): 0 for equal shares, from 0.25 on another distribution.
    By chance alone it comes to about the number of classes over the rows of the smaller extract.
    """
    rows = [*_volumes(before.cdm, after.cdm), *_columns(before.cdm, after.cdm), *turnover(before, after)]
    return Result(tidy(rows, analysis="drift"), {"bins": BINS, "levels": LEVELS})


def large(result: Result) -> list[tuple[str, str, float]]:
    """Return table, column and index of the columns that drift, worst first."""
    far = result.table.filter(pl.col("estimand") == "psi", pl.col("estimate") >= LARGE)
    return far.sort("estimate", descending=True).select("group", "stratum", "estimate").rows()


def _volumes(before: Cdm, after: Cdm) -> Iterator[Row]:
    plans = [side.table(name).select(pl.len()) for name in TABLES for side in (before, after)]
    counts = iter(frame.item() for frame in pl.collect_all(plans, engine="streaming"))
    for name in TABLES:
        for outcome in ("before", "after"):
            yield {"group": name, "outcome": outcome, "estimand": "rows", "n": next(counts)}


def _columns(before: Cdm, after: Cdm) -> Iterator[Row]:
    fields = [field for name in TABLES for field in omop_fields()[name].values() if _compared(field)]
    plans = [_counts(before.table(field.table), after.table(field.table), field.name) for field in fields]
    for field, counts in zip(fields, pl.collect_all(plans, engine="streaming"), strict=True):
        if not (counts["before"].sum() and counts["after"].sum()):
            continue
        labels = {"group": field.table, "stratum": field.name, "n": counts["after"].sum()}
        ordered = field.kind in ("float", "date") or not field.name.endswith(("_concept_id", "_source_value"))
        yield labels | {"estimand": "psi", "estimate": _psi(counts, ordered=ordered)}
        if ordered and (distance := _ks(counts)) is not None:
            yield labels | {"estimand": "ks", "estimate": distance}


def _compared(field: OmopField) -> bool:
    """Tell whether a column has a distribution: neither a key, nor free text, nor a day said twice."""
    if field.kind == "varchar":
        return field.name.endswith("_source_value") and field.name != "person_source_value"
    key = field.name.endswith("_id") and not field.name.endswith("_concept_id")
    return field.kind != "datetime" and not key


def _counts(before: pl.LazyFrame, after: pl.LazyFrame, column: str) -> pl.LazyFrame:
    sides = [
        frame.group_by(pl.col(column).alias("value")).agg(pl.len().cast(pl.Int64).alias(name))
        for name, frame in (("before", before), ("after", after))
    ]
    both = sides[0].join(sides[1], on="value", how="full", coalesce=True, nulls_equal=True)
    return both.with_columns(pl.col("before", "after").fill_null(0))


def _psi(counts: pl.DataFrame, *, ordered: bool) -> float:
    known, unknown = counts.filter(pl.col("value").is_not_null()), counts.filter(pl.col("value").is_null())
    if ordered:
        below = pl.col("before").cum_sum() - pl.col("before")
        share = below / pl.max_horizontal(pl.col("before").sum(), 1)
        known = known.sort("value").with_columns(kind=(share * BINS).floor().clip(0, BINS - 1).cast(pl.Int64))
    else:
        known = known.sort("before", "value", descending=[True, False]).with_row_index("kind")
        known = known.with_columns(pl.col("kind").cast(pl.Int64).clip(0, LEVELS))
    nothing = unknown.select(pl.lit(-1, dtype=pl.Int64).alias("kind"), "before", "after")
    kinds = pl.concat([known.select("kind", "before", "after"), nothing])
    sums = kinds.group_by("kind").agg(pl.col("before", "after").sum())
    p, q = (pl.max_horizontal(pl.col(name) / pl.col(name).sum(), FLOOR) for name in ("before", "after"))
    return float(sums.select(((q - p) * (q / p).log()).sum()).item())


def _ks(counts: pl.DataFrame) -> float | None:
    known = counts.filter(pl.col("value").is_not_null()).sort("value")
    if not (known["before"].sum() and known["after"].sum()):
        return None
    reached = [pl.col(name).cum_sum() / pl.col(name).sum() for name in ("before", "after")]
    return float(known.select((reached[0] - reached[1]).abs().max()).item())
