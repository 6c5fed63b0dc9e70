# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Schemes compared before they are signed: cohorts against the ledger, triggers, levers, power and waiting."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom, norm

from rwe import reimbursement as rb
from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.reimbursement.cohorts import cohorts, played, survival_of
from rwe.reimbursement.invent import assessments_of, doses_of
from rwe.spec.design import Design, Truth, load_design
from tests.numerics.test_reserve import agreement, on

ROOT = Path(__file__).parents[2]
SHARED = {"id": "r", "type": "risk_sharing", "share": "0.4", "assess_day": 84, "window": [-7, 14], "cost_scope": "all"}
SHARED |= {"failure": ["progression"]}
GUARANTEE = {
    "id": "g",
    "type": "outcome_guarantee",
    "endpoint": "pfs",
    "at_day": 365,
    "threshold": "0.45",
    "rule": "point",
    "gamma": "2.00",
    "cap": "0.50",
}
PLAN: dict[str, Any] = {
    "title": {"en": "t", "bg": "т"},
    "patients": 40,
    "accrual_days": 365,
    "cut_day": 1095,
    "result_day": 365,
    "dosing": {"every_days": 21, "units": "2", "doses": 5},
    "truths": [{"name": "said", "title": {"en": "s", "bg": "к"}, "median_days": 426}],
    "schemes": [
        {"name": name, "title": {"en": name, "bg": name}, "agreement": name} for name in ("share", "guarantee")
    ],
    "reference": "share",
    "simulations": 20,
}
CONTRACTS = {"share": agreement(SHARED), "guarantee": agreement(GUARANTEE)}


def plan(**changes: Any) -> Design:
    return Design.model_validate({**PLAN, **changes})


def test_a_cohort_comes_to_what_the_ledger_says() -> None:
    asked = plan(late={"share": 0.2, "days": 20})
    people, contract = cohorts(asked, asked.truths[0]), CONTRACTS["share"]

    found = played(asked, contract, people)

    mine = people.filter(cohort=7).with_columns(first=pl.lit(on(0)) + pl.duration(days="entry"))
    cut = on(0) + timedelta(days=1095)
    ledger = rb.settle(
        contract, doses_of(mine, asked.dosing), assessments_of(mine, contract, "progression", cut), as_of=cut
    )
    assert found.payback[7] == pytest.approx(float(ledger.total))
    assert found.gross[7] == pytest.approx(float(ledger.gross))
    assert found.units[7] == float(ledger.gross) / 1500
    assert found.results[7] == mine.filter(pl.col("fails") > 365).height
    assert found.payback.std() > 0


@pytest.mark.ci
def test_a_guarantee_triggers_as_often_as_the_binomial_says() -> None:
    asked = plan(simulations=400, schemes=PLAN["schemes"][1:], reference=None)

    found = rb.design(asked, CONTRACTS).table.row(0, named=True)

    # everybody is followed for a year: the estimate is the share of 40 that is free of failure
    truth = 0.5 ** (365 / 426)
    chance = binom.cdf(np.ceil(0.45 * 40) - 1, 40, truth)
    assert found["triggered"] == pytest.approx(chance, abs=3 * np.sqrt(chance * (1 - chance) / 400))


@pytest.mark.ci
def test_at_its_lever_a_scheme_brings_what_the_reference_brings() -> None:
    asked = plan()
    found = rb.design(asked, CONTRACTS)
    share, guarantee = found.table.rows(named=True)
    people = cohorts(asked, asked.truths[0])

    threshold = {**GUARANTEE, "threshold": str(round(Decimal(guarantee["indifferent"]), 6))}
    again = played(asked, agreement(threshold), people)

    assert (share["lever"], share["indifferent"]) == ("share", pytest.approx(0.4))
    assert guarantee["lever"] == "threshold"
    assert again.payback.mean() == pytest.approx(share["payback"], rel=0.02)
    assert share["effective_price"] == pytest.approx(1500 * (1 - share["payback"] / share["gross"]))


@pytest.mark.ci
def test_a_design_shows_itself() -> None:
    found = rb.design(plan(), CONTRACTS)

    rows = found.to_result().table
    svg = found.plot(language="bg").svg
    assert rows.filter(estimand="payback", stratum="share")["estimate"].item() == found.table["payback"][0]
    assert "20 cohorts of 40" in repr(found)
    assert "Дял от разхода, който се връща" in svg


def test_power_of_the_one_sample_log_rank_test() -> None:
    days = np.arange(1097)
    promised, worse = 0.5 ** (days / 365), 0.5 ** (1.4 * days / 365)
    how = {"accrual_days": 365, "cut_day": 800}

    needed = rb.one_sample_power(promised, worse, patients=60, power=0.9, **how).patients

    assert rb.one_sample_power(promised, worse, patients=needed, **how).power == pytest.approx(0.9, abs=0.005)
    assert rb.one_sample_power(promised, worse, patients=needed, alpha=0.01, **how).power < 0.9
    with pytest.raises(NoValidAnswer, match="the truth is the reference"):
        rb.one_sample_power(promised, promised, patients=60, **how)
    with pytest.raises(DefinitionError, match="every day to 800"):
        rb.one_sample_power(promised[:700], worse, patients=60, **how)
    with pytest.raises(DefinitionError, match="alpha and power"):
        rb.one_sample_power(promised, worse, patients=0, **how)


@pytest.mark.ci
def test_power_is_how_often_the_test_rejects() -> None:
    days, n, cohorts_made = np.arange(801), 60, 1500
    promised, worse = 0.5 ** (days / 365), 0.5 ** (1.4 * days / 365)
    rng = np.random.default_rng(1)
    followed = 800 - rng.integers(0, 365, n * cohorts_made)
    fails = np.ceil(rng.exponential(365 / np.log(2) / 1.4, n * cohorts_made)).astype(np.int64)
    frame = pl.DataFrame(
        {
            "cohort": np.repeat(np.arange(cohorts_made), n),
            "t": np.minimum(fails, followed),
            "e": (fails <= followed).astype(np.int64),
        }
    )
    reference = pl.DataFrame({"time": days[1:], "survival": promised[1:]})

    found = sv.one_sample_log_rank(frame, time="t", event="e", by="cohort", reference=reference).table
    expected = rb.one_sample_power(promised, worse, patients=n, accrual_days=365, cut_day=800)

    rejected = found.filter(pl.col("p_value") < 0.05).height / cohorts_made
    assert rejected == pytest.approx(expected.power, abs=0.03)
    assert sum(found["observed"]) / (n * cohorts_made) == pytest.approx(expected.events, rel=0.01)


def test_value_of_waiting_is_that_of_a_decision_on_evidence() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(500, 2000, 400_000)
    seen = truth + rng.normal(0, 1500, truth.size)
    posterior = (500 / 2000**2 + seen / 1500**2) / (1 / 2000**2 + 1 / 1500**2)

    found = rb.value_of_waiting(500, 2000, evidence_sd=1500, patients_now=100, patients_later=900, cost=10_000)

    decided = 900 * np.where(posterior > 0, truth, 0).mean()
    assert found.wait == pytest.approx(decided - 10_000, rel=0.02)
    assert found.adopt == 1000 * 500
    assert found.collect == pytest.approx(found.wait + 100 * 500)
    assert found.value == found.wait - found.adopt
    # evidence that tells nothing is worth its cost, and nobody waits for it
    nothing = rb.value_of_waiting(500, 1e-3, evidence_sd=1e9, patients_now=0, patients_later=900, cost=7)
    assert nothing.value == pytest.approx(-7)
    assert rb.value_of_waiting(0, 1, evidence_sd=0, patients_now=0, patients_later=1).wait == pytest.approx(norm.pdf(0))
    with pytest.raises(DefinitionError, match="sd is above 0"):
        rb.value_of_waiting(0, 0, evidence_sd=1, patients_now=0, patients_later=1)


def test_a_truth_by_points_holds_them() -> None:
    points = [{"day": 100, "survival": 0.8}, {"day": 300, "survival": 0.4}]
    truth = Truth.model_validate({"name": "p", "title": {"en": "p", "bg": "п"}, "points": points})

    survival = survival_of(truth, np.array([0.0, 100.0, 200.0, 300.0, 900.0]))

    assert survival == pytest.approx([1.0, 0.8, np.sqrt(0.8 * 0.4), 0.4, 0.4])


def test_faults_of_a_design_stand_at_their_place(tmp_path: Path) -> None:
    text = (ROOT / "configs/designs/lung.yaml").read_text("utf-8")
    path = tmp_path / "d.yaml"

    path.write_text(text.replace("reference: discount", "reference: discont").replace("cut_day: 1095", "cut_day: 1"))
    with pytest.raises(DefinitionError, match="reference 'discont' is none of the schemes"):
        load_design(path)
    path.write_text(
        text.replace("    median_days: 426\n", "    median_days: 426\n    points: [{day: 1, survival: 2.0}]\n")
    )
    with pytest.raises(DefinitionError, match=r"truths\.0\.points\.0\.survival"):
        load_design(path)
    with pytest.raises(DefinitionError, match="no agreement for the schemes guarantee"):
        rb.design(plan(), {"share": CONTRACTS["share"]})


def test_the_example_can_be_read() -> None:
    found = load_design(ROOT / "configs/designs/lung.yaml")

    for scheme in found.schemes:
        rb.load_agreement(ROOT / "configs/designs" / scheme.agreement)
    assert [truth.name for truth in found.truths] == ["promised", "worse", "plateau"]


def test_a_guarantee_that_never_pays_says_how_often_it_may() -> None:
    contract = {"guarantee": agreement({**GUARANTEE, "threshold": "0.01"})}

    found = rb.design(plan(schemes=PLAN["schemes"][1:], reference=None), contract)

    # the rule of three: none of 20, at most 1 - 0.05**(1/20)
    assert found.rare.select("scheme", "paid").row(0) == ("guarantee", 0)
    assert found.rare["most"].item() == pytest.approx(1 - 0.05 ** (1 / 20))
    assert "guarantee pays in 0 of 20 cohorts, with a chance of at most 13.9% (95%)" in repr(found)
