# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohorts that a design describes, many under each truth, and what a contract comes to in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.reimbursement.evidence import guarantees, shown
from rwe.reimbursement.guarantee import Verdict
from rwe.reimbursement.invent import assessments_of, doses_of, fails_by
from rwe.reimbursement.money import net_price
from rwe.reimbursement.settle import settle_apart
from rwe.reimbursement.ways import ALONE
from rwe.result import Result
from rwe.spec.agreement import Agreement
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
    """Settle every cohort under a contract, all at once."""
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
    evidence = _evidence(agreement, design, people)
    lines, verdicts = settle_apart(agreement, doses, sights, as_of=cut, apart=design.patients, evidence=evidence)
    amounts = lines.join(key, on="person_id").select("cohort", "term", value=pl.col("amount").cast(pl.Float64))
    paid = _summed(amounts, design.simulations)
    together = [term.id for term in agreement.terms if not isinstance(term, ALONE)]
    none = np.full(design.simulations, np.nan)
    of_all = _summed(amounts.filter(pl.col("term").is_in(together)), design.simulations)
    triggered = (of_all > 0).astype(np.float64) if together else none
    if not verdicts:
        return Outcome(spent[0], paid, spent[1], results, triggered, none, none, none, none, none)
    last = list(verdicts)[-1]
    others = _summed(amounts.filter(pl.col("term") != last), design.simulations)
    estimate, low, high, at_risk = _seen(verdicts[last], design)
    balance = spent[0] - others
    return Outcome(spent[0], paid, spent[1], results, triggered, estimate, low, high, at_risk, balance)


def _spent(agreement: Agreement, doses: pl.DataFrame, n: int) -> tuple[F8, F8]:
    """Return cost and units by cohort."""
    days = doses["administered_on"].unique()
    price = {day: float(net_price(agreement, day)) for day in days}
    units = pl.col("units").cast(pl.Float64)
    cost = units * pl.col("administered_on").replace_strict(price, return_dtype=pl.Float64)
    return _summed(doses.select("cohort", value=cost), n), _summed(doses.select("cohort", value=units), n)


def _summed(rows: pl.DataFrame, n: int) -> F8:
    return np.asarray(np.bincount(rows["cohort"].to_numpy(), rows["value"].to_numpy(), n), np.float64)


def _evidence(agreement: Agreement, design: Design, people: pl.DataFrame) -> dict[int, Result | None]:
    """Return what each cohort shows by the cut, as far as it was followed."""
    terms = guarantees(agreement)
    followed = design.cut_day - pl.col("entry")
    seen = pl.col("fails").ceil() + pl.col("delay") <= followed
    rows = people.select(
        "cohort",
        event=seen.cast(pl.Int64),
        time=pl.when(seen).then(pl.col("fails").ceil()).otherwise(followed).cast(pl.Int64),
    )
    parts = rows.partition_by("cohort", include_key=False) if terms else [rows] * design.simulations
    return {of: shown(terms, part) for of, part in enumerate(parts)}


def _seen(verdicts: Mapping[int, Verdict], design: Design) -> Iterator[F8]:
    """Yield what a guarantee saw in each cohort: estimate, limits, persons at risk; NaN where nothing."""
    for name in ("estimate", "conf_low", "conf_high", "at_risk"):
        each = (getattr(verdicts[of], name) for of in range(design.simulations))
        yield np.array([np.nan if value is None else value for value in each], np.float64)
