# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Alignments and the anytime-valid test where the truth is known: bias, coverage, false alarms, why not nominal.

``python -m tests.numerics.test_truth REPLICATES [SCENARIO ...]`` makes the committed table (`tests/simulations.csv`),
or its rows of these scenarios, a process each.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe.compare import contrast_rows
from rwe.errors import NoValidAnswer
from rwe.kernels.small_cox import cox_small
from tests.numerics.truth_scenarios import PRACTICE, SCENARIOS, Scenario

TABLE = Path(__file__).parents[1] / "simulations.csv"
VARIABLES = ["age", "sex", "grade"]
SHARE = {"unadjusted": PRACTICE, "raked": PRACTICE, "maic": PRACTICE, "att": 1, "matched": 1}  # of practice to trial
ALPHA, Z = 0.05, 1.959963984540054
FIXED = "weights are taken as fixed though found from the data: where many patients carry them, errors are too large"
FEW = "a sandwich error rests on many patients: where few carry the weight, or few have events, it is too small"
ALWAYS = "valid at any time one looks: at most alpha in all, so less at any one end"
CHOSEN = "not aligned at all: what the others are there to mend"
UNSEEN = "the factor that differs was not recorded: no method sees it"
SIMPLE = "sex and grade act together and hang together in the trial: a model of each alone does not see it"
# where theory says that a figure is not nominal: scenario, methods, measure, on which side of nominal, and why
Reason = tuple[str, tuple[str, ...], str, str, str]
ALIGNED = ("raked", "maic", "att", "matched")


def _astray(scenario: str, methods: tuple[str, ...], why: str) -> list[Reason]:
    """Return the reasons of methods that miss the truth: biased, too seldom covered, too often rejected."""
    sides = {"bias": "either", "coverage": "below", "type_1": "above"}
    return [(scenario, methods, measure, side, why) for measure, side in sides.items()]


REASONS: list[Reason] = [
    ("", ALIGNED, "coverage", "above", FIXED),
    ("", ALIGNED, "type_1", "below", FIXED),
    ("", ("anytime",), "coverage", "above", ALWAYS),
    ("", ("anytime",), "type_1", "below", ALWAYS),
    *[
        (scenario, ALIGNED, measure, side, FEW)
        for scenario in ("null-poor-100", "null-rare-500")
        for measure, side in (("coverage", "below"), ("type_1", "above"))
    ],
    *_astray("", ("unadjusted",), CHOSEN),
    *_astray("null-hidden-500", (*ALIGNED, "anytime"), UNSEEN),
    *_astray("null-wrong-500", ALIGNED, SIMPLE),
]


def _ratio(rows: pl.DataFrame, weights: Any) -> tuple[float, float]:
    """Return log hazard ratio of practice to trial and its robust error, by the kernel that small fits run on."""
    weight = np.asarray(weights, np.float64)
    used = weight > 0
    days, leave = np.unique(rows["os_days"].to_numpy()[used], return_inverse=True)
    practice = 1.0 - rows["trial"].to_numpy()[used, None]
    failed = rows["os_event"].to_numpy()[used].astype(np.int64)
    enter = np.full(leave.size, -1, np.int64)
    found = cox_small(practice, weight[used], leave.astype(np.int64), enter, failed, days.size, 1)
    return float(found[0]), math.sqrt(found[2])


def _weights(method: str, rows: pl.DataFrame) -> Any:
    """Return the weights of practice and trial, stacked, under one method."""
    practice, trial = rows.filter(trial=0), rows.filter(trial=1)
    if method == "raked":
        text = practice.select(pl.col(VARIABLES).cast(pl.String))
        # a level that the trial has not is one of its margin too
        margins = {
            v: {level: trial.filter(pl.col(v) == int(level)).height for level in text[v].unique()} for v in VARIABLES
        }
        return [*cp.rake(text, margins).weights, *[1.0] * trial.height]
    if method == "maic":
        targets = {v: float(trial[v].to_numpy().mean()) for v in VARIABLES}
        return [*cp.maic(practice, targets).weights, *[1.0] * trial.height]
    if method == "unadjusted":
        return np.ones(rows.height)
    score = cp.propensity(rows, treatment="trial", covariates=VARIABLES)
    return (cp.weight(score, estimand="att") if method == "att" else cp.match(score)).weights


def _anytime(scenario: Scenario, rows: pl.DataFrame) -> dict[str, Any]:
    """Return what the anytime-valid test says within patients who are alike, had one looked after each event."""
    cell = rows.with_columns(
        cell=pl.col("age") * 4 + pl.col("sex") * 2 + pl.col("grade"), side=pl.lit(1) - pl.col("trial")
    )
    found = cp.anytime_log_rank(cell, time="os_days", event="os_event", by="side", strata="cell")
    true = scenario.ratio
    covered = None if scenario.late else found.conf_low <= true <= found.conf_high
    bias = None if scenario.late else math.log(found.hazard_ratio / true)
    return {"method": "anytime", "error": bias, "covered": covered, "rejected": found.p_value <= ALPHA}


def _replicate(scenario: Scenario, number: int, seed: int) -> list[dict[str, Any]]:
    rows = scenario.cohort(number, seed)
    told: list[dict[str, Any]] = []
    for method, share in SHARE.items():
        try:
            estimate, error = _ratio(rows, _weights(method, rows))
        except NoValidAnswer:
            told.append({"method": method})
            continue
        off = estimate - scenario.truth(share)
        covered, rejected = abs(off) <= Z * error, abs(estimate) > Z * error
        told.append({"method": method, "error": off, "covered": covered, "rejected": rejected})
    return [*told, _anytime(scenario, rows)]


def simulated(name: str, replicates: int, seed: int = 6) -> pl.DataFrame:
    """Return bias, coverage and type 1 error (power, where hazards differ) of each method in one scenario."""
    scenario = SCENARIOS[name]
    rows = [row for b in range(replicates) for row in _replicate(scenario, b, seed)]
    schema = {"method": pl.String, "error": pl.Float64, "covered": pl.Float64, "rejected": pl.Float64}
    found = pl.DataFrame(rows, schema=schema, strict=False).fill_nan(None)
    null = scenario.ratio == 1.0
    measures: dict[str, tuple[str, float | None]] = {"bias": ("error", 0.0), "coverage": ("covered", 1 - ALPHA)}
    measures |= {"type_1": ("rejected", ALPHA)} if null else {"power": ("rejected", None)}
    parts = [_measured(found, measure, *asked) for measure, asked in measures.items()]
    table = pl.concat(parts).filter(pl.col("answered") > 0).with_columns(scenario=pl.lit(name), truth=_truths(scenario))
    return judged(table.select("scenario", "method", "truth", *parts[0].columns[1:]))


def _truths(scenario: Scenario) -> pl.Expr:
    true = {method: scenario.truth(share) for method, share in SHARE.items()} | {"anytime": math.log(scenario.ratio)}
    late = pl.when(pl.col("method") == "anytime", pl.lit(scenario.late)).then(None)
    return late.otherwise(pl.col("method").replace_strict(true, return_dtype=pl.Float64))


def _measured(found: pl.DataFrame, measure: str, column: str, nominal: float | None) -> pl.DataFrame:
    """Return the mean of a column with its Monte Carlo error, that of the nominal share where there is one."""
    n, value = pl.col(column).count(), pl.col(column).mean()
    share = value if nominal is None else pl.lit(nominal)
    error = pl.col(column).std() / n.sqrt() if measure == "bias" else (share * (1 - share) / n).sqrt()
    return found.group_by("method", maintain_order=True).agg(
        measure=pl.lit(measure), replicates=pl.len(), answered=n, value=value, mcse=error,
        nominal=pl.lit(nominal, pl.Float64),
    )  # fmt: skip


def judged(table: pl.DataFrame) -> pl.DataFrame:
    """Add whether a figure lies within four Monte Carlo errors of nominal and, where theory says why not, that."""
    off = pl.col("value") - pl.col("nominal")
    told = table.with_columns(within=off.abs() <= 4 * pl.col("mcse"))
    why = [_why(row) for row in told.iter_rows(named=True)]
    return told.with_columns(why=pl.Series(why, dtype=pl.String))


def _why(row: dict[str, Any]) -> str:
    if row["within"] is not False:
        return ""
    side = "above" if row["value"] > row["nominal"] else "below"
    for scenario, methods, measure, where, reason in REASONS:
        asked = scenario in ("", row["scenario"]) and row["method"] in methods and row["measure"] == measure
        if asked and where in (side, "either"):
            return reason
    return ""


def _unexplained(table: pl.DataFrame) -> list[Any]:
    return table.filter(~pl.col("within"), pl.col("why").fill_null("") == "").rows()


def test_the_ratio_of_the_kernel_is_that_of_a_contrast() -> None:
    rows = SCENARIOS["effect-100"].cohort(0, 1)
    weights = _weights("raked", rows)

    both = rows.select(days="os_days", event="os_event", practice=1 - pl.col("trial"), weight=pl.Series(weights))
    wanted = contrast_rows.hazard_ratio(both, 0.95)[0].row(0, named=True)

    estimate, error = _ratio(rows, weights)
    assert math.exp(estimate) == pytest.approx(wanted["estimate"], rel=1e-9)
    assert error == pytest.approx(wanted["std_error"], rel=1e-7)


def test_truth_is_what_a_large_sample_of_the_trials_population_finds() -> None:
    """Both sides drawn from the trial's population: nothing to align, 80,000 patients."""
    for name in ("effect-500", "late-500"):
        scenario = SCENARIOS[name]
        large = Scenario("large", 20_000, scenario.ratio, (0.4, 0.4), late=scenario.late)

        estimate, error = _ratio(large.cohort(0, 1), np.ones(80_000))

        assert abs(estimate - scenario.truth(PRACTICE)) < 4 * error


@pytest.mark.ci
@pytest.mark.parametrize("name", ["null-100", "effect-100", "late-100"])
def test_five_hundred_replicates(name: str) -> None:
    assert not _unexplained(simulated(name, 500, seed=7))


def test_the_committed_table_is_nominal_or_says_why() -> None:
    table = pl.read_csv(TABLE)
    keys = ["scenario", "method", "measure"]

    again = judged(table.drop("within", "why"))

    assert not _unexplained(again)
    assert again["within"].to_list() == table["within"].to_list()
    assert again["why"].to_list() == table["why"].fill_null("").to_list()
    assert table["scenario"].unique(maintain_order=True).to_list() == list(SCENARIOS)
    no_ratio = 2 * 2  # acting late: bias and coverage of the anytime-valid test, whose ratio is one for all time
    assert table.height == table.select(keys).n_unique() == len(SCENARIOS) * 6 * 3 - no_ratio
    assert (table["answered"] >= 0.99 * table["replicates"]).all()  # a trial of 100 may hold nobody of some age


@pytest.mark.long
@pytest.mark.timeout(0)
def test_the_committed_table_is_what_is_found_again() -> None:
    committed = pl.read_csv(TABLE)

    found = table_of(dict(committed.select("scenario", "replicates").unique(maintain_order=True).iter_rows()))

    numbers = ["truth", "value", "mcse"]
    assert found.drop(*numbers, "why").equals(committed.drop(*numbers, "why"))
    assert found.select(numbers).to_numpy() == pytest.approx(
        committed.select(numbers).to_numpy(), rel=1e-5, abs=1e-6, nan_ok=True
    )


def table_of(replicates: dict[str, int]) -> pl.DataFrame:
    """Return the scenarios, each with as many replicates, a process each."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:  # a fork would copy locks of threads
        return pl.concat(pool.map(simulated, replicates, replicates.values()))


def _write(replicates: int, names: list[str]) -> None:
    fresh = table_of(dict.fromkeys(names or SCENARIOS, replicates)).with_columns(
        pl.col("truth", "value", "mcse").round(6)
    )
    kept = pl.read_csv(TABLE).filter(~pl.col("scenario").is_in(names)) if names else fresh.clear()
    both = pl.concat([kept.with_columns(pl.col("why").fill_null("")), fresh], how="vertical_relaxed")
    both.sort(pl.col("scenario").cast(pl.Enum(list(SCENARIOS))), maintain_order=True).write_csv(TABLE)


if __name__ == "__main__":
    _write(int(sys.argv[1]), sys.argv[2:])
