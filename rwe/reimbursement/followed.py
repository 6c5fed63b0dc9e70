# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Courses on the clock of their term: those still open, and what became of all, to estimate a curve from."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError, DefinitionError
from rwe.reimbursement.settlement import Settlement
from rwe.spec.agreement import PaymentByResult, RiskSharing

COURSE = ("person_id", "course")
Reserved = PaymentByResult | RiskSharing
NOTHING, FAILED, ENDED = 0, 1, 2


def patient_terms(settlement: Settlement, term: str | None = None) -> list[Reserved]:
    """Return the terms that judge each patient, or the one that is named.

    Raises
    ------
    DefinitionError
        If there is none.
    """
    found = [one for one in settlement.agreement.terms if isinstance(one, Reserved)]
    found = [one for one in found if term in (None, one.id)]
    if not found:
        named = f"term '{term}'" if term else "a term"
        raise DefinitionError(f"the agreement has no {named} that pays back by patient: nothing is open under it")
    return found


def last_day(term: Reserved) -> int:
    """Return the last day after the first dose on which a failure still counts."""
    return term.assess_day + term.window[1]


def open_courses(settlement: Settlement, term: Reserved, as_of: date) -> pl.DataFrame:
    """Return the courses that a term has not judged yet.

    Returns
    -------
    DataFrame
        ``person_id``, ``course``, ``base`` (money the term could pay back), ``since`` and ``until`` (days after the
        first dose: known free of failure, and the last on which one counts), ``by_rule`` (the window has closed
        without an answer, and a rule makes it a failure on a day to come), ``due`` (day of the assessment).
    """
    waited = pl.when(pl.col("rule") == "window").then(0).otherwise(_waiting(term))
    first = pl.col("decided_on") - pl.duration(days=waited + last_day(term))
    mine = settlement.lines.filter(pl.col("term") == term.id, pl.col("outcome") == "open")
    return mine.select(
        *COURSE,
        "base",
        since=(pl.lit(as_of) - first).dt.total_days().clip(0, last_day(term)),
        until=pl.lit(last_day(term), pl.Int64),
        by_rule=pl.col("rule") != "window",
        due=first + pl.duration(days=term.assess_day),
    )


def _waiting(term: Reserved) -> pl.Expr:
    """Return the days that a rule for missing assessments still waits after the window."""
    way = pl.col("rule").str.strip_prefix("missing.")
    waits = {w: int(rule.partition("_after_days_")[2] or 0) for w, rule in term.missing.items()}
    return way.replace_strict(waits, default=0, return_dtype=pl.Int64)


def courses(settlement: Settlement, doses: Any, *, term: str | None = None) -> pl.DataFrame:
    """Return what became of each course under a term, to estimate the curve of failure from.

    Time runs from the first dose to the day on which the failure could be known: its own, or the window's end where
    a rule for missing assessments makes the failure, also where that rule still waits.

    Parameters
    ----------
    settlement
        Of these doses.
    doses
        ``person_id``, ``administered_on`` and ``record_id``, by which lines name their doses.
    term
        Id of the term; may be left out where only one judges patients.

    Returns
    -------
    DataFrame
        ``person_id``, ``course``, ``days``, ``failed`` (0 or 1), ``cause`` (0 still open, 1 failed, 2 ended
        otherwise).

    Raises
    ------
    DefinitionError
        If no term judges patients, or several do and none is named.
    DataError
        If lines name doses that are not given.

    Examples
    --------
    >>> from rwe import reimbursement as rb
    >>> from rwe import survival as sv
    >>> def curve(settlement, doses):
    ...     return sv.kaplan_meier(rb.courses(settlement, doses), time="days", event="failed")
    """
    found = patient_terms(settlement, term)
    if len(found) > 1:
        raise DefinitionError(f"several terms judge patients: name one of {', '.join(one.id for one in found)}")
    one, last = found[0], last_day(found[0])
    closes = pl.col("first") + pl.duration(days=last)
    is_open = (pl.col("outcome") == "open") & (pl.col("rule") == "window")
    # whom a rule will make a failure on a day to come has failed: left out, the unassessed would look free of it
    failed = pl.col("outcome").is_in(["failure", "open"]) & ~is_open
    known = pl.when(pl.col("rule") == "failure").then("decided_on").otherwise(closes)
    ended = pl.min_horizontal(pl.when(is_open).then(pl.lit(settlement.as_of)).otherwise(known), closes)
    mine = settlement.lines.filter(pl.col("term") == one.id).join(first_doses(settlement, doses), on=COURSE)
    return mine.select(
        *COURSE,
        days=(ended - pl.col("first")).dt.total_days(),
        failed=failed.cast(pl.Int64),
        cause=pl.when(is_open).then(NOTHING).when(failed).then(FAILED).otherwise(ENDED).cast(pl.Int64),
    ).sort(COURSE)


def first_doses(settlement: Settlement, doses: Any) -> pl.DataFrame:
    """Return the day of the first dose of each course, by the records that its lines name."""
    given = people(doses)
    require(given, ["person_id", "administered_on", "record_id"])
    named = settlement.lines.select(*COURSE, pl.col("doses").alias("record_id"))
    named = named.explode("record_id", empty_as_null=True).unique()
    dated = named.join(given.select("record_id", "administered_on"), on="record_id", how="left")
    if lost := dated["administered_on"].null_count():
        raise DataError(f"doses: {lost} of the settlement are not among those given; give the same, with 'record_id'")
    return dated.group_by(COURSE).agg(pl.col("administered_on").min().alias("first"))
