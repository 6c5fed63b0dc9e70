# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""greenwood."""

from __future__ import annotations

from pathlib import Path

import greenwood
import numpy as np
import polars as pl

from benchmarks.rivals.ours import Call
from benchmarks.scenarios import TAU


def bootstrap(frame: pl.DataFrame, _: Path) -> Call:
    """Five resamples by rows; the clock is multiplied by a hundred outside."""
    rng = np.random.default_rng(1)
    parts = [frame.filter(pl.col("group") == g) for g in (0, 1)]
    arrays = [(p["time"].to_numpy(), p["event"].to_numpy()) for p in parts]

    def one() -> float:
        means = []
        for t, e in arrays:
            drawn = rng.integers(0, t.size, t.size)
            fit = greenwood.KaplanMeier().fit(greenwood.Surv(t[drawn], e[drawn]))
            means.append(fit.rmst(TAU))
        return float(means[1] - means[0])

    return lambda: [float(np.std([one() for _ in range(5)], ddof=1))]
