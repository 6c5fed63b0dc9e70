# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a contract's own patients tell of those still open: reserve and forecast from the curve of their failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.errors import DefinitionError
from rwe.reimbursement.followed import courses, reserved_terms
from rwe.reimbursement.forecast import forecast
from rwe.reimbursement.foreseen import Forecast
from rwe.reimbursement.reserve import reserve
from rwe.reimbursement.reserved import Reserve
from rwe.reimbursement.settlement import Settlement
from rwe.spec.design import Dosing
from rwe.survival.parametric import FamilyName

PATIENTS = 4_000_000  # settled in all simulations of a forecast, unless asked otherwise


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to be decided, and when it may come back."""

    reserve: Reserve
    forecast: Forecast


def has_open(settlement: Settlement) -> bool:
    """Tell whether a patient is open under a term that is reserved for."""
    mine = [term.id for term in reserved_terms(settlement.agreement)]
    return not settlement.lines.filter(pl.col("term").is_in(mine), pl.col("outcome") == "open").is_empty()


def own_curves(settlement: Settlement, doses: Any, family: FamilyName | None = None) -> dict[str, Any]:
    """Return the curve of failure under each term, from its own courses.

    Parameters
    ----------
    settlement, doses
        As in `courses`.
    family
        A family of `rwe.survival.parametric` where the courses are not followed long enough; else Kaplan-Meier.
    """
    found: dict[str, Any] = {}
    for term in reserved_terms(settlement.agreement):
        rows = courses(settlement, doses, term=term.id)
        how: dict[str, Any] = {"time": "days", "event": "failed"}
        # a course of its first day has told nothing yet
        found[term.id] = (
            sv.parametric(rows.filter(pl.col("days") > 0), family=family, **how)
            if family
            else sv.kaplan_meier(rows, **how)
        )
    return found


def look_ahead(
    settlement: Settlement,
    doses: Any,
    assessments: Any,
    *,
    family: FamilyName | None = None,
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
    settlement, doses, assessments
        As in `settle`; doses need ``record_id``.
    family
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
    curves = own_curves(settlement, doses, family)
    if not curves:
        raise DefinitionError("the agreement has no term that pays back by patient: nothing of it can be foreseen")
    kept = reserve(settlement, curves, conf_level=conf_level, seed=seed)
    many = max(20, min(100, PATIENTS // max(kept.table.height, 1)))
    foreseen = forecast(
        settlement.agreement,
        doses,
        assessments,
        curves,
        as_of=settlement.as_of,
        periods=periods,
        dosing=dosing,
        new_patients=new_patients,
        conf_level=conf_level,
        simulations=simulations or many,
        seed=seed,
    )
    return Ahead(kept, foreseen)
