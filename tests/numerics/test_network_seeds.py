# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The two planted medicines over many seeds: told right, and what confounding hides is found by aligning.

``python -m tests.numerics.test_network_seeds`` writes the committed table (`tests/network_seeds.csv`): 100 seeds of
the truth layer, whose cohorts are those that the studies find in the houses (`tests/demo/test_network_studies`).
"""

from __future__ import annotations

import math
import sys
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.spec.agreement import load_agreement
from synthetic.network.blocks import truth
from synthetic.network.latent import log_ratio
from synthetic.network.planted import Margin
from synthetic.network.trial import entered, patients
from synthetic.network.world import PLANTED

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "network_seeds.csv"
SEEDS, DEFAULT, ENOUGH = 100, 4_000, 20_000  # persons of `--synthetic`, and enough of them to align a comparator
MARGINS = {one.disease: one for one in PLANTED.margins}
Z, ONE_PERCENT = 1.959963984540054, 2.326347874040841
KEY = ("seed", "persons", "disease")


@cache
def trial(disease: str) -> cp.TrialBaseline:
    return cp.load_trial(ROOT / "configs" / "trials" / f"network_{disease}.yaml")


@cache
def promised(disease: str) -> tuple[int, float]:
    """Return the day and the threshold of the agreement's guarantee."""
    term = load_agreement(ROOT / "configs" / "agreements" / f"network_{disease}.yaml").terms[0]
    return int(term.at_day), float(term.threshold)


@cache
def printed(disease: str) -> dict[str, float]:
    """Return mean and SD of age in the trial's comparator arm, as a publication prints them."""
    age = pl.read_csv(ROOT / "synthetic" / "data" / "network" / f"{disease}.csv").filter(arm="comparator")["age"]
    return {"mean": float(age.mean()), "sd": float(age.std(ddof=0))}


def practice(course: pl.DataFrame, disease: str) -> pl.DataFrame:
    """Return those whom the study takes: begun once every hospital kept records, in the indication, followed a day."""
    mine = course.filter(
        "observed",
        pl.col("disease") == disease,
        pl.col("arm") != "delayed",
        pl.col("index_day").is_between(date(2019, 3, 1), date(2023, 12, 31)),
        pl.col("last") > 0,
    )
    indicated = mine.filter(marker=1) if disease == "breast" else mine
    return indicated.with_columns(pl.col("stage").cast(pl.String), os_days="last", os_event="died")


def told(rows: pl.DataFrame, margin: Margin) -> dict[str, Any]:
    """Return what the agreement's rule and the adjusted hazard ratio say of the medicine, and whether that is right."""
    day, threshold = promised(margin.disease)
    lives = sv.kaplan_meier(rows.filter("newer"), time="os_days", event="os_event").at(day)["survival"].item()
    terms = ["newer", "stage", "ecog", "decades"]
    fit = sv.cox(rows, time="os_days", event="os_event", covariates=terms).coefficients
    ratio = fit.filter(pl.col("term").str.starts_with("newer"))["hazard_ratio"].item()
    right = PLANTED.meets(margin)
    return {
        "n_new": rows["newer"].sum(), "survival": round(lives, 5), "right_by_agreement": (lives >= threshold) == right,
        "hazard_ratio": round(ratio, 5), "right_by_ratio": (ratio <= margin.highest_hazard_ratio) == right,
    }  # fmt: skip


def confounded(rows: pl.DataFrame, disease: str) -> dict[str, Any]:
    """Return the comparator in practice against that of the trial: the same medicine, so the true ratio is 1.

    The sicker get the newer medicine and the trial's patients are like those, so the comparator's patients in
    practice are healthier: unadjusted, practice looks better than it is.
    """
    base, names = trial(disease), ["age", "stage", "ecog"]
    theirs = rows.filter(~pl.col("newer")).with_columns(pl.col("ecog").cast(pl.String), age_years=pl.col("age").floor())
    classed = cp.classes(theirs, {name: base.margins[name] for name in names})
    targets = base.targets(names, "comparator")
    published = {k: v for k, v in targets.items() if k != "age"} | {"age_years": printed(disease)}
    ways = {"unadjusted": None, "raked": cp.rake(classed, targets), "maic": cp.maic(classed, published)}
    return {key: value for name, w in ways.items() for key, value in _against(classed, base, name, w).items()}


def _against(people: pl.DataFrame, base: cp.TrialBaseline, name: str, weights: Any) -> dict[str, float]:
    day = 730
    found = cp.contrast(
        people, base, endpoint="os", arm="comparator", weights=weights, milestones=(day,), tau=day
    ).table.filter(estimand="hazard_ratio", group="difference")
    ratio, error = found.select(pl.col("estimate").log(), "std_error").row(0)
    return {name: round(ratio, 5), f"{name}_error": round(error, 5)}


def judged(seed: int, persons: int) -> list[dict[str, Any]]:
    """Return a row a medicine of one network; alignment only where it is large enough."""
    course = truth(seed, 0, persons)["courses"]
    found = []
    for disease, margin in MARGINS.items():
        rows = practice(course, disease)
        row = {"seed": seed, "persons": persons, "disease": disease} | told(rows, margin)
        found.append(row | (confounded(rows, disease) if persons == ENOUGH else {}))
    return found


def share(table: pl.DataFrame, what: str, persons: int) -> dict[str, int]:
    """Return by disease in how many seeds `what` is so."""
    mine = table.filter(persons=persons).group_by("disease").agg(pl.col(what).sum())
    return dict(mine.iter_rows())


@cache
def chance(disease: str) -> float:
    """Return the log of deaths in the trial's comparator arm to those planted: one draw, the same in every seed."""
    margin = MARGINS[disease]
    hazard = PLANTED.hazard(disease, margin.outcome)
    drawn = entered(margin).with_columns(pl.Series("days", patients(margin)["days"]), new=pl.lit(0), new_null=pl.lit(0))
    mine = drawn.filter(patients(margin)["arm"] == "comparator")
    reached = (mine["days"].to_numpy() / hazard.scale_days) ** hazard.shape
    if hazard.cured:
        reached = -math.log(hazard.cured) * -np.expm1(-reached)
    died = patients(margin).filter(arm="comparator")["died"].sum()
    return math.log(died / float((reached * np.exp(log_ratio(hazard, mine))).sum()))


def misses(way: str) -> dict[str, tuple[float, float]]:
    """Return by disease the mean log ratio of a way but for the trial's own chance, and the share of intervals at 0."""
    found = {}
    for disease in MARGINS:
        mine = table().filter(persons=ENOUGH, disease=disease)
        left = mine[way] + chance(disease)
        found[disease] = (float(left.mean()), float(((left / mine[f"{way}_error"]).abs() <= Z).mean()))
    return found


@cache
def table() -> pl.DataFrame:
    return pl.read_csv(TABLE, infer_schema_length=None)


def test_a_seed_of_the_committed_table_is_made_again() -> None:
    again = pl.DataFrame(judged(7, DEFAULT))

    kept = table().filter(seed=7, persons=DEFAULT).select(again.columns)
    assert again.drop(KEY).rows() == kept.drop(KEY).rows()


def test_both_medicines_are_told_right_in_at_least_95_of_100_seeds() -> None:
    for persons in (DEFAULT, ENOUGH):
        assert table().filter(persons=persons)["seed"].n_unique() == SEEDS
        for what in ("right_by_agreement", "right_by_ratio"):
            assert min(share(table(), what, persons).values()) >= 95


def test_margins_lie_so_far_from_what_is_planted_that_a_perfect_analysis_errs_in_under_1_percent() -> None:
    mine = table().filter(persons=DEFAULT)

    for disease, margin in MARGINS.items():
        found, side = mine.filter(disease=disease), 1 if PLANTED.meets(margin) else -1
        beyond = side * (found["survival"] - promised(disease)[1])
        below = side * (math.log(margin.highest_hazard_ratio) - found["hazard_ratio"].log())
        for away in (beyond, below):
            assert float(away.mean() / away.std()) > ONE_PERCENT


def test_aligning_finds_the_planted_effect_that_the_unadjusted_comparison_misses() -> None:
    plain, aligned = misses("unadjusted"), [misses("raked"), misses("maic")]

    for disease in MARGINS:
        assert plain[disease][0] < -0.3
        assert plain[disease][1] < 0.1
        for way in aligned:
            assert abs(way[disease][0]) < 0.06
            assert way[disease][1] >= 0.9


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_whole_table_is_made_again() -> None:
    again = whole()

    assert again.select(table().columns).rows() == table().rows()


def whole() -> pl.DataFrame:
    """Return the table: every seed in both sizes."""
    rows = [row for persons in (DEFAULT, ENOUGH) for seed in range(1, SEEDS + 1) for row in judged(seed, persons)]
    return pl.DataFrame(rows, infer_schema_length=None)


def main() -> int:
    """Write the committed table."""
    whole().write_csv(TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
