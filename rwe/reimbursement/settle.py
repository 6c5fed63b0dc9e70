# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`settle`: the terms of an agreement, applied in their order, each on the balance left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import polars as pl

from rwe.errors import DefinitionError, RweError
from rwe.reimbursement.given import given_assessments, given_doses, same_ids
from rwe.reimbursement.guarantee import Verdict, decide
from rwe.reimbursement.judged import judged
from rwe.reimbursement.ledger import Account, accounts
from rwe.reimbursement.money import allocate, half_up, period_end, period_of
from rwe.reimbursement.settlement import Line, Settlement, to_frame
from rwe.result import Result
from rwe.spec.agreement import Agreement, OutcomeGuarantee, PatientTerm, PaymentByResult, RiskSharing


class Judgement(NamedTuple):
    """What a term says of one course: the columns of `judged`."""

    outcome: str
    decided_on: date
    due_on: date
    rule: str
    reason: str
    record: str = ""


def settle(
    agreement: Agreement, doses: Any, assessments: Any, *, as_of: date, evidence: Result | None = None
) -> Settlement:
    """Say what comes back under `agreement`, from all that is known on `as_of`.

    Parameters
    ----------
    doses
        One row an administration: ``person_id``, ``administered_on`` (date), ``units`` (Decimal,
        integer or exact text) and, where known, ``record_id``.
    assessments
        One row an assessment: ``person_id``, ``assessed_on`` (date), ``outcome`` (a word of
        `rwe.spec.agreement.OUTCOMES`) and, where known, ``record_id``.
    as_of
        Day of the data cut: later records are not known yet.
    evidence
        The cohort estimate on which an outcome guarantee rests.

    Raises
    ------
    DataError
        If a column is missing, units are not exact, or an outcome is not a known word.
    DefinitionError
        If the evidence does not fit the term, or a term is of a type that is not settled.
    """
    given, judged_on = given_doses(agreement, doses), given_assessments(assessments)
    same_ids(given, judged_on)
    ledger, excluded = accounts(agreement, given, as_of)
    lines: list[Line] = []
    verdicts: dict[str, Verdict] = {}
    population = agreement.records.population if agreement.records else ""
    for term in agreement.terms:
        if isinstance(term, OutcomeGuarantee):
            verdicts[term.id] = decide(term, evidence, population)
            new, ledger = _guarantee(agreement, term, verdicts[term.id], ledger, as_of)
        elif isinstance(term, PaymentByResult | RiskSharing):
            new, ledger = _patients(agreement, term, ledger, judged_on, as_of)
        else:
            raise DefinitionError(f"term '{term.id}': terms of type '{term.type}' are not settled")
        lines += new
    quantum = agreement.rounding.quantum
    _check(lines, ledger)
    gross = sum((account.spend for account in ledger), 0 * quantum)
    return Settlement(agreement, as_of, to_frame(lines, quantum), gross, excluded, verdicts)


def _patients(
    agreement: Agreement, term: PatientTerm, ledger: Sequence[Account], seen: pl.DataFrame, as_of: date
) -> tuple[list[Line], list[Account]]:
    """Apply a term that judges each course by itself."""
    lines, after, quantum = [], [], agreement.rounding.quantum
    keys = [(account.person_id, account.course, account.first_dose) for account in ledger]
    courses = pl.DataFrame(keys, schema=["person_id", "course", "first_dose"], orient="row", infer_schema_length=None)
    said = judged(term, courses, seen, as_of) if keys else courses
    for account, (_, _, *verdict) in zip(ledger, said.iter_rows(), strict=True):
        judgement = Judgement(*verdict)
        reach = _reach(term, account, judgement)
        base = sum(reach, Fraction(0))
        owed = half_up(base * Fraction(term.share), quantum) if judgement.outcome == "failure" else 0 * quantum
        amount = min(owed, account.payable)
        lines.append(_line(agreement, term, account, judgement, base, amount, as_of))
        after.append(account.pay(reach, amount))
    return lines, after


def _reach(term: PatientTerm, account: Account, verdict: Judgement) -> list[Fraction]:
    """Return what the term could pay back of each dose: all that is left up to the day its `cost_scope` names."""
    last = {
        "until_failure": verdict.decided_on,
        "until_assessment": account.first_dose + timedelta(days=term.assess_day),
        "all": date.max,
    }[term.cost_scope]
    return [left if day <= last else Fraction(0) for day, left in zip(account.days, account.left, strict=True)]


def _guarantee(
    agreement: Agreement, term: OutcomeGuarantee, verdict: Verdict, ledger: Sequence[Account], as_of: date
) -> tuple[list[Line], list[Account]]:
    """Apply a term that rests on the whole cohort, and share its payback out to the courses."""
    quantum = agreement.rounding.quantum
    wanted = [account.balance * verdict.rate for account in ledger]
    room = [account.payable for account in ledger]
    total = min(half_up(sum(wanted, Fraction(0)), quantum), sum(room, Decimal(0)))
    amounts = allocate(total, wanted, room, quantum)
    said = Judgement("open", as_of, as_of, verdict.verdict, verdict.reason)
    lines = [
        _line(agreement, term, account, said, account.balance, amount, as_of)._replace(outcome="all")
        for account, amount in zip(ledger, amounts, strict=True)
    ]
    after = [account.pay(account.left, amount) for account, amount in zip(ledger, amounts, strict=True)]
    return lines, after


def _line(
    agreement: Agreement,
    term: PatientTerm | OutcomeGuarantee,
    account: Account,
    verdict: Judgement,
    base: Fraction,
    amount: Decimal,
    as_of: date,
) -> Line:
    schedule, quantum = agreement.settlement, agreement.rounding.quantum
    closed = period_end(verdict.due_on, schedule.every) + timedelta(days=schedule.data_cut_lag_days)
    return Line(
        person_id=account.person_id,
        course=account.course,
        term=term.id,
        type=term.type,
        period=period_of(verdict.due_on, schedule.every),
        final=as_of >= closed,
        outcome=verdict.outcome,
        rule=verdict.rule,
        reason=verdict.reason,
        decided_on=verdict.decided_on,
        spend=account.spend,
        base=half_up(base, quantum),
        amount=amount,
        doses=list(filter(None, account.records)),
        assessment=verdict.record,
    )


def _check(lines: Sequence[Line], ledger: Sequence[Account]) -> None:
    """Hold the invariants of every settlement: nothing negative, nothing beyond what was spent."""
    paid: dict[tuple[Any, int], Decimal] = {}
    for line in lines:
        key = (line.person_id, line.course)
        paid[key] = paid.get(key, Decimal(0)) + line.amount
    for account in ledger:
        spend, back = account.spend, paid[account.person_id, account.course]
        if not (0 <= back <= spend and back == spend - account.payable) or account.payable < 0:
            raise RweError("a settlement would pay back more than was spent; this is a fault of the engine")
    if any(line.amount < 0 for line in lines):
        raise RweError("a settlement line is negative; this is a fault of the engine")
