# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""statsmodels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from benchmarks.rivals.ours import DAYS, Call, fresh

FIRST = """
import sys
import numpy as np
import polars as pl
from statsmodels.duration.survfunc import SurvfuncRight
frame = pl.read_parquet(sys.argv[1])
for group in (0, 1):
    part = frame.filter(pl.col("group") == group)
    fit = SurvfuncRight(part["time"].to_numpy(), part["event"].to_numpy())
    print(*fit.surv_prob[np.searchsorted(fit.surv_times, [365, 1095, 1825], side="right") - 1])
"""


def curves(frame: pl.DataFrame, _: Path) -> Call:
    """Two fits and a test."""
    time, event, group = (frame[c].to_numpy() for c in ("time", "event", "group"))
    parts = [(time[group == g], event[group == g]) for g in (0, 1)]

    def call() -> list[float]:
        fits = [SurvfuncRight(t, e) for t, e in parts]
        at = [np.searchsorted(fit.surv_times, DAYS, side="right") - 1 for fit in fits]
        survival = [float(fit.surv_prob[k]) for fit, days in zip(fits, at, strict=True) for k in days]
        error = [float(fit.surv_prob_se[k]) for fit, days in zip(fits, at, strict=True) for k in days]
        return [*survival, *error, float(survdiff(time, event, group)[0])]

    return call


def incidence(frame: pl.DataFrame, _: Path) -> Call:
    """Cumulative incidence of both causes."""
    time, cause = frame["time"].to_numpy(), frame["cause"].to_numpy()

    def call() -> list[float]:
        fit = CumIncidenceRight(time, cause)
        at = np.searchsorted(fit.times, DAYS, side="right") - 1
        return [float(v) for v in fit.cinc[0][at]]

    return call


def cold(_: pl.DataFrame, file: Path) -> Call:
    """A first curve in a new process."""
    return fresh(FIRST, file)
