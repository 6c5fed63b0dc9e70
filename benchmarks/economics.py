# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilistic analyses over 40 years of weeks, 10,000 draws, two strategies: ours beside heormodel, draw by draw.

Run ``python -m benchmarks.economics``: it rewrites ``benchmarks/results/economics.csv``. Partitioned survival takes two
Weibull curves a strategy, the three-state model three; heormodel, which has no partitioned survival, is given the
matrices of the same draws for 20 of them, and its time is taken times 500. The goal is three seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from heormodel.models import CohortSpec, MarkovModel

from benchmarks.table import commit, machine
from benchmarks.worker import seconds
from rwe.reimbursement import economics as ec
from rwe.reimbursement.economics.distributions import stream

RESULT = Path(__file__).parent / "results" / "economics.csv"
DRAWS, FEW, SEED, GOAL = 10_000, 20, 1, 3.0
WEEK, MONTH, YEAR = 7.0, 30.4375, 365.25
WEEKS = ec.Timing(WEEK, ec.cycles_of(WEEK, 40.0), 0.035, 0.035, "middle", "half_cycle")
SPREAD = ((0.004, 0.001), (0.001, 0.006))  # of the logarithms of shape and scale
# shape and scale in months: flexsurv of tests/data/r_reference/sim_os_pfs.csv; those of death and after are ours
CURVES = {
    "pfs0": (1.138, 7.599), "os0": (1.040, 25.854), "pfs1": (1.092, 11.966), "os1": (1.110, 30.585),
    "death0": (1.0, 90.0), "death1": (1.0, 90.0), "after0": (1.0, 18.0), "after1": (1.0, 18.0),
}  # fmt: skip
UTILITY = {"progression_free": 0.8, "progressed": 0.6}
COST = {"progression_free": 36_000.0, "progressed": 14_400.0}  # a year


def curves() -> dict[str, ec.Named]:
    """Return the curves by name."""
    return {
        name: ec.Named(name, ec.published_curve("weibull", {"shape": a, "scale": b}, SPREAD, MONTH))
        for name, (a, b) in CURVES.items()
    }


def strategies(model: Callable[[int], ec.Partitioned | ec.IllnessDeath]) -> dict[str, ec.Strategy]:
    """Return both strategies on a model of each arm."""
    costs, effects = (tuple(ec.Stay(state, value) for state, value in part.items()) for part in (COST, UTILITY))
    return {f"arm{arm}": ec.Strategy(model(arm), costs, (), effects) for arm in (0, 1)}


def partitioned() -> ec.Evaluation:
    """Return our partitioned survival analysis."""
    c = curves()
    made = strategies(lambda a: ec.Partitioned({"progression_free": c[f"pfs{a}"], "progressed": c[f"os{a}"]}))
    return ec.evaluate(made, WEEKS, draws=DRAWS, seed=SEED)


def steps() -> ec.Evaluation:
    """Return our three-state Markov analysis with probabilities of each week."""
    c = curves()
    made = strategies(lambda a: ec.IllnessDeath(c[f"pfs{a}"], c[f"death{a}"], c[f"after{a}"]))
    return ec.evaluate(made, WEEKS, draws=DRAWS, seed=SEED)


def heormodel() -> pd.DataFrame:
    """Return what heormodel makes of the first draws of `steps`."""
    drawn = {name: np.exp(one.curve.drawn(DRAWS, stream(SEED, name))) for name, one in curves().items()}

    def model(row: pd.Series, arm: str) -> CohortSpec:
        rise = [np.diff(_hazard(drawn[f"{name}{arm[3]}"][int(row["draw"])])) for name in ("pfs", "death", "after")]
        both = rise[0] + rise[1]
        leave, die = -np.expm1(-both), -np.expm1(-rise[2])
        zero, one = np.zeros(both.size), np.ones(both.size)
        rows = [1 - leave, leave * rise[0] / both, leave * rise[1] / both], [zero, 1 - die, die], [zero, zero, one]
        cost, effect = (np.array([*part.values(), 0.0]) * WEEK / YEAR for part in (COST, UTILITY))
        return CohortSpec(np.moveaxis(np.array(rows), 2, 0), cost, effect)

    engine = MarkovModel(
        states=("progression_free", "progressed", "dead"),
        interventions=("arm0", "arm1"),
        transitions_and_rewards=model,
        n_cycles=WEEKS.cycles,
        cycle_length=WEEK / YEAR,
        discount_rate=0.035,
        cycle_correction="half_cycle",
    )
    found: pd.DataFrame = engine.evaluate(pd.DataFrame({"draw": np.arange(FEW)})).data
    return found


def _hazard(weibull: np.ndarray) -> np.ndarray:
    return np.asarray((WEEKS.days / MONTH / weibull[1]) ** weibull[0])


def timed(work: Callable[[], object], times: int = 3) -> tuple[float, float, object]:
    """Return the best wall and processor seconds of several runs, and what the last one found."""
    best, found = (np.inf, np.inf), None
    for _ in range(times):
        cpu, wall = seconds(), time.perf_counter()
        found = work()
        best = min(best, (time.perf_counter() - wall, seconds() - cpu))
    return *best, found


def main() -> None:
    """Measure, print and keep the figures."""
    rows = []
    told = {"machine": machine(), "commit": commit(), "taken_on": f"{datetime.now(UTC):%Y-%m-%d}"}
    for name, work in (("partitioned", partitioned), ("three_states", steps)):
        wall, cpu, found = timed(work)
        rows.append(
            {"model": name, "who": "ours", "wall_s": wall, "cpu_s": cpu, "met": "yes" if wall <= GOAL else "no"}
        )
    wall, cpu, theirs = timed(heormodel, 1)
    times = DRAWS / FEW
    assert isinstance(found, ec.Evaluation)
    assert isinstance(theirs, pd.DataFrame)
    assert found.draws is not None
    ours = np.concatenate([found.draws.other[:FEW, arm] for arm in (0, 1)])
    off = float(np.abs(ours / theirs["cost"].to_numpy() - 1).max())
    rows.append(
        {"model": "three_states", "who": "heormodel", "wall_s": wall * times, "cpu_s": cpu * times, "differs_by": off}
    )
    load = round(os.getloadavg()[0], 1)
    table = pl.DataFrame([{"draws": DRAWS, "goal_s": GOAL, **row, **told, "load": load} for row in rows])
    table.with_columns(pl.col("wall_s", "cpu_s").round(2), pl.col("differs_by").round_sig_figs(2)).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    main()
