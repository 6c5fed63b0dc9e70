# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""This project."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.scenarios import END, FITS, SHOWN, STUDIED, TAU
from rwe import survival as sv
from rwe.execute import even, run

Call = Callable[[], list[float]]
DAYS = (365, 1095, 1825)
FIGURES: dict[str, Callable[[], float | dict[str, float]]] = {}  # what else is told of the work, after the rounds
FIRST = """
import sys
import polars as pl
import rwe.survival as sv
km = sv.kaplan_meier(pl.read_parquet(sys.argv[1]), time="time", event="event", by="group")
print(*km.at([365, 1095, 1825])["survival"])
"""


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


def counting(frame: pl.DataFrame, _: Path) -> Call:
    """Rows by code and day, on all threads: the kernel that counts, and nothing before it."""
    from rwe.kernels.encode import count_codes

    code, day = frame["code"].to_numpy(), frame["day"].to_numpy()
    parts = even(code.size, code.size // 8)

    def count(part: tuple[int, int]) -> npt.NDArray[np.uint32]:
        table = np.zeros((4, END + 1), np.uint32)
        count_codes(code[slice(*part)], day[slice(*part)], table)
        return table

    return lambda: [float(n) for n in np.stack(run(count, parts)).sum(axis=0)[:, DAYS].flat]


def fresh(program: str, file: Path) -> Call:
    """Return a call that runs a program in an interpreter of its own and reads the numbers that it prints."""

    def call() -> list[float]:
        done = subprocess.run([sys.executable, "-c", program, str(file)], check=True, capture_output=True, text=True)
        return [float(number) for number in done.stdout.split()]

    return call


def cold(_: pl.DataFrame, file: Path) -> Call:
    """A first curve in a new process; kernels are kept from the process before."""
    return fresh(FIRST, file)


def cox(frame: pl.DataFrame, file: Path) -> Call:
    """Efron with standard errors."""
    FIGURES["alone"] = lambda: _on_one_thread(frame, file)
    return lambda: coefficients(sv.cox(frame, time="time", event="event", covariates=names(frame)))


def _on_one_thread(frame: pl.DataFrame, file: Path) -> dict[str, float]:
    """Return processor seconds of a full pass (value, slope and information), and it and the fit beside one dsyrk.

    Like with like: all on one thread, as the floor is (two that share the memory take more), and turn by turn in one
    process, because a processor that others share changes its pace within seconds.
    """
    from threadpoolctl import threadpool_limits

    from benchmarks.rivals import floor
    from rwe.survival.partial import point

    def fit() -> Any:
        return sv.cox(frame, time="time", event="event", covariates=names(frame))._fitted

    held, product = fit(), floor.cox(frame, file)
    work = {"floor": product, "pass": lambda: point(held.held, held.best.beta, held.best.hazard), "fit": fit}
    os.environ["RWE_THREADS"] = "1"  # the last that this process measures
    with threadpool_limits(1):
        took = [{name: _cpu(call) for name, call in work.items()} for _ in range(9)]
    beside = {f"{name}_to_floor": median(turn[name] / turn["floor"] for turn in took) for name in ("pass", "fit")}
    return {"pass_cpu_s": median(turn["pass"] for turn in took)} | beside


def _cpu(call: Callable[[], Any]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def cox_streamed(frame: pl.DataFrame, file: Path) -> Call:
    """The same from a file that is read once a pass; only its path is given."""
    from benchmarks.reads import cells

    covariates, taken, fits = names(frame), cells(), [0]
    before, whole = taken[0], pl.scan_parquet(file).select(pl.len()).collect().item() * (len(covariates) + 2)
    FIGURES["reads"] = lambda: (taken[0] - before) / whole / fits[0]

    def call() -> list[float]:
        fits[0] += 1
        return coefficients(sv.cox(file, time="time", event="event", covariates=covariates))

    return call


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


def fine_gray_naive(frame: pl.DataFrame, _: Path) -> Call:
    """Subdistribution hazards with the inverse information."""
    covariates = names(frame)

    def call() -> list[float]:
        fit = sv.fine_gray(frame, time="time", cause="cause", of=1, covariates=covariates, variance="model")
        return coefficients(fit)

    return call


def small_fits(_: pl.DataFrame, __: Path) -> Call:
    """Cohorts drawn and fitted by the simulation: estimates of the first, then their errors."""

    def call() -> list[float]:
        found = sv.simulate(sv.Scenario(**STUDIED), "cox", replicates=FITS, seed=1).replicates.head(SHOWN)
        return [*found["estimate"], *found["std_error"]]

    return call


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
    """Cluster-robust fit with concordance and two kinds of residuals, of which the squares are summed."""

    def call() -> list[float]:
        fit = sv.cox(frame, time="time", event="event", cluster="cluster", covariates=names(frame))
        kinds = (fit.residuals("martingale").drop("row"), fit.residuals("dfbeta").drop("row"))
        squares = [float((kind.to_numpy() ** 2).sum()) for kind in kinds]
        return [*coefficients(fit, "robust_std_error"), fit.concordance, *squares]

    return call


def matching(frame: pl.DataFrame, _: Path) -> Call:
    """Nearest control within 0.2 standard deviations, none twice: pairs, their distance, and which controls."""
    from rwe.compare.nearest import on_score

    score, treated = frame["logit"].to_numpy(), frame["treated"].to_numpy()
    rows, pool, width = np.flatnonzero(treated), np.flatnonzero(~treated), 0.2 * score.std(ddof=1)

    def call() -> list[float]:
        ((mine, theirs),) = on_score(score, rows, pool, width, 1, "largest", replacement=False)
        return [float(mine.size), float(np.abs(score[mine] - score[theirs]).sum()), float(theirs.sum())]

    return call


def propensity(frame: pl.DataFrame, _: Path) -> Call:
    """Logistic regression from columns, with errors."""
    from rwe.compare import logistic

    return lambda: list(logistic(frame, outcome="treated", covariates=names(frame)).coefficients["estimate"])
