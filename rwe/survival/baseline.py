# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The baseline hazard of a Cox model, by stratum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.errors import DataError
from rwe.kernels._jit import F8, I8
from rwe.kernels.keys import last_days
from rwe.survival.clock import Clock
from rwe.survival.data import Response
from rwe.survival.levels import INDEX, Levels
from rwe.survival.partial import Point


@dataclass(frozen=True, slots=True, eq=False)
class Hazard:
    """The baseline hazard of each occasion at the mean of the covariates, with what its error needs.

    Parameters
    ----------
    stratum, day
        Of each occasion (day with failures in a stratum).
    jump, spread
        Increment of the cumulative hazard, and of its variance.
    drift
        Increment times the mean covariates of those at risk, shape (occasions, terms).
    last
        Last day followed in each stratum.
    clock
        What days stand for.
    """

    stratum: I8
    day: I8
    jump: F8
    spread: F8
    drift: F8
    last: I8
    clock: Clock


def hazard_of(best: Point, scale: F8, last: I8, clock: Clock) -> Hazard:
    """Return the baseline hazard at the maximum of the partial likelihood, ties as in the model."""
    h, _, u, v, _ = best.ties
    drift, tied = u[:, None] * best.at_risk[:, :-1], best.occasions.tied
    drift[tied] -= v[tied, None] * best.failing_tied[:, :-1]
    drift *= scale
    return Hazard(best.occasions.stratum, best.occasions.day, h, u, drift, last, clock)


def last_followed(response: Response) -> I8:
    """Return the last day followed in each stratum."""
    if response.strata.n == 1 and response.time.size:
        return np.array([response.time.max()], np.int64)
    last = np.zeros(response.strata.n, np.int64)
    last_days(response.strata.code, response.time, last)
    return last


def strata_of(frame: pl.DataFrame, strata: Levels) -> I8:
    """Return the stratum of each row of new data."""
    if not strata.frame.width:
        return np.zeros(frame.height, np.int64)
    on = strata.frame.columns
    numbered = strata.frame.with_columns(pl.int_range(strata.n).alias(INDEX))
    code = frame.select(on).join(numbered, on=on, how="left", maintain_order="left")[INDEX]
    if unknown := code.null_count():
        raise DataError(f"columns {on}: {unknown} of {frame.height} rows hold a stratum that the model does not know")
    return code.to_numpy().astype(np.int64)
