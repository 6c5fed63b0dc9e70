# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The named scenarios: what is made, what makes it hard, and who is measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

END = 3650  # last day of follow-up
TAU = 1825
FITS, SMALL, SHOWN = 2000, 300, 20  # cohorts of the small fits, rows of one, and of how many the numbers are compared
STUDIED: dict[str, Any] = {"n": SMALL, "hazard_ratio": 0.7, "effects": (0.3, -0.2), "censoring": 0.3}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One piece of work on made data.

    Parameters
    ----------
    work
        Name of the function that every adapter offers for it.
    n, p
        Rows and covariates.
    hard
        What makes it hard.
    rivals
        Adapters measured beside ours and the floor.
    """

    work: str
    n: int
    p: int
    hard: str
    rivals: tuple[str, ...]


SCENARIOS = {
    "km_10m": Scenario(
        "curves", 10_000_000, 0, "curves, limits and log-rank of 2 groups from raw columns: counting is all there is",
        ("lifelines", "statsmodels", "survival_rs", "R"),
    ),
    "count_10m": Scenario(
        "counting", 10_000_000, 0, "rows that are small integers already: one increment each", ("numpy",)
    ),
    "km_stream_100m": Scenario("curves_streamed", 100_000_000, 0, "larger than memory may be: a parquet file", ()),
    "cox_1m_x50": Scenario(
        "cox", 1_000_000, 50, "Efron with standard errors: the information matrix is 2.5 GFlop a pass",
        ("lifelines", "survival_rs", "coxstream", "R", "R_fit"),
    ),
    "cox_10m_x10": Scenario("cox", 10_000_000, 10, "memory: X alone is 0.8 GB", ("lifelines", "coxstream", "R")),
    "cox_stream_10m_x50": Scenario("cox_streamed", 10_000_000, 50, "4 GB of parquet, read once a pass", ()),
    "cox_entry_1m_x10": Scenario("cox_entry", 1_000_000, 10, "delayed entry", ("survival_rs", "R")),
    "cox_robust_100k_x10": Scenario("cox_robust", 100_000, 10, "weights, robust errors", ("lifelines", "R")),
    "cox_continuous_1m_x10": Scenario(
        "cox_continuous", 1_000_000, 10, "no two times alike: a million risk sets", ("survival_rs", "coxstream", "R")
    ),
    "fine_gray_1m_x10": Scenario("fine_gray", 1_000_000, 10, "competing risks with the sandwich", ("comprisk",)),
    "fine_gray_naive_1m_x10": Scenario(
        "fine_gray_naive", 1_000_000, 10, "competing risks, errors from the information alone", ("comprisk",)
    ),
    "aalen_johansen_10m": Scenario("incidence", 10_000_000, 0, "cumulative incidence, ties", ("statsmodels", "R")),
    "bootstrap_100k": Scenario(
        "bootstrap", 100_000, 0, "500 replicates of a difference of restricted means (rivals: 5, times 100)",
        ("lifelines", "greenwood", "R"),
    ),
    "bootstrap_10m": Scenario("bootstrap", 10_000_000, 0, "the cost does not grow with the rows", ()),
    "after_10k_x6": Scenario("after", 10_000, 6, "what rivals do at all, ten times as much next", ("lifelines", "R")),
    "after_100k_x6": Scenario("after", 100_000, 6, "how rivals grow with the rows", ("lifelines", "R")),
    "after_5m_x6": Scenario(
        "after", 5_000_000, 6, "clustered fit, residuals, concordance (lifelines issue 1067): no rival has the days", ()
    ),
    "small_fits_300": Scenario(
        "small_fits", FITS * SMALL, 3, "cohorts of 300 rows, one after the other (rivals have them ready made)",
        ("lifelines", "R_fit"),
    ),
    "match_9k_91k": Scenario(
        "matching", 100_000, 0, "a caliper match of 9,200 treated: what R does in seconds", ("R_match", "sklearn")
    ),
    "match_92k_908k": Scenario(
        "matching", 1_000_000, 0, "the same of 92,000 treated, which R does not end: sorting is the floor", ("sklearn",)
    ),
    "propensity_1m_x50": Scenario(
        "propensity", 1_000_000, 50, "logistic scores: a product of the matrix with itself a step", ("glum", "sklearn")
    ),
    "cold_start": Scenario(
        "cold", 10_000, 0, "a process that imports, reads a file and draws two curves", ("lifelines", "statsmodels")
    ),
}  # fmt: skip


def make(name: str, folder: Path) -> Path:
    """Write the rows of a scenario as parquet and return the file; row groups of a million rows."""
    scenario, file = SCENARIOS[name], folder / f"{name}.parquet"
    if scenario.work == "small_fits":
        cohorts().write_parquet(file, compression="lz4")
        return file
    rng = np.random.default_rng(20261122)
    if scenario.work in ("matching", "propensity"):
        arms(scenario, rng).write_parquet(file, compression="lz4")
        return file
    if scenario.n <= 20_000_000 and scenario.work != "cox_streamed":
        rows(scenario, scenario.n, rng).write_parquet(file, compression="lz4")
        return file
    parts = folder / name
    parts.mkdir()
    for k in range(10):
        rows(scenario, scenario.n // 10, rng).write_parquet(parts / f"{k}.parquet", compression="lz4")
    pl.scan_parquet(parts / "*.parquet").sink_parquet(file, compression="lz4", row_group_size=1_000_000)
    return file


def rows(scenario: Scenario, n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw rows: many ties, about half events, effects between -0.2 and 0.2."""
    x = rng.normal(size=(n, scenario.p))
    effect = np.linspace(-0.2, 0.2, scenario.p)
    group = rng.integers(0, 2, n)
    risk = x @ effect + 0.2 * group
    life = rng.exponential(2500, n) * np.exp(-risk)
    out = rng.uniform(30, END, n)
    if scenario.work != "cox_continuous":
        life, out = np.ceil(life), np.ceil(out)
    time, event = np.minimum(life, out), (life <= out).astype(np.int64)
    columns: dict[str, npt.NDArray[np.generic]] = {"time": time, "event": event, "group": group}
    if scenario.work == "counting":
        small = {"day": time.astype(np.uint16), "code": (2 * group + event).astype(np.uint16)}
        return pl.DataFrame(small)
    if scenario.work in ("fine_gray", "fine_gray_naive", "incidence"):
        columns["cause"] = event * np.where(rng.random(n) < 0.6, 1, 2)
    if scenario.work == "cox_entry":
        columns["entry"] = np.floor(time * rng.uniform(0, 0.9, n) * (rng.random(n) < 0.5))
    if scenario.work == "cox_robust":
        columns["weight"] = rng.uniform(0.2, 3.0, n)
    if scenario.work == "after":
        columns["cluster"] = rng.integers(0, 1000, n)
    return pl.DataFrame(columns | {f"x{j}": x[:, j] for j in range(scenario.p)})


def arms(scenario: Scenario, rng: np.random.Generator) -> pl.DataFrame:
    """Draw who is treated: 92 in a thousand, by the covariates, or with a log odds of treatment alone."""
    if scenario.work == "matching":
        treated = np.arange(scenario.n) % 250 < 23
        return pl.DataFrame({"treated": treated, "logit": rng.normal(np.where(treated, 0.3, -0.3), 1.0)})
    x = rng.normal(size=(scenario.n, scenario.p))
    odds = x @ np.linspace(-0.2, 0.2, scenario.p) - 2.5
    treated = rng.random(scenario.n) < 1 / (1 + np.exp(-odds))
    return pl.DataFrame({"treated": treated} | {f"x{j}": x[:, j] for j in range(scenario.p)})


def cohorts() -> pl.DataFrame:
    """Draw the cohorts of the small fits, as the simulation draws them for itself."""
    from rwe.survival.scenario import Scenario as Source

    source = Source(**STUDIED)
    drawn = [source.cohort(k).rename({"arm": "x0"}).with_columns(cohort=pl.lit(k)) for k in range(FITS)]
    return pl.concat(drawn).select("cohort", "time", "event", "x0", "x1", "x2")
