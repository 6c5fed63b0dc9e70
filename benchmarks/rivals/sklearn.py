# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""scikit-learn; its nearest neighbours are with replacement, which is less work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from benchmarks.rivals.ours import Call, names


def propensity(frame: pl.DataFrame, _: Path) -> Call:
    """Logistic regression by Newton's steps, without a penalty."""
    x, y = np.ascontiguousarray(frame.select(names(frame)).to_numpy()), frame["treated"].to_numpy()

    def call() -> list[float]:
        fit = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(x, y)
        return [*map(float, fit.intercept_), *map(float, fit.coef_[0])]

    return call


def matching(frame: pl.DataFrame, _: Path) -> Call:
    """Nearest control of each treated, several times the same one."""
    score, treated = frame["logit"].to_numpy(), frame["treated"].to_numpy()

    def call() -> list[float]:
        NearestNeighbors(n_neighbors=1).fit(score[~treated, None]).kneighbors(score[treated, None])
        return []

    return call
