# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms that rest on the outcome of each course: payment by result, success fee, continuation, parts, death."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import polars as pl

from rwe.reimbursement.atoms import one, rounded, where
from rwe.reimbursement.claim import Case, Claim, Said
from rwe.reimbursement.judged import judged, next_course
from rwe.reimbursement.ledger import Block, Ledger
from rwe.reimbursement.schemes import due_parts
from rwe.spec.agreement import JudgedTerm, PaymentByResult, RiskSharing
from rwe.spec.agreement_patient import Continuation, DeathRebate, Instalment, Instalments, SuccessFee
from rwe.spec.agreement_words import DEATHS, OUTCOMES

Outcomes = pl.DataFrame
DAY = pl.col("decided_on")
SAID = ("outcome", "rule", "reason", "decided_on", "due_on", "assessment")


def outcomes(case: Case, term: JudgedTerm | DeathRebate | Instalments, ledger: Ledger) -> Outcomes:
    """Return the judgement of every course; for instalments with ``due``, the atoms that are payable by now."""
    courses = ledger.courses
    if isinstance(term, Instalments):
        return _parts(case, term, courses)
    if isinstance(term, DeathRebate):
        return _once(_judged(case, _alive(term.id, term.horizon_days, term.deaths), courses), courses)
    return _judged(case, term, courses)


def _once(found: Outcomes, courses: pl.DataFrame) -> Outcomes:
    """Return a death in the horizon of several courses as one of the last: a person dies once.

    From its next course on nothing is open in a course any more: a death that comes is one of the next.
    """
    found = found.with_columns(next_course(courses).alias("_next"))
    failed = pl.col("outcome") == "failure"
    over = pl.col("_next").is_not_null() & ((pl.col("outcome") == "open") | (failed & (pl.col("_next") <= DAY)))
    last = pl.col("course").filter(failed).max().over("person_id")
    earlier = over | (failed & (pl.col("course") < last))
    said = {"outcome": "not_evaluable", "rule": "later_course", "reason": "later_course", "assessment": ""}
    days = {name: pl.min_horizontal(DAY, "_next") for name in ("decided_on", "due_on")}
    told = {name: pl.lit(word) for name, word in said.items()} | days
    return found.with_columns(
        pl.when(earlier).then(new).otherwise(name).alias(name) for name, new in told.items()
    ).drop("_next")


def _judged(case: Case, term: JudgedTerm, courses: pl.DataFrame) -> Outcomes:
    return judged(term, courses, case.assessments, case.as_of).rename({"record": "assessment"})


def _alive(name: str, day: int, deaths: tuple[str, ...]) -> JudgedTerm:
    """Return the question whether one of the deaths is on record up to a day; nothing else is a failure."""
    others = [word for word in (*OUTCOMES, "not_assessed", "assessed_early", "assessed_late") if word not in deaths]
    ways = {word: "responder" for word in others if word not in ("response", "stable")}
    return JudgedTerm(id=name, assess_day=max(1, day), window=(0, 0), failure=deaths, missing=ways)


def _said(found: Outcomes) -> Said:
    return Said(**{name: found[name] for name in SAID})


def by_result(case: Case, term: PaymentByResult | RiskSharing, block: Block, found: Outcomes) -> Claim:
    """Ask back the share of a failed course's doses up to the day its `cost_scope` names."""
    runs, day = block.by_course, block.doses["day"]
    last = {
        "until_failure": found["decided_on"],
        "until_assessment": block.courses["first_dose"] + timedelta(days=term.assess_day),
        "all": day[runs.last],
    }[term.cost_scope]
    reach = where(day <= last[runs.of], block.left)
    base = runs.sum(reach)
    owed = rounded(base, Fraction(term.share), case.scale.quantum)
    return Claim(runs, reach, base, where(found["outcome"] == "failure", owed), _said(found))


def success_fee(case: Case, _term: SuccessFee, block: Block, found: Outcomes) -> Claim:
    """Ask back all doses of a course unless it is one of a responder: until that is known nothing is due."""
    base = block.by_course.sum(block.left)
    owed = where(found["outcome"] != "responder", rounded(base, 1, case.scale.quantum))
    return Claim(block.by_course, block.left, base, owed, _said(found))


def continuation(case: Case, term: Continuation, block: Block, found: Outcomes) -> Claim:
    """Reject doses after the window where the assessment failed or is missing."""
    runs = block.by_course
    late = block.days > term.assess_day + term.window[1]
    stopped = found["outcome"].is_in(["failure", "not_evaluable"])
    reach = where(late & stopped[runs.of], block.left)
    base = runs.sum(reach)
    return Claim(runs, reach, base, rounded(base, 1, case.scale.quantum), _said(found))


def death_rebate(case: Case, term: DeathRebate, block: Block, found: Outcomes) -> Claim:
    """Ask back a share of the spend, or of the price of one unit on the first day, for a death within the horizon."""
    runs = block.by_course
    base = of = runs.sum(block.left)
    if term.base == "price":
        of = block.price(runs.first) * one(case.scale.unit)
    owed = rounded(of, Fraction(term.rate), case.scale.quantum)
    return Claim(runs, block.left, base, where(found["outcome"] == "failure", owed), _said(found))


def instalments(case: Case, _term: Instalments, block: Block, found: Outcomes) -> Claim:
    """Ask back what of the course is not due: parts still to come, and all parts from the first that failed on."""
    runs = block.by_course
    left = runs.sum(block.left)
    unpaid = left - found["due"]
    return Claim(runs, block.left, left, rounded(where(unpaid > 0, unpaid), 1, case.scale.quantum), _said(found))


def _parts(case: Case, term: Instalments, courses: pl.DataFrame) -> Outcomes:
    """Judge the parts in their order; a course stands where its first part that is not paid stands."""
    standing = _part(case, term, term.parts[0], courses)
    due = _if_paid(standing, case.scale.atoms(due_parts(term)[0]))
    for part, amount in zip(term.parts[1:], due_parts(term)[1:], strict=True):
        paid, following = standing["outcome"] == "responder", _part(case, term, part, courses)
        due = due + where(paid, _if_paid(following, case.scale.atoms(amount)))
        standing = pl.DataFrame([following[name].zip_with(paid, standing[name]) for name in SAID])
    return standing.with_columns(due=due)


def _if_paid(found: Outcomes, amount: int) -> pl.Series:
    return where(found["outcome"] == "responder", one(amount).new_from_index(0, found.height))


def _part(case: Case, term: Instalments, part: Instalment, courses: pl.DataFrame) -> Outcomes:
    if part.if_ == "given":
        return _given(case, part, courses)
    if part.if_ == "alive":
        return _judged(case, _alive(term.id, part.day, DEATHS), courses)
    window = (max(term.window[0], -part.day), term.window[1])  # none opens before the first dose
    asked = JudgedTerm(id=term.id, assess_day=max(1, part.day), window=window, failure=term.failure)
    return _responding(_judged(case, asked, courses))


def _responding(found: Outcomes) -> Outcomes:
    """Return as failures the courses that do well without a response: their disease is stable."""
    without = (pl.col("outcome") == "responder") & (pl.col("reason") != "response")
    return found.with_columns(outcome=pl.when(without).then(pl.lit("failure")).otherwise("outcome"))


def _given(case: Case, part: Instalment, courses: pl.DataFrame) -> Outcomes:
    """Return that a part which only asks for the first dose is paid from its day on."""
    day = pl.col("first_dose").dt.offset_by(f"{part.day}d")
    return courses.select(
        outcome=pl.when(day <= case.as_of).then(pl.lit("responder")).otherwise(pl.lit("open")),
        rule=pl.lit("given"),
        reason=pl.lit("given"),
        decided_on=day,
        due_on=day,
        assessment=pl.lit(""),
    )
