# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms that ask only which dose it is: discount, first cycles, caps of units, time and patients, price by outcome."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from rwe.reimbursement.atoms import fits, integers, largest, least, one, portion, where
from rwe.reimbursement.claim import Case, Claim, on_doses
from rwe.reimbursement.ledger import Block, Ledger
from rwe.reimbursement.schemes import observed_price
from rwe.reimbursement.segments import Segments
from rwe.spec.agreement_cohort import OutcomePrice, PatientCap
from rwe.spec.agreement_patient import CostSharing, Discount, DoseCap, TimeCap

ALL = Fraction(1)


def discount(case: Case, term: Discount, block: Block) -> Claim:
    """Ask a share of everything that is left."""
    return on_doses(case, block, block.left, Fraction(term.rate), term.type)


def cost_sharing(case: Case, term: CostSharing, block: Block) -> Claim:
    """Ask a share of the doses of the first cycles, counted from the first dose of the course."""
    early = block.days < term.cycles * term.cycle_days
    return on_doses(case, block, where(early, block.left), Fraction(term.share), term.type)


def time_cap(case: Case, term: TimeCap, block: Block) -> Claim:
    """Ask back doses given so many days or more after the first one of the course."""
    return on_doses(case, block, where(block.days >= term.days, block.left), ALL, term.type)


def dose_cap(case: Case, term: DoseCap, block: Block) -> Claim:
    """Ask back the units above the cap, in the order of the doses; the dose that crosses it is split.

    Counted are the units given within `window_days` of the first dose of the course, or of the
    patient's first course where the cap is `per: patient`. Units that an earlier term paid back of a dose
    in part are its last ones.
    """
    runs = block.by_person if term.per == "patient" else block.by_course
    units = _in_window(term, block, runs)
    cap = int(Fraction(term.units) * case.scale.unit)
    given, sold = integers(block.doses["units"]), integers(block.sold)
    back = least(runs.running(units) - one(cap) + sold - given, units + sold - given)
    return on_doses(case, block, portion(block.left, back, sold), ALL, term.type, back)


def _in_window(term: DoseCap, block: Block, runs: Segments) -> pl.Series:
    units = integers(block.doses["units"])
    if term.window_days is None:
        return units
    first = block.courses["first_dose"].cast(pl.Int32)[block.course[runs.first]][runs.of]
    return where(block.doses["day"].cast(pl.Int32) - first < term.window_days, units)


def outcome_price(case: Case, term: OutcomePrice, block: Block) -> Claim:
    """Ask back what the units left cost above what the outcome is worth, where it is further than tolerated.

    The price paid is what earlier terms left of a dose, over the units they left of it.
    """
    worth, kept = case.scale.price(observed_price(term)), Fraction(term.tolerance)
    fits(max(largest(block.left) * kept.denominator, largest(block.sold) * worth), "prices by outcome")
    left, sold = integers(block.left), integers(block.sold)
    above = left - sold * one(worth)
    apart = above * one(kept.denominator) > left * one(kept.numerator)
    asked = where(apart & (sold > 0) & (above > 0), above)
    return on_doses(case, block, asked, ALL, term.type, one(0).new_from_index(0, asked.len()))


def beyond(case: Case, term: PatientCap, ledger: Ledger) -> list[pl.Series]:
    """Return for each block which of its courses are of patients beyond the number; first dose first, then the id."""
    people = ledger.courses.group_by("person_id").agg(pl.col("first_dose").min()).sort("first_dose", "person_id")
    rank = people.select(case.cohort_of(people["person_id"]).alias("of")).select(x=pl.int_range(pl.len()).over("of"))[
        "x"
    ]
    late = people["person_id"].filter(rank >= term.patients)
    return [block.courses["person_id"].is_in(late.implode()) for block in ledger.blocks]


def patient_cap(case: Case, term: PatientCap, block: Block, late: pl.Series) -> Claim:
    """Ask back all doses of patients beyond the number."""
    return on_doses(case, block, where(late[block.course], block.left), ALL, term.type)
