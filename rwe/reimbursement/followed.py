# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Courses on the clock of their term: those still open, and what became of all, to estimate a curve from."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError, DefinitionError
from rwe.reimbursement.money import half_up, net_price
from rwe.reimbursement.settlement import Settlement
from rwe.spec.agreement import Agreement, JudgedTerm, PaymentByResult, RiskSharing
from rwe.spec.agreement_patient import DeathRebate

COURSE = ("person_id", "course")
Reserved = PaymentByResult | RiskSharing
NOTHING, FAILED, ENDED = 0, 1, 2


def reserved_terms(agreement: Agreement) -> list[Reserved]:
    """Return the terms that pay back for a patient who fails; a rebate on death asks for deaths up to its horizon."""
    return [found for term in agreement.terms if (found := _reserved(term)) is not None]


def _reserved(term: Any) -> Reserved | None:
    if isinstance(term, Reserved):
        return term
    if not isinstance(term, DeathRebate):
        return None
    return PaymentByResult(
        id=term.id,
        type="payment_by_result",
        share=term.rate,
        assess_day=term.horizon_days,
        window=(0, 0),
        failure=term.deaths,
        cost_scope="all",
    )


def curved_terms(agreement: Agreement) -> list[JudgedTerm]:
    """Return the terms of which each course gives a time to failure, with a rebate on death as `reserved_terms`."""
    either = (_reserved(term) or (term if isinstance(term, JudgedTerm) else None) for term in agreement.terms)
    return [term for term in either if term is not None]


def patient_terms(settlement: Settlement, term: str | None = None) -> list[Reserved]:
    """Return the terms that pay back for a patient who fails, or the one that is named.

    Raises
    ------
    DefinitionError
        If there is none.
    """
    found = [one for one in reserved_terms(settlement.agreement) if term in (None, one.id)]
    if not found:
        named = f"term '{term}'" if term else "a term"
        raise DefinitionError(f"the agreement has no {named} that pays back by patient: nothing is open under it")
    return found


def last_day(term: JudgedTerm) -> int:
    """Return the last day after the first dose on which a failure still counts, late ones by a rule that waits."""
    return term.assess_day + term.window[1] + _late(term)


def _late(term: JudgedTerm) -> int:
    """Return the days after the window in which a late assessment still counts by a rule that waits for it."""
    how, _, days = term.missing.get("assessed_late", "").partition("_within_days_")
    return int(days or 0) if how == "as_assessed" else 0


def _certain(term: JudgedTerm) -> pl.Expr:
    """Tell which open courses fail unless something unlooked-for happens.

    A rule makes them failures on a day to come, or they have failed and only a response that returns would undo it.
    """
    waiting = pl.col("rule").is_in(["window", "missing.assessed_late"] if _late(term) else ["window"])
    return ~waiting | (pl.col("reason") == "response_may_return")


def open_courses(settlement: Settlement, term: Reserved, as_of: date) -> pl.DataFrame:
    """Return the courses that a term has not judged yet.

    Returns
    -------
    DataFrame
        ``person_id``, ``course``, ``base`` (money of which the term pays back a share), ``fixed`` (what earlier terms
        bring back does not lower it), ``left`` (all that is left of the course for the term), ``since`` and ``until``
        (days after the first dose: known free of failure, and the last on which one counts), ``by_rule`` (a failure
        unless something unlooked-for happens: a rule waits for no more, or only a response that returns would undo
        it), ``due`` (day of the assessment).
    """
    last = last_day(term)
    first = pl.col("decided_on") - pl.duration(days=_waited(term) + term.assess_day + term.window[1])
    mine = settlement.lines.filter(pl.col("term") == term.id, pl.col("outcome") == "open")
    return mine.select(
        *COURSE,
        *_base(settlement, mine.select(first.alias("first"))["first"], term.id),
        since=(pl.lit(as_of) - first).dt.total_days().clip(0, last),
        until=pl.lit(last, pl.Int64),
        by_rule=_certain(term),
        due=first + pl.duration(days=term.assess_day),
    )


def _base(settlement: Settlement, first: pl.Series, name: str) -> list[pl.Expr]:
    """Return of what a term pays back a share: of what is left, or of the price of one unit as far as that is left."""
    agreement, kind = settlement.agreement, settlement.lines.schema["base"]
    of_price = any(isinstance(t, DeathRebate) and t.id == name and t.base == "price" for t in agreement.terms)
    more = [pl.lit(of_price).alias("fixed"), pl.col("base").alias("left")]
    if not of_price:
        return [pl.col("base"), *more]
    quantum = agreement.rounding.quantum
    price = {day: half_up(net_price(agreement, day), quantum) for day in first.unique()}
    return [pl.lit(pl.Series("base", [price[day] for day in first], dtype=kind)), *more]


def _waited(term: Reserved) -> pl.Expr:
    """Return the days that the rule of an open course still waits after the window."""
    rules = {name: re.search(r"_(?:after|within)_days_(\d+)$", rule) for name, rule in term.missing.items()}
    waits = {f"missing.{name}": int(found[1]) if found else 0 for name, found in rules.items()}
    return pl.col("rule").replace_strict(waits, default=0, return_dtype=pl.Int64)


def courses(settlement: Settlement, doses: Any, *, term: str | None = None) -> pl.DataFrame:
    """Return what became of each course under a term, to estimate the curve of failure from.

    Time runs from the first dose to the day on which the failure could be known: its own, or the window's end where
    a rule for missing assessments makes the failure, also where that rule still waits. Where a result is what is paid
    for (success fee, continuation), who cannot be judged has none: a failure on the day of the assessment.

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
    found = [one for one in curved_terms(settlement.agreement) if term in (None, one.id)]
    if not found:
        patient_terms(settlement, term)
    if len(found) > 1:
        raise DefinitionError(f"several terms judge patients: name one of {', '.join(one.id for one in found)}")
    one = found[0]
    closes = pl.col("first") + pl.duration(days=one.assess_day + one.window[1])
    is_open = (pl.col("outcome") == "open") & ~_certain(one)
    # whom a rule will make a failure on a day to come has failed: left out, the unassessed would look free of it
    failing = ["failure", "open"] if isinstance(one, Reserved) else ["failure", "open", "not_evaluable"]
    failed = pl.col("outcome").is_in(failing) & ~is_open
    dated = (pl.col("outcome") == "failure") & pl.col("rule").is_in(["failure", "missing.assessed_late"])
    unseen = (pl.col("outcome") == "not_evaluable") & failed
    judged = (
        pl.when(dated)
        .then("decided_on")
        .when(unseen)
        .then(pl.col("first") + pl.duration(days=one.assess_day))
        .otherwise(pl.when(failed).then(closes).otherwise(_followed(one)))
    )
    ended = pl.when(is_open).then(pl.min_horizontal(pl.lit(settlement.as_of), _followed(one))).otherwise(judged)
    mine = settlement.lines.filter(pl.col("term") == one.id).join(first_doses(settlement, doses), on=COURSE)
    return mine.select(
        *COURSE,
        days=(ended - pl.col("first")).dt.total_days(),
        failed=failed.cast(pl.Int64),
        cause=pl.when(is_open).then(NOTHING).when(failed).then(FAILED).otherwise(ENDED).cast(pl.Int64),
    ).sort(COURSE)


def _followed(term: JudgedTerm) -> pl.Expr:
    """Return the last day on which a failure of a course still counts."""
    return pl.col("first") + pl.duration(days=last_day(term))


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
