# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From doses to courses of treatment: what is paid for under the contract, and what is not and why."""

from __future__ import annotations

from datetime import date

import polars as pl

from rwe.reimbursement.segments import Segments
from rwe.spec.agreement import Agreement
from rwe.spec.agreement_checks import last_paid_day

REASONS = ("after_as_of", "before_contract", "after_contract", "not_a_new_patient")
RARE = ("credited",)  # stands in the count only where it occurs


def courses_of(agreement: Agreement, doses: pl.DataFrame, as_of: date) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the doses paid for, their courses, and the doses excluded by reason.

    Parameters
    ----------
    doses
        In the order of `rwe.reimbursement.administered.in_order`, with ``credited``.

    Returns
    -------
    doses, courses, excluded
        `doses` has ``course``, the row of its course in `courses`, which has ``person_id``, ``course``
        (1, 2, ... of the patient) and ``first_dose``; `excluded` has ``reason``, ``doses``, ``patients``.
    """
    reason = doses.select(reason=_reason(agreement, as_of))["reason"]
    earlier = _earlier(doses, reason)
    inside = doses.filter(reason == "")
    outside = [doses.select("person_id").with_columns(reason).filter(pl.col("reason") != "")]
    runs, courses = _runs(agreement, inside)
    courses = courses.with_columns(_not_covered(agreement, courses, earlier).alias("reason"))
    covered = (courses["reason"] == "").gather(runs.of)
    outside.append(inside.select("person_id", reason=courses["reason"].gather(runs.of)).filter(~covered))
    number = (courses["reason"] == "").cum_sum() - 1
    paid = inside.with_columns(course=number.gather(runs.of).cast(pl.UInt32)).filter(covered)
    return paid, courses.filter(pl.col("reason") == "").drop("reason"), _excluded(pl.concat(outside))


def _reason(agreement: Agreement, as_of: date) -> pl.Expr:
    contract, day = agreement.contract, pl.col("administered_on")
    return (
        pl.when(day > as_of)
        .then(pl.lit("after_as_of"))
        .when(day < contract.start)
        .then(pl.lit("before_contract"))
        .when(day > last_paid_day(contract))
        .then(pl.lit("after_contract"))
        .when("credited")
        .then(pl.lit("credited"))
        .otherwise(pl.lit(""))
    )


def _earlier(doses: pl.DataFrame, reason: pl.Series) -> pl.DataFrame:
    """Return the last day before the contract of each patient who had the product then."""
    before = doses.filter((reason == "before_contract") & ~doses["credited"])
    return before.group_by("person_id").agg(earlier=pl.col("administered_on").max())


def _runs(agreement: Agreement, inside: pl.DataFrame) -> tuple[Segments, pl.DataFrame]:
    """Return the courses as runs of the doses: one a patient, and a new one after the contract's gap."""
    gap = agreement.index.rechallenge_gap_days
    person, day = pl.col("person_id"), pl.col("administered_on")
    new = (person != person.shift(1)).fill_null(value=True)
    again = (day - day.shift(1)).dt.total_days() >= gap if gap else pl.lit(value=False)
    marks = inside.select(new=new, begins=new | again.fill_null(value=False))
    runs = Segments.where(marks["begins"])
    starts = inside.select("person_id", first_dose="administered_on")[runs.first]
    of_person = Segments.where(marks["new"].gather(runs.first))
    course = of_person.running(pl.repeat(1, len(runs), dtype=pl.Int64, eager=True)).cast(pl.Int64)
    return runs, starts.select("person_id", course.alias("course"), "first_dose")


def _not_covered(agreement: Agreement, courses: pl.DataFrame, earlier: pl.DataFrame) -> pl.Series:
    """Say why a course is not paid for: begun in the run-off, or by a patient who is not new."""
    index = agreement.index
    known = courses.join(earlier, on="person_id", how="left", maintain_order="left")
    since = (pl.col("first_dose") - pl.col("earlier")).dt.total_days()
    old = pl.col("earlier").is_not_null() if index.washout_days is None else since <= index.washout_days
    run_off = pl.when(pl.col("first_dose") > agreement.contract.end).then(pl.lit("after_contract"))
    why = run_off.when(old.fill_null(value=False) & index.first_dose_in_window).then(pl.lit("not_a_new_patient"))
    return known.select(reason=why.otherwise(pl.lit("")))["reason"]


def _excluded(outside: pl.DataFrame) -> pl.DataFrame:
    counts = outside.group_by("reason").agg(
        pl.len().cast(pl.Int64).alias("doses"), pl.col("person_id").n_unique().cast(pl.Int64).alias("patients")
    )
    reasons = [*REASONS, *(word for word in RARE if word in counts["reason"])]
    listed = pl.DataFrame({"reason": reasons}, schema={"reason": pl.String})
    return listed.join(counts, on="reason", how="left", maintain_order="left").fill_null(0)
