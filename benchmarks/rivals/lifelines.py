# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""lifelines."""

from __future__ import annotations

from pathlib import Path

import lifelines
import numpy as np
import polars as pl
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time

from benchmarks.rivals.ours import DAYS, Call, names
from benchmarks.scenarios import TAU


def curves(frame: pl.DataFrame, _: Path) -> Call:
    """Two fits and a test."""
    parts = [frame.filter(pl.col("group") == g) for g in (0, 1)]
    arrays = [(p["time"].to_numpy(), p["event"].to_numpy()) for p in parts]

    def call() -> list[float]:
        fits = [lifelines.KaplanMeierFitter().fit(t, e) for t, e in arrays]
        test = logrank_test(arrays[0][0], arrays[1][0], arrays[0][1], arrays[1][1])
        survival = [float(s) for fit in fits for s in fit.survival_function_at_times(list(DAYS))]
        return [*survival, *[np.nan] * len(survival), float(test.test_statistic)]

    return call


def cox(frame: pl.DataFrame, _: Path) -> Call:
    """Efron, its only rule for ties."""
    table = frame.select("time", "event", *names(frame)).to_pandas()

    def call() -> list[float]:
        fit = lifelines.CoxPHFitter().fit(table, "time", "event")
        return [*fit.params_, *fit.standard_errors_]

    return call


def cox_robust(frame: pl.DataFrame, _: Path) -> Call:
    """Weights with robust errors."""
    table = frame.select("time", "event", "weight", *names(frame)).to_pandas()

    def call() -> list[float]:
        fit = lifelines.CoxPHFitter().fit(table, "time", "event", weights_col="weight", robust=True)
        return [*fit.params_, *fit.standard_errors_]

    return call


def after(frame: pl.DataFrame, _: Path) -> Call:
    """Cluster-robust fit with concordance and two kinds of residuals; it has no test that ours also makes."""
    table = frame.select("time", "event", "cluster", *names(frame)).to_pandas()

    def call() -> list[float]:
        fit = lifelines.CoxPHFitter().fit(table, "time", "event", cluster_col="cluster")
        size = len(fit.compute_residuals(table, "martingale")) + len(fit.compute_residuals(table, "delta_beta"))
        return [*fit.params_, *fit.standard_errors_, fit.concordance_index_, float(size == 2 * len(table))]

    return call


def bootstrap(frame: pl.DataFrame, _: Path) -> Call:
    """Five resamples by rows; the clock is multiplied by a hundred outside."""
    rng = np.random.default_rng(1)
    parts = [frame.filter(pl.col("group") == g) for g in (0, 1)]
    arrays = [(p["time"].to_numpy(), p["event"].to_numpy()) for p in parts]

    def one() -> float:
        means = []
        for t, e in arrays:
            drawn = rng.integers(0, t.size, t.size)
            means.append(restricted_mean_survival_time(lifelines.KaplanMeierFitter().fit(t[drawn], e[drawn]), TAU))
        return float(means[1] - means[0])

    return lambda: [float(np.std([one() for _ in range(5)], ddof=1))]
