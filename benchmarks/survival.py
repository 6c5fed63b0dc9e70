# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier of a million rows and Cox of 100,000 x 10, beside lifelines and the bare read of the columns.

Run ``python benchmarks/survival.py``: it rewrites ``benchmarks/results/survival.csv``. CPU seconds, the best
of some rounds over all threads, frames in memory; compare ratios of one run, not seconds of two machines.
"""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rwe import survival as sv

RESULT = Path(__file__).parent / "results" / "survival.csv"


def cohort(n: int, p: int, seed: int) -> pl.DataFrame:
    """Draw days with many ties, about half of them events, two groups and p covariates."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    day = np.ceil(rng.exponential(1500, n) * np.exp(-0.3 * x[:, 0])).astype(np.int64)
    end = rng.integers(30, 2500, n)
    columns = {"days": np.minimum(day, end), "event": day <= end, "arm": rng.integers(0, 2, n)}
    return pl.DataFrame(columns | {f"x{j}": x[:, j] for j in range(p)})


def read(frame: pl.DataFrame) -> None:
    """Read each column once and do nothing with it: the floor."""
    for name in frame.columns:
        frame[name].sum()


def best(call: Callable[[], Any], rounds: int) -> float:
    """Return the least CPU seconds of some calls."""
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def rivals() -> dict[str, dict[str, Callable[[pl.DataFrame], Any]]]:
    """Return scenarios, and in each the calls compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifelines

    def theirs(frame: pl.DataFrame) -> None:
        for arm in (0, 1):
            part = frame.filter(pl.col("arm") == arm)
            lifelines.KaplanMeierFitter().fit(part["days"].to_numpy(), part["event"].to_numpy())

    covariates = [f"x{j}" for j in range(10)]
    return {
        "kaplan_meier_1m_2_groups": {
            "floor": read,
            "ours": lambda frame: sv.kaplan_meier(frame, time="days", event="event", by="arm"),
            "lifelines": theirs,
        },
        "cox_efron_100k_x10": {
            "floor": read,
            "ours": lambda frame: sv.cox(frame, time="days", event="event", covariates=covariates),
            "lifelines": lambda frame: lifelines.CoxPHFitter().fit(
                frame.select("days", "event", *covariates).to_pandas(), "days", "event"
            ),
        },
    }


def main() -> None:
    """Measure all scenarios and write the table."""
    frames = {"kaplan_meier_1m_2_groups": cohort(1_000_000, 1, 1), "cox_efron_100k_x10": cohort(100_000, 10, 2)}
    rows = []
    for scenario, calls in rivals().items():
        seconds = {name: best(partial(call, frames[scenario]), 5) for name, call in calls.items()}
        for name, value in seconds.items():
            ratios = {"to_floor": round(value / seconds["floor"], 1), "to_ours": round(value / seconds["ours"], 3)}
            rows.append({"scenario": scenario, "who": name, "cpu_seconds": round(value, 5), **ratios})
    machine = f"{platform.machine()}, Python {platform.python_version()}, numba {version('numba')}"
    table = pl.DataFrame(rows).with_columns(lifelines=pl.lit(version("lifelines")), machine=pl.lit(machine))
    RESULT.parent.mkdir(exist_ok=True)
    table.write_csv(RESULT)
    sys.stdout.write(f"{table}\n{RESULT}\n")


if __name__ == "__main__":
    main()
