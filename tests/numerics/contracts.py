# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Contracts of known truth for calibration: staggered entry, visits, one assessment in ten late, some patients lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from rwe import reimbursement as rb
from rwe import survival as sv

START = date(2026, 1, 1)
ACCRUAL, EVERY, DUE, LATE, LOST = 400, 28, 180, 0.10, 0.02
TERM = {
    "id": "t1",
    "type": "risk_sharing",
    "share": "0.75",
    "assess_day": DUE,
    "window": [-14, 21],
    "failure": ["progression"],
    "missing": {"lost": "not_evaluable"},
    "cost_scope": "until_failure",
}
AGREEMENT = rb.Agreement.model_validate(
    {
        "contract": {
            "id": "A", "product": "x", "indication": "y", "start": START, "end": date(2029, 12, 31), "currency": "EUR",
        },
        "price": [{"from": START, "net": "1234.56", "unit": "vial"}],
        "terms": [TERM],
    }
)  # fmt: skip
CUT = START + timedelta(days=ACCRUAL)


def many(contracts: int, patients: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return doses and assessments of all contracts; a person's id is its contract and its place in it."""
    rng = np.random.default_rng(seed)
    n = contracts * patients
    contract = np.repeat(np.arange(contracts), patients)
    median = rng.uniform(200, 700, contracts)[contract]
    fails = median * (rng.exponential(size=n) / np.log(2)) ** (1 / 1.2)
    people = pl.DataFrame(
        {
            "person_id": contract * 10_000 + np.tile(np.arange(patients), contracts),
            "entry": rng.integers(0, ACCRUAL, n),
            "fails": fails,
            "delay": np.where(rng.random(n) < LATE, rng.integers(15, 60, n), rng.integers(0, 5, n)),
            "lost": np.where(rng.random(n) < LOST, rng.uniform(0, DUE, n), np.inf),
            "vials": rng.integers(1, 4, n),
        }
    )
    visits = people.join(pl.DataFrame({"visit": np.arange(1, 13) * EVERY}), how="cross")
    visits = visits.with_columns(day=pl.col("visit") + pl.col("delay"), failed=pl.col("fails") <= pl.col("visit"))
    visits = visits.filter(
        pl.col("visit") < pl.col("lost"), pl.col("failed").cast(pl.Int64).cum_sum().over("person_id") <= 1
    )
    assessed = visits.select(
        "person_id",
        assessed_on=_on(pl.col("entry") + pl.col("day")),
        outcome=pl.when("failed").then(pl.lit("progression")).otherwise(pl.lit("stable")),
    )
    given = people.join(pl.DataFrame({"cycle": np.arange(12) * EVERY}), how="cross")
    given = given.filter(pl.col("cycle") < pl.col("fails"), pl.col("cycle") < pl.col("lost"))
    given = given.select(
        "person_id", administered_on=_on(pl.col("entry") + pl.col("cycle")), units=pl.col("vials").cast(pl.String)
    )
    return given.with_row_index("record_id").with_columns(pl.col("record_id").cast(pl.String)), assessed


def _on(days: pl.Expr) -> pl.Expr:
    return pl.lit(START) + pl.duration(days=days)


def calibrated(contracts: int, patients: int, seed: int, conf_level: float = 0.90) -> pl.DataFrame:
    """Reserve for each contract on the day of the cut, and say what its open patients finally brought back.

    Returns
    -------
    DataFrame
        One row a contract: share ``open``, ``reserve``, ``naive``, ``conf_low``, ``conf_high``, ``realised``.
    """
    doses, assessments = many(contracts, patients, seed)
    paid = doses.filter(pl.col("administered_on") <= CUT)
    now = rb.settle(AGREEMENT, paid, assessments, as_of=CUT)
    end = rb.settle(AGREEMENT, paid, assessments, as_of=date(2029, 12, 31))
    opened = now.lines.filter(pl.col("outcome") == "open").select("person_id")
    realised = end.lines.join(opened, on="person_id", how="semi").group_by(_contract()).agg(pl.col("amount").sum())
    final = dict(realised.rows())
    courses = rb.courses(now, paid).with_columns(_contract())
    rows = []
    for contract, mine in enumerate(now.lines.with_columns(_contract()).partition_by("contract")):
        curve = sv.kaplan_meier(courses.filter(contract=contract), time="days", event="failed")
        found = rb.reserve(
            replace(now, lines=mine), curve, conf_level=conf_level, draws=1000, seed=contract
        )  # the curve of this contract alone
        sums = (found.amount, found.naive.reserve, found.conf_low, found.conf_high, final.get(contract, Decimal(0)))
        rows.append((found.table.height / mine.height, *map(float, sums)))
    return pl.DataFrame(rows, schema=["open", "reserve", "naive", "conf_low", "conf_high", "realised"], orient="row")


def _contract() -> pl.Expr:
    return (pl.col("person_id") // 10_000).alias("contract")


FEE = {key: value for key, value in TERM.items() if key not in ("share", "cost_scope")} | {"type": "success_fee"}
AT_RESULTS = AGREEMENT.model_validate(
    AGREEMENT.model_dump(by_alias=True, exclude={"terms"}, exclude_none=True)
    | {
        "terms": [
            {**FEE, "id": "stop", "type": "continuation"},
            FEE,
            {"id": "cap", "type": "expenditure_cap", "per": "contract", "amount": "150000.00", "share": "0.60"},
        ]
    }
)


def calibrated_at_results(contracts: int, patients: int, seed: int, conf_level: float = 0.90) -> pl.DataFrame:
    """Reserve for contracts that pay at the result, and say by how much their payback finally changed.

    Returns
    -------
    DataFrame
        One row a contract: share ``open``, ``reserve``, ``conf_low``, ``conf_high``, ``realised``.
    """
    doses, assessments = many(contracts, patients, seed)
    doses = doses.filter(pl.col("administered_on") <= CUT)
    rows = []
    for contract in range(contracts):
        paid, seen = (part.filter(_contract() == contract) for part in (doses, assessments))
        now = rb.settle(AT_RESULTS, paid, seen, as_of=CUT)
        end = rb.settle(AT_RESULTS, paid, seen, as_of=date(2029, 12, 31))
        curves = rb.own_curves(now, paid, seen)
        found = rb.reserve(now, curves, doses=paid, assessments=seen, conf_level=conf_level, draws=200, seed=contract)
        opened = now.lines.filter(term="t1", outcome="open").height / now.lines.filter(term="t1").height
        rows.append((opened, *map(float, (found.amount, found.conf_low, found.conf_high, end.total - now.total))))
    return pl.DataFrame(rows, schema=["open", "reserve", "conf_low", "conf_high", "realised"], orient="row")
