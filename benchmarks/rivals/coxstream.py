# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""coxstream (its wheel needs two symbols that Debian's C library no longer has: see benchmarks/survival.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from coxstream import CoxStream

from benchmarks.rivals.ours import Call, names


def cox(frame: pl.DataFrame, _: Path) -> Call:
    """Efron with standard errors, from arrays."""
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy()
    x = np.ascontiguousarray(frame.select(names(frame)).to_numpy())

    def call() -> list[float]:
        fit = CoxStream().fit(time, event, x)
        return [*map(float, fit.coef_), *map(float, fit.standard_errors_)]

    return call


cox_continuous = cox
