# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival and incidence in whole fives of the persons they began with."""

from __future__ import annotations

import polars as pl

from rwe.disclosure.policy import OF_PERSONS, Policy, rounded


def sized(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Say how many persons each figure rests on, rounded, and for a difference the trial's own figure."""
    whose = pl.col("group").replace({"difference": "registry", "hypothesis": "registry"})
    same = ["analysis", "population", "stratum", "outcome"]
    size = rounded(pl.col("n").max().over(*same, whose), policy)
    trial = pl.col("estimate").filter(pl.col("group") == "trial").first().over(*same, "estimand", "time")
    # a ratio of rates times the trial's rate is the rate itself
    over = pl.col("estimate").filter((pl.col("group") == "trial") & (pl.col("estimand") == "response")).first()
    per = pl.when(pl.col("estimand") == "risk_ratio").then(over.over(*same)).fill_null(1.0)
    offset = pl.when(pl.col("group").is_in(["difference", "hypothesis"])).then(trial).otherwise(0.0)
    return frame.with_columns(size.alias("_size"), offset.fill_null(0.0).alias("_offset"), per.alias("_per"))


def in_persons(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Round survival and incidence to whole fives of the persons they began with, and shorten what would tell more.

    Survival to its last digit, or its error, tells the exact events of a step: two curves or a curve and its
    part would then tell the few by which they differ.
    """
    # what a sum owed rests on stays as exact as the sum, from which it can be computed
    of_persons = pl.col("estimand").is_in(OF_PERSONS) & (pl.col("analysis") != "settlement")
    of_persons &= pl.col("_size") > 0
    unit = policy.rounding / pl.col("_size") / pl.col("_per")

    def in_fives(column: str, offset: pl.Expr | float) -> pl.Expr:
        value = ((pl.col(column) + offset) / unit).round() * unit - offset
        return pl.when(of_persons).then(value.round(6)).otherwise(pl.col(column)).alias(column)

    frame = frame.with_columns(
        in_fives("estimate", pl.col("_offset")),
        in_fives("conf_low", 0.0),
        in_fives("conf_high", 0.0),
        *(pl.when(~of_persons).then(pl.col(c)).alias(c) for c in ("std_error", "statistic")),
        pl.when(of_persons).then(pl.col("p_value").round(3)).otherwise(pl.col("p_value")).alias("p_value"),
    )
    short = pl.when(pl.col("estimand") == "smd").then(pl.col("estimate").round(2)).otherwise(pl.col("estimate"))
    return frame.with_columns(short.alias("estimate"))
