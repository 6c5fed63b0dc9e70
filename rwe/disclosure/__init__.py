# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one door out: what of a `Result` may be shown, so that no count from 1 to 12 is shown or told by its own table.

Counts from 1 to `Policy.threshold` are masked, the others rounded to `Policy.rounding`; estimates
that rest on a masked count go with it, standardised differences of its levels too; proportions
and totals are made again from released counts (where a cell of the family is masked, from the
rounded sum of all); a lone masked cell of an additive family takes the smallest other with it.
Means and spreads keep three digits, one decimal from 10 on: more would tell their denominator.
Curves come on a fixed grid of days whose steps hold enough events, the first one too, and end where
too few are at risk. Survival and incidence are rounded to whole fives of the persons they began with and come
without their standard errors, standardised differences have two decimals, and a total spend beside a masked cell
is masked. Published figures of a trial (``group="trial"``) are public and pass unchanged. What a
reader can narrow by subtracting rounded tables from each other is not yet audited.
"""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from rwe.disclosure.cells import protected
from rwe.disclosure.curves import on_grid
from rwe.disclosure.persons import in_persons, sized
from rwe.disclosure.policy import CURVES, ESTIMATES, RELEASED, Policy, Released
from rwe.result import Result

__all__ = ["CURVES", "ESTIMATES", "RELEASED", "Policy", "Released", "protect"]


def protect(result: Result, policy: Policy | None = None) -> Released:
    """Return the releasable form of `result`.

    Parameters
    ----------
    result
        Exact estimates; rows of ``group="trial"`` are published and pass as they are.
    policy
        Thresholds; the default is the strictest in use.
    """
    policy = policy or Policy()
    table = sized(result.table.with_row_index("_row").with_columns(pl.lit("").alias("masked")), policy)
    public = (pl.col("group") == "trial") | pl.col("estimand").str.ends_with("_trial")
    curve = pl.col("estimand").is_in(CURVES)
    parts = [on_grid(table.filter(~public & curve), policy), protected(table.filter(~public & ~curve), policy)]
    parts = [table.filter(public), in_persons(pl.concat(parts, how="vertical_relaxed"), policy)]
    released = pl.concat(parts, how="vertical_relaxed").sort("_row").select(*RELEASED)
    return Released(released, {**result.settings, "policy": asdict(policy)})
