# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What leaves a settlement ledger: the company's view and the bridge tell no patient, the payer's tells all."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe.disclosure import protect
from rwe.errors import TornStore
from rwe.pipeline.erased_files import clear_exports
from rwe.pipeline.files import read_workbook
from rwe.pipeline.settled_files import write_export, write_left_out
from rwe.reimbursement.pooled import Cell, pooled

START = date(2025, 1, 1)
TERM = {
    "id": "t1",
    "type": "payment_by_result",
    "share": "1.00",
    "assess_day": 28,
    "window": [-7, 14],
    "failure": ["progression"],
    "cost_scope": "all",
}
LATER = {**TERM, "id": "t2", "assess_day": 60}


def agreement() -> rb.Agreement:
    values: dict[str, Any] = {
        "contract": {"id": "A", "product": "x", "indication": "y", "start": START, "end": date(2027, 12, 31)},
        "price": [{"from": START, "net": "100.07", "unit": "vial"}],
        "terms": [TERM, LATER],
        "settlement": {"every": "quarter", "data_cut_lag_days": 45},
    }
    values["contract"]["currency"] = "EUR"
    return rb.Agreement.model_validate(values)


def closed(ledger: rb.Ledger, period: str, cut: date, failed: range, units: dict[int, str]) -> rb.Closed:
    """Close a period in which the persons of `failed` are known to have failed on day 28."""
    who = list(range(100))
    ids = {"person_id": who, "administered_on": [START] * 100, "record_id": [f"d{p}" for p in who]}
    doses = pl.DataFrame({**ids, "units": [units.get(p, "1") for p in who]})
    seen = {
        "person_id": [*failed],
        "assessed_on": [START + timedelta(28)] * len(failed),
        "outcome": ["progression"] * len(failed),
    }
    types = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    judged = pl.DataFrame(seen, schema=types).with_columns(record_id=pl.format("a{}", "person_id"))
    return rb.close(ledger, rb.settle(ledger.agreement, doses, judged, as_of=cut), period)


@pytest.fixture
def ledger(tmp_path: Path) -> rb.Ledger:
    """Return a ledger of three closes: 40 failures; 20 late ones and 3 corrected doses; 4 late ones."""
    ledger = rb.Ledger(tmp_path / "ledger" / "A", agreement(), b"k" * 32)
    corrected = dict.fromkeys(range(3), "2")
    closed(ledger, "2025-Q1", date(2025, 5, 15), range(40), {})
    closed(ledger, "2025-Q2", date(2025, 8, 14), range(60), corrected)
    closed(ledger, "2025-Q3", date(2025, 11, 14), range(64), corrected)
    return ledger


def test_reasons_of_few_patients_are_told_with_others() -> None:
    def entries(**counts: int) -> pl.DataFrame:
        rows = [(f"{reason}{i}", reason) for reason, n in counts.items() for i in range(n)]
        return pl.DataFrame(rows, schema=["person_id", "reason"], orient="row").with_columns(payable=Decimal(1))

    assert pooled(entries(new=30, late_record=3), 12) == [Cell("other", 33, Decimal(33))]
    assert pooled(entries(new=30, late_record=3, price=14), 12) == [
        Cell("new", 30, Decimal(30)),
        Cell("other", 17, Decimal(17)),
    ]
    assert pooled(entries(new=13, late_record=13), 12) == [
        Cell("late_record", 13, Decimal(13)),
        Cell("new", 13, Decimal(13)),
    ]
    assert pooled(entries(new=5, late_record=3), 12) == []


def test_the_company_learns_sums_of_enough_patients_only(ledger: rb.Ledger) -> None:
    first, second, third = (rb.for_company(ledger, one) for one in ledger.closes())

    told = [frame.select("term", "reason", "patients", "payable").rows() for frame in (first, second, third)]
    assert told[0] == [("all", "new", 40, Decimal("4002.80")), ("all", "all", 40, Decimal("4002.80"))]
    # three corrected beside twenty late ones would be told by the total
    assert told[1] == [("all", "other", 25, Decimal("2301.61")), ("all", "all", 25, Decimal("2301.61"))]
    assert told[2] == [("all", "all", None, None)]
    assert third["masked"].to_list() == ["n,estimate"]
    assert all("person_id" not in frame.columns and "doses" not in frame.columns for frame in (first, second, third))


def test_the_bridge_tells_no_few_patients_and_no_two_of_its_sums_do(ledger: rb.Ledger) -> None:
    found = rb.bridge(ledger)
    shown = protect(found.to_result()).table

    assert [step[:4] for step in found.steps.iter_rows()] == [
        ("2025-Q1", "new", 40, 40),
        ("2025-Q2", "late_record", 20, 20),
        ("2025-Q2", "corrected_record", 3, 3),
        ("2025-Q3", "late_record", 4, 4),
    ]
    assert found.stands["payable"].to_list() == [Decimal("4002.80"), Decimal("6304.41"), Decimal("6704.69")]
    payback = shown.filter(estimand="payback").select("group", "outcome", "estimate").rows()
    assert payback == [
        ("2025-Q1", "new", 4002.80),
        ("2025-Q1", "all", 4002.80),
        ("2025-Q2", "other", 2301.61),
        ("2025-Q2", "all", 2301.61),
    ]
    # the four of the third close wait for more: what stood after it less what stood before would be theirs
    assert shown.filter(estimand="payable_after")["estimate"].to_list() == [4002.80, 6304.41]


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_the_payer_gets_every_entry_with_its_money_exact(ledger: rb.Ledger, tmp_path: Path, form: str) -> None:
    path, rows = write_export(tmp_path, ledger, ledger.closes()[1], "nhif", form)

    content = io.BytesIO(path.read_bytes())
    read = {
        "csv": lambda: pl.read_csv(content, infer_schema=False),
        "xlsx": lambda: read_workbook(content),
        "json": lambda: pl.read_json(content),
    }[form]()
    assert (rows, read.height) == (43, 43)
    assert sum(map(Decimal, read["payable"])) == Decimal("2301.61")
    assert read.filter(person_id="50", term="t1").select("period", "reason", "assessment", "doses").row(0) == (
        "2025-Q1",
        "late_record",
        "a50",
        "d50",
    )


@pytest.fixture
def capped(tmp_path: Path) -> rb.Ledger:
    """Return a ledger of one close: 40 of 60 beyond a cap of 2 units, 17 doses too late, 3 for nothing."""
    values = agreement().model_dump(by_alias=True) | {"terms": [{"id": "c", "type": "dose_cap", "units": "2"}]}
    ledger = rb.Ledger(tmp_path / "ledger" / "A", rb.Agreement.model_validate(values), b"k" * 32)
    rows = [(p, START + timedelta(d), "charged") for p in range(60) for d in ((0, 1, 2) if p < 40 else (0, 1))]
    rows += [(p, date(2025, 6, 1), "charged") for p in range(17)] + [(p, START, "trial") for p in range(57, 60)]
    names = {"person_id": pl.Int64, "administered_on": pl.Date, "charge": pl.String}
    doses = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        units=pl.lit("1"), record_id=pl.format("d{}", pl.int_range(pl.len())), site_id=pl.lit("north")
    )
    seen = pl.DataFrame(schema={"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String})
    rb.close(ledger, rb.settle(ledger.agreement, doses, seen, as_of=date(2025, 5, 15)), "2025-Q1")
    return ledger


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_the_payer_gets_what_was_left_out_dose_by_dose(capped: rb.Ledger, tmp_path: Path, form: str) -> None:
    files = write_left_out(tmp_path, capped, capped.closes()[0], "nhif", form)

    read = {"csv": lambda c: pl.read_csv(c, infer_schema=False), "xlsx": read_workbook, "json": pl.read_json}[form]
    tables = {path.name: read(io.BytesIO(path.read_bytes())) for path, _ in files}
    assert [*tables] == [f"A-2025-Q1-{name}-nhif.{form}" for name in ("excluded", "rejected", "sites")]
    excluded, rejected, sites = tables.values()
    assert dict(excluded.select("reason", "doses").rows()) == {"after_as_of": "17", "trial": "3"}
    assert rejected.height == 40
    assert rejected.row(0)[:4] == ("A", "2025-Q1", "2025-05-15", "EUR")
    assert rejected.filter(person_id="7").select("term", "administered_on", "record_id", "reason").rows() == [
        ("c", "2025-01-03", "d23", "dose_cap")
    ]
    assert sites.select("site_id", "term", "amount").rows() == [("north", "c", "4002.80")]


def test_the_company_learns_how_many_doses_were_left_out_and_of_no_few_patients(
    capped: rb.Ledger, tmp_path: Path
) -> None:
    told = rb.left_out_for_company(capped, capped.closes()[0])
    [(path, rows)] = write_left_out(tmp_path, capped, capped.closes()[0], "company", "csv")

    cells = {
        reason: (term, n, doses) for term, reason, n, doses in told.select("term", "reason", "patients", "doses").rows()
    }
    assert cells["dose_cap"] == ("c", 40, 40)
    assert cells["trial"][1:] == (None, None)
    assert (path.name, rows) == ("A-2025-Q1-left_out-company.csv", 3)
    assert not {"person_id", "record_id", "site_id"} & set(told.columns)


def test_what_stands_beside_the_entries_is_held_to_the_log(capped: rb.Ledger) -> None:
    closed = capped.closes()[0]
    path = capped.folder / closed.beside["rejected"]["file"]
    path.write_bytes(path.read_bytes().replace(b"d23", b"d24"))

    with pytest.raises(TornStore, match="are not those that were posted"):
        rb.left_out(capped, closed)


def test_what_was_left_out_of_an_erased_patient_goes_too(capped: rb.Ledger, tmp_path: Path) -> None:
    for form in ("csv", "xlsx", "json"):
        write_left_out(tmp_path, capped, capped.closes()[0], "nhif", form)

    gone = clear_exports(tmp_path, {"person_id": [7]}, {})

    assert set(gone) == {f"exports/A-2025-Q1-rejected-nhif.{form}" for form in ("csv", "xlsx", "json")}


def test_exports_of_an_erased_patient_go_and_the_companys_stay(ledger: rb.Ledger, tmp_path: Path) -> None:
    second = ledger.closes()[1]
    hers = {write_export(tmp_path, ledger, second, "nhif", form)[0].name for form in ("csv", "xlsx", "json")}
    kept = [write_export(tmp_path, ledger, second, "company", form)[0] for form in ("csv", "xlsx", "json")]

    gone = clear_exports(tmp_path, {"person_id": [50]}, {})

    assert set(gone) == {f"exports/{name}" for name in hers}
    assert all(path.exists() for path in kept)
