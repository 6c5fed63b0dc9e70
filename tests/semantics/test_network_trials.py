# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented trials are what their script makes, find their hazard ratio, choose people and set the thresholds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from math import log
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import survival as sv
from rwe.cohort import differences
from rwe.compare import load_trial
from rwe.spec.agreement import OutcomeGuarantee, load_agreement
from rwe.spec.base import Text
from rwe.spec.examples import Examples
from rwe.spec.population import Population
from rwe.spec.study import load_study
from synthetic.network.planted import Margin
from synthetic.network.trial import kept, patients, trial_file
from synthetic.network.world import PLANTED

ROOT = Path(__file__).parents[2]
DATA = ROOT / "synthetic" / "data" / "network"
EVERYONE = Population(title=Text(en="all", bg="all"))


@pytest.mark.parametrize("margin", PLANTED.margins, ids=lambda one: one.disease)
def test_the_files_are_what_the_script_writes(margin: Margin, tmp_path: Path) -> None:
    file = tmp_path / f"{margin.disease}.csv"
    people = patients(margin)
    people.write_csv(file)

    assert file.read_bytes() == (DATA / file.name).read_bytes()
    assert trial_file(margin, file, people) == (ROOT / f"configs/trials/network_{margin.disease}.yaml").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("margin", PLANTED.margins, ids=lambda one: one.disease)
def test_a_trial_finds_its_own_hazard_ratio(margin: Margin) -> None:
    people = pl.read_csv(DATA / f"{margin.disease}.csv").with_columns(new=(pl.col("arm") == "new").cast(pl.Int64))

    fit = sv.cox(people, time="days", event="died", covariates=["new", "stage", "ecog", "age"]).coefficients

    new = fit.filter(pl.col("term") == "new")
    assert abs(new["estimate"].item() - log(margin.trial_hazard_ratio)) < 3 * new["std_error"].item()


@pytest.mark.parametrize("margin", PLANTED.margins, ids=lambda one: one.disease)
def test_the_threshold_of_an_agreement_is_where_the_benefit_is_just_kept(margin: Margin) -> None:
    term = load_agreement(ROOT / f"configs/agreements/network_{margin.disease}.yaml").terms[0]

    assert isinstance(term, OutcomeGuarantee)
    assert term.threshold == Decimal(f"{kept(margin, term.at_day):.2f}")


@pytest.mark.parametrize("disease", ["breast", "lung"])
def test_the_eligibility_of_a_trial_is_run_by_the_cohort_code(disease: str) -> None:
    trial = load_trial(ROOT / f"configs/trials/network_{disease}.yaml")
    study = load_study(ROOT / f"configs/studies/network_{disease}.yaml")
    asked = study.model_copy(update={"eligibility": trial.eligibility, "populations": {"all": EVERYONE}})
    first, cancer = ["new", date(2020, 5, 1)], ["cancer", date(2020, 5, 1)]

    patients = {
        "eligible": _patient(first, cancer),
        "diagnosed_later": _patient(first, ["cancer", date(2020, 5, 2)], member=False),
        "treated_before": _patient(first, cancer, ["begun", date(2019, 2, 28)], member=False),
    }

    assert trial.eligibility is not None
    assert differences(asked, Examples.model_validate({"patients": patients})) == []


def _patient(*records: list[Any], member: bool = True) -> dict[str, Any]:
    expect = {"index_date": date(2020, 5, 1), "populations": ["all"] if member else []}
    observed = [[date(2015, 1, 1), date(2024, 1, 1)]]
    return {"born": 1960, "observed": observed, "records": list(records), "expect": expect}
