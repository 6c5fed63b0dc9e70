# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every type of term as a file: what is read of it, and what each fault of it says and where."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe.errors import DefinitionError
from rwe.pipeline import remarks
from rwe.spec.agreement import TYPES

HEAD = """\
contract: {id: C, product: own, indication: y, start: 2026-01-01, end: 2028-12-31, currency: EUR, fx: {BGN: 1.95583}}
price: [{from: 2026-01-01, net: "1500.00", unit: vial}]
terms:
"""
JUDGED = "assess_day: 56, window: [-7, 14], failure: [progression], missing: {lost: failure}"
TERMS = {
    "discount": 'rate: "0.10"',
    "cost_sharing": 'share: "0.5", cycles: 2, cycle_days: 21',
    "payment_by_result": f"{JUDGED}, cost_scope: all",
    "risk_sharing": f'share: "0.5", {JUDGED}, cost_scope: all',
    "success_fee": JUDGED,
    "continuation": JUDGED,
    "instalments": 'price: "320000", parts: [{day: 0, share: "0.52"}, {day: 540, share: "0.48", if: response}]',
    "death_rebate": 'rate: "0.4", horizon_days: 365, base: price',
    "dose_cap": 'per: patient, units: "64", window_days: 365',
    "time_cap": "days: 365",
    "patient_cap": "patients: 100, ties: first_dose_then_id",
    "expenditure_cap": 'per: year, amount: "3000000.00", share: "0.80"',
    "price_volume": "per: year, mode: marginal, "
    'tiers: [{from_units: "0", price: "100"}, {from_units: "9", price: "9"}]',
    "clawback": 'by: excess, products: [{id: own, spend: "120", budget: "100"}, {id: b, spend: "90", budget: "80"}]',
    "outcome_guarantee": 'endpoint: os, at_day: 365, threshold: "0.60", rule: point, gamma: "2.5", cap: "0.5"',
    "outcome_price": 'lambda: "36000", qaly_gain: "0.40", other_cost: "2000", units: "24", tolerance: "0.20"',
}


def written(folder: Path, *terms: str, head: str = HEAD) -> Path:
    path = folder / "agreement.yaml"
    path.write_text(head + "".join(f"  - {{id: t{i}, {term}}}\n" for i, term in enumerate(terms)), "utf-8")
    return path


def faults(path: Path) -> list[tuple[int, str, str]]:
    """Return line, text of the file from the fault's column on, and the message of each fault."""
    with pytest.raises(DefinitionError) as caught:
        rb.load_agreement(path)
    lines = path.read_text("utf-8").splitlines()
    return [(p.line, lines[p.line - 1][p.column - 1 :], p.message) for p in caught.value.problems]


def test_all_types_of_terms_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    wording = "wording: {en: As in annex 2., bg: Както в приложение 2.}"

    agreement = rb.load_agreement(written(tmp_path, *(f"type: {t}, {how}, {wording}" for t, how in TERMS.items())))

    assert [term.type for term in agreement.terms] == list(TERMS)
    assert set(TERMS) == set(TYPES)
    assert {term.wording.en for term in agreement.terms} == {"As in annex 2."}


@pytest.mark.parametrize(
    ("kind", "old", "new", "mark", "words"),
    [
        ("discount", "0.10", "1.10", '"1.10"', "less than or equal to 1"),
        ("discount", '"0.10"', "0.10", "0.10", "put it in quotes"),
        ("cost_sharing", "cycles: 2", "cycles: 0", "0", "greater than or equal to 1"),
        ("risk_sharing", 'share: "0.5"', 'share: "1"', '"1"', "less than 1"),
        ("success_fee", "[progression]", "[remission]", "remission", "unknown failure outcome 'remission'"),
        ("success_fee", "[progression]", "[]", "[]", "needs at least one item"),
        ("continuation", "window: [-7", "window: [-60", "[-60", "the window opens before the first dose"),
        ("continuation", "{lost:", "{progression:", "{progression:", "stands under failure too"),
        ("instalments", '"0.52"', '"0.62"', "[{day: 0", "sum to 1.10; they must sum to 1"),
        ("instalments", "day: 540", "day: 0", "0, share", "day 0 does not come after day 0"),
        ("instalments", "if: response", "if: responds", "responds", "'given', 'alive' or 'response'"),
        ("death_rebate", '"0.4"', '"1.4"', '"1.4"', "less than or equal to 1"),
        ("death_rebate", "base: price", "base: prices", "prices", "'price' or 'spend'"),
        ("dose_cap", '"64"', '"-64"', '"-64"', "greater than 0"),
        ("patient_cap", "first_dose_then_id", "random", "random", "first_dose_then_id"),
        ("expenditure_cap", '"0.80"', '"80"', '"80"', "less than or equal to 1"),
        ("expenditure_cap", "per: year, ", "", "{id", "Field required"),
        ("price_volume", 'from_units: "0"', 'from_units: "1"', '"1", price', "the first tier must begin at 0"),
        ("price_volume", 'from_units: "9"', 'from_units: "0"', '"0", price: "9"', "0 does not come after 0"),
        ("price_volume", 'price: "9"', 'price: "101"', '"101"', "101 is above 100 of the tier before"),
        ("clawback", "id: own", "id: other", "[{id: other", "'own', the product of the contract, is not among them"),
        ("clawback", "id: b", "id: own", "own, spend", "product 'own' stands twice"),
        ("clawback", 'id: b, spend: "90"', "id: b", "{id: b", "the ledger knows only the contract's own product"),
        ("clawback", "by: excess", "by: growth", "{id: own", "growth needs previous"),
        ("outcome_guarantee", '"0.60"', '"60"', '"60"', "less than 1"),
        ("outcome_guarantee", 'cap: "0.5"', 'cap: "5"', '"5"', "less than or equal to 1"),
        ("outcome_price", '"0.20"', '"20"', '"20"', "less than or equal to 1"),
        ("outcome_price", 'units: "24"', 'units: "0"', '"0"', "greater than 0"),
    ],
)
def test_a_fault_of_a_term_is_named_at_its_place(
    tmp_path: Path, kind: str, old: str, new: str, mark: str, words: str
) -> None:
    assert old in TERMS[kind]

    line, text, message = faults(written(tmp_path, f"type: {kind}, {TERMS[kind].replace(old, new, 1)}"))[0]

    assert line == 4
    assert text.startswith(mark), text
    assert words in message


PRICES = {
    "overlapping": (
        ["2026-01-01, to: 2026-06-30", "2026-06-30"],
        [("2026-06-30, net", "overlaps the price before, which holds up to 2026-06-30")],
    ),
    "a gap between": (
        ["2026-01-01, to: 2026-06-30", "2026-07-02"],
        [("2026-07-02", "no price from 2026-07-01 to 2026-07-01")],
    ),
    "a gap at the end": (["2026-01-01, to: 2028-12-30"], [("2028-12-30", "no price from 2028-12-31 to 2028-12-31")]),
    "out of order": (["2026-01-01", "2025-01-01"], [("2025-01-01", "in the order of their days")]),
    "ends before it begins": (["2026-01-01, to: 2025-12-31"], [("2025-12-31", "lies before from")]),
    "without a rate": (["2026-01-01, currency: CHF"], [("CHF", "no rate for CHF under contract.fx")]),
    "of no currency": (["2026-01-01, currency: LEV"], [("LEV", "unknown currency 'LEV'; give its three letters")]),
    "mixed tax": (["2026-01-01", "2026-02-01, vat: included"], [("included", "need the section vat")]),
    "several at once": (
        ["2026-01-02, to: 2026-02-01", "2026-02-01, currency: CHF"],
        [("2026-02-01", "overlaps"), ("2026-01-02", "no price from 2026-01-01"), ("CHF", "no rate")],
    ),
}


@pytest.mark.parametrize(("prices", "expected"), PRICES.values(), ids=PRICES)
def test_a_fault_of_the_prices_is_named_at_its_place(
    tmp_path: Path, prices: list[str], expected: list[tuple[str, str]]
) -> None:
    rows = "\n".join(f'  - {{from: {p}, net: "1500.00", unit: vial}}' for p in prices)
    head = HEAD.replace('price: [{from: 2026-01-01, net: "1500.00", unit: vial}]', f"price:\n{rows}")

    found = faults(written(tmp_path, f"type: discount, {TERMS['discount']}", head=head))

    assert len(found) == len(expected)
    for (_, text, message), (mark, words) in zip(found, expected, strict=True):
        assert text.startswith(mark), text
        assert words in message


def test_the_run_off_needs_prices_too(tmp_path: Path) -> None:
    head = HEAD.replace("2028-12-31", "2028-12-31, run_off_days: 30").replace("01, net", '01, to: "2029-01-29", net')

    found = faults(written(tmp_path, f"type: discount, {TERMS['discount']}", head=head))

    assert [message for *_, message in found] == [
        "no price from 2029-01-30 to 2029-01-30, the last day that is paid for"
    ]


@pytest.mark.parametrize(("price", "told"), [("320000", 1), ("1500", 0)])
def test_parts_of_a_price_that_no_unit_has_are_remarked_on(tmp_path: Path, price: str, told: int) -> None:
    path = written(tmp_path, f"type: instalments, {TERMS['instalments'].replace('320000', price)}")

    found = remarks(path)

    assert [one.line for one in found] == [4] * told
    assert all("the parts sum to 320000, more than a unit costs (1500.00)" in one.message for one in found)


RECORDS = """\
records:
  {population: treated, concepts: [7, 8], endpoint: rfs, death_endpoint: os,
   outcomes: {event: progression, event_at_death: death, event_free: stable}}
"""
PARTNERS = """\
combination:
  - {contract: B, concepts: [8], within_days: 7, refunds: each}
  - {contract: B, concepts: [9], within_days: 7, refunds: other}
  - {contract: C, concepts: [9], within_days: 7, refunds: both}
"""


def test_partners_are_others_and_known_once(tmp_path: Path) -> None:
    term = f"type: discount, {TERMS['discount']}"
    head = PARTNERS + HEAD

    unreadable = faults(written(tmp_path, term, head=head))
    misfits = faults(written(tmp_path, term, head=RECORDS + head.replace("both", "each")))

    assert [(line, text[:4]) for line, text, _ in unreadable] == [(4, "both")]
    assert [(line, text[:1], message) for line, text, message in misfits] == [
        (6, "B", "partner named twice: B"),
        (7, "C", "is this contract itself"),
    ]


def test_a_concept_is_of_the_product_or_of_a_partner(tmp_path: Path) -> None:
    head = RECORDS + "".join(PARTNERS.splitlines(keepends=True)[:2]) + HEAD

    found = faults(written(tmp_path, f"type: discount, {TERMS['discount']}", head=head))

    assert [(line, text[:1], message) for line, text, message in found] == [
        (2, "8", "concept 8 stands under the partner B too; keep one")
    ]


def agreement(**parts: Any) -> rb.Agreement:
    contract = {"id": "C", "product": "x", "indication": "y", "start": date(2026, 1, 1), "end": date(2026, 12, 31)}
    term = {"id": "t", "type": "payment_by_result", "assess_day": 56, "window": [-7, 14], "failure": ["progression"]}
    values = {
        "contract": {**contract, "currency": "EUR", "fx": {"BGN": "2"}, **parts.pop("contract", {})},
        "price": [{"from": date(2026, 1, 1), "net": "100", "unit": "vial"}],
        "terms": [{**term, "cost_scope": "all"}],
    }
    return rb.Agreement.model_validate({**values, **parts})


def doses(*rows: tuple[int, date]) -> pl.DataFrame:
    schema = {"person_id": pl.Int64, "administered_on": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(units=pl.lit("1"))


NOBODY = pl.DataFrame(schema={"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String})


@pytest.mark.parametrize(("settled", "gross"), [("included", "228.00"), ("excluded", "190.00")])
def test_prices_with_and_without_tax_are_settled_on_one_footing(settled: str, gross: str) -> None:
    price = [
        {"from": date(2026, 1, 1), "net": "100", "unit": "vial"},
        {"from": date(2026, 2, 1), "net": "216", "unit": "vial", "vat": "included", "currency": "BGN"},
    ]
    taxed = agreement(price=price, vat={"rate": "0.20", "settled": settled})

    settlement = rb.settle(taxed, doses((1, date(2026, 1, 1)), (1, date(2026, 2, 1))), NOBODY, as_of=date(2027, 1, 1))

    assert settlement.gross == Decimal(gross)
    assert settlement.to_result().settings["vat"] == settled


def test_the_run_off_pays_for_treatments_begun_under_the_contract_only() -> None:
    rows = [(1, date(2026, 12, 30)), (1, date(2027, 1, 30)), (1, date(2027, 1, 31)), (2, date(2027, 1, 15))]

    settlement = rb.settle(agreement(contract={"run_off_days": 30}), doses(*rows), NOBODY, as_of=date(2027, 6, 1))

    assert settlement.gross == Decimal(200)
    assert settlement.lines["person_id"].to_list() == [1]
    assert settlement.excluded.filter(reason="after_contract").rows() == [("after_contract", 2, 2)]
