# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Contract files: what is read, and what each fault says and where."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from rwe import reimbursement as rb
from rwe.errors import DefinitionError

SHIPPED = Path(__file__).parents[2] / "configs" / "agreements"
CONTRACT = """\
contract: {id: BG-2026-017, product: ATC L01FC01, indication: mm_2L, start: 2026-01-01, end: 2028-12-31,
  currency: EUR, fx: {BGN: 1.95583}}
price: [{from: 2026-01-01, net: "1500.00", unit: vial, vat: excluded}]
index: {first_dose_in_window: true, washout_days: 180, rechallenge_gap_days: 365}
terms:
  - {id: t3, type: payment_by_result, share: "1.00", assess_day: 56, window: [-7, 14],
     failure: [progression, progression_death, toxicity_stop, toxicity_death],
     missing: {lost: not_evaluable, not_assessed: failure_after_days_90}, cost_scope: until_failure}
  - {id: t4, type: outcome_guarantee, endpoint: os, at_day: 365, threshold: "0.60", rule: upper_limit,
     conf_level: "0.95", gamma: "2.5", cap: "0.50"}
rounding: {quantum: "0.01", mode: half_up, level: patient_period}
settlement: {every: quarter, data_cut_lag_days: 45, restate_back_quarters: 8}
privacy: {min_cell: 13}
"""


@pytest.fixture
def contract(tmp_path: Path) -> Callable[..., Path]:
    def write(old: str = "", new: str = "") -> Path:
        assert old in CONTRACT
        path = tmp_path / "agreement.yaml"
        path.write_text(CONTRACT.replace(old, new, 1) if old else CONTRACT, "utf-8")
        return path

    return write


def test_the_shape_of_a_contract_is_read_exactly(contract: Callable[..., Path]) -> None:
    agreement = rb.load_agreement(contract())

    assert agreement.contract.id == "BG-2026-017"
    assert agreement.contract.fx == {"BGN": Decimal("1.95583")}
    assert agreement.price[0].net == Decimal("1500.00")
    assert [term.type for term in agreement.terms] == ["payment_by_result", "outcome_guarantee"]
    assert agreement.terms[0].window == (-7, 14)
    assert agreement.rounding.quantum == Decimal("0.01")


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda p: p.name)
def test_shipped_agreements_are_valid(path: Path) -> None:
    agreement = rb.load_agreement(path)

    assert "invented" in agreement.note.en
    assert "измислен" in agreement.note.bg


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("type: payment_by_result", "type: payment_by_resul", "6:20", "did you mean 'payment_by_result'?"),
        ("type: payment_by_result", "type: rebate", "6:20", "unknown term type 'rebate'"),
        ("[progression,", "[progresion,", "7:16", "did you mean 'progression'?"),
        ("[progression,", "[response,", "7:16", "unknown failure outcome 'response'"),
        ("{lost: not_evaluable", "{losst: not_evaluable", "8:23", "did you mean 'lost'?"),
        ("lost: not_evaluable", "lost: evaluable", "8:22", "did you mean 'not_evaluable'?"),
        ("lost: not_evaluable", "progression: failure", "8:15", "stands under failure too"),
        ("failure_after_days_90", "failure_after_90", "8:51", "did you mean 'failure_after_days_90'?"),
        ('share: "1.00"', "share: 1.00", "6:46", "put it in quotes"),
        ('share: "1.00"', 'share: "1.10"', "6:46", "less than or equal to 1"),
        ("payment_by_result, share", "risk_sharing, share", "6:41", "less than 1"),
        ('net: "1500.00"', "net: 1500.5", "3:33", "put it in quotes"),
        ("end: 2028-12-31", "end: 2025-12-31", "1:94", "end lies before start"),
        ("from: 2026-01-01", "from: 2026-02-01", "3:16", "no price from 2026-01-01"),
        ("vat: excluded", "vat: excluded, currency: USD", "3:81", "no rate for USD"),
        ("id: t4", "id: t3", "9:10", "id used twice: t3"),
        ("window: [-7, 14]", "window: [7, 14]", "6:79", "less than or equal to 0"),
        ('quantum: "0.01"', 'quantum: "0.05"', "11:21", 'must be "1", "0.1"'),
        ("privacy:", "privacyy:", "13:1", "did you mean 'privacy'?"),
        ("rule: upper_limit", "rule: lower", "9:91", "'upper_limit' or 'point'"),
        ('threshold: "0.60"', 'threshold: "60"', "9:77", "less than 1"),
    ],
)
def test_faults_are_named_with_their_place(
    contract: Callable[..., Path], old: str, new: str, place: str, words: str
) -> None:
    path = contract(old, new)

    with pytest.raises(DefinitionError) as caught:
        rb.load_agreement(path)

    assert str(caught.value).startswith(f"{path}:{place}:"), str(caught.value)
    assert words in str(caught.value)


def test_a_day_that_no_calendar_has_is_named_with_its_place(contract: Callable[..., Path]) -> None:
    path = contract("end: 2028-12-31", "end: 2028-13-45")
    path.write_text(path.read_text("utf-8").replace("from: 2026-01-01", "from: 2026-02-30"), "utf-8")

    with pytest.raises(DefinitionError) as caught:
        rb.load_agreement(path)

    told = str(caught.value).splitlines()
    assert len(told) == 2
    assert "agreement.yaml:1:94: contract.end: a value cannot be read: month must be in 1..12" in told[0]
    assert "agreement.yaml:3:16: price.0.from: a value cannot be read: day" in told[1]


def test_all_faults_come_at_once(contract: Callable[..., Path]) -> None:
    path = contract()
    path.write_text(path.read_text().replace("[progression,", "[progresion,").replace("vial, vat", "vial, vatt"))

    with pytest.raises(DefinitionError) as caught:
        rb.load_agreement(path)

    assert len(caught.value.problems) == 2
