# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Judging courses of treatment: responder, failure, not evaluable or open, and by which rule of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from rwe.reimbursement.sightings import sightings
from rwe.spec.agreement import RESPONSES, JudgedTerm

NOTHING = pl.lit("")
CLOSES = pl.col("closes")
KEYS = ("person_id", "course", "first_dose")
COLUMNS = ("outcome", "decided_on", "rule", "reason", "record")
EVERY = pl.lit(value=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One rule: where `when` holds and no case before it did, this is the judgement."""

    when: pl.Expr
    outcome: pl.Expr
    decided_on: pl.Expr
    rule: pl.Expr
    reason: pl.Expr
    record: pl.Expr = NOTHING


def judged(term: JudgedTerm, courses: pl.DataFrame, assessments: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Judge each course from what is known on `as_of`.

    A listed failure up to the window's end counts from its date; else, once the window has closed,
    the last assessment in it decides; a patient lost, moved away, dead of an unlisted cause or not
    assessed in time follows the term's `missing` rules and is not evaluable without one.

    Parameters
    ----------
    courses
        ``person_id``, ``course``, ``first_dose``.
    assessments
        As `rwe.reimbursement.given.given_assessments` gives them.

    Returns
    -------
    DataFrame
        In the rows of `courses`: ``person_id``, ``course``, ``outcome``, ``decided_on`` (the day of the
        failure, else that on which the judgement is final), ``due_on`` (the later of that and the term's
        `pay_day`), ``rule`` (the clause that decided), ``reason`` (why, in a word), ``record`` (id of the
        assessment that decided, ``""`` where none did).

    Examples
    --------
    >>> from rwe.spec.agreement import PaymentByResult
    >>> term = PaymentByResult(id="t1", type="payment_by_result", assess_day=56, window=(-7, 14),
    ...                        failure=("progression",), cost_scope="all")
    >>> courses = pl.DataFrame({"person_id": [1], "course": [1], "first_dose": [date(2026, 1, 1)]})
    >>> seen = pl.DataFrame({"person_id": [1], "assessed_on": [date(2026, 2, 26)], "outcome": ["response"],
    ...                      "record_id": ["a"]})
    >>> judged(term, courses, seen, date(2026, 12, 31))["outcome"].to_list()
    ['responder']
    """
    opens, closes = (later(pl.col("first_dose"), term.assess_day + days) for days in term.window)
    windows = courses.with_columns(opens.alias("opens"), closes.alias("closes"))
    windows = windows.hstack([next_course(courses).alias("ends")])
    known = windows.hstack(sightings(term, windows, assessments, as_of).get_columns())
    return decided(known, [*_failed(term, as_of), *_answered(), *_unanswered(term, as_of)], term.pay_day)


def next_course(courses: pl.DataFrame) -> pl.Series:
    """Return the first dose of each person's next course, null for the last one."""
    if not (courses["course"] > 1).any():
        return pl.Series([None], dtype=pl.Date).new_from_index(0, courses.height)
    again = courses.filter(pl.col("course") > 1)
    before = again.select("person_id", pl.col("course") - 1, ends="first_dose")
    return courses.join(before, ["person_id", "course"], how="left", maintain_order="left")["ends"]


def later(day: pl.Expr, days: int) -> pl.Expr:
    """Return the day so many days after another."""
    return day + pl.duration(days=days)


def decided(known: pl.DataFrame, cases: Sequence[Case], pay_day: int | None = None) -> pl.DataFrame:
    """Return each course with the judgement of the first case that holds for it."""
    first = pl.coalesce(*(pl.when(case.when).then(pl.lit(i, pl.UInt8)) for i, case in enumerate(cases)))
    number = known.select(first.alias("case"))["case"].to_numpy()
    held = [(case, pl.Series(np.flatnonzero(number == i).astype(np.uint32))) for i, case in enumerate(cases)]
    parts = [known[rows].select(*KEYS, **_said_by(case)) for case, rows in held if rows.len()]
    if not parts:
        parts = [known.select(*KEYS, **_said_by(cases[-1]))]
    order = np.argsort(np.concatenate([rows.to_numpy() for _, rows in held]))
    found = pl.concat(parts)[pl.Series(order.astype(np.uint32))]
    due = found["decided_on"]
    if pay_day:
        due = found.select(pl.max_horizontal("decided_on", later(pl.col("first_dose"), pay_day)))["decided_on"]
    return found.hstack([due.alias("due_on")]).select(
        "person_id", "course", "outcome", "decided_on", "due_on", "rule", "reason", "record"
    )


def _said_by(case: Case) -> dict[str, pl.Expr]:
    return {column: getattr(case, column) for column in COLUMNS}


def _failed(term: JudgedTerm, as_of: date) -> list[Case]:
    """Return the cases of a listed failure, and of a window that is open."""
    closed, failed = as_of >= CLOSES, pl.col("failure_day").is_not_null()
    soft = failed & pl.col("final_day").is_null() & pl.lit(term.regained == "responder")
    back = pl.col("inside_word").is_in(RESPONSES) & (pl.col("inside_day") > pl.col("failure_day"))
    return [
        Case(soft & closed & back, _w("responder"), CLOSES, _w("regained"), *_of("inside")),
        Case(soft & ~closed, _w("open"), CLOSES, _w("window"), _w("response_may_return")),
        Case(failed, _w("failure"), pl.col("failure_day"), _w("failure"), *_of("failure")),
        Case(~closed, _w("open"), CLOSES, _w("window"), _w("window_open")),
    ]


def _answered() -> list[Case]:
    response = pl.col("inside_word").is_in(RESPONSES)
    return [Case(response, _w("responder"), CLOSES, _w("assessment"), *_of("inside"))]


def _unanswered(term: JudgedTerm, as_of: date) -> list[Case]:
    """Return the cases of a closed window without an answer: an early or late one that counts, else the rule."""
    absent = pl.coalesce("inside_word", "gone_word")
    gone, record = absent.is_not_null(), pl.coalesce("inside_record", "gone_record", NOTHING)
    late, early = pl.col("late_day").is_not_null(), pl.col("early_day").is_not_null()
    ways = [
        pl.when(there).then(_w(_way(term, name)))
        for there, name in ((late, "assessed_late"), (early, "assessed_early"))
    ]
    way = pl.coalesce(absent, *ways, _w("not_assessed"))
    why = [pl.when(there).then(_w(name)) for there, name in ((late, "assessed_late"), (early, "assessed_early"))]
    reason = pl.coalesce(absent, *why, _w("never_assessed"))
    rule = pl.format("missing.{}", way)
    answer, days = _rules(term, way)
    final = CLOSES + pl.duration(days=days)
    fails_on = pl.when(gone & (days == 0)).then(pl.coalesce("inside_day", "gone_day")).otherwise(final)
    day = pl.when(answer == "failure").then(fails_on).otherwise(CLOSES)
    return [
        *(
            Case(~gone & case.when, case.outcome, case.decided_on, case.rule, case.reason, case.record)
            for case in _as_assessed(term, as_of, reason)
        ),
        Case(final > as_of, _w("open"), final, rule, reason, record),
        Case(EVERY, answer, day, rule, reason, record),
    ]


def _as_assessed(term: JudgedTerm, as_of: date, reason: pl.Expr) -> list[Case]:
    """Return the cases of an early or late assessment that counts by the contract, and of waiting for one."""
    cases = []
    for side in ("early", "late"):
        how, _, days = term.missing.get(f"assessed_{side}", "").partition("_within_days_")
        if how != "as_assessed":
            continue
        name, seen = f"missing.assessed_{side}", pl.col(f"{side}_day")
        off = (pl.col("opens") - seen if side == "early" else seen - CLOSES).dt.total_days()
        counts = seen.is_not_null() & ((off <= int(days)) if days else EVERY)
        cases.append(
            Case(counts, _said(term, f"{side}_word"), CLOSES if side == "early" else seen, _w(name), *_of(side))
        )
        if side == "late" and days:
            until = later(CLOSES, int(days))
            cases.append(Case(seen.is_null() & (until > as_of), _w("open"), until, _w(name), reason))
    return cases


def _said(term: JudgedTerm, column: str) -> pl.Expr:
    """Return what an early or late assessment comes to, had it been in the window."""
    word = pl.col(column)
    said = pl.when(word.is_in(RESPONSES)).then(_w("responder")).when(word.is_in(term.failure)).then(_w("failure"))
    return said.otherwise(_w("not_evaluable"))


def _way(term: JudgedTerm, name: str) -> str:
    """Return whose rule an untimely assessment follows where it does not count itself."""
    return "not_assessed" if term.missing.get(name, "as_assessed").startswith("as_assessed") else name


def _rules(term: JudgedTerm, way: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return answer and days to wait of the rule for each way of missing an assessment."""
    parts = {name: rule.partition("_after_days_") for name, rule in term.missing.items()}
    answers = {name: answer for name, (answer, _, _) in parts.items()}
    waits = {name: int(days or 0) for name, (_, _, days) in parts.items()}
    return (
        way.replace_strict(answers, default="not_evaluable", return_dtype=pl.String),
        way.replace_strict(waits, default=0, return_dtype=pl.Int64),
    )


def _w(word: str) -> pl.Expr:
    return pl.lit(word)


def _of(name: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"{name}_word"), pl.col(f"{name}_record")
