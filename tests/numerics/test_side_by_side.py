# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohorts settled side by side: each comes to what it comes to by itself, cent by cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from rwe import reimbursement as rb
from rwe.reimbursement.evidence import guarantees, shown
from rwe.reimbursement.settle import settle_apart
from tests.numerics.test_reserve import RESULT, START, agreement, on

VOLUME: dict[str, Any] = {
    "id": "v", "type": "price_volume", "mode": "all_units", "per": "year",
    "tiers": [{"from_units": "0", "price": "1500"}, {"from_units": "20", "price": "1111.11"}],
}  # fmt: skip
GUARANTEE = {
    "id": "g", "type": "outcome_guarantee", "endpoint": "pfs", "at_day": 200, "threshold": "0.95", "rule": "point",
    "gamma": "0.50", "min_at_risk": 1,
}  # fmt: skip
TERMS = (
    {"id": "p", "type": "patient_cap", "patients": 11},
    {**RESULT, "share": "0.333"},
    VOLUME,
    {"id": "c", "type": "expenditure_cap", "per": "contract", "amount": "20000.00", "share": "0.77"},
    GUARANTEE,
)


def test_each_cohort_comes_to_what_it_comes_to_alone() -> None:
    rng = np.random.default_rng(4)
    n, many = 14, 6
    people = pl.DataFrame({"person_id": np.arange(n * many), "entry": rng.integers(0, 300, n * many)})
    doses = people.join(pl.DataFrame({"day": [0, 21, 42]}), how="cross").select(
        "person_id",
        administered_on=pl.lit(START) + pl.duration(days=pl.col("entry") + pl.col("day")),
        units=pl.col("entry").mod(3) + 1,
    )
    fails = people.filter(pl.Series(rng.random(n * many) < 0.3))
    seen = fails.select(
        "person_id", assessed_on=pl.lit(START) + pl.duration(days=pl.col("entry") + 50), outcome=pl.lit("progression")
    )
    rows = people.select("person_id", time=400 - pl.col("entry"), event=pl.col("person_id").is_in(fails["person_id"]))
    contract, cut = agreement(*TERMS), on(700)
    of = pl.col("person_id") // n
    evidence = {k: shown(guarantees(contract), rows.filter(of == k)) for k in range(many)}

    lines, verdicts = settle_apart(contract, doses, seen, as_of=cut, apart=n, evidence=evidence)

    totals = dict(lines.group_by(of.alias("of")).agg(pl.col("amount").sum()).rows())
    for k in range(many):
        alone = rb.settle(contract, doses.filter(of == k), seen.filter(of == k), as_of=cut, evidence=evidence[k])
        assert totals[k] == alone.total
        assert verdicts["g"][k] == alone.verdicts["g"]
        mine = lines.filter(of == k).select("person_id", "term", "period", "reason", "amount")
        assert mine.sort(pl.all()).equals(alone.lines.select(mine.columns).sort(pl.all()))
    assert len(set(totals.values())) == many
    assert Decimal(0) < min(totals.values())
