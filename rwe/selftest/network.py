# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F5: a database on the network breaks the line, kills the session, hangs, or answers with an error.

What passes is tried again a few times and costs no row; what does not ends the reading with its reason, and the next
extraction goes on where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rwe import plugins
from rwe.errors import MachineError
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import Extracted, extract
from rwe.plugins import Served
from rwe.selftest.compared import differing
from rwe.selftest.line import SILENCE, Proxy, between
from rwe.selftest.outcome import Check, judged
from rwe.selftest.work import HOSPITAL, TABLES
from rwe.store import Store

ROWS, PAGE = 600, 100  # six batches a table
TRIES, SECONDS = 5, 120
FOR_EVER = 3_600.0
WHOLE, LATER, REFUSED = "in one run", "unreachable", "refused"


@dataclass(frozen=True, slots=True)
class _Case:
    """A fault that is made when so many batches have landed, and how the extraction must end."""

    after: int
    make: Callable[[Served, Proxy], None]
    end: str = WHOLE


def _struck(kind: str, place: int) -> Callable[[Served, Proxy], None]:
    def make(_: Served, line: Proxy) -> None:
        line.strike = ("drop" if kind == "drop" else "half" if kind == "half" else "silence", place)

    return make


def _gone(_: Served, line: Proxy) -> None:
    line.faults, line.strike = [("drop", 0)] * 100, ("drop", 0)


def _told(state: str, seconds: float) -> Callable[[Served, Proxy], None]:
    return lambda server, _: server.trouble(state, seconds)


CASES = {
    "the line ends after the first batch": _Case(1, _struck("drop", 0)),
    "the line ends within a batch": _Case(1, _struck("drop", 30_000)),
    "the line ends before the last batch": _Case(2 * ROWS // PAGE - 2, _struck("drop", 0)),
    "half a packet comes after the first batch": _Case(1, _struck("half", 0)),
    "half a packet comes within a batch": _Case(1, _struck("half", 30_000)),
    "the database falls silent": _Case(1, _struck("silence", 0)),
    "the session is killed after the first batch": _Case(1, lambda server, _: server.kill()),
    "the session is killed between two tables": _Case(ROWS // PAGE, lambda server, _: server.kill()),
    "connection failure (08006) for a second": _Case(1, _told("08006", 1)),
    "serialization failure (40001) for a second": _Case(1, _told("40001", 1)),
    "time-out (57014) for a second": _Case(1, _told("57014", 1)),
    "the database goes and does not come back": _Case(1, _gone, LATER),
    "an error that stays (22012)": _Case(1, _told("22012", FOR_EVER), REFUSED),
}


def network(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Extract a hospital from a database server through a line that breaks; yield what came of each fault."""
    tell("F5")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(plugins.invented(HOSPITAL).served(TABLES, ROWS, 1))
        except MachineError as exc:
            yield Check("F5", "a database on the network", "skipped", str(exc))
            return
        line = stack.enter_context(between(server.port))
        for number, (name, case) in enumerate(CASES.items()):
            tell(f"F5 {name}")
            yield _tried(folder / str(number), name, case, server, line)


def _tried(home: Path, name: str, case: _Case, server: Served, line: Proxy) -> Check:
    invented = plugins.invented(HOSPITAL)
    source, site = invented.source(TABLES), server.site(invented.site(home, PAGE), line.port)
    key, store, landed, lines = load_or_make_key(home), Store(home / "store"), list[str](), line.lines

    def watch(text: str) -> None:
        landed.append(text)
        if len(landed) == case.after:
            case.make(server, line)

    began = time.monotonic()
    end = _end(extract(site, source, store, home, key, watch))
    seconds, tries = time.monotonic() - began, line.lines - lines
    line.faults, line.strike = [], None
    server.trouble("00000", 0)
    again = _end(extract(site, source, store, home, key))
    wrong = differing(home, server.site(site, server.port), source)
    left = _left(server)
    said = (
        f"{end} after {seconds:.1f} s and {tries} connections, then {again}, {wrong} rows wrong, {left} sessions left"
    )
    return judged(
        "F5", name, good=(end, again, wrong, left) == (case.end, WHOLE, 0, 0) and seconds < SECONDS, said=said
    )


def _end(done: Extracted) -> str:
    if done.unreachable:
        return LATER
    return REFUSED if any(read.fault for read in done.reads) else WHOLE


def _left(server: Served) -> int:
    """Return the sessions that stay open when the last silent line has ended and the server has seen it."""
    end = time.monotonic() + SILENCE + 5
    while (left := server.sessions()) and time.monotonic() < end:
        time.sleep(0.05)
    return left
