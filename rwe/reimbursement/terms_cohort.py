# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms that rest on all patients together: what comes back in all, and how it is shared out to their courses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import partial
from itertools import accumulate

import numpy as np
import polars as pl

from rwe.reimbursement.atoms import largest, one
from rwe.reimbursement.claim import Case, Claim, Said
from rwe.reimbursement.guarantee import Verdict
from rwe.reimbursement.ledger import Block, Ledger, on_cores, period_number
from rwe.reimbursement.lines import POOLS
from rwe.reimbursement.schemes import clawed_back, tiered
from rwe.reimbursement.segments import ROW, Segments, hamilton
from rwe.spec.agreement import Agreement, OutcomeGuarantee
from rwe.spec.agreement_cohort import Clawback, ExpenditureCap, PriceVolume

CohortTerm = ExpenditureCap | PriceVolume | Clawback | OutcomeGuarantee


WHOLE = 0  # the pool of a term that looks at the whole contract


def cohort(
    case: Case, term: CohortTerm, ledger: Ledger, verdicts: Mapping[int, Verdict]
) -> tuple[list[Claim], pl.DataFrame]:
    """Return the claim of a cohort term on each block, and what each pool comes to.

    A pool is what is settled together: all doses of the contract, or those of a calendar year, of one cohort
    (`Case.apart`); verdicts are by cohort. Its payback is rounded once and shared out to the courses in proportion
    to what is left of them, to the quantum (Hamilton's method), so that the lines of all hospitals sum to it.

    Returns
    -------
    claims, pools
        `pools` has ``term``, ``pool`` (a year, or ``contract``), ``balance`` (atoms), ``units`` (parts, left by
        earlier terms), ``stated`` (quanta: the spend that the file says instead) and ``payback`` (quanta).
    """
    runs = on_cores(partial(_runs, term), ledger.blocks)
    first = accumulate((block.courses.height for block in ledger.blocks[:-1]), initial=0)
    lines = pl.concat(on_cores(partial(_balances, case, term), first, ledger.blocks, runs))
    shared, pools = _shared(case, term, lines, verdicts)
    found, at = [], 0
    for block, run in zip(ledger.blocks, runs, strict=True):
        said = _said(case, term, lines.slice(at, len(run)), verdicts)
        owed, base = shared.slice(at, len(run)), lines["balance"].slice(at, len(run))
        kept = None if isinstance(term, OutcomeGuarantee) else owed > 0
        found.append(Claim(run, block.left, base, owed, said, kept))
        at += len(run)
    return found, pools


def _yearly(term: CohortTerm) -> bool:
    return isinstance(term, ExpenditureCap | PriceVolume) and term.per == "year"


def _runs(term: CohortTerm, block: Block) -> Segments:
    return block.by("year") if _yearly(term) else block.by_course


def _balances(case: Case, term: CohortTerm, first: int, block: Block, runs: Segments) -> pl.DataFrame:
    """Return for each line its cohort, pool and course (`first` is that of the block), what is left, units, room."""
    course = block.course[runs.last]
    pool = period_number(block.doses["day"], "year")[runs.last] + 1970 if _yearly(term) else None
    return pl.DataFrame(
        {
            "of": case.cohort_of(block.courses["person_id"][course]).cast(pl.Int64),
            "pool": pl.Series([WHOLE], dtype=pl.Int32).new_from_index(0, len(runs)) if pool is None else pool,
            "course": course + first,
            "balance": runs.sum(block.left),
            "units": runs.sum(block.sold),
            "room": block.payable[course],
        }
    )


def _shared(
    case: Case, term: CohortTerm, lines: pl.DataFrame, verdicts: Mapping[int, Verdict]
) -> tuple[pl.Series, pl.DataFrame]:
    """Share each pool out to its lines, the pools in their order: none takes what an earlier one took of a course."""
    rows, course = [], lines["course"]
    shared, taken = (one(0).new_from_index(0, n) for n in (lines.height, 1 + largest(course)))
    for of, pool, at in _pools(lines):
        mine, theirs = lines[at], course[at]  # a course has one line in each pool
        room = mine["room"] - taken[theirs]
        balance, units = int(mine["balance"].sum()), int(mine["units"].sum())
        balanced, counted = Fraction(balance, case.scale.money), Fraction(units, case.scale.unit)
        asked = payback_of(case.agreement, term, balanced, counted, verdicts.get(of))
        payback = min(case.scale.quanta(asked * case.scale.money), int(room.sum()))
        amount = hamilton(payback, mine["balance"], room)
        shared.scatter(at, amount)
        taken.scatter(theirs, taken[theirs] + amount)
        rows.append((term.id, str(pool) if pool else "contract", balance, units, _stated(case, term), payback))
    return shared, pl.DataFrame(rows, schema=POOLS, orient="row")


def _pools(lines: pl.DataFrame) -> Iterator[tuple[int, int, pl.Series]]:
    """Yield cohort and pool, in their order, with the rows of their lines."""
    of, pool = lines["of"].to_numpy(), lines["pool"].to_numpy()
    order = np.lexsort((pool, of))  # keeps the order of rows of one pool
    of, pool = of[order], pool[order]
    begins = np.flatnonzero(np.append(True, (of[1:] != of[:-1]) | (pool[1:] != pool[:-1]))[: order.size])
    for at in np.split(order.astype(ROW), begins[1:]) if order.size else ():
        yield int(lines["of"][int(at[0])]), int(lines["pool"][int(at[0])]), pl.Series(at)


def payback_of(
    agreement: Agreement, term: CohortTerm, balance: Fraction, units: Fraction, verdict: Verdict | None
) -> Fraction:
    """Return what comes back of a pool, in currency."""
    if isinstance(term, ExpenditureCap):
        return Fraction(term.share) * max(Fraction(0), balance - Fraction(term.amount))
    if isinstance(term, PriceVolume):
        return max(Fraction(0), balance - tiered(term, units))
    if isinstance(term, Clawback):
        return clawed_back(term, agreement.contract.product, balance)
    return balance * verdict.rate if verdict else Fraction(0)


def _stated(case: Case, term: CohortTerm) -> int | None:
    """Return what the file says was spent on the contract's own product, where it does."""
    of = (
        [p.spend for p in term.products if p.id == case.agreement.contract.product]
        if isinstance(term, Clawback)
        else []
    )
    return case.scale.quanta(Fraction(of[0]) * case.scale.money) if of and of[0] is not None else None


def _said(case: Case, term: CohortTerm, lines: pl.DataFrame, verdicts: Mapping[int, Verdict]) -> Said:
    pool = lines["pool"]
    years = pool.unique().sort()
    ends = [case.as_of if year == WHOLE else min(date(year, 12, 31), case.as_of) for year in years]
    decided_on = pl.Series(ends, dtype=pl.Date)[pl.Series(np.searchsorted(years, pool).astype(np.uint32))]
    rule, reason = (_by_cohort(case, term, lines, verdicts, name) for name in ("verdict", "reason"))
    return Said("all", rule, reason, decided_on)


def _by_cohort(
    case: Case, term: CohortTerm, lines: pl.DataFrame, verdicts: Mapping[int, Verdict], name: str
) -> pl.Series | str:
    """Return what the verdict on each line's cohort says; the term's type where there is none."""
    said = {of: str(getattr(one, name)) for of, one in verdicts.items()}
    if not case.apart:
        return said.get(0, term.type)
    return lines["of"].replace_strict(said, default=term.type, return_dtype=pl.String)
