# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""This project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.scenarios import TAU
from rwe import survival as sv

Call = Callable[[], list[float]]
DAYS = (365, 1095, 1825)


def names(frame: pl.DataFrame) -> list[str]:
    """Return the covariates."""
    return [c for c in frame.columns if c.startswith("x")]


def coefficients(fit: Any, error: str = "std_error") -> list[float]:
    """Return the estimates, then their errors."""
    return [*fit.coefficients["estimate"], *fit.coefficients[error]]


def _curves(frame: Any) -> list[float]:
    km = sv.kaplan_meier(frame, time="time", event="event", by="group")
    test = sv.log_rank(frame, time="time", event="event", by="group")
    return [*km.at(DAYS)["survival"], *km.at(DAYS)["std_error"], test.statistic]


def curves(frame: pl.DataFrame, _: Path) -> Call:
    """Curves with limits, and the log-rank test."""
    return lambda: _curves(frame)


def curves_streamed(_: pl.DataFrame, file: Path) -> Call:
    """The same from a file."""
    return lambda: _curves(file)


def cox(frame: pl.DataFrame, _: Path) -> Call:
    """Efron with standard errors."""
    return lambda: coefficients(sv.cox(frame, time="time", event="event", covariates=names(frame)))


def cox_streamed(frame: pl.DataFrame, file: Path) -> Call:
    """The same from a file that is read once a pass."""
    return lambda: coefficients(sv.cox(file, time="time", event="event", covariates=names(frame)))


def cox_entry(frame: pl.DataFrame, _: Path) -> Call:
    """Delayed entry."""
    return lambda: coefficients(sv.cox(frame, time="time", event="event", entry="entry", covariates=names(frame)))


def cox_robust(frame: pl.DataFrame, _: Path) -> Call:
    """Weights with robust errors."""

    def call() -> list[float]:
        fit = sv.cox(frame, time="time", event="event", weights="weight", covariates=names(frame), robust=True)
        return coefficients(fit, "robust_std_error")

    return call


def cox_continuous(frame: pl.DataFrame, _: Path) -> Call:
    """Times without ties."""
    covariates = names(frame)
    return lambda: coefficients(sv.cox(frame, time="time", event="event", covariates=covariates, clock="continuous"))


def fine_gray(frame: pl.DataFrame, _: Path) -> Call:
    """Subdistribution hazards with the sandwich."""
    covariates = names(frame)
    return lambda: coefficients(sv.fine_gray(frame, time="time", cause="cause", of=1, covariates=covariates))


def incidence(frame: pl.DataFrame, _: Path) -> Call:
    """Cumulative incidence of the first cause."""

    def call() -> list[float]:
        found = sv.cumulative_incidence(frame, time="time", cause="cause").at(DAYS)
        return [*found.filter(pl.col("cause").cast(pl.String) == "1")["incidence"]]

    return call


def bootstrap(frame: pl.DataFrame, _: Path) -> Call:
    """500 replicates of a difference of restricted means: its standard error."""

    def call() -> list[float]:
        return [
            sv.bootstrap(
                frame,
                time="time",
                event="event",
                by="group",
                statistic="rmst",
                contrast="difference",
                at=TAU,
                replicates=500,
                seed=1,
            ).table["std_error"][0]
        ]

    return call


def after(frame: pl.DataFrame, _: Path) -> Call:
    """Cluster-robust fit with concordance, two kinds of residuals and the proportional-hazards test."""

    def call() -> list[float]:
        fit = sv.cox(frame, time="time", event="event", cluster="cluster", covariates=names(frame))
        size = fit.residuals("martingale").height + fit.residuals("dfbeta").height
        return [*coefficients(fit, "robust_std_error"), fit.concordance, float(size == 2 * frame.height)]

    return call
