# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Single exposures with what their product says of them, what was returned taken off, and how long each lasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from rwe.cdm import SITE, Cdm
from rwe.spec.treatment import Ingredient, Treatment
from rwe.treatment.ordered import numbered, running_max, running_sum

_READ = {
    "id": ("drug_exposure_id", pl.Int64),
    "concept": ("drug_concept_id", pl.Int64),
    "start": ("drug_exposure_start_date", pl.Date),
    "end": ("drug_exposure_end_date", pl.Date),
    "verbatim_end": ("verbatim_end_date", pl.Date),
    "days_supply": ("days_supply", pl.Float64),
    "quantity": ("quantity", pl.Float64),
    "unit": ("dose_unit_source_value", pl.String),
    "site": (SITE, pl.String),
}
_PRODUCT = {
    "concept": pl.Int64,
    "drug": pl.Int64,
    "product": pl.Int64,
    "pack": pl.Float64,
    "strength": pl.Float64,
    "daily": pl.Float64,
}
LEAST = 1e-9  # of a quantity: what is left of it by rounding is nothing


def read(cdm: Cdm, treatment: Treatment, as_of: date) -> pl.DataFrame:
    """Return the exposures known by `as_of` to the products of `treatment`.

    Columns ``person_id``, ``id``, ``start``, ``site``, the number of the medicine as ``drug``, what its product is,
    what quantity ``counts`` there, and the fields from which length and dose are made. A record of a product of
    several ingredients is an exposure to each.
    """
    table = cdm.table("drug_exposure")
    held = table.collect_schema().names()
    made = [
        (pl.col(field) if field in held else pl.lit(None)).cast(kind).alias(name)
        for name, (field, kind) in _READ.items()
    ]
    products, units = _products(treatment)
    asked = table.select("person_id", *made).filter(pl.col("start") <= as_of)
    # joined by concept first: the records of other medicines are left where they are
    rows = asked.join(products.lazy(), on="concept").collect(engine="streaming")
    rows = rows.with_columns(pl.col("unit").fill_null(""), pl.col("site").fill_null(""))
    rows = rows.join(units, on=["product", "unit"], how="left").join(
        units.filter(pl.col("unit").is_null()).select("product", pl.col("counts").alias("_any")),
        on="product",
        how="left",
    )
    return rows.with_columns(pl.coalesce("counts", "_any").alias("counts")).drop("_any")


def _products(treatment: Treatment) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return products by concept, and what their quantity counts by unit (null: whatever the unit)."""
    lines, units, number = [], [], 0
    for drug, ingredient in enumerate(treatment.ingredients.values()):
        for product in ingredient.products.values():
            lines += [(c, drug, number, product.pack, product.strength, product.daily) for c in product.concepts]
            units += [(number, unit, counts) for unit, counts in product.counted.items()]
            number += 1
    return (
        pl.DataFrame(lines, schema=_PRODUCT, orient="row"),
        pl.DataFrame(units, schema={"product": pl.Int64, "unit": pl.String, "counts": pl.String}, orient="row"),
    )


def netted(rows: pl.DataFrame) -> pl.DataFrame:
    """Take what was returned (a quantity below nought) off the newest records of the product before it.

    Columns ``left`` (what is kept of the quantity), ``share`` (of it), ``fate``: ``kept``, ``part_returned``,
    ``returned`` (nothing is left), ``return``, or ``return_of_nothing`` (more came back than was ever given). A record
    without a quantity is kept. Of a day, what was given comes before what was returned.
    """
    one = ["person_id", "drug", "concept"]
    touched = rows.filter(pl.col("quantity") < 0).select(one).unique()
    whole = rows.join(touched, on=one, how="anti").with_columns(left="quantity", share=1.0, fate=pl.lit("kept"))
    return pl.concat([whole, _netted(rows.join(touched, on=one, how="semi"), one).select(whole.columns)])


def _netted(rows: pl.DataFrame, one: Sequence[str]) -> pl.DataFrame:
    """Take returns off the records of those who returned any."""
    rows = rows.sort(*one, "start", pl.col("quantity") < 0, "quantity", "end", "id", nulls_last=True)
    moved = pl.col("quantity").fill_null(0.0)
    rows = rows.with_columns(_sum=moved.cum_sum().over(one))
    # stock never falls below nought: a return of more than there is ends there
    rows = rows.with_columns(_stock=pl.col("_sum") - pl.col("_sum").cum_min().over(one).clip(upper_bound=0.0))
    before = pl.col("_stock").shift(1, fill_value=0.0).over(one)
    # a unit handed out at some height of the stock is kept where the stock never falls below that height again
    rows = rows.with_columns(_before=before, _later=pl.col("_stock").cum_min(reverse=True).over(one))
    given = pl.col("quantity") > 0
    kept = (pl.min_horizontal("_stock", "_later") - pl.col("_before")).clip(0.0)
    rows = rows.with_columns(left=pl.when(given).then(pl.min_horizontal(kept, "quantity")).otherwise("quantity"))
    share = pl.when(given).then(pl.col("left") / pl.col("quantity")).otherwise(1.0)
    nothing = pl.col("quantity") + pl.col("_before") < -LEAST
    fate = (
        pl.when(given & (share < LEAST))
        .then(pl.lit("returned"))
        .when(given & (share < 1 - LEAST))
        .then(pl.lit("part_returned"))
        .when((pl.col("quantity") < 0) & nothing)
        .then(pl.lit("return_of_nothing"))
        .when(pl.col("quantity") < 0)
        .then(pl.lit("return"))
        .otherwise(pl.lit("kept"))
    )
    return rows.with_columns(share.alias("share"), fate.alias("fate")).drop("_sum", "_stock", "_before", "_later")


def lasting(rows: pl.DataFrame, ingredients: Mapping[str, Ingredient]) -> pl.DataFrame:
    """Return the exposures that were kept, each with its last day as ``end`` and what told it as ``told``.

    Columns ``person_id``, ``id``, ``drug``, ``start``, ``end``, ``days``, ``told``, ``site``, and those of the dose.
    """
    held = rows.filter(pl.col("fate").is_in(["kept", "part_returned"]))
    specs = [*ingredients.values()]
    choices = [(spec.lasts, spec.most, spec.days) for spec in specs]
    alike = {choice: [i for i, each in enumerate(choices) if each == choice] for choice in dict.fromkeys(choices)}
    days, told = pl.lit(None, dtype=pl.Float64), pl.lit(None, dtype=pl.String)
    for (order, most, without), drugs in alike.items():
        mine, said = pl.col("drug").is_in(drugs), {name: _believed(_SAYS[name], most) for name in order}
        known = pl.coalesce(*said.values(), pl.lit(float(without)))
        whose = pl.coalesce(
            *(pl.when(value.is_not_null()).then(pl.lit(name)) for name, value in said.items()), pl.lit("rule")
        )
        days, told = pl.when(mine).then(known).otherwise(days), pl.when(mine).then(whose).otherwise(told)
    whole = (days * pl.col("share") - LEAST).ceil().cast(pl.Int64).clip(1)
    held = held.with_columns(whole.alias("days"), told.alias("told"))
    late = [i for i, spec in enumerate(specs) if spec.carry_over]
    if late:
        held = numbered(held.sort("person_id", "drug", "start", "days", "id"), ["person_id", "drug"])
        held = held.with_columns(pl.when(pl.col("drug").is_in(late)).then(_carried()).otherwise("start").alias("start"))
    return held.with_columns((pl.col("start") + pl.duration(days=pl.col("days") - 1)).alias("end"))


def _until(name: str) -> pl.Expr:
    return ((pl.col(name) - pl.col("start")).dt.total_days() + 1).cast(pl.Float64)


_UNITS = (
    pl.when(pl.col("counts") == "units")
    .then(pl.col("quantity"))
    .when(pl.col("counts") == "packs")
    .then(pl.col("quantity") * pl.col("pack"))
    .when(pl.col("counts") == "mg")
    .then(pl.col("quantity") / pl.col("strength"))
)
_SAYS: dict[str, pl.Expr] = {
    "verbatim_end": _until("verbatim_end"),
    "days_supply": pl.col("days_supply"),
    "quantity": _UNITS / pl.col("daily"),
    "end": _until("end"),
}


def _believed(days: pl.Expr, most: int | None) -> pl.Expr:
    return pl.when((days > 0) & (days <= most) if most is not None else days > 0).then(days)


def _carried() -> pl.Expr:
    """Return the day on which a supply is begun, where one begins only after all before it are used up.

    The last day of the n-th is the greatest, over all before it, of the day before that one began and the days of
    all from it on.
    """
    start = pl.col("start").to_physical().cast(pl.Int64)
    used = running_sum(pl.col("days"))
    free = running_max(start - 1 - used + pl.col("days"))
    return (used + free - pl.col("days") + 1).cast(pl.Int32).cast(pl.Date)
