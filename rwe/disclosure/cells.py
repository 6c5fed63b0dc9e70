# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of tables: small ones are masked with those that would tell them, shares and totals are made again."""

from __future__ import annotations

import polars as pl

from rwe.disclosure.policy import ADDITIVE, CURVES, ESTIMATES, Policy, few, round_counts, rounded
from rwe.result import LABELS

# figures of models: their last digits would tell the rows they were fitted to
OF_MODELS = (
    "aic",
    "bic",
    "aic_weight",
    "life_years",
    "life_years_gained",
    "mean_years",
    "beyond_data",
    "extrapolated_survival",
)
OF_BALANCE = ("mean_registry", "sd_registry", "median_registry")


def protected(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return the cells as they may be shown."""
    cells = round_counts(_mask(_families(frame), policy), policy)
    cells = _attrition(_totals(_proportions(_moments(cells), policy), policy), policy)
    return cells.drop("_family", "_total", "_whole")


def _families(frame: pl.DataFrame) -> pl.DataFrame:
    """Name the family of each additive cell, whose sum is shown beside it, and how many it is a share of."""
    rest = {e: [c for c in LABELS if c != level] for e, level in ADDITIVE.items()}
    names = [pl.when(pl.col("estimand") == e).then(pl.concat_str(labels, separator="|")) for e, labels in rest.items()]
    total = pl.col("estimand").is_in(ADDITIVE) & (pl.col("outcome") == "all")
    frame = frame.with_columns(pl.coalesce(names).alias("_family"), total.alias("_total"))
    # a cell alone, the unknown of a number for example, is a share of more than its family
    alone = pl.col("_family").is_not_null() & (pl.len().over("_family") == 1) & (pl.col("estimate") > 0)
    whole = pl.when(alone).then(pl.col("n") / pl.col("estimate")).otherwise(pl.col("n").sum().over("_family"))
    return frame.with_columns(whole.round().cast(pl.Int64).alias("_whole"))


def _mask(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Hide small counts, the cells that would give them away, and every estimate resting on them."""
    # persons without the event are a count too: 40 of 45 tells that 5 had none; where n is those at risk it is not
    rest = (pl.col("n") - pl.col("n_event")).is_between(1, policy.threshold).fill_null(value=False)
    hide_n = few("n", policy) | _lone(policy)
    level = pl.col("_family").is_not_null() & (pl.len().over("_family") > 1)
    told = (hide_n & level).any().over("analysis", "population", "outcome")
    frame = frame.with_columns(
        (hide_n | (told & (pl.col("estimand") == "smd"))).alias("_hide_n"),
        (few("n_event", policy) | (rest & ~pl.col("estimand").is_in((*CURVES, "milestone")))).alias("_hide_event"),
    )
    either = pl.col("_hide_n") | pl.col("_hide_event")
    hidden = {"n": pl.col("_hide_n"), **dict.fromkeys(("n_event", *ESTIMATES), either)}
    names = [pl.when(hide & pl.col(c).is_not_null()).then(pl.lit(c)) for c, hide in hidden.items()]
    frame = frame.with_columns(pl.concat_str(names, separator=",", ignore_nulls=True).alias("masked"))
    blank = [pl.when(hide).then(None).otherwise(pl.col(c)).alias(c) for c, hide in hidden.items()]
    return frame.with_columns(blank).drop("_hide_n", "_hide_event")


def _lone(policy: Policy) -> pl.Expr:
    """Tell which cell goes with a lone masked one of its family, so that subtraction cannot give it."""
    cell = pl.col("_family").is_not_null() & ~pl.col("_total")
    small = few("n", policy) & cell
    alone = small.sum().over("_family") == 1
    # of two equal smallest cells the first in the table goes
    larger = pl.when(cell & (pl.col("n") > policy.threshold)).then(pl.col("n"))
    return (alone & (larger.rank("ordinal").over("_family") == 1)).fill_null(value=False)


def _moments(frame: pl.DataFrame) -> pl.DataFrame:
    """Shorten means, spreads, shares of time, figures of models: a long mean is a fraction that tells the count."""
    moment = pl.col("estimand").is_in(
        ("mean", "sd", "mean_change", "completeness", "completeness_simplified", *OF_BALANCE, *OF_MODELS)
    )

    def shortened(value: pl.Expr) -> pl.Expr:
        short = pl.when(value.abs() < 10).then(value.round_sig_figs(3)).otherwise(value.round(1))
        return pl.when(moment).then(short).otherwise(value)

    return frame.with_columns(shortened(pl.col(c)) for c in ("estimate", "conf_low", "conf_high"))


def _proportions(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Make proportions again from the released counts of their family."""
    raw = (pl.col("estimand") == "proportion") | (
        (pl.col("estimand") == "proportion_registry") & (pl.col("stratum") == "before")
    )
    counted = raw & pl.col("n").is_not_null()
    whole = (pl.len().over("_family") > 1) & (pl.col("n").null_count().over("_family") == 0)
    of = pl.when(whole).then(pl.col("n").sum().over("_family")).otherwise(rounded(pl.col("_whole"), policy))
    share = pl.when(of > 0).then(pl.col("n") / of)
    return frame.with_columns(pl.when(counted).then(share).otherwise(pl.col("estimate")).alias("estimate"))


def _totals(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Make the persons of a total again: the sum of the released cells of its family."""
    cells = pl.when(~pl.col("_total")).then(pl.col("n"))
    total = pl.col("_total") & pl.col("n").is_not_null() & (cells.count().over("_family") > 0)
    frame = frame.with_columns(pl.when(total).then(cells.sum().over("_family")).otherwise(pl.col("n")).alias("n"))
    # where the estimate is the count itself, it is the released count; an effective size is one of persons
    counted = (pl.col("estimand") == "patients") & pl.col("n").is_not_null()
    sized = pl.col("estimand") == "effective_sample_size"
    rounded = (pl.col("estimate") / policy.rounding).round() * policy.rounding
    estimate = pl.when(counted).then(pl.col("n")).when(sized).then(rounded).otherwise(pl.col("estimate"))
    # where a cell is masked, the exact total of money would tell the persons behind it
    hidden = (pl.col("masked") != "").any().over("analysis", "population", "estimand")
    told = hidden & pl.col("_total") & (pl.col("estimand") == "spend") & (pl.col("masked") == "")
    return frame.with_columns(
        pl.when(~told).then(estimate).alias("estimate"),
        pl.when(told).then(pl.lit("estimate")).otherwise(pl.col("masked")).alias("masked"),
    )


def _attrition(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Re-base the persons remaining on the released exclusions, so that no difference gives a masked one."""
    line = (pl.col("analysis") == "attrition") & (pl.col("estimand") == "remaining") & (pl.col("masked") == "")
    lost = pl.when(pl.col("estimand") == "excluded").then(pl.col("n").fill_null(0)).otherwise(0)
    left = (pl.col("n").filter(line).first() - lost.cum_sum()).over("analysis", "population", order_by="_row")
    small = line & left.is_between(1, policy.threshold)
    return frame.with_columns(
        pl.when(small).then(None).when(line).then(left).otherwise(pl.col("n")).alias("n"),
        pl.when(small).then(pl.lit("n")).otherwise(pl.col("masked")).alias("masked"),
    )
