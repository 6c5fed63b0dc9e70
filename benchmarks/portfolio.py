# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A hundred studies against their trials: 5,000 patients each, raked, contrasted with 1,000 replicates, pooled.

Run ``python -m benchmarks.portfolio``: it rewrites ``benchmarks/results/portfolio.csv`` with what it took on all cores,
a process each. Rows are made within the time that is measured; the goal is two minutes on two cores.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from benchmarks.table import commit, machine
from benchmarks.worker import seconds
from rwe import compare as cp
from rwe.spec.base import Text
from rwe.spec.trial import Curve, Endpoint

RESULT = Path(__file__).parent / "results" / "portfolio.csv"
STUDIES, PATIENTS, TRIAL, REPLICATES = 100, 5_000, 600, 1_000
GOAL = 120  # seconds on two cores
LEVELS = {
    "age": ("under 50", "50 to 64", "65 and over"),
    "sex": ("f", "m"),
    "grade": ("1", "2", "3"),
    "line": ("1", "2"),
}
WORDS = Text(en="study", bg="проучване")


def people(rng: np.random.Generator, n: int, tilt: float) -> pl.DataFrame:
    """Return patients of one side; `tilt` makes higher levels more frequent."""
    columns, risk = {}, np.zeros(n)
    for name, levels in LEVELS.items():
        share = np.exp(tilt * np.arange(len(levels)))
        code = rng.choice(len(levels), n, p=share / share.sum())
        columns[name], risk = np.array(levels)[code], risk + 0.25 * code
    days, end = np.ceil(rng.exponential(1500, n) * np.exp(-risk)), np.ceil(rng.uniform(400, 2000, n))
    days[0], end[0] = 2000, 2000  # each side is followed beyond the common horizon
    outcome = {"os_days": np.minimum(days, end).astype(np.int64), "os_event": days < end}
    return pl.DataFrame(columns | outcome)


def study(number: int) -> tuple[float, float]:
    """Return log hazard ratio and its error of one study, made, raked and contrasted."""
    rng = np.random.default_rng(number)
    practice, theirs = people(rng, PATIENTS, 0.3), people(rng, TRIAL, 0.0).with_columns(arm=pl.lit("a"))
    margins = {name: dict(theirs[name].value_counts().iter_rows()) for name in LEVELS}
    endpoint = Endpoint(
        title=WORDS,
        definition=WORDS,
        arms={"a": Curve(n=TRIAL, n_event="unknown", median="unknown", curve=((0, 1.0),))},
    )
    baseline = cp.TrialBaseline(
        f"trial {number}", WORDS, "", MappingProxyType({"all": TRIAL, "a": TRIAL}), {}, {"os": endpoint}, theirs, ()
    )
    raked = cp.rake(practice, margins)
    found = cp.contrast(
        practice, baseline, endpoint="os", weights=raked, tau=1800, errors="bootstrap", replicates=REPLICATES
    )
    row = found.table.filter(group="difference", estimand="hazard_ratio").row(0, named=True)
    return float(np.log(row["estimate"])), float(row["std_error"])


def main() -> None:
    """Measure, print and keep the figures."""
    os.environ["RWE_THREADS"] = "1"  # a study a core
    study(0)  # kernels come from their cache, as for a wheel
    cpu, wall = seconds(), time.perf_counter()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(pool.map(study, range(STUDIES)))
    pooled = cp.pool(*(list(column) for column in zip(*found, strict=True)))
    wall, cpu = time.perf_counter() - wall, seconds() - cpu
    row = {
        "studies": STUDIES, "patients": PATIENTS, "replicates": REPLICATES, "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1), "cpu_s_a_core": round(cpu / (os.cpu_count() or 1), 1), "goal_s": GOAL,
        "met": "yes" if wall <= GOAL else "no", "log_hazard_ratio": round(pooled.estimate, 6), "machine": machine(),
        "commit": commit(), "load": round(os.getloadavg()[0], 1), "taken_on": f"{datetime.now(UTC):%Y-%m-%d}",
    }  # fmt: skip
    pl.DataFrame([row]).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    main()
