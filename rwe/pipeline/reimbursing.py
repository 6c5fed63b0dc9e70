# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run says of its agreement: what is settled, how closed periods came to it, what may still come back."""

from __future__ import annotations

from pathlib import Path

from rwe import reimbursement as rb
from rwe.cdm import Cdm
from rwe.cohort import Cohort
from rwe.errors import NoValidAnswer
from rwe.pipeline import stages
from rwe.pipeline.planning import Plan
from rwe.pipeline.settled import Settled, settlement_of
from rwe.pipeline.settling import ledger_of
from rwe.result import Result
from rwe.spec.agreement import Agreement
from rwe.store import Store


def reimbursed(
    plan: Plan, agreement: Agreement, home: Path, folder: Path, cdm: Cdm, cohort: Cohort, evidence: Result | None
) -> dict[str, Result]:
    """Settle the agreement of a plan into the folder of its run."""
    ledger = ledger_of(agreement, home, synthetic=bool(cdm.synthetic))
    settled = settlement_of(plan, Store(home / "store"), cdm, cohort, evidence, rb.events(ledger), {})
    stages.write_settlement(folder, settled.settlement)
    closed = {"bridge": rb.bridge(ledger).to_result()} if ledger.closes() else {}
    return {"settlement": settled.settlement.to_result(), **closed, **_ahead(plan, folder, settled)}


def _ahead(plan: Plan, folder: Path, settled: Settled) -> dict[str, Result]:
    """Reserve for patients who are still open and foresee when it comes back; a curve too short gives neither."""
    if not rb.has_open(settled.settlement):
        return {}
    covariates = plan.study.reimbursement.covariates if plan.study.reimbursement else ()
    try:
        ahead = rb.look_ahead(
            settled.settlement, settled.doses, settled.assessments, evidence=settled.evidence,
            people=settled.people, covariates=covariates,
        )  # fmt: skip
    except NoValidAnswer:
        return {}
    stages.write_ahead(folder, ahead)
    return {"reserve": ahead.reserve.to_result(), "forecast": ahead.forecast.to_result()}
