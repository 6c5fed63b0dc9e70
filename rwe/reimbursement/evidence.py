# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a played cohort shows: the survival on which its outcome guarantees are decided."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rwe import survival as sv
from rwe.errors import DefinitionError
from rwe.result import Result
from rwe.spec.agreement import Agreement, OutcomeGuarantee


def guarantees(agreement: Agreement) -> list[OutcomeGuarantee]:
    """Return the terms that rest on a cohort estimate.

    Raises
    ------
    DefinitionError
        If they ask for several levels of confidence: one estimate has one.
    """
    found = [term for term in agreement.terms if isinstance(term, OutcomeGuarantee)]
    if len({term.conf_level for term in found}) > 1:
        raise DefinitionError("guarantees of one contract with several confidence levels are not played")
    return found


def shown(terms: Sequence[OutcomeGuarantee], rows: pl.DataFrame) -> Result | None:
    """Return the survival of a cohort on the days of its guarantees; None where there is none, or nobody.

    Parameters
    ----------
    rows
        ``time`` (days) and ``event`` (0 or 1), one row a patient.
    """
    if not terms or rows.is_empty():
        return None
    days = sorted({term.at_day for term in terms})
    curve = sv.kaplan_meier(rows, time="time", event="event", conf_level=float(terms[0].conf_level))
    return Result(curve.to_result(milestones=days, at_risk=days).table, {"conf_level": curve.conf_level})
