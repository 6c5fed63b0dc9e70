# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pages that come as Arrow hold what pages read row by row hold, in a session that cannot do more than the first."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from connectors.arrow_typed import taken
from connectors.conformance import visits
from connectors.sql_arrow import Fetcher
from connectors.sql_frame import KEY
from rwe.errors import DataError
from tests.connectors.tiers import databases

_WAYS = {"sqlite": "adbc-driver-sqlite", "postgresql": "adbc-driver-postgresql", "mariadb": "arrow-odbc"}
_WAYS["postgresql over odbc"] = "row by row"  # its doubles come as single floats
_HARD: list[dict[str, Any]] = [
    {"score": 2**53 + 1, "size": -0.0, "note": "Иван 'О\"Нийл; -- № 5 ≤ ½ 🧬"},
    {"score": -(2**63), "size": 5e-324, "note": ""},
    {"score": 2**63 - 1, "size": 1.7976931348623157e308, "note": "\t\r\n\\N ,;"},
    {"score": None, "size": None, "note": None, "seen_on": None, "seen_at": None},
    {"score": 0, "size": 0.1, "note": "я" * 500, "seen_on": date(1000, 1, 1)},
    {
        "score": 1,
        "size": -1e-7,
        "note": " ",
        "seen_on": date(9999, 12, 31),
        "seen_at": datetime(9999, 12, 31, 23, tzinfo=UTC),
    },
    {"score": 2, "size": 1 / 3, "note": "NULL", "seen_at": datetime(1000, 1, 1, 0, 0, 0, 1, tzinfo=UTC)},
    {"score": 3, "size": 2.0**53, "note": "1e5", "seen_at": datetime(2020, 3, 29, 1, 0, 0, 999_999, tzinfo=UTC)},
]


def _rows() -> list[dict[str, Any]]:
    late = datetime(2024, 3, 1, tzinfo=UTC)
    return [
        {**plain, "modified_at": late + timedelta(microseconds=i), **hard}
        for i, (plain, hard) in enumerate(zip(visits(len(_HARD)), _HARD, strict=True))
    ]


def _read(clinic: Any, page_rows: int = 3) -> tuple[pl.DataFrame, str]:
    with closing(clinic.open(page_rows)) as connector:
        frames = [batch.rows for batch in connector.read("visit", None)]
        return pl.concat(frames), connector.session.get("rows", "")


def test_both_ways_read_the_same_from_nasty_rows(
    any_clinic: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    any_clinic.write(_rows())

    quick, way = _read(any_clinic)
    monkeypatch.setattr("connectors.sql_arrow.WAYS", {})
    slow, other = _read(any_clinic)

    assert way == _WAYS[request.node.callspec.params["any_clinic"]]
    assert other == "row by row"
    assert_frame_equal(quick, slow)
    assert quick.height == len(_HARD)


def test_a_text_longer_than_a_driver_holds_is_read_row_by_row(any_clinic: Any) -> None:
    any_clinic.write(visits(1))
    any_clinic.run(f"UPDATE visit SET note = '{'я' * 16_000}'")  # MariaDB's driver breaks a long text that is bound

    rows, _ = _read(any_clinic)

    assert rows["note"].to_list() == ["я" * 16_000]


def test_a_value_that_needs_a_closer_look_is_refused_in_the_words_of_the_slow_way(clinic: Any) -> None:
    clinic.write(visits(3))
    clinic.run("UPDATE visit SET size = 9e999" if clinic.sqlite else "UPDATE visit SET size = 'Infinity'")

    with pytest.raises(DataError, match=r"visit\.size: 3 of 3 values are not a finite number"):
        _read(clinic)


@pytest.mark.parametrize("least", [1, 2])
def test_a_page_that_needs_a_closer_look_is_read_again_and_no_row_is_lost(
    clinic: Any, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    """`least` rows are looked at: 1 finds it by the last row of a page, 2 after the next page was asked for."""
    clinic.write(visits(40))
    plain, _ = _read(clinic)

    def odd(table: pa.Table, kinds: Any) -> pl.DataFrame | None:
        found = taken(table, kinds)
        if found is None or found.height < least:
            return found
        return None if (found[KEY] == 12).any() else found

    monkeypatch.setattr("connectors.sql_arrow.taken", odd)
    rows, way = _read(clinic)

    assert_frame_equal(rows, plain)
    assert way == "row by row: something in them needs a closer look"


def test_without_the_driver_rows_are_read_and_the_session_says_what_to_install(
    clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.write(visits(5))
    for package in ("adbc_driver_postgresql", "adbc_driver_sqlite"):
        monkeypatch.setitem(sys.modules, package, None)

    rows, way = _read(clinic)

    assert rows.height == 5
    assert way.startswith("row by row: install adbc-driver-")


@pytest.mark.parametrize("any_clinic", databases("postgresql", "postgresql over odbc", "mariadb"), indirect=True)
def test_rows_written_meanwhile_are_not_seen_by_the_second_session_either(any_clinic: Any) -> None:
    """SQLite holds one state only in its write-ahead mode."""
    any_clinic.write(visits(6))

    with closing(any_clinic.open(3)) as connector:
        batches = connector.read("visit", None)
        first = next(batches)
        any_clinic.write(visits(3, first=50))
        rest = list(batches)

    assert first.rows.height + sum(batch.rows.height for batch in rest) == 6


@pytest.mark.parametrize("any_clinic", databases("sqlite", "postgresql", "mariadb"), indirect=True)
@pytest.mark.parametrize("statement", ["CREATE TABLE rwe_intruder (x INTEGER)", "DELETE FROM visit"])
def test_the_second_session_cannot_write(any_clinic: Any, statement: str) -> None:
    any_clinic.write(visits(2))
    with closing(any_clinic.open()) as connector:
        connector.check()
        plan = connector._plans["visit"]
        with connector._database.session(snapshot=True) as opened, closing(Fetcher(opened, 30)) as fetcher:
            fetcher.fetch(connector._pages(opened, plan).page(None, None, 10), plan)
            assert fetcher._way is not None
            with pytest.raises(Exception, match=r"(?i)read.?only|denied|permission"):
                fetcher._way.tell(statement)


@pytest.mark.parametrize("any_clinic", databases("mariadb"), indirect=True)
def test_the_first_page_of_mariadb_is_small_and_those_after_it_walk_along_the_index(any_clinic: Any) -> None:
    """From the very beginning it would sort the whole table for a large page."""
    moment = "TIMESTAMP '2024-01-01 00:00:00' + INTERVAL seq MINUTE"
    any_clinic.run(
        "CREATE INDEX place ON visit (modified_at, row_id)",
        f"INSERT INTO visit (row_id, modified_at, patient_no) SELECT seq, {moment}, 'P' FROM seq_1_to_2500",
    )

    with closing(any_clinic.open(2_000)) as connector:
        sizes = [batch.rows.height for batch in connector.read("visit", None)]

    assert sizes == [1_000, 1_500]
