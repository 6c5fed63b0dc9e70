# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F10: eight processes append to one table, two schedulers tick at once: no row is lost, each window runs once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from rwe.schedule import tick
from rwe.selftest.outcome import Check, judged
from rwe.selftest.processes import received, running
from rwe.selftest.work import append
from rwe.store import Store

PROCESSES, SCHEDULERS, DAYS = 8, 2, 5
# what a tick runs in place of a study: it writes down its run id, and takes a moment
NOTE = "import os, sys, time; time.sleep(0.05); f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT); "
NOTE += "os.write(f, (sys.argv[-1] + '\\n').encode())"


def crowd(folder: Path, tell: Callable[[str], None], seconds: float) -> Iterator[Check]:
    """Let processes work against each other for so long; yield what came of it."""
    tell("F10")
    yield _writers(folder / "writers", seconds)
    yield _schedulers(folder / "schedulers")


def _writers(root: Path, seconds: float) -> Check:
    with ExitStack() as stack:
        started = [stack.enter_context(running(append, root, f"w{n}", seconds)) for n in range(PROCESSES)]
        landed = sum(sum(received(connection, 120)) for _, connection in started)
        for process, _ in started:
            process.join(60)
        codes = {process.exitcode for process, _ in started}
    table = Store(root).table("invented/landing/stay")
    rows = table.rows().collect()
    good = codes == {0} and landed == rows.height == rows["_key"].n_unique()
    said = (
        f"{table.commit} commits, {landed} rows acknowledged, {rows.height} there, exit codes {sorted(map(str, codes))}"
    )
    return judged("F10", f"{PROCESSES} processes append for {seconds:g} s", good=good, said=said)


def _schedulers(folder: Path) -> Check:
    schedules = folder / "schedules"
    schedules.mkdir(parents=True)
    start = date(2026, 1, 1)
    (folder / "study.yaml").write_text("study: s\n", "utf-8")
    lines = ["schedule: daily", 'cron: "30 3 * * *"', "study: ../study.yaml", f"start: {start}", "catch_up: all"]
    (schedules / "daily.yaml").write_text("\n".join(lines), "utf-8")
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=DAYS)
    busy = 0
    with ExitStack() as stack:
        started = [stack.enter_context(running(ticks, folder, now)) for _ in range(SCHEDULERS)]
        for process, connection in started:
            busy += sum(received(connection, 120))
            process.join(60)
    noted = folder / "ran"
    ran = Counter(noted.read_text().split()) if noted.exists() else Counter()
    said = f"{len(ran)} windows, the most often run {max(ran.values(), default=0)} times, {busy} ticks stood back"
    return judged("F10", "two schedulers tick at once", good=len(ran) == DAYS == ran.total(), said=said)


def ticks(connection: Connection, folder: Path, now: datetime) -> None:
    """Tick a few times; tell of each tick whether another was at work."""
    command = (sys.executable, "-c", NOTE, str(folder / "ran"))
    for _ in range(3):
        connection.send(tick(folder / "schedules", folder / "home", now, command=command).busy)
