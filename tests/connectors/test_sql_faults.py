# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Databases that drop the line, kill the session, fall silent or change while they are read: no row lost or doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from connectors.conformance import visits
from connectors.sql_deadline import rest, within
from connectors.sql_faults import TRIES, Patience
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.selftest.line import Proxy, between

pytestmark = pytest.mark.ci
SERVERS = ["postgresql over odbc", "postgresql on tcp", "mariadb"]
ROWS = 60


@pytest.fixture
def line(any_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Put a line that can break between the site and its server."""
    url = any_clinic.site.address()
    port = sa.make_url(url).port
    assert port is not None
    with between(port) as proxy:
        monkeypatch.setenv("RWE_TEST_CLINIC_URL", url.replace(f":{port}/", f":{proxy.port}/"))
        yield proxy


def _keys(batches: list[Any]) -> list[str]:
    return [key for batch in batches for key in batch.rows["_key"]]


@pytest.mark.parametrize("any_clinic", SERVERS, indirect=True)
@pytest.mark.parametrize("fault", ["drop", "half"])
def test_a_line_that_breaks_anywhere_costs_no_row(any_clinic: Any, line: Proxy, fault: Any) -> None:
    any_clinic.write(visits(ROWS, tied=7))
    with closing(any_clinic.open(8)) as connector:
        connector.check()
        checked = line.lines
        for place in (1, 200, 900, 2_000, 3_500, 5_000, 7_000):
            line.faults = [(fault, place)]

            batches = list(connector.read("visit", None))

            assert _keys(batches) == [str(i + 1) for i in range(ROWS)]
    assert line.lines > checked + 7


@pytest.mark.parametrize("any_clinic", SERVERS, indirect=True)
def test_a_line_that_always_breaks_is_given_up_after_five_tries(any_clinic: Any, line: Proxy) -> None:
    any_clinic.write(visits(9))
    with closing(any_clinic.open(4)) as connector:
        connector.check()
        before = line.lines
        line.faults = [("drop", 1)] * 50

        with pytest.raises(SourceUnreachable, match="does not answer"):
            list(connector.read("visit", None))

    assert line.lines == before + TRIES


@pytest.mark.parametrize("any_clinic", ["postgresql on tcp", "mariadb"], indirect=True)
def test_a_line_that_falls_silent_is_left_and_another_is_taken(any_clinic: Any, line: Proxy) -> None:
    any_clinic.write(visits(ROWS))
    options = {"overlap_days": 0, "retry_seconds": 30}
    with closing(any_clinic.open(8, timeout_seconds=1, options=options)) as connector:
        connector.check()
        line.faults = [("silence", 5_000)]

        batches = list(connector.read("visit", None))

    assert _keys(batches) == [str(i + 1) for i in range(ROWS)]


@pytest.mark.parametrize("any_clinic", SERVERS, indirect=True)
def test_a_session_that_is_killed_between_pages_costs_no_row(any_clinic: Any) -> None:
    any_clinic.write(visits(ROWS, tied=7))
    with closing(any_clinic.open(8)) as connector:
        reading = connector.read("visit", None)
        batches = [next(reading)]
        _kill_readers(any_clinic.engine)

        batches += list(reading)

    assert _keys(batches) == [str(i + 1) for i in range(ROWS)]


def _kill_readers(engine: sa.Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
            )
            return
        found = connection.exec_driver_sql("SELECT id FROM information_schema.processlist WHERE user = 'reader'")
        for number in [int(row[0]) for row in found]:
            connection.exec_driver_sql(f"KILL {number}")


@pytest.mark.parametrize("any_clinic", ["postgresql", "postgresql over odbc", "mariadb"], indirect=True)
def test_all_pages_come_from_one_state_of_the_source(any_clinic: Any) -> None:
    rows = visits(20)
    any_clinic.write(rows)
    with closing(any_clinic.open(4)) as connector:
        reading = connector.read("visit", None)
        batches = [next(reading)]
        any_clinic.write([{**rows[18], "score": -1}, *visits(3, first=100)])
        any_clinic.run("DELETE FROM visit WHERE row_id = 10")

        batches += list(reading)

        assert _keys(batches) == [str(i + 1) for i in range(20)]
        assert pl.concat([batch.rows for batch in batches])["score"][18] == rows[18]["score"]
        assert not connector.session["snapshot"].startswith("none")
        assert connector.session["zone"] in ("UTC", "+00:00")


@pytest.mark.parametrize("any_clinic", ["postgresql", "mariadb"], indirect=True)
def test_a_fault_that_stays_is_not_tried_again(any_clinic: Any) -> None:
    any_clinic.write(visits(9))
    with closing(any_clinic.open(4, options={"overlap_days": 0, "retry_seconds": 120})) as connector:
        connector.check()
        any_clinic.run("DROP TABLE visit")

        with pytest.raises(DataError, match="the database refuses to read what is declared"):
            list(connector.read("visit", None))


@pytest.mark.parametrize("any_clinic", ["mariadb"], indirect=True)
def test_an_account_that_is_not_let_in_is_named_without_its_password(any_clinic: Any, monkeypatch: Any) -> None:
    url = any_clinic.site.address()
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", url.replace("secret", "s3cret-marker"))

    with pytest.raises(DefinitionError, match="does not let this account in") as caught:
        any_clinic.open().check()

    assert "s3cret-marker" not in f"{caught.value!r}"


def test_waits_grow_and_end() -> None:
    patience, waits = Patience(0.12), 0
    while patience.again():
        waits += 1

    assert waits == TRIES - 1


def test_no_thread_is_left_after_reading(any_clinic: Any) -> None:
    any_clinic.write(visits(9))
    before = threading.enumerate()  # those of other tests may still wait for a source that does not answer
    with closing(any_clinic.open(4)) as connector:
        list(connector.read("visit", None))

    assert not [thread for thread in threading.enumerate() if thread.name == "rwe-sql" and thread not in before]


def test_work_after_work_is_done_by_one_thread_and_late_work_by_one_that_ends() -> None:
    held = threading.Event()
    first, second = within(5, threading.current_thread), within(5, threading.current_thread)
    with pytest.raises(sa.exc.TimeoutError):
        within(0.01, held.wait)

    third = within(5, threading.current_thread)
    held.set()
    first.join(5)
    rest()

    assert first is second is not third
    assert not first.is_alive()
    assert not third.is_alive()
