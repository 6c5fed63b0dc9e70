# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every scheme of managed entry on the worked example that defines it, to the cent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe.errors import DataError, DefinitionError
from rwe.reimbursement.schemes import clawed_back, observed_price, tiered
from rwe.spec.agreement_cohort import Clawback, OutcomePrice, PriceVolume

START, LATE = date(2026, 1, 1), date(2028, 12, 31)
JUDGED = {"assess_day": 56, "window": [-7, 14], "failure": ["progression"]}
TIERS = [
    {"from_units": "0", "price": "100"},
    {"from_units": "1000", "price": "90"},
    {"from_units": "2000", "price": "75"},
]
GROUP = [
    {"id": "x", "spend": "120", "budget": "100", "previous": "100"},
    {"id": "y", "spend": "90", "budget": "80", "previous": "90"},
    {"id": "z", "spend": "60", "budget": "70", "previous": "40"},
]


def agreement(*terms: dict[str, Any], net: str = "1500.00", **parts: Any) -> rb.Agreement:
    contract = {"id": "A", "product": "x", "indication": "y", "start": START, "end": LATE, "currency": "EUR"}
    values = {
        "contract": contract,
        "price": [{"from": START, "net": net, "unit": "vial"}],
        "terms": [{"id": f"t{i}", **term} for i, term in enumerate(terms)],
    }
    return rb.Agreement.model_validate({**values, **parts})


def doses(*rows: tuple[int, int, str], **more: list[Any]) -> pl.DataFrame:
    """Return doses from (person, day after START, units)."""
    schema = {"person_id": pl.Int64, "administered_on": pl.Date, "units": pl.String}
    frame = pl.DataFrame([(p, START + timedelta(days=d), u) for p, d, u in rows], schema=schema, orient="row")
    named = frame.with_columns(record_id=pl.format("d{}", pl.int_range(pl.len())))
    return named.with_columns(pl.Series(name, values) for name, values in more.items())


def settled(how: rb.Agreement, given: pl.DataFrame, *seen: tuple[int, int, str], as_of: date = LATE) -> rb.Settlement:
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    rows = [(p, START + timedelta(days=d), word) for p, d, word in seen]
    return rb.settle(how, given, pl.DataFrame(rows, schema=schema, orient="row"), as_of=as_of)


CYCLES = doses(*[(1, 21 * k, "2") for k in range(7)])
THREE = doses((1, 0, "2"), (1, 21, "2"), (1, 42, "2"))
ONE = doses((1, 0, "1"))
FAILED, ANSWERED = (1, 56, "progression"), (1, 56, "response")


@pytest.mark.parametrize(
    ("term", "net", "given", "seen", "expected"),
    [
        ({"type": "discount", "rate": "0.10"}, "1000.00", doses((1, 0, "260")), (), "26000.00"),
        ({"type": "cost_sharing", "share": "0.5", "cycles": 2, "cycle_days": 21}, "1500", CYCLES, (), "3000.00"),
        ({"type": "risk_sharing", "share": "0.5", **JUDGED, "cost_scope": "until_failure"}, "1500", THREE, (FAILED,), "4500.00"),
        ({"type": "payment_by_result", **JUDGED, "cost_scope": "until_failure"}, "1500", THREE, (FAILED,), "9000.00"),
        ({"type": "success_fee", **JUDGED}, "1500", THREE, (ANSWERED,), "0.00"),
        ({"type": "success_fee", **JUDGED}, "1500", THREE, (FAILED,), "9000.00"),
        ({"type": "death_rebate", "rate": "0.4", "horizon_days": 365, "base": "price"}, "320000", ONE, ((1, 90, "death"),), "128000.00"),
        ({"type": "death_rebate", "rate": "0.4", "horizon_days": 365, "base": "price"}, "320000", ONE, ((1, 366, "death"),), "0.00"),
        ({"type": "dose_cap", "units": "10"}, "1500", CYCLES, (), "6000.00"),
        ({"type": "time_cap", "days": 63}, "1500", CYCLES, (), "12000.00"),
        ({"type": "patient_cap", "patients": 1}, "1500", doses((2, 0, "1"), (1, 3, "1"), (3, 3, "2")), (), "4500.00"),
        ({"type": "expenditure_cap", "per": "contract", "amount": "200000", "share": "0.8"}, "1000", doses((1, 0, "260")), (), "48000.00"),
        ({"type": "price_volume", "per": "contract", "mode": "marginal", "tiers": TIERS}, "100", doses((1, 0, "2600")), (), "25000.00"),
        ({"type": "price_volume", "per": "contract", "mode": "all_units", "tiers": TIERS}, "100", doses((1, 0, "2600")), (), "65000.00"),
        ({"type": "clawback", "by": "excess", "products": GROUP}, "120", ONE, (), "13.33"),
        ({"type": "clawback", "by": "spend", "products": GROUP}, "120", ONE, (), "8.89"),
        ({"type": "clawback", "by": "growth", "products": GROUP}, "120", ONE, (), "10.00"),
    ],
)  # fmt: skip
def test_worked_example(
    term: dict[str, Any], net: str, given: pl.DataFrame, seen: tuple[Any, ...], expected: str
) -> None:
    settlement = settled(agreement(term, net=net), given, *seen)

    assert str(settlement.total) == expected


@pytest.mark.parametrize(
    ("parts", "seen", "as_of", "paid", "outcome"),
    [
        # Spain, Kymriah: 52 % at infusion, 48 % at 18 months if the response held
        (("0.52", "0.48", "response"), [(548, "response")], 700, "320000.00", "responder"),
        (("0.52", "0.48", "response"), [(300, "progression"), (548, "response")], 700, "166400.00", "failure"),
        (("0.52", "0.48", "response"), [(548, "response")], 300, "166400.00", "open"),
        # Yescarta: 118,000 and 209,000 at 18 months on survival; shares of the file to eight decimals
        (("0.36085627", "0.63914373", "alive"), [], 700, "327000.00", "responder"),
        (("0.36085627", "0.63914373", "alive"), [(400, "death")], 700, "118000.00", "failure"),
        (("0.36085627", "0.63914373", "alive"), [], 547, "118000.00", "open"),
    ],
)
def test_worked_example_of_instalments(
    parts: tuple[str, str, str], seen: list[tuple[int, str]], as_of: int, paid: str, outcome: str
) -> None:
    price = "320000.00" if parts[2] == "response" else "327000.00"
    due = [{"day": 0, "share": parts[0]}, {"day": 548, "share": parts[1], "if": parts[2]}]
    how = agreement({"type": "instalments", "price": price, "parts": due}, net=price)

    settlement = settled(how, ONE, *[(1, *s) for s in seen], as_of=START + timedelta(days=as_of))

    assert str(settlement.gross - settlement.total) == paid
    assert settlement.lines["outcome"].to_list() == [outcome]
