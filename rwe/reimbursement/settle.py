# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`settle`: the terms of an agreement, applied in their order, each on the balance left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import polars as pl

from rwe.errors import DefinitionError, OddRecords, RweError
from rwe.reimbursement.claim import Case, Claim
from rwe.reimbursement.covered import covered
from rwe.reimbursement.credits import credited
from rwe.reimbursement.given import given_assessments, given_doses, same_ids
from rwe.reimbursement.guarantee import Verdict, decide
from rwe.reimbursement.ledger import Block, Ledger, ledger_of, on_cores
from rwe.reimbursement.lines import Paid, lines_of, pools_of, rejected_of, rejections, sites_of, summed_sites
from rwe.reimbursement.odd import ROW
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.terms_cohort import CohortTerm, cohort
from rwe.reimbursement.terms_dose import beyond, cost_sharing, discount, dose_cap, outcome_price, patient_cap, time_cap
from rwe.reimbursement.terms_judged import (
    by_result,
    continuation,
    death_rebate,
    instalments,
    outcomes,
    success_fee,
)
from rwe.reimbursement.units import parts_of, whole_units
from rwe.result import Result
from rwe.spec.agreement import Agreement, OutcomeGuarantee

DOSE: dict[str, Callable[..., Claim]] = {
    "discount": discount,
    "cost_sharing": cost_sharing,
    "dose_cap": dose_cap,
    "time_cap": time_cap,
    "outcome_price": outcome_price,
}
JUDGED: dict[str, Callable[..., Claim]] = {
    "payment_by_result": by_result,
    "risk_sharing": by_result,
    "success_fee": success_fee,
    "continuation": continuation,
    "death_rebate": death_rebate,
    "instalments": instalments,
}
REJECTING = ("continuation", "dose_cap", "time_cap", "patient_cap")


class _Posted(NamedTuple):
    """What one term came to in one block."""

    lines: pl.DataFrame
    rejected: pl.DataFrame | None
    sites: pl.DataFrame | None


@dataclass
class _Books:
    """What has been written so far."""

    posted: list[_Posted] = field(default_factory=list)
    pools: list[pl.DataFrame] = field(default_factory=list)
    verdicts: dict[str, dict[int, Verdict]] = field(default_factory=dict)


def settle(
    agreement: Agreement, doses: Any, assessments: Any, *, as_of: date, evidence: Result | None = None
) -> Settlement:
    """Say what comes back under `agreement`, from all that is known on `as_of`.

    Parameters
    ----------
    doses
        One row an administration: ``person_id``, ``administered_on`` (date), ``units`` (Decimal,
        integer or exact text; negative in a credit note) and, where known, ``record_id``, ``site_id``
        (hospital), ``version`` (landing) and what `rwe.reimbursement.given` names.
    assessments
        One row an assessment: ``person_id``, ``assessed_on`` (date), ``outcome`` (a word of
        `rwe.spec.agreement.OUTCOMES`) and, where known, ``record_id`` and ``version``.
    as_of
        Day of the data cut: later records are not known yet.
    evidence
        The cohort estimate on which an outcome guarantee rests.

    Raises
    ------
    DataError
        If a column is missing, units are not exact, an outcome is not a known word, or a credit note
        matches no earlier dose.
    DefinitionError
        If the evidence does not fit the term, the agreement is none, or `as_of` is no plain date.
    """
    _at_the_door(agreement, as_of)
    ledger, left_out, case = _opened(agreement, doses, assessments, as_of)
    gross = ledger.gross()
    books = _kept(case, ledger, {0: evidence})
    _check(ledger, books, gross)
    return _settlement(case, books, gross, left_out)


def settle_apart(
    agreement: Agreement,
    doses: pl.DataFrame,
    assessments: pl.DataFrame,
    *,
    as_of: date,
    apart: int,
    evidence: Mapping[int, Result | None],
) -> tuple[pl.DataFrame, Mapping[str, Mapping[int, Verdict]]]:
    """Settle many cohorts of one contract at once, each as `settle` would by itself.

    Parameters
    ----------
    agreement, doses, assessments, as_of
        As in `settle`; ids of persons are whole numbers.
    apart
        Persons from 0 to this number belong to cohort 0, those from there on to cohort 1, and so on.
    evidence
        By cohort, every cohort named.

    Returns
    -------
    lines, verdicts
        The lines of all; for each term that rests on a cohort estimate, the verdict on each cohort.
    """
    ledger, _, case = _opened(agreement, doses, assessments, as_of)
    gross = ledger.gross()
    books = _kept(replace(case, apart=apart), ledger, evidence)
    _check(ledger, books, gross)
    return pl.concat([posted.lines for posted in books.posted]), books.verdicts


def _kept(case: Case, ledger: Ledger, evidence: Mapping[int, Result | None]) -> _Books:
    """Apply the terms in their order."""
    books = _Books()
    for term in case.agreement.terms:
        asked = _asked(case, term, ledger, books, evidence)
        books.posted += on_cores(partial(_post, case, term), ledger.blocks, asked)
    return books


def _at_the_door(agreement: Any, as_of: Any) -> None:
    if not isinstance(agreement, Agreement):
        raise DefinitionError(f"agreement is {type(agreement).__name__}: read its file with load_agreement first")
    if isinstance(as_of, datetime) or not isinstance(as_of, date):
        raise DefinitionError(f"as_of is {type(as_of).__name__}: give a plain date, such as date(2026, 5, 1)")


def _opened(agreement: Agreement, doses: Any, assessments: Any, as_of: date) -> tuple[Ledger, pl.DataFrame, Case]:
    """Return the ledger before any term, the doses left out by reason, and what terms need to know."""
    doses, seen = given_doses(agreement, doses), given_assessments(assessments)
    same_ids(doses, seen)
    try:
        return _covered(agreement, doses, seen, as_of)
    except OddRecords:  # whose rows stand in another order by now: once more, each with its number
        return _covered(agreement, doses.with_row_index(ROW, 1), seen, as_of)


def _covered(
    agreement: Agreement, doses: pl.DataFrame, seen: pl.DataFrame, as_of: date
) -> tuple[Ledger, pl.DataFrame, Case]:
    units, unit = parts_of(doses["units"])
    doses = credited(doses.with_columns(units.alias("units")), as_of)
    if agreement.doses.fractions == "whole_units":
        doses = doses.with_columns(whole_units(doses["units"], unit).alias("units"))
    paid, left_out = covered(agreement, doses, as_of)
    ledger = ledger_of(agreement, paid, unit)
    return ledger, left_out, Case(agreement, ledger.scale, as_of, seen)


def _asked(
    case: Case, term: Any, ledger: Ledger, books: _Books, evidence: Mapping[int, Result | None]
) -> Iterable[Callable[[Block], Claim]]:
    """Return for each block how to work out what a term asks of it."""
    if term.type in DOSE:
        return repeat(partial(DOSE[term.type], case, term), len(ledger.blocks))
    if term.type in JUDGED:
        found, work = outcomes(case, term, ledger), JUDGED[term.type]
        return [partial(work, case, term, found=part) for part in ledger.parts(found)]
    if term.type == "patient_cap":
        return [partial(patient_cap, case, term, late=late) for late in beyond(case, term, ledger)]
    return _of_cohort(case, term, ledger, books, evidence)


def _of_cohort(
    case: Case, term: CohortTerm, ledger: Ledger, books: _Books, evidence: Mapping[int, Result | None]
) -> Iterator[Callable[[Block], Claim]]:
    verdicts: dict[int, Verdict] = {}
    if isinstance(term, OutcomeGuarantee):
        population = case.agreement.records.population if case.agreement.records else ""
        verdicts = {of: decide(term, one, population) for of, one in evidence.items()}
        books.verdicts[term.id] = verdicts
    claims, pools = cohort(case, term, ledger, verdicts)
    books.pools.append(pools)
    return (partial(_known, claim) for claim in claims)


def _known(claim: Claim, _block: Block) -> Claim:
    return claim


def _post(case: Case, term: Any, block: Block, ask: Callable[[Block], Claim]) -> _Posted:
    """Pay what a term asks of a block as far as money is left, and write its lines."""
    claim = ask(block)
    paid = Paid(*block.pay(claim.runs, claim.reach, claim.base, claim.owed, case.scale.quantum))
    claim.give_back(block, case.scale.quantum)
    return _Posted(
        lines_of(case, term, block, claim, paid),
        rejected_of(case, term, block, claim) if term.type in REJECTING else None,
        sites_of(case, term, block, claim, paid) if "site_id" in block.doses.columns else None,
    )


def _check(ledger: Ledger, books: _Books, gross: int) -> None:
    """Hold the invariants of every settlement: nothing negative, nothing beyond what was spent."""
    payable = sum(int(block.payable.sum()) for block in ledger.blocks)
    wrong = any((block.payable < 0).any() or (block.left < 0).any() for block in ledger.blocks)
    amounts = [posted.lines["amount"] for posted in books.posted]
    negative = any((amount < 0).any() for amount in amounts)
    back = sum(int(amount.to_physical().sum()) for amount in amounts)
    if wrong or negative or back != gross - payable:
        raise RweError("a settlement would pay back more than was spent; this is a fault of the engine")


def _settlement(case: Case, books: _Books, gross: int, left_out: pl.DataFrame) -> Settlement:
    quantum, (lines, rejected, sites) = case.agreement.rounding.quantum, zip(*books.posted, strict=True)
    return Settlement(
        agreement=case.agreement,
        as_of=case.as_of,
        lines=pl.concat(lines),
        gross=gross * quantum,
        excluded=left_out,
        verdicts={name: found[0] for name, found in books.verdicts.items()},
        rejected=rejections(lines[0].schema, rejected),
        pools=pools_of(case, books.pools),
        sites=summed_sites(sites, quantum),
    )
