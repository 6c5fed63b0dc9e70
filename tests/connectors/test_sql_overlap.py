# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that come late under an old time are found within the overlap, and the cursor never goes back."""

from __future__ import annotations

import hashlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from connectors.conformance import VISIT, visits
from rwe.errors import DefinitionError
from rwe.ports import Cursor
from rwe.spec.source import Source
from rwe.store import Store

START = datetime(2024, 3, 1, tzinfo=UTC)


def _days(n: int, first: int = 1) -> list[dict[str, Any]]:
    """Return rows a day apart."""
    return [{**row, "modified_at": START + timedelta(days=first + i)} for i, row in enumerate(visits(n, first=first))]


def _read(clinic: Any, since: Cursor | None, days: int = 7, page_rows: int = 3) -> list[Any]:
    with closing(clinic.open(page_rows, options={"overlap_days": days, "retry_seconds": 1})) as connector:
        return list(connector.read("visit", since))


def test_a_late_row_with_an_old_time_is_found_and_the_cursor_stays(any_clinic: Any) -> None:
    any_clinic.write(_days(20))
    last = _read(any_clinic, None)[-1].cursor
    late = {**visits(1, first=99)[0], "modified_at": START + timedelta(days=14, hours=3)}
    older = {**visits(1, first=98)[0], "modified_at": START + timedelta(days=12)}
    any_clinic.write([late, older])

    again = _read(any_clinic, last)

    keys = [key for batch in again for key in batch.rows["_key"]]
    assert keys == ["13", "14", "99", "15", "16", "17", "18", "19", "20"]
    assert {batch.cursor for batch in again} == {last}


def test_pages_of_the_overlap_are_not_taken_for_one_another_in_the_landing(any_clinic: Any, tmp_path: Any) -> None:
    any_clinic.write(_days(12))
    table = Store(tmp_path / "store").table("clinic/landing/visit")

    def land() -> list[int]:
        landed = []
        for batch in _read(any_clinic, table.cursor()):
            rows = batch.rows.drop("patient_no")
            name = hashlib.sha256(f"{batch.cursor}{rows.write_ndjson()}".encode()).hexdigest()
            landed.append(table.append(rows, batch=name, cursor=batch.cursor).landed)
        return landed

    assert sum(land()) == 12
    assert sum(land()) == 0
    any_clinic.write([{**_days(12)[10], "score": -7}, {**visits(1, first=99)[0], "modified_at": START + timedelta(9)}])
    assert sum(land()) == 2
    current = table.current().collect()
    assert current.height == 13
    assert current.filter(pl.col("_key") == "11")["score"].item() == -7
    assert _read(any_clinic, table.cursor())[-1].cursor == table.cursor()


def test_new_rows_behind_the_overlap_move_the_cursor_on(any_clinic: Any) -> None:
    any_clinic.write(_days(9))
    last = _read(any_clinic, None)[-1].cursor
    any_clinic.write(_days(2, first=10))

    again = _read(any_clinic, last, days=1)

    assert [key for batch in again for key in batch.rows["_key"]] == ["8", "9", "10", "11"]
    assert again[-1].cursor.value > last.value
    assert again[-1].cursor.key == "11"


def test_a_date_as_cursor_has_an_overlap_too(any_clinic: Any) -> None:
    source = Source(source="clinic", streams={"visit": VISIT.model_copy(update={"cursor": "seen_on"})})
    any_clinic.write(visits(9))
    options = {"overlap_days": 2, "retry_seconds": 1}
    with closing(any_clinic.open(4, source, options=options)) as connector:
        last = list(connector.read("visit", None))[-1].cursor

        again = [key for batch in connector.read("visit", last) for key in batch.rows["_key"]]

    assert again == ["7", "8", "9"]


def test_a_number_as_cursor_has_none(clinic: Any) -> None:
    source = Source(source="clinic", streams={"visit": VISIT.model_copy(update={"cursor": "row_id"})})
    clinic.write(visits(9))
    with closing(clinic.open(4, source, options={"overlap_days": 7})) as connector:
        last = list(connector.read("visit", None))[-1].cursor

        assert list(connector.read("visit", last)) == []


def test_options_are_a_closed_grammar(clinic: Any) -> None:
    with pytest.raises(DefinitionError, match=r"options\.overlap_day: unknown key; did you mean 'overlap_days'"):
        clinic.open(options={"overlap_day": 3})
    stream = VISIT.model_copy(update={"options": {"zero_dates": "guess"}})
    with pytest.raises(DefinitionError, match=r"stream 'visit': options\.zero_dates"):
        clinic.open(source=Source(source="clinic", streams={"visit": stream}))
