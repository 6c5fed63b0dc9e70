# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Settlement`: the ledger, its totals and verdicts, and their aggregate form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from rwe.reimbursement.guarantee import Verdict
from rwe.result import Result, tidy
from rwe.spec.agreement import Agreement, OutcomeGuarantee

JUDGED = ("payment_by_result", "risk_sharing", "success_fee", "continuation", "death_rebate", "instalments")
PATIENT_OUTCOMES = ("responder", "failure", "not_evaluable", "open")


@dataclass(frozen=True, slots=True)
class Settlement:
    """What comes back under an agreement.

    Parameters
    ----------
    agreement
        The contract that was settled.
    as_of
        Day of the data cut.
    lines
        One row a patient (a course of treatment), term and period: ``person_id``, ``course``,
        ``term``, ``type``, ``period`` (of the day that decided, or of the doses), ``final`` (the data
        cut lies past the period's lag), ``outcome``, ``rule``, ``reason``, ``decided_on``, ``spend``
        (cost of the line's doses), ``base`` (what the term could pay back), ``amount`` (what it pays
        back; Decimal), ``doses`` and ``assessment`` (ids of the records behind it). Where the doses
        carry them: ``site_id`` (hospital of the line's first dose), ``version`` (newest landing among
        the records). A term that looks at doses alone has lines only where it could pay something back.
    gross
        Cost of all courses, each rounded as the agreement says.
    excluded
        Doses that are not paid for under the contract: ``reason``, ``doses``, ``patients``.
    verdicts
        For each term that rests on a cohort estimate, what it comes to.
    rejected
        Doses that a term finds not payable, whole or in part: ``person_id``, ``course``, ``term``,
        ``administered_on``, ``record_id``, ``reason``.
    pools
        For each term that rests on all patients, what it is worked out from: ``term``, ``pool`` (a
        calendar year, or ``contract``), ``spend`` and ``units`` (left by earlier terms), ``stated`` (the spend
        that a clawback's file says instead, and that counts; null where it says none), ``payback``.
    sites
        What comes back for each hospital's doses: ``site_id``, ``term``, ``period``, ``amount``; they sum
        to the lines. Empty where doses do not say their hospital.
    """

    agreement: Agreement
    as_of: date
    lines: pl.DataFrame
    gross: Decimal
    excluded: pl.DataFrame
    verdicts: Mapping[str, Verdict]
    rejected: pl.DataFrame
    pools: pl.DataFrame
    sites: pl.DataFrame

    @property
    def total(self) -> Decimal:
        """What comes back in all: the sum of the lines."""
        return exact_sum(self.lines["amount"]) + 0 * self.agreement.rounding.quantum

    @property
    def contradicted(self) -> list[str]:
        """The terms whose file says another spend of the contract's product than the ledger has left."""
        return self.pools.filter(pl.col("stated") != pl.col("spend"))["term"].to_list()

    def to_result(self) -> Result:
        """Return patients, spend and payback by term and outcome; the verdicts stand in the settings."""
        rows: list[dict[str, Any]] = []
        for term in self.agreement.terms:
            rows += self._of_term(term)
            rows += self._of_verdict(term) if isinstance(term, OutcomeGuarantee) else []
        table = tidy([*rows, *self._of_all()], analysis="settlement", population=self.agreement.contract.id)
        return Result(table, self._settings())

    def _of_term(self, term: Any) -> Iterator[dict[str, Any]]:
        mine = self.lines.filter(pl.col("term") == term.id)
        for outcome in PATIENT_OUTCOMES if term.type in JUDGED else ():
            yield from _totals(mine.filter(pl.col("outcome") == outcome), term.id, outcome)
        yield from _totals(mine, term.id, "all")

    def _of_verdict(self, term: OutcomeGuarantee) -> Iterator[dict[str, Any]]:
        verdict = self.verdicts[term.id]
        row = {"stratum": term.id, "outcome": "all", "time": term.at_day}
        limits = {"estimate": verdict.estimate, "conf_low": verdict.conf_low, "conf_high": verdict.conf_high}
        yield {**row, "estimand": "threshold", "estimate": float(verdict.threshold)}
        yield {**row, "estimand": "milestone", "n": verdict.at_risk, **limits}
        yield {**row, "estimand": "payback_rate", "n": verdict.at_risk, "estimate": float(verdict.rate)}

    def _of_all(self) -> Iterator[dict[str, Any]]:
        """Yield totals over all terms: what was spent once on a course, however many terms judge it."""
        patients = self.lines["person_id"].n_unique()
        totals: dict[str, int | Decimal] = {"patients": patients, "spend": self.gross, "payback": self.total}
        for estimand, value in totals.items():
            yield {"stratum": "all", "outcome": "all", "estimand": estimand, "n": patients, "estimate": float(value)}
        for reason, doses, persons in self.excluded.iter_rows():
            row = {"stratum": "all", "outcome": reason, "estimand": "doses_excluded"}
            yield {**row, "n": persons, "estimate": float(doses)}

    def _settings(self) -> dict[str, Any]:
        agreement = self.agreement
        return {
            "as_of": str(self.as_of),
            "currency": agreement.contract.currency,
            "vat": agreement.vat.settled if agreement.vat else agreement.price[0].vat,
            "rounding": f"{agreement.rounding.mode} to {agreement.rounding.quantum} by {agreement.rounding.level}",
            "terms_in_order": [term.id for term in agreement.terms],
            "min_cell": agreement.privacy.min_cell,
            "spend_of_file_is_not_of_ledger": self.contradicted,
            "restated": "every period, from all records known on as_of",
            "verdicts": {term: {"verdict": v.verdict, "reason": v.reason} for term, v in self.verdicts.items()},
        }


def _totals(lines: pl.DataFrame, term: str, outcome: str) -> Iterator[dict[str, Any]]:
    patients = lines["person_id"].n_unique()
    row = {"stratum": term, "outcome": outcome, "n": patients}
    yield {**row, "estimand": "patients", "estimate": float(patients)}
    yield {**row, "estimand": "spend", "estimate": float(exact_sum(lines["spend"]))}
    yield {**row, "estimand": "payback", "estimate": float(exact_sum(lines["amount"]))}


def exact_sum(amounts: pl.Series) -> Decimal:
    """Return the sum of exact decimals."""
    return Decimal(amounts.sum() or 0)
