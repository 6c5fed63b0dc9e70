# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The self tests as a council runs them, small here and whole in CI, and that they would see a store that fails."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.selftest.bits import Flip
from rwe.selftest.changed import changed
from rwe.selftest.clock import clock
from rwe.selftest.crash import SCENARIOS, crashes
from rwe.selftest.crowd import crowd
from rwe.selftest.full import full
from rwe.selftest.kill import Kill, inspected, kill, order_of
from rwe.selftest.moving import moving
from rwe.selftest.network import network
from rwe.selftest.outcome import Check
from rwe.selftest.processes import ended
from rwe.selftest.signals import signals
from rwe.selftest.state import LANDING, begin, fingerprint, tables
from rwe.selftest.torn import torn
from rwe.selftest.work import TABLES, land
from rwe.store import Store
from synthetic.invented import INVENTED


def _command(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["selftest", *line, "--json"])
    said = capsys.readouterr()
    return code, [json.loads(event) for event in said.out.splitlines()], said.err


def _silent(_: object) -> None:
    """Tell nobody."""


def _all_passed(checks: list[Check]) -> None:
    assert [check for check in checks if check.outcome == "failed"] == []
    assert checks
    if skipped := [f"{check.case}: {check.said}" for check in checks if check.outcome == "skipped"]:
        pytest.skip("; ".join(skipped))  # in CI a failure: what could not be made shows nothing


@pytest.mark.ci
def test_killed_extractions_lose_and_double_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "kills.csv"

    code, events, words = _command(
        capsys, "kill", "--kills", "3", "--rows", "3000", "--home", str(tmp_path), "--out", str(out)
    )

    found = [event for event in events if event["event"] == "kill"]
    assert (code, Counter(event["killed"] for event in found)) == (0, {True: 3, False: 1})
    assert found[-1]["landed"] == 3000
    assert pl.read_csv(out).height == 4
    assert "3 kills" in words
    assert list((tmp_path / "selftest").iterdir()) == []


def test_flipped_bits_are_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, events, _ = _command(capsys, "bits", "--flips", "150", "--home", str(tmp_path))

    counts = [event for event in events if event["event"] == "count"]
    assert code == 0
    assert {event["file"] for event in counts} == {"data file", "Delta log", "seal log", "chain"}
    assert sum(event["n"] for event in counts) == 150
    assert {event["outcome"] for event in counts} <= {"detected", "harmless"}


def test_each_window_once_and_durations_unchanged(tmp_path: Path) -> None:
    _all_passed(list(clock(tmp_path, _silent)))


def test_logs_cut_here_and_there(tmp_path: Path) -> None:
    _all_passed(list(torn(tmp_path, _silent, every=150)))


@pytest.mark.ci
def test_a_row_that_is_missing_or_of_no_source_is_seen(tmp_path: Path) -> None:
    database = tmp_path / "hospital.db"
    INVENTED.build(database, TABLES, rows=50)
    code, told = ended(land, tmp_path / "home", database, 20)
    assert (code, told[-1]) == (0, "done")
    whole = inspected(tmp_path / "home", order_of(database), database, 20, (1, 0, False, 0.0))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE stay SET row_id = 1000 WHERE row_id = 7")
        connection.execute("UPDATE dose SET amount = -1 WHERE row_id = 9")
        connection.commit()

    found = inspected(tmp_path / "home", order_of(database), database, 20, (1, 0, False, 0.0))

    assert (whole.good, whole.landed) == (True, 100)
    assert (found.good, found.lost, found.altered) == (False, 1, 3)


def test_a_fingerprint_sees_one_other_value(tmp_path: Path) -> None:
    table = tables(tmp_path)["landing"]
    begin(table)
    before = fingerprint(table)
    table.append(pl.DataFrame({"_key": ["0"], "person_token": ["p0"], "note": ["0"], "score": [0.1]}), batch="other")

    assert fingerprint(Store(tmp_path).table(LANDING)) != before


@pytest.mark.parametrize(("outcome", "good"), [("detected", True), ("silent", False), ("aborted", False)])
def test_only_what_is_seen_or_does_no_harm_is_good(outcome: str, *, good: bool) -> None:
    assert Flip(1, "data file", 0, 0, outcome).good == good


@pytest.mark.parametrize("wrong", ["lost", "doubled", "altered", "left"])
def test_one_wrong_row_or_file_makes_a_kill_bad(wrong: str) -> None:
    counts = {"landed": 5, "lost": 0, "doubled": 0, "altered": 0, "scraps": 1, "left": 0, "notices": 1}

    assert Kill(1, 0, killed=True, seconds=0.1, **counts).good
    assert not Kill(1, 0, killed=True, seconds=0.1, **{**counts, wrong: 1}).good


@pytest.mark.ci
def test_every_crash_point(tmp_path: Path) -> None:
    checks = list(crashes(tmp_path, _silent))

    _all_passed(checks)
    assert len({check.case.rpartition(": ")[2] for check in checks}) >= 14
    assert {check.case.partition(",")[0] for check in checks} == set(SCENARIOS)


@pytest.mark.ci
def test_logs_cut_at_every_byte(tmp_path: Path) -> None:
    _all_passed(list(torn(tmp_path, _silent)))


@pytest.mark.ci
def test_disks_that_refuse(tmp_path: Path) -> None:
    _all_passed(list(full(tmp_path, _silent)))


def test_a_table_that_is_not_what_it_was(tmp_path: Path) -> None:
    _all_passed([check for _, check in zip(range(1), changed(tmp_path, _silent), strict=False)])


@pytest.mark.ci
def test_a_hospital_that_changes_while_it_is_read(tmp_path: Path) -> None:
    _all_passed(list(moving(tmp_path, _silent)))


@pytest.mark.ci
def test_tables_that_are_not_what_they_were(tmp_path: Path) -> None:
    _all_passed(list(changed(tmp_path, _silent)))


@pytest.mark.ci
def test_a_database_on_the_network_that_breaks_hangs_and_errs(tmp_path: Path) -> None:
    _all_passed(list(network(tmp_path, _silent)))


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_fault_that_cannot_be_made_is_told_apart_and_fails_where_nobody_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, code: int
) -> None:
    found = [Check("F9", "full disk", "skipped", "no tool"), Check("F1", "append", "passed")]
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("rwe.selftest.faults.faults", lambda *_, **__: iter(found))

    done, events, words = _command(capsys, "faults", "--home", str(tmp_path))

    assert done == code
    assert [event["outcome"] for event in events if event["event"] == "check"] == ["skipped", "passed"]
    assert "1 faults made: 0 left" in words
    assert "1 could not be made here" in words
    assert "F9 full disk: not possible here: no tool" in words


@pytest.mark.ci
def test_a_crowd_of_writers_and_two_schedulers(tmp_path: Path) -> None:
    _all_passed(list(crowd(tmp_path, _silent, 10)))


@pytest.mark.ci
def test_signals_and_the_death_of_a_parent(tmp_path: Path) -> None:
    _all_passed(list(signals(tmp_path, _silent)))


@pytest.mark.ci
def test_ten_thousand_flipped_bits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, events, _ = _command(capsys, "bits", "--flips", "10000", "--home", str(tmp_path))

    assert code == 0
    assert {event["outcome"] for event in events if event["event"] == "count"} <= {"detected", "harmless"}


@pytest.mark.ci
@pytest.mark.timeout(900)
def test_forty_kills_at_a_million_rows(tmp_path: Path) -> None:
    found = list(kill(tmp_path, 40, 1_000_000, 1, _silent))

    assert [one for one in found if not one.good] == []
    assert sum(one.killed for one in found) == 40
    assert found[-1].landed == 1_000_000


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_thousand_kills_at_a_hundred_thousand_rows(tmp_path: Path) -> None:
    found = list(kill(tmp_path, 1000, 100_000, 2, _silent))

    assert [one for one in found if not one.good] == []
    assert sum(one.killed for one in found) == 1000
