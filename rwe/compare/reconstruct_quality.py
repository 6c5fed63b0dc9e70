# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How near reconstructed patients come to what was published, and the gate that they must pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe import survival as sv
from rwe.compare.reconstruct_clicks import Clicks
from rwe.compare.reconstruct_solve import survival_of

RMSE, LARGEST = 0.05, 0.05  # Liu, Zhou and Lee (2021) BMC Med Res Methodol 21:111
SHARE = 0.02  # of a number at risk, or of the events, that may be missed; one person always may
MEDIAN = 0.1  # of a published median without limits
LOG_HAZARD_RATIO = 0.1  # of a published hazard ratio without limits


@dataclass(frozen=True, slots=True)
class Published:
    """What else the publication tells of the arm; None where it does not."""

    events: int | None = None
    median: float | None = None
    median_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One gate: what was measured, its limit, and whether it holds."""

    name: str
    value: float
    limit: float
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Errors of a reconstruction.

    Parameters
    ----------
    rmse, max_error
        Of survival at the clicks, as they were drawn.
    at_risk
        ``time``, ``published``, ``reconstructed``, ``difference`` of each number at risk.
    events, events_published
        Events of the rows, and as published.
    median, median_published
        Median of the rows (None if not reached), and as published.
    repaired
        Clicks moved because the curve rose.
    checks
        The gates, in order.
    """

    rmse: float
    max_error: float
    at_risk: pl.DataFrame
    events: int
    events_published: int | None
    median: float | None
    median_published: float | None
    repaired: int
    checks: tuple[Check, ...]


def quality(patients: pl.DataFrame, clicks: Clicks, tick: Any, at_risk: Any, published: Published) -> Quality:
    """Hold reconstructed rows against the publication."""
    error = survival_of(patients, clicks.time) - clicks.drawn
    time = np.sort(patients["time"].to_numpy())
    table = pl.DataFrame({"time": tick, "published": at_risk, "reconstructed": time.size - np.searchsorted(time, tick)})
    table = table.with_columns(difference=pl.col("reconstructed") - pl.col("published"))
    events, median = int(patients["event"].sum()), median_of(patients)
    rmse, largest = float(np.sqrt((error**2).mean())), float(np.abs(error).max())
    checks = (
        Check("rmse", rmse, RMSE, rmse <= RMSE, f"root mean square error of survival {rmse:.4f}, at most {RMSE}"),
        Check("max_error", largest, LARGEST, largest <= LARGEST, f"largest error {largest:.4f}, at most {LARGEST}"),
        *_counted(table, events, published),
        *_median(median, published),
    )
    return Quality(rmse, largest, table, events, published.events, median, published.median, clicks.repaired, checks)


def median_of(patients: pl.DataFrame) -> float | None:
    """Return the median survival of rows, None if half never fail."""
    found = sv.kaplan_meier(patients, time="time", event="event", clock="continuous").quantile(0.5)["time"].item()
    return None if found is None else float(found)


def _counted(table: pl.DataFrame, events: int, published: Published) -> Iterator[Check]:
    allowed = (table["published"] * SHARE).clip(lower_bound=1.0)
    worst = int((table["difference"].abs() - allowed).arg_max() or 0)
    off, limit = abs(int(table["difference"][worst])), float(allowed[worst])
    words = f"number at risk at {table['time'][worst]:g} off by {off}, at most {limit:g}"
    yield Check("at_risk", off, limit, off <= limit, words)
    if published.events is not None:
        off, limit = abs(events - published.events), max(1.0, SHARE * published.events)
        words = f"{events} events, published {published.events}; at most {limit:g} apart"
        yield Check("events", off, limit, off <= limit, words)


def _median(median: float | None, published: Published) -> Iterator[Check]:
    told, limits = published.median, published.median_interval
    if told is None:
        return
    if median is None:
        yield Check("median", math.inf, 0.0, passed=False, words=f"median not reached, published {told:g}")
        return
    off = abs(median / told - 1.0)
    if limits is not None:
        words = f"median {median:g}, published limits {limits[0]:g} to {limits[1]:g}"
        yield Check("median", off, 0.0, limits[0] <= median <= limits[1], words)
    else:
        yield Check("median", off, MEDIAN, off <= MEDIAN, f"median {median:g}, published {told:g} without limits")
