# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that close a period are killed, or meet: a ledger holds each close whole or not at all, and never twice."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filelock import FileLock

from rwe import reimbursement as rb
from rwe.errors import Busy, RweError
from rwe.reimbursement.period import last_day
from rwe.selftest.processes import ended, running

START, LAG, KEY, PEOPLE = date(2025, 1, 1), 45, b"k" * 32, 4_000
QUARTERS = ["2025-Q1", "2025-Q2", "2025-Q3"]
TERM = {
    "id": "t1",
    "type": "payment_by_result",
    "assess_day": 28,
    "window": [-7, 14],
    "failure": ["progression"],
    "missing": {"not_assessed": "failure_after_days_10"},
    "cost_scope": "all",
}
AGREEMENT = {
    "contract": {
        "id": "K",
        "product": "x",
        "indication": "y",
        "start": START,
        "end": date(2027, 12, 31),
        "currency": "EUR",
    },
    "price": [{"from": START, "net": "100.07", "unit": "vial"}],
    "terms": [TERM, {"id": "cap", "type": "dose_cap", "units": "1"}],
    "settlement": {"every": "quarter", "data_cut_lag_days": LAG},
}


def ledger_at(folder: Path) -> rb.Ledger:
    return rb.Ledger(folder, rb.Agreement.model_validate(AGREEMENT), KEY)


def settled(agreement: rb.Agreement, period: str) -> rb.Settlement:
    """Settle what is known at the cut of a period: a third fails, a fifth of that is told a quarter late."""
    cut = last_day(period, "quarter") + timedelta(days=LAG)
    who = pl.DataFrame({"person_id": range(PEOPLE)})
    began = START + pl.duration(days=pl.col("person_id") % 250)
    doses = who.select("person_id", administered_on=began, units=pl.lit("2"), record_id=pl.format("d{}", "person_id"))
    word = pl.when(pl.col("person_id") % 3 == 0).then(pl.lit("progression")).otherwise(pl.lit("response"))
    seen = who.select("person_id", assessed_on=began + pl.duration(days=28), outcome=word)
    seen = seen.with_columns(record_id=pl.format("a{}", "person_id"))
    late = pl.when(pl.col("person_id") % 15 == 0).then(90).otherwise(0)
    known = pl.col("assessed_on") + pl.duration(days=late) <= cut
    return rb.settle(agreement, doses.filter(pl.col("administered_on") <= cut), seen.filter(known), as_of=cut)


def close(folder: Path, period: str) -> rb.Closed:
    ledger = ledger_at(folder)
    return rb.close(ledger, settled(ledger.agreement, period), period)


def closing(connection: Connection, folder: Path, period: str, step: int) -> None:
    """Close a period in a process of its own, which kills itself before its `step`-th touch of the ledger's files."""
    ledger, touched = ledger_at(folder), 0
    settlement = settled(ledger.agreement, period)

    def touch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal touched
        if event in ("open", "os.rename", "os.mkdir", "os.truncate") and str(folder) in str(arguments[0]):
            if touched == step:
                os.kill(os.getpid(), signal.SIGKILL)
            touched += 1

    sys.addaudithook(touch)
    connection.send("begin")
    try:
        closed = rb.close(ledger, settlement, period)
    except RweError as exc:
        connection.send(type(exc).__name__)
        return
    connection.send((closed.sha256, closed.rows, touched))


@dataclass(frozen=True)
class Whole:
    """Closes that nobody stopped: hashes and rows by period, how often the last touched files and how long it took."""

    folder: Path
    closes: dict[str, tuple[str, int]]
    touches: int
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole") / "K"
    closes = {}
    for period in QUARTERS:
        with running(closing, folder, period, -1) as (_, connection):
            assert connection.recv() == "begin"
            began = time.monotonic()
            sha256, rows, touches = connection.recv()
            closes[period] = (sha256, rows)
            took = time.monotonic() - began
    return Whole(folder, closes, touches, took)


def verified(folder: Path, whole: Whole) -> list[str]:
    """Return the periods closed in a ledger, each as the one that nobody stopped and posted once."""
    ledger = ledger_at(folder)
    closes = ledger.closes()
    for one in closes:
        assert (one.sha256, one.rows) == whole.closes[one.period]
        for file in (one.file, one.beside["rejected"]["file"]):
            assert (folder / file).read_bytes() == (whole.folder / file).read_bytes()
    entries = ledger.entries()
    assert entries.height == sum(one.rows for one in closes)
    assert (
        entries.select(pl.struct("close", "person_id", "course", "term", "period").is_duplicated().any()).item()
        is False
    )
    return [one.period for one in closes]


def moments(whole: Whole) -> Iterator[tuple[str, int, float]]:
    """Yield 20 moments to be killed at: before each touch of a file, the rest at times spread over the whole close."""
    steps = [(f"touch {step}", step, 0.0) for step in range(min(whole.touches, 14))]
    others = 20 - len(steps)
    yield from steps
    yield from ((f"{i + 1} of {others}", -1, whole.seconds * (i + 1) / (others + 1)) for i in range(others))


@pytest.mark.ci
@pytest.mark.timeout(900)
def test_twenty_kills_in_the_midst_of_a_close_leave_it_whole_or_not_there(whole: Whole, tmp_path: Path) -> None:
    last, stopped = QUARTERS[-1], 0

    for number, (name, step, seconds) in enumerate(moments(whole)):
        folder = tmp_path / f"{number}"
        for period in QUARTERS[:-1]:
            close(folder, period)
        with running(closing, folder, last, step) as (process, connection):
            assert connection.recv() == "begin"
            if step < 0:
                time.sleep(seconds)
                process.kill()
            process.join(60)
            stopped += process.exitcode == -signal.SIGKILL

        assert verified(folder, whole) in (QUARTERS[:-1], QUARTERS), name
        again = close(folder, last)
        assert (again.sha256, verified(folder, whole)) == (whole.closes[last][0], QUARTERS), name
        assert close(folder, last) == again
        assert not [*folder.glob("*.draft")], name

    assert stopped >= min(whole.touches, 14)  # of those killed by the clock some had ended


@pytest.mark.ci
@pytest.mark.timeout(300)
def test_two_who_close_at_once_post_once(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "K"
    for period in QUARTERS:
        with running(closing, folder, period, -1) as (_, one), running(closing, folder, period, -1) as (_, other):
            told = [[connection.recv() for _ in range(2)] for connection in (one, other)]
        assert [said[0] for said in told] == ["begin", "begin"]
        assert {said[1][:2] for said in told} == {whole.closes[period]}

    assert verified(folder, whole) == QUARTERS


@pytest.mark.ci
@pytest.mark.timeout(300)
def test_a_ledger_that_somebody_holds_is_busy(tmp_path: Path) -> None:
    folder = tmp_path / "K"
    folder.mkdir()

    with FileLock(folder / "ledger.lock"):
        code, told = ended(closing, folder, QUARTERS[0], -1)

    assert (code, told) == (0, ["begin", Busy.__name__])
    assert ledger_at(folder).closes() == []
