# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How many milligrams an exposure holds: packs, units, milligrams, or milligrams per square metre of body surface."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from rwe.spec.treatment import BodySize

PLAUSIBLE = {"height": (50.0, 250.0), "weight": (2.0, 400.0)}  # cm, kg; others are no measures of a person
_AREA: dict[str, pl.Expr] = {
    "mosteller": (pl.col("height") * pl.col("weight") / 3600).sqrt(),
    "du_bois": 0.007184 * pl.col("height").pow(0.725) * pl.col("weight").pow(0.425),
}


def dosed(exposures: pl.DataFrame, body: BodySize | None, read: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Return the exposures with ``mg`` (of the whole exposure) and ``dose``, why it has none or ``known``.

    Reasons: ``no_quantity``, ``unit_not_declared`` (nothing says what the quantity counts), ``no_strength``,
    ``no_body_surface`` (no rule for it, or no height and weight recent enough).
    """
    rows = _surface(exposures, body, read) if body else exposures.with_columns(m2=pl.lit(None, dtype=pl.Float64))
    counts, left = pl.col("counts"), pl.col("left")
    mg = (
        pl.when(counts == "units")
        .then(left * pl.col("strength"))
        .when(counts == "packs")
        .then(left * pl.col("pack") * pl.col("strength"))
        .when(counts == "mg")
        .then(left)
        .when(counts == "mg_m2")
        .then(left * pl.col("m2"))
    )
    why = (
        pl.when(left.is_null())
        .then(pl.lit("no_quantity"))
        .when(counts.is_null())
        .then(pl.lit("unit_not_declared"))
        .when(pl.col("mg").is_not_null())
        .then(pl.lit("known"))
        .when(counts == "mg_m2")
        .then(pl.lit("no_body_surface"))
        .otherwise(pl.lit("no_strength"))
    )
    return rows.with_columns(mg=mg).with_columns(dose=why)


def _surface(exposures: pl.DataFrame, body: BodySize, read: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Return the exposures with ``m2`` from the newest height and weight on their day or within the days before it.

    Of two values of a day the greater counts, so that the answer does not rest on their order.
    """
    rows = exposures.sort("start")
    for name, record in (("height", body.height), ("weight", body.weight)):
        measured = (
            read(record)
            .filter(pl.col("number").is_between(*PLAUSIBLE[name]))
            .group_by("person_id", "day")
            .agg(pl.col("number").max().alias(name))
            .sort("day")
            .collect(engine="streaming")
        )
        rows = rows.join_asof(
            measured,
            left_on="start",
            right_on="day",
            by="person_id",
            tolerance=f"{body.within}d",
            check_sortedness=False,
        ).drop("day", strict=False)
    return rows.with_columns(m2=_AREA[body.rule])
