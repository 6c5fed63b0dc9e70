# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohorts that a design describes, many under each truth, and what a contract comes to in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from rwe import survival as sv
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.forecast import ALONE
from rwe.reimbursement.invent import assessments_of, doses_of, fails_by
from rwe.reimbursement.money import net_price
from rwe.reimbursement.settle import settle
from rwe.reimbursement.settlement import Settlement
from rwe.result import Result
from rwe.spec.agreement import Agreement, OutcomeGuarantee
from rwe.spec.design import Design, Truth


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a contract comes to, one value a cohort.

    Parameters
    ----------
    gross, payback, units, results
        Spend, what comes back of it, units given, patients with a result.
    triggered
        Whether a term that rests on all patients pays; empty where there is none.
    estimate, low, high, at_risk, balance
        What the guarantee saw, and the spend it could pay back; empty where there is none.
    """

    gross: F8
    payback: F8
    units: F8
    results: F8
    triggered: F8
    estimate: F8
    low: F8
    high: F8
    at_risk: F8
    balance: F8


def survival_of(truth: Truth, days: F8) -> F8:
    """Return the survival that a truth says, on these days."""
    if truth.median_days is not None:
        return np.asarray(0.5 ** ((days / truth.median_days) ** truth.shape), np.float64)
    known = [(0, 1.0), *((point.day, point.survival) for point in truth.points if point.day)]
    at, survival = (np.array(part, np.float64) for part in zip(*known, strict=True))
    return np.asarray(np.exp(np.interp(days, at, np.log(np.maximum(survival, 1e-12)))), np.float64)


def cohorts(design: Design, truth: Truth) -> pl.DataFrame:
    """Return the patients of all cohorts: ``person_id``, ``cohort``, ``entry``, ``fails``, ``after``, ``delay``.

    The same patients begin on the same days, with the same luck, under every truth and scheme.
    """
    rng, n = np.random.default_rng(design.seed), design.simulations * design.patients
    survival = survival_of(truth, np.arange(design.cut_day + 1, dtype=np.float64))
    late = design.late
    delay = np.where(rng.random(n) < late.share, late.days, 0) if late else np.zeros(n, np.int64)
    return pl.DataFrame(
        {
            "person_id": np.arange(n),
            "cohort": np.repeat(np.arange(design.simulations), design.patients),
            "entry": rng.integers(0, design.accrual_days, n),
            "fails": fails_by(survival, np.zeros(n, np.int64), rng.random(n)),
            "after": np.full(n, -1),
            "delay": delay.astype(np.int64),
        }
    )


def played(design: Design, agreement: Agreement, people: pl.DataFrame) -> Outcome:
    """Settle every cohort under a contract; all at once where each patient stands alone in it."""
    start = agreement.contract.start
    cut = start + timedelta(days=design.cut_day)
    dated = people.with_columns(first=pl.lit(start) + pl.duration(days="entry"))
    end = min(cut, agreement.contract.end)
    doses = doses_of(dated, design.dosing).filter(pl.col("administered_on") <= end)
    sights = assessments_of(dated, agreement, design.event, cut)
    key = people.select("person_id", "cohort")
    spent = _spent(agreement, doses.join(key, on="person_id"), design.simulations)
    results = _summed(
        people.filter(pl.col("fails") > design.result_day).select("cohort", value=1.0), design.simulations
    )
    if all(isinstance(term, ALONE) for term in agreement.terms):
        lines = settle(agreement, doses, sights, as_of=cut).lines.join(key, on="person_id")
        paid = _summed(lines.select("cohort", value=pl.col("amount").cast(pl.Float64)), design.simulations)
        none = np.full(design.simulations, np.nan)
        return Outcome(spent[0], paid, spent[1], results, none, none, none, none, none, none)
    rows = [
        _one(agreement, settle(agreement, *both, as_of=cut, evidence=_evidence(agreement, design, mine)))
        for mine, *both in _each(dated, doses.join(key, on="person_id"), sights.join(key, on="person_id"))
    ]
    paid, *seen = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return Outcome(spent[0], paid, spent[1], results, *seen)


def _each(*frames: pl.DataFrame) -> Any:
    """Return the parts of frames that belong to one cohort, cohort by cohort."""
    parts = [frame.partition_by("cohort", as_dict=True, include_key=False) for frame in frames]
    empty = [frame.drop("cohort").clear() for frame in frames]
    keys = sorted(parts[0])
    return ([part.get(key, none) for part, none in zip(parts, empty, strict=True)] for key in keys)


def _spent(agreement: Agreement, doses: pl.DataFrame, n: int) -> tuple[F8, F8]:
    """Return cost and units by cohort."""
    days = doses["administered_on"].unique()
    price = {day: float(net_price(agreement, day)) for day in days}
    units = pl.col("units").cast(pl.Float64)
    cost = units * pl.col("administered_on").replace_strict(price, return_dtype=pl.Float64)
    return _summed(doses.select("cohort", value=cost), n), _summed(doses.select("cohort", value=units), n)


def _summed(rows: pl.DataFrame, n: int) -> F8:
    return np.asarray(np.bincount(rows["cohort"].to_numpy(), rows["value"].to_numpy(), n), np.float64)


def _guarantees(agreement: Agreement) -> list[OutcomeGuarantee]:
    return [term for term in agreement.terms if isinstance(term, OutcomeGuarantee)]


def _evidence(agreement: Agreement, design: Design, people: pl.DataFrame) -> Result | None:
    """Return the survival of a cohort on the days of its guarantees, as far as it was followed by the cut."""
    terms = _guarantees(agreement)
    if not terms:
        return None
    if len(levels := {term.conf_level for term in terms}) > 1:
        raise DefinitionError("guarantees of one contract with several confidence levels are not played")
    followed = design.cut_day - pl.col("entry")
    seen = pl.col("fails").ceil() + pl.col("delay") <= followed
    rows = people.select(
        event=seen.cast(pl.Int64), time=pl.when(seen).then(pl.col("fails").ceil()).otherwise(followed).cast(pl.Int64)
    )
    days = sorted({term.at_day for term in terms})
    curve = sv.kaplan_meier(rows, time="time", event="event", conf_level=float(levels.pop()))
    found = curve.to_result(milestones=days, at_risk=days)
    return Result(found.table, {"conf_level": curve.conf_level})


def _one(agreement: Agreement, settlement: Settlement) -> tuple[float, ...]:
    """Return payback, whether a term on all patients pays, and what the last guarantee saw, of one cohort."""
    alone = [term.id for term in agreement.terms if isinstance(term, ALONE)]
    of_all = settlement.lines.filter(~pl.col("term").is_in(alone))
    triggered = float(sum(of_all["amount"]) > 0)
    terms = _guarantees(agreement)
    if not terms:
        return float(settlement.total), triggered, *[np.nan] * 5
    verdict, mine = settlement.verdicts[terms[-1].id], pl.col("term") == terms[-1].id
    others = Fraction(sum(settlement.lines.filter(~mine)["amount"], 0 * settlement.total))
    numbers = (verdict.estimate, verdict.conf_low, verdict.conf_high, verdict.at_risk)
    seen = [np.nan if value is None else float(value) for value in numbers]
    return float(settlement.total), triggered, *seen, float(Fraction(settlement.gross) - others)
