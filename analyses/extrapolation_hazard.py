# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The hazard as observed, smoothed, with the persons and events that each of its values rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rwe.result import Result, tidy
from rwe.survival.extrapolation import Extrapolation
from rwe.survival.scenario_curves import YEAR

NUMBERS = {"estimate": "hazard", "conf_low": "conf_low", "conf_high": "conf_high"}


def smoothed(found: Extrapolation, days: Sequence[int], group: str, labels: dict[str, str]) -> Result:
    """Return the smoothed hazard a year on some days; ``n`` are at risk, ``n_event`` fail within the bandwidth.

    None where there is none, and on days later than the last failure.
    """
    if found.hazard is None:
        return Result(tidy([], analysis="extrapolation"), {})
    table, seen = found.hazard.table, found.observed.table
    at = np.array([day for day in days if day <= table["time"][-1]], np.float64)
    time, failed = (seen[name].to_numpy().astype(np.float64) for name in ("time", "n_event"))
    total = np.concatenate([[0.0], np.cumsum(failed)])
    ends = (np.searchsorted(time, at + side * found.hazard.bandwidth, side="right") for side in (-1, 1))
    before, after = (total[end] for end in ends)
    first = np.minimum(np.searchsorted(time, at), time.size - 1)
    rows = {name: np.interp(at, table["time"], table[of].fill_null(np.nan)) * YEAR for name, of in NUMBERS.items()}
    # kernel sums to the last digit would tell single failures
    told = pl.DataFrame(rows).fill_nan(None).with_columns(pl.all().round_sig_figs(3))
    frame = told.with_columns(
        time=pl.Series(at.astype(np.int64)), n=pl.Series(seen["n_risk"].to_numpy()[first].astype(np.int64)),
        n_event=pl.Series((after - before).astype(np.int64)), estimand=pl.lit("smoothed_hazard"), group=pl.lit(group),
    )  # fmt: skip
    return Result(tidy(frame.drop_nulls("estimate"), analysis="extrapolation", **labels), {})
