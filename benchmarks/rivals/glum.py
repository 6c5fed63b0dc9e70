# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""glum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from glum import GeneralizedLinearRegressor

from benchmarks.rivals.ours import Call, names


def propensity(frame: pl.DataFrame, _: Path) -> Call:
    """Logistic regression from an array in the order it likes best."""
    x = np.asfortranarray(frame.select(names(frame)).to_numpy())
    y = frame["treated"].to_numpy().astype(np.float64)

    def call() -> list[float]:
        fit = GeneralizedLinearRegressor(family="binomial", alpha=0).fit(x, y)
        return [float(fit.intercept_), *map(float, fit.coef_)]

    return call
