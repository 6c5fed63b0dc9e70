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

from benchmarks.rivals.ours import DAYS, Call, fresh, names
from benchmarks.scenarios import SHOWN, TAU

FIRST = """
import sys
import lifelines
import polars as pl
frame = pl.read_parquet(sys.argv[1])
for group in (0, 1):
    part = frame.filter(pl.col("group") == group)
    fit = lifelines.KaplanMeierFitter().fit(part["time"].to_numpy(), part["event"].to_numpy())
    print(*fit.survival_function_at_times([365, 1095, 1825]))
"""
FITTED = 100  # cohorts; the clock is multiplied outside


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
    """Cluster-robust fit with concordance and two kinds of residuals, of which the squares are summed."""
    table = frame.select("time", "event", "cluster", *names(frame)).to_pandas()

    def call() -> list[float]:
        fit = lifelines.CoxPHFitter().fit(table, "time", "event", cluster_col="cluster")
        kinds = (fit.compute_residuals(table, "martingale")[["martingale"]], fit.compute_residuals(table, "delta_beta"))
        squares = [float((kind.to_numpy() ** 2).sum()) for kind in kinds]
        return [*fit.params_, *fit.standard_errors_, fit.concordance_index_, *squares]

    return call


def small_fits(frame: pl.DataFrame, _: Path) -> Call:
    """One fit a cohort."""
    tables = [part.drop("cohort").to_pandas() for part in frame.partition_by("cohort", maintain_order=True)[:FITTED]]

    def call() -> list[float]:
        fits = [lifelines.CoxPHFitter().fit(table, "time", "event") for table in tables]
        return [f.params_["x0"] for f in fits[:SHOWN]] + [f.standard_errors_["x0"] for f in fits[:SHOWN]]

    return call


def cold(_: pl.DataFrame, file: Path) -> Call:
    """A first curve in a new process."""
    return fresh(FIRST, file)


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
