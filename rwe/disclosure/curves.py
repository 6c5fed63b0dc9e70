# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves: on a fixed grid of days whose steps hold enough events, and no longer than enough are at risk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from rwe.disclosure.policy import Policy, few, round_counts


def on_grid(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return each curve on the release grid; what lies between its points is not released."""
    keys = ["analysis", "population", "group", "stratum", "outcome", "estimand"]
    parts = frame.partition_by(*keys, maintain_order=True)
    kept = [_CURVE[part["estimand"][0]](part.sort("time"), policy) for part in parts]
    return pl.concat(kept) if kept else frame


def _curve(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return one curve at those grid days that close a step of enough events, while enough are at risk.

    ``n`` is the number at risk just before the day, ``n_event`` the events up to and on it.
    """
    chosen: list[dict[str, Any]] = []
    steps = 0
    for row in _on_grid(part, policy).iter_rows(named=True):
        if row["n"] < policy.curve_at_risk:
            break
        if row["n_event"] - steps >= policy.step_events or (not chosen and row["n_event"] == 0):
            chosen.append(row)
            steps = row["n_event"]
    return _counts(pl.DataFrame(chosen, schema=part.schema), policy)


def _on_grid(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return the state of a curve on each grid day: that of the last exact point on or before it.

    At risk are those of the next exact point, because points stand where somebody leaves.
    """
    last = part["time"].to_list()[-1]
    grid = pl.DataFrame({"time": range(0, last + 1, policy.grid_days)}, schema={"time": pl.Int64})
    exact = part.set_sorted("time")
    carried = grid.join_asof(exact.drop("n"), on="time", strategy="backward")
    carried = carried.join_asof(exact.select("time", "n"), on="time", strategy="forward")
    return carried.filter(pl.col("_row").is_not_null()).select(part.columns)


def _counts(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Mask and round the counts of a curve; its estimates rest on steps that are large enough."""
    names = [pl.when(few(c, policy)).then(pl.lit(c)) for c in ("n", "n_event")]
    masked = part.with_columns(pl.concat_str(names, separator=",", ignore_nulls=True).alias("masked"))
    blank = [pl.when(few(c, policy)).then(None).otherwise(pl.col(c)).alias(c) for c in ("n", "n_event")]
    return round_counts(masked.with_columns(blank), policy)


_CURVE: dict[str, Callable[[pl.DataFrame, Policy], pl.DataFrame]] = {
    "survival": _curve,
    "cumulative_incidence": _curve,
    "baseline_hazard": _curve,
    "at_risk": _counts,
}
