# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Difference of two medians with limits that need no density: those differences the two curves do not contradict.

Su & Wei (1993) Biometrics 49:603. A pair of times (t0, t1) is contradicted when the squares of
(S0(t0) - 1/2) and (S1(t1) - 1/2), each over its variance, add up to more than the chi-square quantile on 1 df;
a difference belongs to the interval when some pair with that difference is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.curves import Curves
from rwe.survival.differences import Difference, two_groups
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile
from rwe.survival.kaplan_meier import kaplan_meier


@door
def median_difference(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    entry: str | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Difference:
    """Compare median survival: the median of the second group less that of the first.

    The estimate is null where a median
    is not reached; a limit is null where the curves leave it open. There is no error and no test, because
    the interval is not one of estimate and error: 0 outside it is the test.

    Raises
    ------
    DefinitionError
        If `by` does not hold two levels.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": 1, "arm": list("AAABBB")})
    >>> median_difference(arms, time="t", event="e", by="arm").table["estimate"].to_list()  # 4 - 3
    [1.0]
    """
    km = kaplan_meier(
        frame, time=time, event=event, entry=entry, by=by, weights=weights, conf_level=conf_level, clock=clock
    )
    first, second = two_groups(km)
    medians = km.quantile(0.5)["time"]
    known = medians.null_count() == 0
    low, high = _interval(km._curves, medians.to_list(), normal_quantile(conf_level) ** 2)
    row = {
        "time": None, "group": second, "reference": first, "estimate": medians[1] - medians[0] if known else None,
        "std_error": None, "conf_low": low, "conf_high": high, "statistic": None, "p_value": None,
    }  # fmt: skip
    numbers = {name: pl.Float64 for name in row if name not in ("time", "group", "reference")}
    table = pl.DataFrame([row], schema_overrides={"time": pl.Int64, **numbers})
    return Difference(table, "median", km, *km.persons)


def _interval(c: Curves, medians: list[float | None], limit: float) -> tuple[float | None, float | None]:
    """Return the smallest and the largest difference that no pair of times contradicts; None: open."""
    (z0, begin0, end0), (z1, begin1, end1) = (_steps(c, g, m) for g, m in enumerate(medians))
    lows, highs = [], []
    for z, begin, end in zip(z1, begin1, end1, strict=True):
        fits = z0 + z <= limit
        lows.append(np.min(begin - end0[fits], initial=np.inf))
        highs.append(np.max(end - begin0[fits], initial=-np.inf))
    low, high = min(lows, default=-np.inf), max(highs, default=np.inf)
    return (None, None) if low > high else (_finite(low), _finite(high))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _steps(c: Curves, g: int, median: float | None) -> tuple[F8, F8, F8]:
    """Return of each stretch on which a curve is level: the squared statistic, where it begins and ends.

    Stretches where S is 1 or 0 have no variance: they contradict, unlike the end of a curve above 0, which is
    open. The median itself never does, also where the curve falls past 1/2 at once.
    """
    last = int(c.last[g])
    at = np.flatnonzero(c.days.n_event[g, : last + 1])
    survival = c.survival[g, at]
    variance = survival**2 * np.where(survival > 0, c.var_log[g, at], 0.0)
    begin = np.asarray(c.clock.times(at), np.float64)
    end = np.append(begin[1:], np.inf)
    usable = variance > 0
    z = (survival[usable] - 0.5) ** 2 / variance[usable]
    own = np.array([] if median is None else [median])
    return np.append(z, 0.0 * own), np.append(begin[usable], own), np.append(end[usable], own)
