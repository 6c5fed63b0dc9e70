# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Settlements: worked examples of the schemes, the rules of judging, and the laws of the ledger."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe import reimbursement as rb
from rwe.errors import DataError, DefinitionError, OddRecords
from rwe.reimbursement.money import half_up, period_end, period_of
from rwe.result import Result, tidy

START = date(2026, 1, 1)
LATE = date(2028, 12, 31)
RESULT = {
    "id": "t1",
    "type": "payment_by_result",
    "share": "1.00",
    "assess_day": 56,
    "window": [-7, 14],
    "failure": ["progression", "progression_death", "toxicity_stop", "toxicity_death"],
    "cost_scope": "until_failure",
}
GUARANTEE = {
    "id": "g",
    "type": "outcome_guarantee",
    "endpoint": "os",
    "at_day": 365,
    "threshold": "0.60",
    "rule": "upper_limit",
    "gamma": "2.5",
    "cap": "0.50",
}


def agreement(*terms: dict[str, Any], **parts: Any) -> rb.Agreement:
    contract = {"id": "A", "product": "x", "indication": "y", "start": START, "end": date(2028, 12, 31)}
    values = {
        "contract": {**contract, "currency": "EUR", "fx": {"BGN": "2"}},
        "price": [{"from": START, "net": "1500.00", "unit": "vial"}],
        "terms": terms or (RESULT,),
    }
    return rb.Agreement.model_validate({**values, **parts})


def doses(*rows: tuple[int, int, str], start: date = START) -> pl.DataFrame:
    """Return doses from (person, day after `start`, units)."""
    schema = {"person_id": pl.Int64, "administered_on": pl.Date, "units": pl.String}
    return pl.DataFrame([(p, start + timedelta(days=d), u) for p, d, u in rows], schema=schema, orient="row")


def seen(*rows: tuple[int, int, str]) -> pl.DataFrame:
    """Return assessments from (person, day after START, outcome)."""
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    return pl.DataFrame([(p, START + timedelta(days=d), o) for p, d, o in rows], schema=schema, orient="row")


def survival(estimate: float | None, low: float | None, high: float | None, n: int = 50, **labels: Any) -> Result:
    row = {"estimand": "milestone", "time": 365, "outcome": "os", "n": n, "estimate": estimate, **labels}
    return Result(tidy([{**row, "conf_low": low, "conf_high": high}]), {"conf_level": 0.95})


THREE = doses((1, 0, "2"), (1, 21, "2"), (1, 42, "2"))
EARLY = {"before_contract": "excluded"}


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"as_of": "2026-05-01"}, DefinitionError, "as_of is str: give a plain date"),
        ({"as_of": datetime(2026, 5, 1)}, DefinitionError, "as_of is datetime: give a plain date"),
        ({"agreement": "contract.yaml"}, DefinitionError, "agreement is str: read its file with load_agreement"),
        ({"doses": None}, DataError, "rows come as a cohort or a frame .* not as NoneType"),
        ({"assessments": {"person_id": [1]}}, DataError, "not as dict"),
    ],
)
def test_what_cannot_be_settled_is_refused_at_the_door(
    changed: dict[str, Any], error: type[Exception], told: str
) -> None:
    call: dict[str, Any] = {"agreement": agreement(), "doses": THREE, "assessments": seen(), "as_of": LATE} | changed

    with pytest.raises(error, match=told):
        rb.settle(call["agreement"], call["doses"], call["assessments"], as_of=call["as_of"])


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ({**RESULT, "type": "risk_sharing", "share": "0.5"}, "4500.00"),
        (RESULT, "9000.00"),
    ],
)
def test_worked_examples_of_a_failure_on_day_56(term: dict[str, Any], expected: str) -> None:
    settlement = rb.settle(agreement(term), THREE, seen((1, 56, "progression")), as_of=LATE)

    assert settlement.total == Decimal(expected)
    assert settlement.gross == Decimal("9000.00")
    assert str(settlement.total) == expected


def test_worked_example_of_the_guarantee() -> None:
    # 2.5 * (0.60 - 0.52) = 0.20 of 3,000,000
    paid = doses(*[(p, 0, "2") for p in range(1000)])

    settlement = rb.settle(agreement(GUARANTEE), paid, seen(), as_of=LATE, evidence=survival(0.52, 0.45, 0.59))

    assert settlement.gross == Decimal("3000000.00")
    assert settlement.total == Decimal("600000.00")
    assert (settlement.verdicts["g"].verdict, settlement.verdicts["g"].reason) == ("not_met", "below_threshold")
    assert settlement.verdicts["g"].rate == Fraction(1, 5)
    assert set(settlement.lines["amount"]) == {Decimal("600.00")}


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "reason", "rate"),
    [
        (survival(0.52, 0.45, 0.61), "upper_limit", "undetermined", "interval_holds_threshold", "0"),
        (survival(0.65, 0.55, 0.75), "upper_limit", "undetermined", "interval_holds_threshold", "0"),
        (survival(0.70, 0.60, 0.80), "upper_limit", "met", "at_or_above_threshold", "0"),
        (survival(0.52, 0.45, 0.61), "point", "not_met", "below_threshold", "0.2"),
        (survival(0.60, 0.50, 0.70), "point", "met", "at_or_above_threshold", "0"),
        (survival(0.10, 0.05, 0.15), "upper_limit", "not_met", "below_threshold", "0.5"),
        (survival(None, None, None), "upper_limit", "undetermined", "follow_up_too_short", "0"),
        (survival(0.52, 0.45, 0.59, n=0), "upper_limit", "undetermined", "follow_up_too_short", "0"),
        (survival(0.52, 0.45, 0.59, n=10), "upper_limit", "undetermined", "too_few_at_risk", "0"),
        (survival(0.52, None, None), "upper_limit", "undetermined", "no_interval", "0"),
        (survival(0.52, 0.45, 0.59, time=730), "upper_limit", "undetermined", "no_evidence", "0"),
        (survival(0.52, 0.45, 0.59, group="trial"), "upper_limit", "undetermined", "no_evidence", "0"),
        (None, "upper_limit", "undetermined", "no_evidence", "0"),
    ],
)
def test_verdicts(evidence: Result | None, rule: str, verdict: str, reason: str, rate: str) -> None:
    settlement = rb.settle(agreement({**GUARANTEE, "rule": rule}), THREE, seen(), as_of=LATE, evidence=evidence)

    found = settlement.verdicts["g"]
    assert (found.verdict, found.reason, found.rate) == (verdict, reason, Fraction(rate))
    assert settlement.total == Decimal(9000) * Decimal(rate)


def test_evidence_of_practice_is_taken_where_the_trial_stands_beside_it() -> None:
    both = pl.concat(
        [
            survival(0.52, 0.45, 0.59, group="registry", stratum="unadjusted").table,
            survival(0.55, 0.45, 0.65, group="registry", stratum="raked").table,
            survival(0.80, 0.75, 0.85, group="trial", stratum="unadjusted").table,
        ]
    )

    settlement = rb.settle(agreement(GUARANTEE), THREE, seen(), as_of=LATE, evidence=Result(both))

    assert settlement.verdicts["g"].estimate == 0.52


def test_evidence_that_does_not_fit_is_refused() -> None:
    twice = Result(pl.concat([survival(0.5, 0.4, 0.6, group=g).table for g in ("a=1", "a=2")] * 1))
    two = Result(pl.concat([survival(0.5, 0.4, 0.6).table] * 2))
    level = Result(survival(0.5, 0.4, 0.6).table, {"conf_level": 0.9})

    assert (
        rb.settle(agreement(GUARANTEE), THREE, seen(), as_of=LATE, evidence=twice).verdicts["g"].reason == "no_evidence"
    )
    for evidence, words in ((two, "2 estimates"), (level, "confidence level")):
        with pytest.raises(DefinitionError, match=words):
            rb.settle(agreement(GUARANTEE), THREE, seen(), as_of=LATE, evidence=evidence)


# Day 0 is the first dose; assessment on 56, window 49 to 70; known up to day `as_of`.
JUDGED = [
    ("response in the window", [(56, "response")], {}, 900, "responder", "response"),
    ("stable in the window", [(49, "stable")], {}, 900, "responder", "stable"),
    ("failure before the window", [(20, "progression")], {}, 900, "failure", "progression"),
    ("failure on the last day of the window", [(70, "progression")], {}, 900, "failure", "progression"),
    ("failure after the window", [(56, "stable"), (71, "progression")], {}, 900, "responder", "stable"),
    ("failure after a response", [(50, "response"), (60, "progression")], {}, 900, "failure", "progression"),
    ("response after a failure", [(30, "progression"), (60, "response")], {}, 900, "failure", "progression"),
    ("failure while the window is open", [(30, "progression")], {}, 40, "failure", "progression"),
    ("failure not known yet", [(60, "progression")], {}, 59, "open", "window_open"),
    ("response while the window is open", [(56, "response")], {}, 69, "open", "window_open"),
    ("the window closed today", [(56, "response")], {}, 70, "responder", "response"),
    ("nothing", [], {}, 900, "not_evaluable", "never_assessed"),
    ("early only", [(48, "response")], {}, 900, "not_evaluable", "assessed_early"),
    ("late only", [(71, "response")], {}, 900, "not_evaluable", "assessed_late"),
    ("nothing, with a rule", [], {"not_assessed": "failure"}, 900, "failure", "never_assessed"),
    ("nothing, rule pending", [], {"not_assessed": "failure_after_days_90"}, 159, "open", "never_assessed"),
    ("nothing, rule due", [], {"not_assessed": "failure_after_days_90"}, 160, "failure", "never_assessed"),
    ("late, with a rule", [(80, "response")], {"not_assessed": "responder"}, 900, "responder", "assessed_late"),
    ("lost before", [(20, "lost")], {}, 900, "not_evaluable", "lost"),
    ("lost before, with a rule", [(20, "lost")], {"lost": "failure"}, 900, "failure", "lost"),
    ("lost, then found", [(20, "lost"), (56, "response")], {}, 900, "responder", "response"),
    ("lost after a response", [(50, "response"), (60, "lost")], {}, 900, "not_evaluable", "lost"),
    ("lost on the day of a response", [(56, "response"), (56, "lost")], {}, 900, "responder", "response"),
    ("unlisted death before", [(20, "death")], {}, 900, "not_evaluable", "death"),
    ("unlisted death, with a rule", [(20, "death")], {"death": "failure"}, 900, "failure", "death"),
    ("unlisted death in the window", [(50, "stable"), (56, "death")], {}, 900, "not_evaluable", "death"),
    ("unlisted death, window open", [(20, "death")], {"death": "failure"}, 60, "open", "window_open"),
    ("before the first dose", [(-5, "progression"), (56, "stable")], {}, 900, "responder", "stable"),
]


@pytest.mark.parametrize(
    ("records", "missing", "as_of", "outcome", "reason"), [j[1:] for j in JUDGED], ids=[j[0] for j in JUDGED]
)
def test_judging(
    records: list[tuple[int, str]], missing: dict[str, str], as_of: int, outcome: str, reason: str
) -> None:
    rows = [(1, day, word) for day, word in records]
    term = {**RESULT, "missing": missing}

    settlement = rb.settle(
        agreement(term), doses((1, 0, "1")), seen(*reversed(rows)), as_of=START + timedelta(days=as_of)
    )

    assert settlement.lines.select("outcome", "reason").rows() == [(outcome, reason)]
    assert settlement.total == (Decimal(1500) if outcome == "failure" else 0)


@pytest.mark.parametrize(
    ("scope", "expected"), [("until_failure", "3000"), ("until_assessment", "6000"), ("all", "7500")]
)
def test_cost_scope(scope: str, expected: str) -> None:
    # failure on day 21, the day of the second dose; doses on 0, 21, 42, 56 and 80
    given_doses = doses(*[(1, day, "1") for day in (0, 21, 42, 56, 80)])

    settlement = rb.settle(
        agreement({**RESULT, "cost_scope": scope}), given_doses, seen((1, 21, "progression")), as_of=LATE
    )

    assert settlement.total == Decimal(expected)


def test_doses_outside_the_contract_are_left_out_and_counted() -> None:
    given_doses = doses(
        (1, 0, "1"), (2, -30, "1"), (2, 5, "1"), (3, -300, "1"), (3, 5, "1"), (4, 1095, "1"), (4, 1200, "1")
    )

    settlement = rb.settle(
        agreement(index={"washout_days": 180}, doses=EARLY), given_doses, seen(), as_of=START + timedelta(days=1199)
    )

    assert dict(settlement.excluded.select("reason", "doses").iter_rows()) == {
        "after_as_of": 1,
        "before_contract": 2,
        "after_contract": 0,
        "not_a_new_patient": 1,
    }
    assert settlement.lines["person_id"].to_list() == [1, 3, 4]
    assert settlement.gross == Decimal(4500)


@pytest.mark.parametrize(
    ("index", "covered"), [({"first_dose_in_window": True}, []), ({"first_dose_in_window": False}, [1])]
)
def test_patients_treated_before_the_contract(index: dict[str, bool], covered: list[int]) -> None:
    settlement = rb.settle(agreement(index=index, doses=EARLY), doses((1, -900, "1"), (1, 3, "1")), seen(), as_of=LATE)

    assert settlement.lines["person_id"].to_list() == covered


@pytest.mark.parametrize(("gap", "courses"), [(364, [1]), (365, [1, 2])])
def test_a_rechallenge_is_judged_on_its_own(gap: int, courses: list[int]) -> None:
    given_doses = doses((1, 0, "1"), (1, gap, "1"))

    settlement = rb.settle(
        agreement(index={"rechallenge_gap_days": 365}), given_doses, seen((1, 30, "progression")), as_of=LATE
    )

    assert settlement.lines["course"].to_list() == courses
    assert settlement.lines["outcome"].to_list() == ["failure", "not_evaluable"][: len(courses)]
    assert settlement.total == Decimal(1500)


def test_prices_change_and_change_currency() -> None:
    price = [
        {"from": START, "net": "100", "unit": "vial", "currency": "BGN"},
        {"from": START + timedelta(days=10), "net": "80", "unit": "vial"},
    ]

    settlement = rb.settle(agreement(price=price), doses((1, 9, "1"), (1, 10, "1")), seen(), as_of=LATE)

    assert settlement.gross == Decimal(50 + 80)


def test_terms_apply_in_order_each_on_the_balance_left() -> None:
    # 9,000: half of the doses until day 21 (6,000) is 3,000; all doses, balance 6,000; nothing is left
    first = {**RESULT, "id": "a", "type": "risk_sharing", "share": "0.5"}
    second = {**RESULT, "id": "b", "cost_scope": "all"}

    settlement = rb.settle(
        agreement(first, second, GUARANTEE),
        THREE,
        seen((1, 30, "progression")),
        as_of=LATE,
        evidence=survival(0.52, 0.45, 0.59),
    )

    assert settlement.lines["amount"].to_list() == [Decimal(3000), Decimal(6000), Decimal(0)]
    assert settlement.lines["base"].to_list() == [Decimal(6000), Decimal(6000), Decimal(0)]


def test_a_guarantee_before_a_refund_leaves_less_to_refund() -> None:
    # rate 0.20 of 9,000 is 1,800; doses until day 30 cost 6,000, of which 0.8 is left: 4,800
    settlement = rb.settle(
        agreement(GUARANTEE, RESULT),
        THREE,
        seen((1, 30, "progression")),
        as_of=LATE,
        evidence=survival(0.52, 0.45, 0.59),
    )

    assert settlement.lines["amount"].to_list() == [Decimal(1800), Decimal(4800)]


def test_rounding_is_once_and_half_up() -> None:
    # three doses at 1/3 unit of 0.05: 0.05 exactly; half of it is 0.025, which rounds up
    term = {**RESULT, "type": "risk_sharing", "share": "0.5"}
    price = [{"from": START, "net": "0.05", "unit": "vial", "currency": "EUR"}]
    rows = doses((1, 0, "0.3"), (1, 1, "0.3"), (1, 2, "0.4"))

    settlement = rb.settle(agreement(term, price=price), rows, seen((1, 56, "progression")), as_of=LATE)

    assert settlement.total == Decimal("0.03")


def test_shares_of_a_guarantee_sum_exactly() -> None:
    # 0.20 of 1.00 a patient over 0.333 units: 7 patients of 0.0333 each
    price = [{"from": START, "net": "0.50", "unit": "vial"}]
    rows = doses(*[(p, 0, "0.333") for p in range(7)])

    settlement = rb.settle(
        agreement(GUARANTEE, price=price), rows, seen(), as_of=LATE, evidence=survival(0.52, 0.4, 0.59)
    )

    assert settlement.total == half_up(Fraction("0.20") * 7 * Fraction("0.1665"), Decimal("0.01")) == Decimal("0.23")
    assert sorted(settlement.lines["amount"], reverse=True) == [Decimal("0.04")] * 2 + [Decimal("0.03")] * 5
    assert settlement.lines.sort("person_id")["amount"][0] == Decimal("0.04")


def test_periods() -> None:
    assert [period_of(date(2026, 5, 3), every) for every in ("year", "quarter", "month")] == [
        "2026",
        "2026-Q2",
        "2026-05",
    ]
    assert [period_end(date(2026, 5, 3), every) for every in ("year", "quarter", "month")] == [
        date(2026, 12, 31),
        date(2026, 6, 30),
        date(2026, 5, 31),
    ]


@pytest.mark.parametrize(("lag", "final"), [(0, True), (45, False)])
def test_a_line_is_final_after_the_lag_of_its_period(lag: int, *, final: bool) -> None:
    settlement = rb.settle(
        agreement(settlement={"every": "quarter", "data_cut_lag_days": lag}),
        THREE,
        seen((1, 56, "progression")),
        as_of=date(2026, 3, 31),
    )

    assert settlement.lines.select("period", "final").rows() == [("2026-Q1", final)]


@pytest.mark.parametrize(
    ("bad_doses", "bad_assessments", "words"),
    [
        (THREE.with_columns(units=pl.lit(2.0)), seen(), "floating point"),
        (THREE.with_columns(units=pl.lit("two")), seen(), "'units' hold 1 different values"),
        (THREE.with_columns(units=pl.lit("-2")), seen(), "3 credit notes"),
        (THREE.with_columns(units=pl.lit(None, pl.String)), seen(), "missing values"),
        (THREE.drop("units"), seen(), r"\['units'\] are missing"),
        (THREE.with_columns(record_id=pl.lit("r")), seen(), "repeats in 2 rows"),
        (THREE.with_columns(pl.col("administered_on").cast(pl.String)), seen(), "plain dates"),
        (THREE, seen((1, 5, "remission")), "none of the known words in 1 rows"),
        (THREE, seen((1, 5, "response")).with_columns(assessed_on=pl.lit(None, pl.Date)), "missing values"),
        (THREE, seen().drop("outcome"), r"\['outcome'\] are missing"),
        (THREE, seen((1, 5, "stable")).with_columns(pl.col("person_id").cast(pl.String)), "'person_id' is Int64 in"),
    ],
)
def test_records_that_break_their_contract(bad_doses: pl.DataFrame, bad_assessments: pl.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        rb.settle(agreement(), bad_doses, bad_assessments, as_of=LATE)

    assert "remission" not in str(caught.value)


def test_each_fault_of_doses_tells_by_which_rule_in_which_column_and_the_first_rows() -> None:
    ids = [f"r{i}" for i in range(8)]
    rows = [(1, d, u) for d, u in enumerate(("1", "x", "2", "x", "1", "x", "x", "x"))]
    wrong = doses(*rows).with_columns(record_id=pl.Series([*ids[:7], "r0"]), charge=pl.Series(["charged", *["?"] * 7]))
    empty = THREE.with_columns(administered_on=pl.Series([START, None, None]), person_id=pl.Series([None, 1, 1]))
    lone = doses((1, 0, "1"), (2, 0, "1"), (1, 5, "-2"), (2, 1, "-1"), (3, 1, "-1"))
    told = []

    for bad in (wrong, empty, lone):
        with pytest.raises(OddRecords) as caught:
            rb.settle(agreement(), bad, seen(), as_of=LATE)
        told += [(one.rule, one.column, one.n, one.first) for one in caught.value.found]

    assert told == [
        ("repeated", "record_id", 1, (8,)),
        ("not_a_number", "units", 5, (2, 4, 6, 7, 8)),
        ("unknown_word", "charge", 7, (2, 3, 4, 5, 6)),
        ("missing", "person_id", 1, (1,)),
        ("missing", "administered_on", 2, (2, 3)),
        ("credit_unmatched", "units", 2, (3, 5)),
    ]


def test_nobody_treated() -> None:
    settlement = rb.settle(agreement(RESULT, GUARANTEE), doses(), seen(), as_of=LATE)

    assert settlement.lines.is_empty()
    assert settlement.total == settlement.gross == 0
    assert settlement.to_result().table.filter(outcome="all", stratum="t1")["estimate"].to_list() == [0, 0, 0]


def test_frames_without_rows_need_no_types() -> None:
    nobody = pl.DataFrame({"person_id": [], "assessed_on": [], "outcome": []})
    no_dose = pl.DataFrame({"person_id": [], "administered_on": [], "units": pl.Series([], dtype=pl.String)})

    assert rb.settle(agreement(), THREE, nobody, as_of=LATE).lines["outcome"].to_list() == ["not_evaluable"]
    assert rb.settle(agreement(), no_dose, nobody, as_of=LATE).total == 0


def test_the_aggregate_form() -> None:
    settlement = rb.settle(
        agreement(RESULT, GUARANTEE),
        doses((1, 0, "1"), (2, 0, "1"), (3, 0, "1")),
        seen((1, 56, "progression"), (2, 56, "response")),
        as_of=LATE,
        evidence=survival(0.52, 0.45, 0.59),
    )

    result = settlement.to_result()
    payback = result.table.filter(estimand="payback").select("stratum", "outcome", "n", "estimate").rows()
    assert payback == [
        ("t1", "responder", 1, 0.0),
        ("t1", "failure", 1, 1500.0),
        ("t1", "not_evaluable", 1, 0.0),
        ("t1", "open", 0, 0.0),
        ("t1", "all", 3, 1500.0),
        ("g", "all", 3, 600.0),
        ("all", "all", 3, 2100.0),
    ]
    assert result.table.filter(estimand="threshold")["estimate"].to_list() == [0.6]
    assert result.settings["verdicts"] == {"g": {"verdict": "not_met", "reason": "below_threshold"}}


# ---- records of the common model and of a cohort

RECORDS = {
    "population": "treated",
    "concepts": [7],
    "endpoint": "rfs",
    "death_endpoint": "os",
    "outcomes": {"event": "progression", "event_at_death": "death", "event_free": "stable"},
}


def cohort() -> SimpleNamespace:
    rows = [  # assessment day 56, window 49 to 70
        (1, True, 20, True, 900, False),  # recurrence
        (2, True, 30, True, 30, True),  # death without recurrence
        (3, True, 900, False, 900, False),  # free of it throughout
        (4, True, 50, False, 900, False),  # last check in the window, before the assessment day
        (5, True, 48, False, 900, False),  # lost before the window
        (6, True, 60, True, 900, False),  # free on the assessment day, recurrence in the window
        (7, True, 56, True, 900, False),  # recurrence on the assessment day
        (8, False, 20, True, 900, False),  # of another population
    ]
    names = ["person_id", "in_treated", "rfs_days", "rfs_event", "os_days", "os_event"]
    return SimpleNamespace(subjects=pl.DataFrame(rows, schema=names, orient="row").with_columns(index_date=START))


def test_assessments_of_a_cohort() -> None:
    found = rb.assessments(cohort(), agreement(RESULT, GUARANTEE, records=RECORDS))

    days = (pl.col("assessed_on") - START).dt.total_days()
    assert found.select("person_id", days, "outcome").rows() == [
        (1, 20, "progression"),
        (2, 30, "death"),
        (3, 56, "stable"),
        (4, 50, "stable"),
        (6, 56, "stable"),
        (6, 60, "progression"),
        (7, 56, "progression"),
    ]


def test_a_death_after_the_event_and_the_parts_of_a_price_are_assessed_too() -> None:
    parts = [{"day": 0, "share": "0.5"}, {"day": 40, "share": "0.5", "if": "response"}]
    price = {"id": "p", "type": "instalments", "price": "9", "parts": parts, "window": (-5, 5)}
    people = cohort().subjects.head(3).with_columns(os_days=pl.Series([25, 30, 900]), os_event=pl.Series([True] * 3))

    found = rb.assessments(SimpleNamespace(subjects=people), agreement(price, records=RECORDS))

    days = (pl.col("assessed_on") - START).dt.total_days()
    assert found.select("person_id", days, "outcome").rows() == [
        (1, 20, "progression"),
        (1, 25, "death"),
        (2, 30, "death"),
        (3, 40, "stable"),
        (3, 900, "death"),
    ]


def test_doses_of_the_common_model() -> None:
    exposure = pl.LazyFrame(
        {
            "drug_exposure_id": [11, 12, 13],
            "person_id": [1, 8, 2],
            "drug_concept_id": [7, 7, 9],
            "drug_exposure_start_date": [START] * 3,
            "quantity": [1.5, 2.0, 1.0],
        }
    )
    cdm = SimpleNamespace(table=lambda name: {"drug_exposure": exposure}[name])
    by_quantity, by_record = agreement(records=RECORDS), agreement(records={**RECORDS, "units": "1"})

    assert rb.doses(cdm, by_quantity).rows() == [
        (1, START, "1.5", "drug_exposure:11"),
        (8, START, "2.0", "drug_exposure:12"),
    ]
    assert rb.doses(cdm, by_record, cohort()).rows() == [(1, START, "1", "drug_exposure:11")]
    traced = SimpleNamespace(table=lambda _: exposure.with_columns(_site=pl.lit("north"), _source_commit=pl.lit(4)))
    settlement = rb.settle(by_quantity, rb.doses(traced, by_quantity), seen(), as_of=LATE)
    assert settlement.lines.select("site_id", "version").rows() == [("north", 4)] * 2
    assert settlement.sites["site_id"].to_list() == ["north"]


def test_an_agreement_without_records_cannot_be_read_from_the_model() -> None:
    with pytest.raises(DefinitionError, match="no section records"):
        rb.assessments(cohort(), agreement())


# ---- laws

WORDS = ["response", "stable", "progression", "progression_death", "death", "toxicity_stop", "lost"]
dose_rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 1000), st.sampled_from(["1", "0.333", "2.5", "0.001"])), max_size=25
)
seen_rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1000), st.sampled_from(WORDS)), max_size=25)
CASCADE = agreement(
    {**RESULT, "id": "a", "type": "risk_sharing", "share": "0.333"},
    {**RESULT, "id": "b", "cost_scope": "all", "missing": {"lost": "failure"}},
    {**GUARANTEE, "cap": "0.7", "gamma": "9"},
    index={"rechallenge_gap_days": 200},
    price=[
        {"from": START, "net": "0.17", "unit": "vial"},
        {"from": date(2026, 9, 1), "net": "1499.99", "unit": "vial"},
    ],
)
BY_PATIENT = CASCADE.model_copy(update={"terms": CASCADE.terms[:2]})
EVIDENCE = survival(0.52, 0.45, 0.59)
law = settings(max_examples=30, deadline=None)


@pytest.mark.ci
@law
@given(dose_rows, seen_rows, st.randoms(use_true_random=False))
def test_law_nothing_beyond_spend_and_lines_sum_to_the_total(d: list, a: list, random: Any) -> None:
    settlement = rb.settle(CASCADE, doses(*d), seen(*a), as_of=LATE, evidence=EVIDENCE)

    by_course = settlement.lines.group_by("person_id", "course").agg(pl.col("amount").sum(), pl.col("spend").first())
    assert (by_course["amount"] <= by_course["spend"]).all()
    assert (settlement.lines["amount"] >= 0).all()
    assert settlement.total == sum(settlement.lines["amount"], Decimal(0)) <= settlement.gross
    kept = sum(
        Fraction(u) * (Fraction("0.17") if START + timedelta(n) < date(2026, 9, 1) else Fraction("1499.99"))
        for _, n, u in d
    )
    assert abs(Fraction(settlement.gross) - kept) <= Fraction(by_course.height, 200)

    random.shuffle(d)
    random.shuffle(a)
    again = rb.settle(CASCADE, doses(*d), seen(*a), as_of=LATE, evidence=EVIDENCE)
    assert again.lines.equals(settlement.lines), "the order of records changes the ledger"


@pytest.mark.ci
@law
@given(dose_rows, seen_rows, st.tuples(st.integers(0, 9), st.integers(0, 900), st.just("1")))
def test_law_a_late_dose_never_lowers_gross(d: list, a: list, late: tuple[int, int, str]) -> None:
    before = rb.settle(CASCADE, doses(*d), seen(*a), as_of=LATE)

    after = rb.settle(CASCADE, doses(*d, late), seen(*a), as_of=LATE)

    assert after.gross >= before.gross


@pytest.mark.ci
@law
@given(dose_rows, seen_rows, st.sets(st.integers(0, 9)))
def test_law_two_hospitals_settle_to_the_whole(d: list, a: list, first: set[int]) -> None:
    whole = rb.settle(BY_PATIENT, doses(*d), seen(*a), as_of=LATE)

    parts = [
        rb.settle(
            BY_PATIENT,
            doses(*[r for r in d if (r[0] in first) == here]),
            seen(*[r for r in a if (r[0] in first) == here]),
            as_of=LATE,
        )
        for here in (True, False)
    ]

    lines = pl.concat([p.lines for p in parts if p.lines.height] or [parts[0].lines])
    keys = ["term", "person_id", "course"]
    assert lines.sort(keys).equals(whole.lines.sort(keys))
    assert sum(p.total for p in parts) == whole.total
