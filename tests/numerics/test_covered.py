# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which doses are paid for: each case at the edge of a contract has a rule in its file."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import hypothesis
import polars as pl
import pytest
from hypothesis import strategies as st

from rwe import reimbursement as rb
from rwe.errors import DataError, OddRecords
from rwe.reimbursement.covered import covered
from rwe.reimbursement.credits import credited
from rwe.reimbursement.given import given_doses

START, LATE = date(2026, 1, 1), date(2028, 12, 31)
PARTNER = {"contract": "OTHER", "concepts": [8], "within_days": 7, "refunds": "other"}


def agreement(**parts: Any) -> rb.Agreement:
    contract = {"id": "C", "product": "x", "indication": "lung", "start": START, "end": date(2026, 12, 31)}
    term = {"id": "t", "type": "payment_by_result", "assess_day": 56, "window": [-7, 14], "failure": ["progression"]}
    values = {
        "contract": {**contract, "currency": "EUR", **parts.pop("contract", {})},
        "price": [{"from": START, "net": "100", "unit": "vial"}],
        "terms": [{**term, "cost_scope": "all"}],
        "doses": {"before_contract": "excluded", **parts.pop("doses", {})},
    }
    return rb.Agreement.model_validate({**values, **parts})


def doses(*rows: tuple[int, int, str], **more: list[str]) -> pl.DataFrame:
    """Return doses from (person, day after START, units)."""
    schema = {"person_id": pl.Int64, "administered_on": pl.Date, "units": pl.String}
    frame = pl.DataFrame([(p, START + timedelta(days=d), u) for p, d, u in rows], schema=schema, orient="row")
    return frame.with_columns(pl.Series(name, values) for name, values in more.items())


def settled(how: rb.Agreement, given: pl.DataFrame, *seen: tuple[int, int, str]) -> rb.Settlement:
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    rows = [(p, START + timedelta(days=d), word) for p, d, word in seen]
    return rb.settle(how, given, pl.DataFrame(rows, schema=schema, orient="row"), as_of=LATE)


def left_out(settlement: rb.Settlement) -> dict[str, int]:
    return {reason: n for reason, n, _ in settlement.excluded.iter_rows() if n}


@pytest.mark.parametrize(("fractions", "gross"), [("as_recorded", "420.00"), ("whole_units", "600.00")])
def test_parts_of_a_vial_are_shared_or_thrown_away(fractions: str, gross: str) -> None:
    # a dose reduced to 0.8 of 1.5 units: 1.2 and then two vials shared as the file says
    given = doses((1, 0, "1.2"), (1, 21, "1.2"), (1, 42, "0.8"), (2, 0, "1"))

    assert settled(agreement(doses={"fractions": fractions}), given).gross == Decimal(gross)


def test_whole_vials_of_no_doses_and_of_very_large_ones() -> None:
    how, largest = agreement(doses={"fractions": "whole_units"}), "2147.4"

    assert settled(how, doses()).gross == 0
    assert settled(how, doses((1, 0, largest))).gross == 214_800


@pytest.mark.parametrize(("begins", "outcome"), [(False, "responder"), (True, "failure")])
def test_doses_nobody_is_charged_for_are_not_settled(*, begins: bool, outcome: str) -> None:
    given = doses((1, 0, "5"), (1, 30, "1"), (1, 60, "7"), charge=["free_of_charge", "charged", "trial"])

    settlement = settled(
        agreement(doses={"free_doses_start": begins}), given, (1, 10, "progression"), (1, 86, "response")
    )

    # the progression on day 10 comes before the first dose that is charged
    assert settlement.gross == Decimal(100)
    assert settlement.lines["outcome"].to_list() == [outcome]
    assert left_out(settlement) == {"free_of_charge": 1, "trial": 1}


def test_a_free_dose_before_the_contract_is_treatment_before_the_contract() -> None:
    given = doses((1, -30, "1"), (1, 5, "1"), charge=["trial", "charged"])

    assert left_out(settled(agreement(), given)) == {"before_contract": 1, "not_a_new_patient": 1}


def test_each_indication_is_settled_under_its_own_contract() -> None:
    given = doses((1, 0, "1"), (1, 30, "2"), (2, 0, "4"), indication=["lung", "breast", "breast"])
    lung, breast = agreement(), agreement(contract={"indication": "breast"})

    of_lung, of_breast = settled(lung, given), settled(breast, given)

    assert (of_lung.gross, of_breast.gross) == (Decimal(100), Decimal(600))
    assert left_out(of_lung) == {"other_indication": 2}
    assert left_out(of_breast) == {"other_indication": 1}


@pytest.mark.parametrize(
    ("refunds", "gross", "out"), [("other", "100", {"refunded_by_partner": 1}), ("each", "300", {})]
)
def test_a_combination_is_refunded_by_whom_the_file_names(refunds: str, gross: str, out: dict[str, int]) -> None:
    given = doses((1, 0, "1"), (1, 30, "2"), partner=["", "OTHER"])

    settlement = settled(agreement(combination=[{**PARTNER, "refunds": refunds}]), given)

    assert settlement.gross == Decimal(gross)
    assert left_out(settlement) == out


def test_no_dose_of_a_combination_is_paid_back_by_both_contracts() -> None:
    # the file of the one names the other as the one who refunds; the other refunds what is its own
    mine = agreement(combination=[PARTNER])
    ours = doses((1, 0, "1"), (1, 30, "2"), partner=["", "OTHER"]).with_columns(record_id=pl.Series(["a", "b"]))

    lines = settled(mine, ours, (1, 40, "progression")).lines

    assert lines["doses"].to_list() == [["a"]]


@pytest.mark.parametrize(("first", "covered"), [(True, []), (False, [1])])
def test_a_treatment_begun_before_the_contract(*, first: bool, covered: list[int]) -> None:
    given = doses((1, -20, "1"), (1, 1, "1"))

    settlement = settled(agreement(index={"first_dose_in_window": first}), given)

    assert settlement.lines["person_id"].to_list() == covered


WASHOUT = {"washout_days": 100, "rechallenge_gap_days": 30}


@pytest.mark.parametrize(
    ("days", "charge", "paid"),
    [
        ((-10, 20, 80, 140), "charged", 0),  # never 100 days without: no course of it is new
        ((-10, 20, 80, 180), "charged", 0),
        ((-10, 20, 80, 181), "charged", 1),
        ((-10, 90), "charged", 0),
        ((-10, 91, 150), "charged", 2),
        ((-200, -10, 40, 141, 360), "charged", 2),
        ((-10, 20, 80, 140), "trial", 0),
    ],
)
def test_a_treatment_that_goes_on_from_before_the_contract_is_new_only_after_a_washout(
    days: tuple[int, ...], charge: str, paid: int
) -> None:
    given = doses(*[(1, day, "1") for day in days], charge=["charged", *[charge] * (len(days) - 2), "charged"])

    settlement = settled(agreement(index=WASHOUT), given)

    assert settlement.gross == 100 * paid
    inside = sum(day >= 0 for day in days) if charge == "charged" else 1
    assert left_out(settlement).get("not_a_new_patient", 0) == inside - paid


@hypothesis.given(st.lists(st.tuples(st.integers(1, 3), st.integers(-200, 360)), min_size=1, max_size=24))
@hypothesis.settings(max_examples=60, deadline=None)
def test_law_new_doses_are_those_after_a_pause_longer_than_the_washout(rows: list[tuple[int, int]]) -> None:
    how = agreement(index={"washout_days": 60, "rechallenge_gap_days": 1})
    given = given_doses(how, doses(*[(*row, "1") for row in rows])).with_columns(units=pl.lit(1))

    paid, _ = covered(how, credited(given, LATE), LATE)

    expected, last, new = [], (0, 0), True
    for person, day in sorted(rows):
        new = day >= 0 and (new or person != last[0] or day - last[1] > 60)
        expected += [(person, day)] * new
        last = person, day
    assert [(p, (day - START).days) for p, day in paid.select("person_id", "administered_on").rows()] == expected


def test_doses_before_the_contract_stop_the_settlement_unless_the_file_excludes_them() -> None:
    how = agreement(doses={"before_contract": "refused"})
    given = doses((3, 0, "1"), *[(p, -20 - p, "1") for p in (9, 8, 7, 6, 5, 4)], (1, 9, "2"), (1, 10, "-1"))

    with pytest.raises(OddRecords, match="6 rows lie before 2026-01-01, the start of contract 'C'") as caught:
        settled(how, given)

    found = caught.value.found[0]
    assert (found.rule, found.column, found.n, found.first) == (
        "before_contract",
        "administered_on",
        6,
        (2, 3, 4, 5, 6),
    )
    assert str(caught.value).endswith("(column 'administered_on', row 2, 3, 4, 5, 6, ...)")
    assert rb.Agreement.model_validate(how.model_dump(by_alias=True, exclude={"doses"})).doses == how.doses


def test_credit_notes_are_matched_or_refused_as_the_file_says() -> None:
    given = doses((1, 0, "2"), (1, 5, "-0.5"), (2, 0, "1"))

    assert settled(agreement(), given).gross == Decimal(250)
    with pytest.raises(DataError, match="'units' are negative in 1 rows; this contract takes no credit notes"):
        settled(agreement(doses={"credit_notes": "refused"}), given)


def test_a_dose_of_an_unknown_indication_is_no_dose_of_this_contract_nor_of_another() -> None:
    given = doses((1, 0, "1"), (2, 0, "1")).with_columns(indication=pl.Series(["lung", None]))

    with pytest.raises(DataError, match="'indication' has missing values in 1 rows"):
        settled(agreement(), given)


def test_a_contract_that_follows_another_pays_for_no_dose_of_it() -> None:
    # the old one runs off over treatments begun under it; the new one covers new patients
    old = agreement(contract={"run_off_days": 200})
    new = agreement(
        contract={"id": "D", "start": date(2027, 1, 1), "end": date(2027, 12, 31)},
    )
    given = doses((1, 350, "1"), (1, 380, "1"), (2, 370, "1"), (2, 500, "1"))

    under = [settled(how, given) for how in (old, new)]

    assert [s.gross for s in under] == [Decimal(200), Decimal(200)]
    assert [s.lines["person_id"].to_list() for s in under] == [[1], [2]]


OLD = agreement(contract={"run_off_days": 200}, index={"rechallenge_gap_days": 120})
NEW = agreement(contract={"id": "D", "start": date(2027, 1, 1), "end": date(2027, 12, 31)})
dose_days = st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 800), st.just("1")), max_size=30)


@hypothesis.given(dose_days, st.integers(0, 900))
@hypothesis.settings(max_examples=60, deadline=None)
def test_law_no_dose_is_paid_under_two_contracts_that_follow_each_other(
    rows: list[tuple[int, int, str]], cut: int
) -> None:
    frame = doses(*rows).with_columns(record_id=pl.Series([str(i) for i in range(len(rows))], dtype=pl.String))

    paid = []
    for how in (OLD, NEW):
        known = credited(given_doses(how, frame).with_columns(units=pl.lit(1)), START + timedelta(days=cut))
        found, excluded = covered(how, known, START + timedelta(days=cut))
        assert found.height + excluded["doses"].sum() == frame.height, "each dose is told of once"
        paid.append(set(found["record_id"]))

    assert not paid[0] & paid[1]


def test_a_patient_who_moves_to_another_hospital_stays_one_patient() -> None:
    given = doses((1, 0, "1"), (1, 30, "1"), site_id=["a", "b"])

    settlement = settled(agreement(), given, (1, 56, "response"))

    assert settlement.lines.select("course", "outcome", "spend").rows() == [(1, "responder", Decimal(200))]


def test_all_faults_of_the_doses_are_told_at_once_and_no_value_is_shown() -> None:
    given = doses((1, 0, "one"), (2, 0, "1"), (3, 0, "1"), charge=["charged", "gift", "charged"])
    given = given.with_columns(record_id=pl.Series(["r", "r", "s"]), partner=pl.Series(["", "", "X"]))

    with pytest.raises(DataError) as caught:
        settled(agreement(), given)

    told = str(caught.value)
    assert len(told.splitlines()) == 4
    assert "'units' hold 1 different values" in told
    assert "'record_id' repeats in 1 rows" in told
    assert "'charge' is none of" in told
    assert "'partner' is none of [''] in 1 rows" in told
    assert "gift" not in told
    assert "one" not in told.replace("one record is paid", "").replace("none", "")


RECORDS = {
    "population": "treated",
    "concepts": [7],
    "units": "1",
    "endpoint": "rfs",
    "death_endpoint": "os",
    "outcomes": {"event": "progression", "event_at_death": "death", "event_free": "stable"},
    "not_charged": {"free_of_charge": [50], "trial": [60]},
}


def test_the_common_model_tells_free_doses_and_partners() -> None:
    exposure = pl.LazyFrame(
        {
            "drug_exposure_id": [1, 2, 3, 4, 5, 6],
            "person_id": [1, 1, 1, 2, 1, 2],
            "drug_concept_id": [7, 7, 7, 7, 8, 8],
            "drug_exposure_start_date": [START + timedelta(days=d) for d in (0, 30, 60, 0, 37, 9)],
            "drug_type_concept_id": [50, 1, 60, 1, 1, 1],
        }
    )
    cdm = SimpleNamespace(table=lambda name: {"drug_exposure": exposure}[name])

    found = rb.doses(cdm, agreement(records=RECORDS, combination=[PARTNER]))

    assert found.select("record_id", "charge", "partner").rows() == [
        ("drug_exposure:1", "free_of_charge", ""),
        ("drug_exposure:2", "charged", "OTHER"),
        ("drug_exposure:3", "trial", ""),
        ("drug_exposure:4", "charged", ""),
    ]
