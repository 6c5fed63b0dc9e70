# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Judging a patient: responder, failure, not evaluable or open, and by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from rwe.spec.agreement import OUTCOMES, RESPONSES, PatientTerm

GONE = ("lost", "death", "progression_death", "toxicity_death")
# of several records of one day the last of these decides, so that their order does not
RANK = {word: rank for rank, word in enumerate(("lost", *(w for w in OUTCOMES if w != "lost")))}


@dataclass(frozen=True, slots=True)
class Seen:
    """One assessment: the day, the outcome's word and the id of its record."""

    day: date
    outcome: str
    record: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a term says of one course of treatment.

    Parameters
    ----------
    outcome
        ``responder``, ``failure``, ``not_evaluable`` or ``open``.
    day
        The day of the failure, else the day on which the judgement is final.
    rule
        The clause that decided: ``failure``, ``assessment``, ``missing.<way>`` or ``window``.
    reason
        Key of why, for people to read.
    record
        Id of the assessment that decided, ``""`` where none did.
    """

    outcome: Literal["responder", "failure", "not_evaluable", "open"]
    day: date
    rule: str
    reason: str
    record: str = ""


def judge(term: PatientTerm, first_dose: date, seen: Sequence[Seen], as_of: date) -> Judgement:
    """Judge a course of treatment from what is known on `as_of`.

    A listed failure up to the window's end counts from its date; else, once the window has closed,
    the last assessment in it decides; a patient lost, dead of an unlisted cause or not assessed
    follows the term's `missing` rules and is not evaluable without one.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from rwe.spec.agreement import PaymentByResult
    >>> term = PaymentByResult(id="t1", type="payment_by_result", assess_day=56, window=(-7, 14),
    ...                        failure=("progression",), cost_scope="all")
    >>> judge(term, date(2026, 1, 1), [Seen(date(2026, 2, 26), "response")], date(2026, 12, 31)).outcome
    'responder'
    """
    due = first_dose + timedelta(days=term.assess_day)
    opens, closes = due + timedelta(days=term.window[0]), due + timedelta(days=term.window[1])
    known = sorted(
        (s for s in seen if first_dose <= s.day <= min(closes, as_of)), key=lambda s: (s.day, RANK[s.outcome], s.record)
    )
    failure = next((s for s in known if s.outcome in term.failure), None)
    if failure:
        return Judgement("failure", failure.day, "failure", failure.outcome, failure.record)
    if as_of < closes:
        return Judgement("open", closes, "window", "window_open")
    inside = [s for s in known if s.day >= opens]
    if inside and inside[-1].outcome in RESPONSES:
        return Judgement("responder", closes, "assessment", inside[-1].outcome, inside[-1].record)
    return _without_answer(term, closes, as_of, _absence(term, inside, known), seen)


def _absence(term: PatientTerm, inside: Sequence[Seen], known: Sequence[Seen]) -> Seen | None:
    """Return the record that says why there is no answer: inside the window, else the last before."""
    if inside:
        return inside[-1]
    gone = [s for s in known if s.outcome in GONE or s.outcome in term.missing]
    return gone[-1] if gone else None


def _without_answer(
    term: PatientTerm, closes: date, as_of: date, absence: Seen | None, seen: Sequence[Seen]
) -> Judgement:
    way = absence.outcome if absence else "not_assessed"
    reason = absence.outcome if absence else _why_not_assessed(seen, closes, as_of)
    record = absence.record if absence else ""
    answer, _, days = term.missing.get(way, "not_evaluable").partition("_after_days_")
    final = closes + timedelta(days=int(days or 0))
    if as_of < final:
        return Judgement("open", final, f"missing.{way}", reason, record)
    if answer == "failure":
        day = absence.day if absence and not days else final
        return Judgement("failure", day, f"missing.{way}", reason, record)
    return Judgement(
        "responder" if answer == "responder" else "not_evaluable", closes, f"missing.{way}", reason, record
    )


def _why_not_assessed(seen: Sequence[Seen], closes: date, as_of: date) -> str:
    days = [s.day for s in seen if s.day <= as_of]
    if any(day > closes for day in days):
        return "assessed_late"
    return "assessed_early" if days else "never_assessed"
