# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a contract's own patients tell of those still open: reserve and forecast from the curve of their failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare.people import people as read_people
from rwe.errors import DefinitionError
from rwe.reimbursement.followed import COURSE, courses, curved_terms
from rwe.reimbursement.forecast import forecast
from rwe.reimbursement.foreseen import Forecast
from rwe.reimbursement.reserve import reserve
from rwe.reimbursement.reserved import Reserve
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.ways import Way, asked, failed, failures, histories
from rwe.result import Result
from rwe.spec.agreement import OutcomeGuarantee
from rwe.spec.agreement_patient import Instalments
from rwe.spec.design import Dosing
from rwe.survival.parametric import FamilyName

PATIENTS = 4_000_000  # settled in all simulations of a forecast, unless asked otherwise


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to be decided, and when it may come back."""

    reserve: Reserve
    forecast: Forecast


def has_open(settlement: Settlement) -> bool:
    """Tell whether a patient is open under a term."""
    return not settlement.lines.filter(outcome="open").is_empty()


def own_curves(
    settlement: Settlement,
    doses: Any,
    assessments: Any = None,
    *,
    family: FamilyName | None = None,
    people: Any = None,
    covariates: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the curve of failure under each term, from its own courses.

    Parameters
    ----------
    settlement, doses
        As in `courses`.
    assessments
        As in `settle`; without them terms on parts of a price and guarantees, which look at all failures known, get
        no curve.
    family
        A family of `rwe.survival.parametric` where the courses are not followed long enough; else Kaplan-Meier.
    people, covariates
        ``person_id`` and columns of it by which a Cox model tells patients apart.

    Raises
    ------
    DefinitionError
        If covariates are asked for with a family, or without people.
    """
    if covariates and (family or people is None):
        raise DefinitionError("covariates need people, and go with a Cox model: leave out the family")
    rows = {term.id: courses(settlement, doses, term=term.id) for term in curved_terms(settlement.agreement)}
    rows |= {} if assessments is None else _known(settlement, doses, read_people(assessments), people)
    of = None if people is None else read_people(people).select("person_id", *covariates)
    return {name: _curve(part, family, of, covariates) for name, part in rows.items()}


def _known(settlement: Settlement, doses: Any, seen: pl.DataFrame, people: Any) -> dict[str, pl.DataFrame]:
    """Return the time of each course to the first failure known, or to the day of the settlement, by term."""
    terms = asked(settlement.agreement)
    others = {term.id: failures(term, terms) for term in terms if isinstance(term, Instalments | OutcomeGuarantee)}
    days = pl.coalesce("lost", (pl.lit(settlement.as_of) - pl.col("first")).dt.total_days())
    found, told = {}, None if people is None else read_people(people)
    for name, words in others.items():
        way = Way("failure", None, (name,), words)
        rows = histories(settlement, read_people(doses), seen, [way], told)
        known = pl.col(failed(way))
        found[name] = rows.select(*COURSE, days=pl.coalesce(known, days), failed=known.is_not_null().cast(pl.Int64))
    return found


def _curve(
    rows: pl.DataFrame, family: FamilyName | None, people: pl.DataFrame | None, covariates: Sequence[str]
) -> Any:
    how: dict[str, Any] = {"time": "days", "event": "failed"}
    begun = rows.filter(pl.col("days") > 0)  # a course of its first day has told nothing yet
    if people is not None and covariates:
        return sv.cox(begun.join(people, on="person_id", how="left"), covariates=[*covariates], **how)
    return sv.parametric(begun, family=family, **how) if family else sv.kaplan_meier(rows, **how)


def look_ahead(
    settlement: Settlement,
    doses: Any,
    assessments: Any,
    *,
    evidence: Result | None = None,
    family: FamilyName | None = None,
    people: Any = None,
    covariates: Sequence[str] = (),
    periods: int = 4,
    dosing: Dosing | None = None,
    new_patients: float = 0.0,
    conf_level: float = 0.90,
    simulations: int | None = None,
    seed: int = 1,
) -> Ahead:
    """Reserve and forecast from the contract's own courses.

    Parameters
    ----------
    settlement, doses, assessments, evidence
        As in `settle`; doses need ``record_id``.
    family, people, covariates
        As in `own_curves`.
    periods, dosing, new_patients
        As in `forecast`.
    simulations
        Of the forecast; by default 100, and fewer, down to 20, where very many are open.
    conf_level, seed
        Of both intervals.

    Raises
    ------
    DefinitionError
        If no term judges patients.
    NoValidAnswer
        If nobody was followed long enough for the curve, or nobody may still fail.
    """
    curves = own_curves(settlement, doses, assessments, family=family, people=people, covariates=covariates)
    if not curves:
        raise DefinitionError("the agreement has no term that pays back by patient: nothing of it can be foreseen")
    kept = reserve(
        settlement, curves, people=people, doses=doses, assessments=assessments, evidence=evidence,
        conf_level=conf_level, seed=seed,
    )  # fmt: skip
    many = max(20, min(100, PATIENTS // max(kept.table.height, 1)))
    foreseen = forecast(
        settlement.agreement,
        doses,
        assessments,
        curves,
        as_of=settlement.as_of,
        people=people,
        evidence=evidence,
        periods=periods,
        dosing=dosing,
        new_patients=new_patients,
        conf_level=conf_level,
        simulations=simulations or many,
        seed=seed,
    )
    return Ahead(kept, foreseen)
