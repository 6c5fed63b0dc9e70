# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Judging: each rule of a contract by example, and all courses at once as plain Python judges one by one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rwe.reimbursement.given import given_assessments
from rwe.reimbursement.judged import judged
from rwe.spec.agreement import OUTCOMES, PaymentByResult
from rwe.spec.agreement_words import ABSENCES, FAILURES, UNTIMELY
from tests.numerics.plain_judge import Seen, judge

START = date(2026, 1, 1)
BASE = {
    "id": "t",
    "type": "payment_by_result",
    "assess_day": 56,
    "window": (-7, 14),
    "failure": ["progression", "progression_death", "toxicity_stop", "toxicity_death"],
    "cost_scope": "all",
}


def term(**parts: Any) -> PaymentByResult:
    return PaymentByResult.model_validate({**BASE, **parts})


def day(n: int) -> date:
    return START + timedelta(days=n)


def courses(*rows: tuple[int, int, int]) -> pl.DataFrame:
    """Return courses from (person, course, day of the first dose)."""
    schema = {"person_id": pl.Int64, "course": pl.Int64, "first_dose": pl.Date}
    return pl.DataFrame([(p, c, day(d)) for p, c, d in rows], schema=schema, orient="row")


def seen(*rows: tuple[int, int, str]) -> pl.DataFrame:
    """Return assessments from (person, day, outcome), each with its own record id."""
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String, "record_id": pl.String}
    values = [(p, day(d), word, f"r{i}") for i, (p, d, word) in enumerate(rows)]
    return given_assessments(pl.DataFrame(values, schema=schema, orient="row"))


# First dose on day 0, assessment on 56, window 49 to 70; known up to day `as_of`.
CASES: dict[str, tuple[dict[str, Any], list[tuple[int, str]], int, tuple[str, int, str, str]]] = {
    "death of another cause before the assessment, with a rule": (
        {"missing": {"death": "failure"}},
        [(20, "death")],
        900,
        ("failure", 20, "missing.death", "death"),
    ),
    "death of another cause, without a rule": (
        {},
        [(20, "death")],
        900,
        ("not_evaluable", 70, "missing.death", "death"),
    ),
    "death of the disease before the assessment": (
        {},
        [(20, "progression_death")],
        30,
        ("failure", 20, "failure", "progression_death"),
    ),
    "death on the day of the assessment": (
        {},
        [(56, "response"), (56, "death")],
        900,
        ("not_evaluable", 70, "missing.death", "death"),
    ),
    "death on the day of the assessment, the response counts": (
        {"same_day": "best"},
        [(56, "response"), (56, "death")],
        900,
        ("responder", 70, "assessment", "response"),
    ),
    "listed failure on the day of a response": (
        {},
        [(56, "response"), (56, "progression")],
        900,
        ("failure", 56, "failure", "progression"),
    ),
    "listed failure on the day of a response, the response counts": (
        {"same_day": "best"},
        [(56, "progression"), (56, "response")],
        900,
        ("responder", 70, "assessment", "response"),
    ),
    "moved to a hospital that does not report": (
        {"missing": {"moved": "responder"}},
        [(30, "moved")],
        900,
        ("responder", 70, "missing.moved", "moved"),
    ),
    "moved, then seen at the new hospital": (
        {"missing": {"moved": "failure"}},
        [(30, "moved"), (60, "stable")],
        900,
        ("responder", 70, "assessment", "stable"),
    ),
    "moved and lost on one day": (
        {},
        [(30, "moved"), (30, "lost")],
        900,
        ("not_evaluable", 70, "missing.moved", "moved"),
    ),
    "assessment missing": ({}, [], 900, ("not_evaluable", 70, "missing.not_assessed", "never_assessed")),
    "early, not counted": (
        {},
        [(40, "response")],
        900,
        ("not_evaluable", 70, "missing.not_assessed", "assessed_early"),
    ),
    "early, counted": (
        {"missing": {"assessed_early": "as_assessed"}},
        [(10, "stable")],
        900,
        ("responder", 70, "missing.assessed_early", "stable"),
    ),
    "early, too early to count": (
        {"missing": {"assessed_early": "as_assessed_within_days_8", "not_assessed": "failure"}},
        [(40, "response")],
        900,
        ("failure", 70, "missing.not_assessed", "assessed_early"),
    ),
    "early, the first day that counts": (
        {"missing": {"assessed_early": "as_assessed_within_days_8", "not_assessed": "failure"}},
        [(41, "response")],
        900,
        ("responder", 70, "missing.assessed_early", "response"),
    ),
    "early, with a rule of its own": (
        {"missing": {"assessed_early": "failure"}},
        [(40, "response")],
        900,
        ("failure", 70, "missing.assessed_early", "assessed_early"),
    ),
    "late, not counted": ({}, [(80, "response")], 900, ("not_evaluable", 70, "missing.not_assessed", "assessed_late")),
    "late, counted": (
        {"missing": {"assessed_late": "as_assessed"}},
        [(80, "response"), (90, "progression")],
        900,
        ("responder", 80, "missing.assessed_late", "response"),
    ),
    "late failure, counted from its day": (
        {"missing": {"assessed_late": "as_assessed"}},
        [(80, "progression")],
        900,
        ("failure", 80, "missing.assessed_late", "progression"),
    ),
    "late, waited for": (
        {"missing": {"assessed_late": "as_assessed_within_days_30", "not_assessed": "failure"}},
        [],
        99,
        ("open", 100, "missing.assessed_late", "never_assessed"),
    ),
    "late, waited for in vain": (
        {"missing": {"assessed_late": "as_assessed_within_days_30", "not_assessed": "failure"}},
        [],
        100,
        ("failure", 70, "missing.not_assessed", "never_assessed"),
    ),
    "late, too late to count": (
        {"missing": {"assessed_late": "as_assessed_within_days_30", "not_assessed": "failure_after_days_90"}},
        [(101, "response")],
        900,
        ("failure", 160, "missing.not_assessed", "assessed_late"),
    ),
    "response lost and regained": (
        {},
        [(50, "response"), (55, "progression"), (65, "response")],
        900,
        ("failure", 55, "failure", "progression"),
    ),
    "response lost and regained, which counts": (
        {"regained": "responder"},
        [(50, "response"), (55, "progression"), (65, "response")],
        900,
        ("responder", 70, "regained", "response"),
    ),
    "response lost, may be regained": (
        {"regained": "responder"},
        [(55, "progression")],
        69,
        ("open", 70, "window", "response_may_return"),
    ),
    "response lost for good": (
        {"regained": "responder"},
        [(50, "response"), (55, "progression")],
        70,
        ("failure", 55, "failure", "progression"),
    ),
    "a death is not taken back": (
        {"regained": "responder"},
        [(55, "progression_death"), (65, "response")],
        60,
        ("failure", 55, "failure", "progression_death"),
    ),
    "toxicity stop before the first assessment": (
        {},
        [(12, "toxicity_stop")],
        20,
        ("failure", 12, "failure", "toxicity_stop"),
    ),
    "toxicity stop that is no failure": (
        {"failure": ["progression"], "missing": {"toxicity_stop": "responder"}},
        [(12, "toxicity_stop")],
        900,
        ("responder", 70, "missing.toxicity_stop", "toxicity_stop"),
    ),
    "not known yet on the day of the data cut": ({}, [(71, "progression")], 69, ("open", 70, "window", "window_open")),
}


@pytest.mark.parametrize(("parts", "rows", "as_of", "expected"), CASES.values(), ids=CASES)
def test_each_case_at_the_edge_follows_its_rule(
    parts: dict[str, Any], rows: list[tuple[int, str]], as_of: int, expected: tuple[str, int, str, str]
) -> None:
    found = judged(term(**parts), courses((1, 1, 0)), seen(*((1, *row) for row in reversed(rows))), day(as_of))

    outcome, on, rule, reason = expected
    assert found.select("outcome", "decided_on", "rule", "reason").rows() == [(outcome, day(on), rule, reason)]


def test_a_rechallenge_is_judged_from_its_own_first_dose() -> None:
    twice = courses((1, 1, 0), (1, 2, 400))
    found = judged(
        term(missing={"assessed_late": "as_assessed"}),
        twice,
        seen((1, 410, "progression"), (1, 456, "stable")),
        day(900),
    )

    # what is seen in the second course is not a late assessment of the first
    assert found.select("course", "outcome", "reason").rows() == [
        (1, "not_evaluable", "never_assessed"),
        (2, "failure", "progression"),
    ]


def test_the_payback_may_fall_due_on_another_day_than_the_assessment() -> None:
    found = judged(
        term(pay_day=60), courses((1, 1, 0), (2, 1, 0)), seen((1, 20, "progression"), (2, 56, "stable")), day(900)
    )

    assert found.select("decided_on", "due_on").rows() == [(day(20), day(60)), (day(70), day(70))]


def test_the_record_that_decided_is_named() -> None:
    rows = [(1, 50, "response"), (1, 60, "progression"), (2, 56, "stable"), (3, 20, "lost"), (4, 1, "stable")]

    found = judged(term(), courses(*((p, 1, 0) for p in range(1, 6))), seen(*rows), day(900))

    assert found["record"].to_list() == ["r1", "r2", "r3", "", ""]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"lost": "as_assessed"}, "as_assessed needs an assessment"),
        ({"assessed_late": "as_assessed_within_days_"}, "unknown rule"),
        ({"progression": "failure"}, "stands under failure too"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(missing: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        term(missing=missing)


# ---- all courses at once, and one by one

answers = st.sampled_from(["not_evaluable", "responder", "failure", "failure_after_days_10", "failure_after_days_40"])
waits = st.sampled_from(["as_assessed", "as_assessed_within_days_5", "as_assessed_within_days_30"])


@st.composite
def terms(draw: st.DrawFn) -> PaymentByResult:
    failure = draw(st.lists(st.sampled_from(FAILURES), min_size=1, max_size=5, unique=True))
    ways = draw(st.lists(st.sampled_from([way for way in ABSENCES if way not in failure]), unique=True, max_size=5))
    missing = {way: draw(answers | waits) if way in UNTIMELY else draw(answers) for way in ways}
    return term(
        assess_day=draw(st.integers(5, 60)),
        window=(-draw(st.integers(0, 5)), draw(st.integers(0, 15))),
        failure=failure,
        missing=missing,
        same_day=draw(st.sampled_from(["worst", "best"])),
        regained=draw(st.sampled_from(["failure", "responder"])),
    )


starts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 120)), max_size=8, unique=True)
# few days and few words, so that records of one day meet
records = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.sampled_from(OUTCOMES)), max_size=25)


def alike(how: PaymentByResult, begun: list[tuple[int, int]], rows: list[tuple[int, int, str]], as_of: int) -> None:
    """Hold the judgement of all courses at once against that of each alone."""
    begun = sorted(begun)
    numbers = [1 + sum(q == p and e < d for q, e in begun) for p, d in begun]
    known = seen(*((p, 4 * d, word) for p, d, word in rows))
    told = [Seen(*row) for row in known.select("assessed_on", "outcome", "record_id").iter_rows()]

    found = judged(how, courses(*((p, n, d) for (p, d), n in zip(begun, numbers, strict=True))), known, day(as_of))

    for i, (person, first) in enumerate(begun):
        theirs = [s for s, (p, _, _) in zip(told, rows, strict=True) if p == person]
        after = min((day(d) for p, d in begun if p == person and d > first), default=None)
        one = judge(how, day(first), theirs, day(as_of), after)
        assert found.row(i)[2:4] + found.row(i)[5:] == tuple(one)


@given(terms(), starts, records, st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_law_all_courses_are_judged_as_each_alone(how: PaymentByResult, begun: Any, rows: Any, as_of: int) -> None:
    alike(how, begun, rows, as_of)


@pytest.mark.ci
@given(terms(), starts, records, st.integers(0, 200))
@settings(max_examples=2000, deadline=None)
def test_law_all_courses_are_judged_as_each_alone_2000(how: PaymentByResult, begun: Any, rows: Any, as_of: int) -> None:
    alike(how, begun, rows, as_of)


@given(terms(), starts, records, st.integers(0, 200), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_law_the_order_of_the_records_says_nothing(
    how: PaymentByResult, begun: Any, rows: Any, as_of: int, random: Any
) -> None:
    begun = courses(*((p, 1 + i, d) for i, (p, d) in enumerate(begun)))
    known = seen(*((p, 4 * d, word) for p, d, word in rows))
    mixed = known.sample(fraction=1, shuffle=True, seed=random.randint(0, 9))

    assert judged(how, begun, mixed, day(as_of)).equals(judged(how, begun, known, day(as_of)))
