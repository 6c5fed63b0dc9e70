# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F13: a command is stopped by SIGTERM or Ctrl-C, or dies: its exit code, and no process of it left, dead or alive."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rwe.selftest.kill import inspected, order_of
from rwe.selftest.outcome import Check, judged

ROWS = 400_000
CASES = {"SIGTERM": (signal.SIGTERM, 143), "Ctrl-C": (signal.SIGINT, 130), "parent death": (signal.SIGKILL, -9)}
_PATIENCE = 120.0


def signals(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Stop an extraction at work in each of these ways; yield what was seen."""
    tell("F13")
    for case, (number, code) in CASES.items():
        yield _stopped(folder / case.replace(" ", "-"), case, number, code)


def _stopped(home: Path, case: str, number: signal.Signals, code: int) -> Check:
    line = [sys.executable, "-m", "rwe", "selftest", "kill", "--kills", "0", "--rows", str(ROWS), "--home", str(home)]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        at_work = _until(
            lambda: process.poll() is not None or any(home.glob("selftest/*/home-0/store/*/*/*/*/*02.json"))
        )
        process.send_signal(number)
        ended = process.wait(_PATIENCE)
    gone = _until(lambda: not _session(process.pid))
    said = f"exit code {ended}, {len(_session(process.pid))} processes left"
    good = at_work and gone and ended == code
    if number != signal.SIGKILL:
        left = [path for path in home.rglob("selftest/*/**/*") if path.is_file()]
        return judged("F13", case, good=good and not left, said=f"{said}, {len(left)} files left")
    (place,) = home.glob("selftest/*")
    database = place / "hospital.db"
    found = inspected(place / "home-0", order_of(database), database, ROWS, (1, 0, True, 0.0))
    return judged("F13", case, good=good and found.good and found.landed > 0, said=f"{said}, {found.landed} rows whole")


def _until(what: Callable[[], bool]) -> bool:
    """Wait until something is so; tell whether it came to be."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def _session(leader: int) -> list[int]:
    """Return the processes of a session, zombies included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[3]) == leader:
            found.append(int(path.parent.name))
    return found
