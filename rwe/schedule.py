# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One tick of the calendar: which windows are due, one run for each, and its outcome in the catalogue.

A ledger, not a daemon: cron, systemd (``Persistent=true``) or Windows Task Scheduler (start when
available) calls ``rwe schedule tick`` as often as it likes. A tick that finds another at work does
nothing. A run ended by exit code 4 or 6 is tried again at the next tick; one whose process died is
marked lost and repeated.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path

from cronsim import CronSim
from filelock import FileLock, Timeout

from rwe.catalogue import Catalogue, Window, open_catalogue
from rwe.errors import Busy, DefinitionError, MachineError, Problem, RweError, SourceUnreachable
from rwe.spec.schedule import Schedule, load_schedule

COMMAND = (sys.executable, "-m", "rwe", "run")
TRANSIENT = (SourceUnreachable.exit_code, Busy.exit_code)
KILLED = (130, 143)
ERRORS: list[type[RweError]] = [RweError, *RweError.__subclasses__()]
KINDS = {kind.exit_code: kind.__name__ for kind in ERRORS}
AGAIN = ("retry", "lost")
STALE = timedelta(minutes=10)
BEAT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at one window ended."""

    schedule: str
    due: datetime
    attempt: int
    status: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did.

    Parameters
    ----------
    busy
        Another tick was at work, so this one did nothing.
    outcomes
        One for each run that was started.
    problems
        Faults of schedule files; the other schedules ran nevertheless.
    """

    busy: bool = False
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where all went well, 2 for a faulty schedule file, else the code of the first run that failed."""
        failed = [outcome.exit_code for outcome in self.outcomes if outcome.status != "done"]
        return DefinitionError.exit_code if self.problems else next(iter(failed), 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one schedule stands: its due windows, the next one, and the last one entered."""

    schedule: Schedule
    study: Path
    due: tuple[datetime, ...]
    attempts: Mapping[datetime, int]
    passed: tuple[datetime, ...]
    following: datetime
    last: Window | None


def read_schedules(folder: Path) -> tuple[list[tuple[Schedule, Path]], tuple[Problem, ...]]:
    """Return the schedules of a folder with their studies, and the faults of those that are wrong."""
    if not folder.is_dir():
        raise DefinitionError(f"no such folder of schedules: {folder}")
    found: dict[str, tuple[Schedule, Path]] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            schedule, study = load_schedule(path)
        except DefinitionError as exc:
            problems += exc.problems
            continue
        if schedule.schedule in found:
            problems.append(Problem(str(path), 1, 1, "schedule", "another file in this folder has this name"))
        found.setdefault(schedule.schedule, (schedule, study))
    return list(found.values()), tuple(problems)


def windows_after(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield the due times after `moment` as UTC; each wall-clock time once, also when clocks change."""
    return (due.astimezone(UTC) for due in CronSim(schedule.cron, moment.astimezone(schedule.zone)))


def stand(schedule: Schedule, study: Path, entered: Sequence[Window], now: datetime) -> Standing:
    """Return what is due at `now`, given the windows that stand in the catalogue."""
    start = datetime.combine(schedule.start, time(), schedule.zone) - timedelta(seconds=1)
    since = max([start.astimezone(UTC), *(window.due for window in entered)])
    again = [w.due for w in entered if w.status in AGAIN and w.attempt < schedule.attempts]
    open_ = sorted([*again, *takewhile(lambda due: due <= now, windows_after(schedule, since))])
    due = _chosen(schedule, open_, now) if schedule.enabled else []
    passed = [window for window in open_ if window not in due] if schedule.enabled else []
    following = next(windows_after(schedule, max(since, now)))
    attempts = {window.due: window.attempt for window in entered}
    return Standing(schedule, study, tuple(due), attempts, tuple(passed), following, entered[-1] if entered else None)


def _chosen(schedule: Schedule, due: list[datetime], now: datetime) -> list[datetime]:
    if schedule.catch_up == "all":
        return due
    grace = timedelta(minutes=schedule.grace_minutes) if schedule.catch_up == "none" else timedelta.max
    return [window for window in due[-1:] if now - window <= grace]


def survey(folder: Path, home: Path, now: datetime | None = None) -> tuple[list[Standing], tuple[Problem, ...]]:
    """Return where each schedule of `folder` stands, without starting anything."""
    schedules, problems = read_schedules(folder)
    catalogue = open_catalogue(home)
    now = now or datetime.now(UTC)
    return [stand(one, study, catalogue.windows(one.schedule), now) for one, study in schedules], problems


def tick(
    folder: Path,
    home: Path,
    now: datetime | None = None,
    *,
    command: Sequence[str] = COMMAND,
    beat_seconds: float = BEAT_SECONDS,
    progress: Callable[[str, float | None], None] = lambda *_: None,
) -> Tick:
    """Run what is due of the schedules in `folder`.

    Parameters
    ----------
    folder
        Folder of the schedule files.
    home
        Home folder; its catalogue keeps the outcomes, ``logs/schedules`` what each run said.
    now
        The moment to take as now (an aware time).
    command
        Command line to which study, home and run id are added.
    beat_seconds
        Seconds between two signs of life in the catalogue.
    progress
        Told the name of each schedule as its turn comes.
    """
    now = now or datetime.now(UTC)
    catalogue = open_catalogue(home)
    server = _Server(catalogue, home, tuple(command), beat_seconds)
    try:
        with FileLock(home / "schedule.lock", blocking=False):
            schedules, problems = read_schedules(folder)
            outcomes: list[Outcome] = []
            for schedule, study in schedules:
                progress(schedule.schedule, None)
                catalogue.lose(schedule.schedule, now - STALE)
                standing = stand(schedule, study, catalogue.windows(schedule.schedule), now)
                catalogue.skip(schedule.schedule, standing.passed)
                outcomes += server.serve(standing)
            return Tick(outcomes=tuple(outcomes), problems=problems)
    except Timeout:
        return Tick(busy=True)


@dataclass(frozen=True, slots=True)
class _Server:
    """Runs due windows one after the other and enters how each ended."""

    catalogue: Catalogue
    home: Path
    command: tuple[str, ...]
    beat_seconds: float

    def serve(self, standing: Standing) -> Iterator[Outcome]:
        """Run the due windows, oldest first; one to be tried again ends the round of its schedule."""
        for due in standing.due:
            attempt = standing.attempts.get(due, 0) + 1
            run_id = f"{standing.schedule.schedule}-{due:%Y%m%dT%H%MZ}-{attempt}"
            if not self.catalogue.claim(standing.schedule.schedule, due, attempt, run_id):
                continue
            outcome = self._attempt(standing, due, attempt, run_id)
            yield outcome
            if outcome.status in AGAIN:
                return

    def _attempt(self, standing: Standing, due: datetime, attempt: int, run_id: str) -> Outcome:
        schedule = standing.schedule
        line = [*self.command, str(standing.study), "--json", "--home", str(self.home), "--run-id", run_id]
        line += ["--track"] if schedule.track else []
        try:
            code = self._run(line, run_id, lambda: self.catalogue.beat(schedule.schedule, due))
        except BaseException:
            self.catalogue.close(schedule.schedule, due, status="lost", exit_code=None, error_kind="Stopped")
            raise
        status = _status(code, last=attempt >= schedule.attempts)
        self.catalogue.close(schedule.schedule, due, status=status, exit_code=code, error_kind=KINDS.get(code))
        return Outcome(schedule.schedule, due, attempt, status, code)

    def _run(self, line: list[str], run_id: str, beat: Callable[[], None]) -> int:
        """Run one command line to its end, with a sign of life as it goes; return its exit code."""
        log = self.home / "logs" / "schedules" / f"{run_id}.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        except OSError as exc:
            raise MachineError(f"the run cannot be started: {exc.strerror}") from None
        finally:
            os.close(said)
        with child:
            try:
                while (code := _wait(child, self.beat_seconds)) is None:
                    beat()
            except BaseException:
                child.terminate()
                raise
        return code


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _status(code: int, *, last: bool) -> str:
    """Name how a run ended: a source that slept or a lock is tried again, a killed process repeated."""
    if code == 0:
        return "done"
    killed = code < 0 or code in KILLED
    if last or not (killed or code in TRANSIENT):
        return "failed"
    return "lost" if killed else "retry"
