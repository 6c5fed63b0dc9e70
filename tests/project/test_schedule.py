# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A tick runs each due window once, catches up what was missed, and keeps what came of it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import textwrap
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from rwe.catalogue import open_catalogue
from rwe.errors import DefinitionError, MachineError
from rwe.schedule import Tick, stand, survey, tick, windows_after
from rwe.spec.schedule import Schedule, load_schedule

# a command that notes its arguments and ends with the code that a file tells it
NOTE = """
import json, os, pathlib, sys
here = pathlib.Path(sys.argv[1])
with open(here / "calls.jsonl", "a") as calls:
    calls.write(json.dumps(sys.argv[2:]) + "\\n")
print(json.dumps({"event": "end"}))
sys.exit(int((here / "code").read_text()))
"""


class Desk:
    """A folder of schedules, a home, and a real little command to be run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "schedules", folder / "home"
        self.folder.mkdir()
        (folder / "study.yaml").write_text("study: s\n", "utf-8")
        (folder / "note.py").write_text(NOTE, "utf-8")
        self.command = (sys.executable, str(folder / "note.py"), str(folder))
        self.code = folder / "code"
        self.code.write_text("0")
        self.calls = folder / "calls.jsonl"

    def write(self, name: str = "daily", **other: str) -> Path:
        lines = {"schedule": name, "cron": '"30 3 * * *"', "study": "../study.yaml", "start": "2026-11-01"} | other
        path = self.folder / f"{name}.yaml"
        path.write_text("\n".join(f"{key}: {value}" for key, value in lines.items()), "utf-8")
        return path

    def tick(self, now: str) -> Tick:
        return tick(self.folder, self.home, at(now), command=self.command)

    def ran(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [json.loads(line)[-1] for line in lines]

    def status(self) -> dict[str, str]:
        windows = open_catalogue(self.home).windows("daily")
        return {f"{window.due:%m-%d}": window.status for window in windows}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def schedule(cron: str, start: str, **other: object) -> Schedule:
    return Schedule(schedule="s", cron=cron, study="x", start=date.fromisoformat(start), **other)


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        ("30 3 * * *", "2026-10-25", ["2026-10-25T00:30", "2026-10-26T01:30"]),  # 03:30 comes twice that night
        ("30 3 * * *", "2026-03-29", ["2026-03-29T01:00", "2026-03-30T00:30"]),  # 03:30 does not come that night
        ("0 0 * * *", "2026-10-25", ["2026-10-24T21:00", "2026-10-25T22:00"]),  # the start day itself counts
        ("30 3 1 * *", "2026-12-02", ["2027-01-01T01:30", "2027-02-01T01:30"]),
    ],
)
def test_windows_follow_the_clock_of_sofia(cron: str, start: str, expected: list[str]) -> None:
    rule = schedule(cron, start, catch_up="all")
    now = at(expected[-1])

    due = stand(rule, Path("x"), [], now).due

    assert [f"{window:%Y-%m-%dT%H:%M}" for window in due] == expected


def test_window_in_the_repeated_hour_is_not_due_again_after_it_was_served() -> None:
    rule = schedule("30 3 * * *", "2026-10-25")

    following = next(windows_after(rule, at("2026-10-25T00:30")))

    assert following == at("2026-10-26T01:30")


def test_one_run_a_due_window(desk: Desk) -> None:
    desk.write()

    first = desk.tick("2026-11-01T02:00")
    again = desk.tick("2026-11-01T23:00")

    assert desk.ran() == ["daily-20261101T0130Z-1"]
    assert (first.exit_code, first.outcomes[0].status, again.outcomes) == (0, "done", ())
    assert desk.status() == {"11-01": "done"}


def test_the_run_is_told_study_home_and_run_id(desk: Desk) -> None:
    desk.write(track="true")

    desk.tick("2026-11-01T02:00")

    study, home = str(desk.folder.parent / "study.yaml"), str(desk.home)
    arguments = json.loads(desk.calls.read_text())
    assert arguments == [study, "--json", "--home", home, "--run-id", "daily-20261101T0130Z-1", "--track"]


@pytest.mark.parametrize(
    ("catch_up", "now", "expected", "status"),
    [
        (
            "last",
            "2026-11-04T12:00",
            ["04"],
            {"11-01": "skipped", "11-02": "skipped", "11-03": "skipped", "11-04": "done"},
        ),
        ("all", "2026-11-03T12:00", ["01", "02", "03"], {"11-01": "done", "11-02": "done", "11-03": "done"}),
        ("none", "2026-11-02T12:00", [], {"11-01": "skipped", "11-02": "skipped"}),
        ("none", "2026-11-02T02:00", ["02"], {"11-01": "skipped", "11-02": "done"}),
    ],
)
def test_missed_windows(desk: Desk, catch_up: str, now: str, expected: list[str], status: dict[str, str]) -> None:
    desk.write(catch_up=catch_up)

    desk.tick(now)

    assert [run_id[12:14] for run_id in desk.ran()] == expected
    assert desk.status() == status


@pytest.mark.parametrize(
    ("code", "status"), [(1, "failed"), (2, "failed"), (3, "failed"), (5, "failed"), (7, "failed")]
)
def test_a_lasting_failure_is_kept_and_not_repeated(desk: Desk, code: int, status: str) -> None:
    desk.write()
    desk.code.write_text(str(code))

    first = desk.tick("2026-11-01T02:00")
    second = desk.tick("2026-11-01T03:00")

    assert (first.exit_code, second.exit_code, second.outcomes) == (code, 0, ())
    assert (desk.status(), len(desk.ran())) == ({"11-01": status}, 1)


@pytest.mark.parametrize("code", [4, 6])
def test_a_source_that_slept_is_tried_again_at_the_next_tick(desk: Desk, code: int) -> None:
    desk.write()
    desk.code.write_text(str(code))

    first = desk.tick("2026-11-01T02:00")
    desk.code.write_text("0")
    second = desk.tick("2026-11-01T03:00")

    assert (first.exit_code, first.outcomes[0].status) == (code, "retry")
    assert (second.exit_code, second.outcomes[0].attempt) == (0, 2)
    assert desk.ran() == ["daily-20261101T0130Z-1", "daily-20261101T0130Z-2"]


def test_attempts_come_to_an_end(desk: Desk) -> None:
    desk.write(attempts="2")
    desk.code.write_text("4")

    outcomes = [desk.tick("2026-11-01T02:00").outcomes for _ in range(3)]

    assert [[outcome.status for outcome in tried] for tried in outcomes] == [["retry"], ["failed"], []]


def test_a_killed_run_is_repeated(desk: Desk) -> None:
    desk.write()
    (desk.folder.parent / "note.py").write_text("import os; os.kill(os.getpid(), 9)", "utf-8")

    first = desk.tick("2026-11-01T02:00")
    (desk.folder.parent / "note.py").write_text(NOTE, "utf-8")
    second = desk.tick("2026-11-01T03:00")

    assert (first.outcomes[0].status, second.outcomes[0].status) == ("lost", "done")


def test_a_window_without_a_sign_of_life_is_lost_and_repeated(desk: Desk) -> None:
    desk.write(cron='"0 0 1 1 *"', start="2020-01-01")
    (standing,), _ = survey(desk.folder, desk.home)
    now, catalogue = datetime.now(UTC), open_catalogue(desk.home)
    catalogue.claim("daily", standing.due[0], 1, "a run whose process died")

    soon = tick(desk.folder, desk.home, now, command=desk.command)
    later = tick(desk.folder, desk.home, now + timedelta(minutes=11), command=desk.command)

    assert soon.outcomes == ()
    assert [(outcome.attempt, outcome.status) for outcome in later.outcomes] == [(2, "done")]


def test_a_tick_that_finds_another_at_work_does_nothing(desk: Desk) -> None:
    desk.write()
    desk.home.mkdir()

    with FileLock(desk.home / "schedule.lock"):
        done = desk.tick("2026-11-01T02:00")

    assert (done.busy, done.exit_code, desk.ran()) == (True, 0, [])


def test_one_attempt_is_claimed_once(desk: Desk) -> None:
    catalogue, due = open_catalogue(desk.home), at("2026-11-01T01:30")

    claims = [catalogue.claim("daily", due, 1, "a"), catalogue.claim("daily", due, 1, "b")]

    assert claims == [True, False]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_stopped_tick_stops_its_run_and_leaves_the_window_to_be_repeated(desk: Desk) -> None:
    desk.write()
    (desk.folder.parent / "note.py").write_text("print('at work', flush=True)\nimport time; time.sleep(60)", "utf-8")
    script = textwrap.dedent(f"""
        import signal, sys
        from datetime import datetime
        from pathlib import Path
        from rwe.schedule import tick
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        tick(Path({str(desk.folder)!r}), Path({str(desk.home)!r}), datetime.fromisoformat("2026-11-01T02:00+00:00"),
             command={desk.command!r}, beat_seconds=0.2)
    """)
    log = desk.home / "logs" / "schedules" / "daily-20261101T0130Z-1.jsonl"

    with subprocess.Popen([sys.executable, "-c", script]) as ticking:
        while not (log.exists() and log.read_text()):
            time.sleep(0.05)
        ticking.send_signal(signal.SIGTERM)
    second = tick(desk.folder, desk.home, at("2026-11-01T03:00"), command=(sys.executable, "-c", ""))

    assert ticking.returncode == 143
    assert [(outcome.attempt, outcome.status) for outcome in second.outcomes] == [(2, "done")]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_faulty_file_is_said_and_the_others_run(desk: Desk) -> None:
    desk.write()
    desk.write("weekly", cron='"30 3 * *"', timezone="Europe/Sofa", study="../lost.yaml")

    done = desk.tick("2026-11-01T02:00")

    assert (done.exit_code, len(desk.ran())) == (2, 1)
    assert [problem.where for problem in done.problems] == ["cron", "timezone"]


def test_a_disabled_schedule_is_shown_and_not_run(desk: Desk) -> None:
    desk.write(enabled="false")

    done = desk.tick("2026-11-01T02:00")
    (standing,), _ = survey(desk.folder, desk.home, at("2026-11-01T02:00"))

    assert (done.outcomes, desk.status(), standing.due) == ((), {}, ())


def test_two_schedules_of_one_name_are_a_fault(desk: Desk) -> None:
    desk.write()
    (desk.folder / "zweite.yaml").write_text(desk.write().read_text("utf-8"), "utf-8")

    done = desk.tick("2026-11-01T02:00")

    assert (done.exit_code, len(done.outcomes)) == (2, 1)


def test_a_folder_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(DefinitionError, match="no such folder"):
        tick(desk.folder / "typo", desk.home)


def test_a_command_that_is_not_there_is_the_machine(desk: Desk) -> None:
    desk.write()

    with pytest.raises(MachineError, match="cannot be started"):
        tick(desk.folder, desk.home, at("2026-11-01T02:00"), command=("no-such-command",))


def test_shipped_schedules_are_valid() -> None:
    shipped = Path(__file__).parents[2] / "configs" / "schedules"

    loaded = [load_schedule(path) for path in sorted(shipped.glob("*.yaml"))]

    assert loaded
