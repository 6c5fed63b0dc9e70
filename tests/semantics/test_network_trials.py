# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented trials are what their script makes, find their own hazard ratio, and set the agreements' thresholds."""

from __future__ import annotations

from decimal import Decimal
from math import log
from pathlib import Path

import polars as pl
import pytest

from rwe import survival as sv
from rwe.spec.agreement import OutcomeGuarantee, load_agreement
from synthetic.network.planted import Margin
from synthetic.network.trial import kept, patients, trial_file
from synthetic.network.world import PLANTED

ROOT = Path(__file__).parents[2]
DATA = ROOT / "synthetic" / "data" / "network"


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
