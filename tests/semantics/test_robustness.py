# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`robustness` says of a comparison what its formulas give by hand, and what `contrast` gives on fewer people."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

import rwe
from analyses.robustness import ANALYSIS
from rwe.cohort import Cohort
from rwe.disclosure import protect
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.study import load_study

CONFIGS = Path(__file__).parents[2] / "configs"
MAIC = {"name": "maic", "title": {"en": "MAIC", "bg": "MAIC"}, "method": "maic"}
FAR = {"name": "far", "title": {"en": "Ten years", "bg": "Десет години"}, "tau": 3650}
ALL: dict[str, Any] = {
    "endpoint": "os", "arm": "new", "margins": ["age", "stage"], "tau": 730, "e_value": True, "grid": [MAIC, FAR],
    "leave_one_hospital_out": True,
    "tipping": {"prevalence_difference": [0.4], "ratio": [0.5, 3.0]},
    "censoring": {"deltas": [1.0, 2.0], "imputations": 5},
    "bias": {"confounder": {"practice": 0.6, "trial": 0.2, "ratio": 3.0},
             "outcome": {"sensitivity": {"beta": [90.0, 10.0]}, "specificity": 1.0}, "draws": 500},
}  # fmt: skip


@cache
def people() -> pl.DataFrame:
    """Return invented persons of three hospitals, of which the last has eight."""
    rng, n = np.random.default_rng(3), 400
    death, end = rng.exponential(500, n).astype(int) + 1, rng.integers(800, 1500, n)
    gone = rng.exponential(6_000, n).astype(int) + 1
    return pl.DataFrame(
        {
            "site": ["a"] * 230 + ["b"] * 162 + ["c"] * 8,
            "age": rng.integers(45, 85, n).astype(float),
            "stage": rng.choice(list("1234"), n),
            "os_days": np.minimum(np.minimum(death, end), gone),
            "os_event": death <= np.minimum(end, gone),
            "os_reason": np.where(death <= np.minimum(end, gone), "event", np.where(gone < end, "lost", "end_of_data")),
            "in_treated": True,
        }
    )


@cache
def found() -> Result:
    return asked_for(ALL)


def asked_for(options: dict[str, Any]) -> Result:
    study = load_study(CONFIGS / "studies/network_lung.yaml")
    trial = rwe.compare.load_trial(CONFIGS / "trials/network_lung.yaml")
    cohort = Cohort(people(), Result(pl.DataFrame(schema=SCHEMA)))
    return ANALYSIS.run(Inputs(study, cohort, "treated", trial), ANALYSIS.options.model_validate(options))


def one(stratum: str, estimand: str, group: str = "") -> dict[str, Any]:
    return found().table.filter(stratum=stratum, estimand=estimand, group=group).row(0, named=True)


def test_the_e_value_is_that_of_the_ratio_as_of_a_common_outcome() -> None:
    main = one("main", "hazard_ratio")
    risk = [(1 - 0.5 ** math.sqrt(v)) / (1 - 0.5 ** math.sqrt(1 / v)) for v in (main["estimate"], main["conf_low"])]

    values = [v + math.sqrt(v * (v - 1)) for v in risk]

    assert main["conf_low"] > 1
    assert [one("e_value", name)["estimate"] for name in ("e_value", "e_value_limit")] == pytest.approx(values)


def test_a_confounder_is_taken_out_by_its_shares_and_its_ratio() -> None:
    main, pair = one("main", "hazard_ratio"), "0.6:0.2"

    assert one("confounder", "hazard_ratio", f"{pair}:3.0")["estimate"] == pytest.approx(main["estimate"] * 1.4 / 2.2)
    tips = one("confounder", "tipping_strength", pair)["estimate"]
    assert (1 + (tips - 1) * 0.6) / (1 + (tips - 1) * 0.2) == pytest.approx(main["conf_low"])


def test_runs_listed_beforehand_all_stand_there_and_a_failed_one_tells_no_count() -> None:
    reasons = found().settings["failed"]

    assert one("grid", "hazard_ratio", "maic")["estimate"] == pytest.approx(one("main", "hazard_ratio")["estimate"])
    assert one("grid", "hazard_ratio", "far")["estimate"] is None
    assert "no common horizon" in reasons["grid:far"]
    assert not any(sign.isdigit() for sign in reasons["grid:far"])


def test_a_hospital_is_left_out_and_stands_alone_with_weights_of_its_own() -> None:
    trial = rwe.compare.load_trial(CONFIGS / "trials/network_lung.yaml")
    how: dict[str, Any] = {"endpoint": "os", "arm": "new", "tau": 730, "milestones": (730,)}
    margins = {name: trial.margins[name] for name in ("age", "stage")}
    for kind, part in (("without", pl.col("site") != "a"), ("alone", pl.col("site") == "a")):
        rows = rwe.compare.classes(people().filter(part), margins)
        weights = rwe.compare.rake(rows, trial.targets(["age", "stage"], "new"))

        direct = rwe.compare.contrast(rows, trial, weights=weights, **how).table.filter(group="difference")

        for estimand in ("hazard_ratio", "rmst"):
            row = one(kind, estimand, "a")
            assert row["estimate"] == direct.filter(estimand=estimand)["estimate"].item()
            assert row["n"] == 230


def test_hospitals_with_enough_events_are_pooled_and_their_spread_told() -> None:
    alone = [one("alone", "hazard_ratio", site) for site in "ab"]

    direct = rwe.compare.pool([math.log(row["estimate"]) for row in alone], [row["std_error"] for row in alone])

    assert one("pooled", "hazard_ratio")["estimate"] == pytest.approx(math.exp(direct.estimate))
    assert one("pooled", "i2")["p_value"] == pytest.approx(direct.q_p_value)
    assert found().settings["failed"]["alone:c"] == "fewer than 13 events"


def test_a_small_hospital_is_masked_alone_and_in_what_is_left_without_it() -> None:
    rows = protect(found()).table.filter(group="c")

    assert set(rows["stratum"]) == {"alone", "without"}
    assert rows.select("n", "n_event", "estimate", "conf_low").null_count().row(0) == (rows.height,) * 4


def test_those_lost_are_followed_on_and_the_ratio_rises_with_their_hazard() -> None:
    here = people().filter(os_reason="lost")

    ratios = [one("censoring", "hazard_ratio", name)["estimate"] for name in ("1", "2")]
    assert one("main", "hazard_ratio")["estimate"] == pytest.approx(ratios[0], rel=0.1)
    assert ratios[0] < ratios[1]
    assert one("censoring", "left")["n"] == here.filter(pl.col("os_days") < 730).height
    assert one("censoring", "hazard_ratio", "reference")["estimate"] < ratios[0]


def test_what_is_wrong_by_a_distribution_is_taken_out() -> None:
    main, found_ = one("main", "hazard_ratio"), one("bias", "hazard_ratio", "systematic")

    assert one("bias", "hazard_ratio", "conventional")["estimate"] == main["estimate"]
    # a confounder that is more frequent in practice makes it look worse, missed events better than it is
    assert found_["conf_low"] > main["estimate"] / (2.2 / 1.4)
    assert found_["n"] == main["n"]


def test_practice_that_holds_some_who_never_took_the_medicine_looked_worse_than_it_is() -> None:
    mixed = {"exposure": {"predictive_value": 0.9, "ratio": 2.0}, "draws": 100}

    plain = {name: ALL[name] for name in ("endpoint", "arm", "margins", "tau")}
    rows = asked_for(plain | {"bias": mixed}).table.filter(stratum="bias")

    ratio = {row["group"]: row["estimate"] for row in rows.iter_rows(named=True)}
    assert ratio["systematic"] == pytest.approx(ratio["conventional"] / (0.9 + 0.1 * 2))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bias": {"confounder": {"practice": {"uniform": [0.5, 0.1]}, "trial": 0.2, "ratio": 2.0}}}, "must rise"),
        ({"bias": {}}, "say what is wrong"),
        ({"bias": {"outcome": {"sensitivity": {}, "specificity": 1.0}}}, "name one distribution"),
    ],
)
def test_a_bias_that_says_nothing_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ANALYSIS.options.model_validate(ALL | changed)


def test_shares_of_a_confounder_stay_shares() -> None:
    with pytest.raises(ValidationError, match="share from 0 to 1"):
        ANALYSIS.options.model_validate(ALL | {"tipping": {"prevalence_difference": [0.9], "ratio": [2.0]}})
