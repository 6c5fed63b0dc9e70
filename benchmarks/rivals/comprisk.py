# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""comprisk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from comprisk import FineGrayRegression

from benchmarks.rivals.ours import Call, names


def _fit(frame: pl.DataFrame, *, robust: bool) -> Call:
    time, cause = frame["time"].to_numpy(), frame["cause"].to_numpy()
    x = np.ascontiguousarray(frame.select(names(frame)).to_numpy())

    def call() -> list[float]:
        fit = FineGrayRegression(cause=1, max_iter=30, gtol=1e-8, robust_se=robust).fit(x, time=time, event=cause)
        return [*map(float, fit.coef_), *map(float, fit.se_)]

    return call


def fine_gray(frame: pl.DataFrame, _: Path) -> Call:
    """Fine-Gray with its robust errors, run until it has converged."""
    return _fit(frame, robust=True)


def fine_gray_naive(frame: pl.DataFrame, _: Path) -> Call:
    """Fine-Gray with errors from the information, run until it has converged."""
    return _fit(frame, robust=False)
