# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Each shipped example of a scheme is settled from its file, to the figure that can be worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe.result import Result, tidy

SCHEMES = Path(__file__).parents[2] / "configs" / "agreements" / "schemes"
START, LATE = date(2026, 1, 1), date(2029, 12, 31)
Rows = list[tuple[int, int, str]]
THREE: Rows = [(1, 0, "2"), (1, 21, "2"), (1, 42, "2")]
FAILED: Rows = [(1, 56, "progression")]
EXAMPLES: dict[str, tuple[Rows, Rows, str]] = {
    "discount": ([(p, 0, "2") for p in range(10)], [], "3000.00"),
    "cost_sharing": ([(1, 21 * cycle, "2") for cycle in range(7)], [], "3000.00"),
    "risk_sharing": (THREE, FAILED, "4500.00"),
    "payment_by_result": (THREE, FAILED, "9000.00"),
    "success_fee": ([*THREE, (2, 0, "6")], [*FAILED, (2, 56, "response")], "9000.00"),
    "continuation": ([(1, 0, "1"), (1, 70, "1"), (1, 71, "1"), (2, 0, "1"), (2, 71, "1")],
                     [*FAILED, (2, 56, "stable")], "1500.00"),
    "instalments": ([(1, 0, "1"), (2, 0, "1")], [(1, 548, "response"), (2, 300, "progression")], "153600.00"),
    "death_rebate": ([(1, 0, "1"), (2, 0, "1")], [(1, 365, "death"), (2, 366, "death")], "128000.00"),
    "dose_cap": ([(1, 30 * month, "2") for month in range(7)], [], "6000.00"),
    "time_cap": ([(1, 0, "1"), (1, 364, "1"), (1, 365, "1")], [], "1500.00"),
    "patient_cap": ([(3, 0, "1"), (2, 5, "1"), (1, 5, "1")], [], "1500.00"),
    "expenditure_cap": ([(p, p, "100") for p in range(10)], [], "48000.00"),
    "price_volume": ([(p, p, "260") for p in range(10)], [], "25000.00"),
    "price_volume_all_units": ([(p, p, "260") for p in range(10)], [], "65000.00"),
    "clawback": ([(1, 0, "1")], [], "13.33"),
    "outcome_guarantee": ([(p, 0, "2") for p in range(10)], [], "6000.00"),
    "outcome_price": ([(1, 21 * cycle, "2") for cycle in range(12)], [], "3200.00"),
    "several_terms": ([(1, 5, "1"), (1, 26, "1"), (2, 5, "1")], [(1, 35, "progression"), (2, 61, "stable")], "3780.00"),
}  # fmt: skip


def frame(rows: Rows, *names: str) -> pl.DataFrame:
    """Return rows of (person, day after START, units or outcome)."""
    schema = dict(zip(names, (pl.Int64, pl.Date, pl.String), strict=True))
    return pl.DataFrame([(p, START + timedelta(d), v) for p, d, v in rows], schema=schema, orient="row")


def survival() -> Result:
    row = {"estimand": "milestone", "time": 365, "outcome": "os", "n": 50, "estimate": 0.52}
    return Result(tidy([{**row, "conf_low": 0.45, "conf_high": 0.59}]), {"conf_level": 0.95})


def test_no_shipped_scheme_is_without_its_figure() -> None:
    assert {path.stem for path in SCHEMES.glob("*.yaml")} == set(EXAMPLES)


@pytest.mark.parametrize(("name", "given"), EXAMPLES.items(), ids=EXAMPLES)
def test_a_scheme_is_settled_from_its_file(name: str, given: tuple[Rows, Rows, str]) -> None:
    agreement = rb.load_agreement(SCHEMES / f"{name}.yaml")
    doses = frame(given[0], "person_id", "administered_on", "units")
    seen = frame(given[1], "person_id", "assessed_on", "outcome")

    settlement = rb.settle(agreement, doses, seen, as_of=LATE, evidence=survival())

    assert settlement.total == Decimal(given[2])
    assert settlement.total <= settlement.gross
