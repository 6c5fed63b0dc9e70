# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The follow-up of both sides of a contrast, and how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare.people import require, row_weights, weight_values
from rwe.errors import NoValidAnswer


def follow_up(rows: pl.DataFrame, endpoint: str, weights: Any = None) -> pl.DataFrame:
    """Return days, event and weight of each person of practice (practice: 1).

    Raises
    ------
    DataError
        If the endpoint's columns are missing, or the weights are not one finite number >= 0 a row.
    """
    days, event = f"{endpoint}_days", f"{endpoint}_event"
    require(rows, [days, event])
    return rows.select(
        pl.col(days).cast(pl.Int64).alias("days"),
        pl.col(event).cast(pl.Boolean).alias("event"),
        pl.Series("weight", row_weights(rows, weight_values(weights))),
        pl.lit(1).alias("practice"),
    )


def last_day(rows: pl.DataFrame) -> int:
    """Return the last day on which anybody of weight above 0 is followed."""
    rows = rows.filter(pl.col("weight") > 0) if "weight" in rows.columns else rows
    last = rows["days"].max()
    return last if isinstance(last, int) else 0


def refuse_beyond(tau: int, sides: Mapping[str, pl.DataFrame]) -> int:
    """Return the last day to which all sides are followed.

    Raises
    ------
    NoValidAnswer
        If `tau` lies beyond it: nothing is carried forward.
    """
    last = {name: last_day(rows) for name, rows in sides.items()}
    side = min(last, key=lambda who: last[who])
    if tau > last[side]:
        raise NoValidAnswer(
            f"no common horizon of {tau} days: {side} is followed for {last[side]}; choose a shorter tau"
        )
    return last[side]


def day_with_at_risk(sides: Mapping[str, pl.DataFrame], number: int) -> int:
    """Return the last day on which every side has at least `number` persons at risk; -1 where it never has."""
    return min(_nth_last(rows, number) for rows in sides.values())


def _nth_last(rows: pl.DataFrame, number: int) -> int:
    days = rows.filter(pl.col("weight") > 0)["days"].sort(descending=True)
    return int(days[number - 1]) if days.len() >= number else -1


def curve(rows: pl.DataFrame, conf_level: float, *, weighted: bool) -> sv.KaplanMeier:
    """Return the Kaplan-Meier curve of one side; under weights with the variance of the infinitesimal jackknife."""
    weight = "weight" if weighted else None
    return sv.kaplan_meier(rows, time="days", event="event", weights=weight, conf_level=conf_level, robust=weighted)
