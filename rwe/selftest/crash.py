# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F1: the process ends at each step it takes on the disk, one after the other; the table is old or new, no third.

A step is a call that writes, forces to the disk, renames, deletes or commits; it is ended before, after,
and in the midst of writing. The first pass only counts and names the steps.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rwe.chain import Chain
from rwe.errors import RweError
from rwe.selftest.outcome import Check, judged
from rwe.selftest.processes import ended
from rwe.selftest.state import WHO, begin, fingerprint, go_on, tables
from rwe.store import Table
from rwe.store.erase import leftovers

DEAD = 137
_NEVER = 1 << 30


def _erase(table: Table) -> None:
    table.erase(WHO, "self test")


SCENARIOS: dict[str, tuple[tuple[Callable[[Table], object], ...], Callable[[Table], None]]] = {
    "make a table": ((), begin),
    "append": ((begin,), go_on),
    "erase a person": ((begin, go_on), _erase),
}


def crashes(folder: Path, tell: Callable[[str], None], every: int = 1) -> Iterator[Check]:
    """Crash at each step (or each so-manieth) of each scenario on each table; yield what was found after it."""
    for scenario, (before, work) in SCENARIOS.items():
        for name in tables(folder):
            tell(f"F1 {scenario}")
            start, work_folder = folder / f"{scenario} {name}", folder / "at-work"
            for step in before:
                step(tables(start)[name])
            start.mkdir(exist_ok=True)
            old = _seen(tables(start)[name])
            shutil.copytree(start, work_folder)
            _, names = ended(crash, work_folder, name, scenario, _NEVER)
            new = _seen(tables(work_folder)[name])
            shutil.rmtree(work_folder)
            for number in range(0, len(names[0]), every):
                shutil.copytree(start, work_folder)
                code, _ = ended(crash, work_folder, name, scenario, number)
                case = f"{scenario}, {name} table: {names[0][number]}"
                yield _check(tables(work_folder)[name], case, code, (old, new), work)
                shutil.rmtree(work_folder)


def _check(table: Table, case: str, code: int | None, states: tuple[str, str], work: Callable[[Table], None]) -> Check:
    try:
        found = _seen(table)
        work(table)
        again = _seen(table)
        table.scrub()
        left = len(leftovers(table.folder, table.seals()))
    except RweError as exc:
        return judged("F1", case, good=False, said=f"{type(exc).__name__}: {exc}")
    state = "old" if found == states[0] else "new" if found == states[1] else "a third"
    good = code == DEAD and state != "a third" and again == states[1] and not left
    said = f"exit {code}, {state} state, rerun {'exact' if again == states[1] else 'differs'}, {left} files left"
    return judged("F1", case, good=good, said=said)


def _seen(table: Table) -> str:
    return fingerprint(table) if table.commit else "nothing"


def crash(connection: Connection, root: Path, name: str, scenario: str, at: int) -> None:
    """Do the work of a scenario and end at step `at`; tell the names of the steps where it gets to the end."""
    steps = _Steps(at)
    steps.watch(os, "fsync", "fsync")
    for call in ("replace", "rename", "unlink", "truncate", "mkdir", "link"):
        steps.watch(os, call, call)
    steps.watch(Path, "write_bytes", "write", half=_half_file)
    steps.watch(Path, "write_text", "write")
    steps.watch(Chain, "_write", "chain append", half=_half_entry)
    SCENARIOS[scenario][1](tables(root)[name])
    connection.send(steps.names)


def _half_file(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        file.write(bytes(content)[: len(content) // 2])


def _half_entry(chain: Chain, *_: object) -> None:
    with chain.path.open("ab") as file:
        file.write(b'{"seq":')


class _Steps:
    """Counts what is done on the disk, and ends the process at one of the counts."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.names: list[str] = []

    def watch(self, owner: Any, call: str, what: str, half: Callable[..., None] | None = None) -> None:
        real = getattr(owner, call)

        def watched(*arguments: Any, **named: Any) -> Any:
            self._step(f"before {what} {_of(arguments)}")
            if half:
                self._step(f"amid {what} {_of(arguments)}", lambda: half(*arguments))
            done = real(*arguments, **named)
            self._step(f"after {what} {_of(arguments)}")
            return done

        setattr(owner, call, watched)

    def _step(self, name: str, last: Callable[[], None] | None = None) -> None:
        if len(self.names) == self.at:
            if last:
                last()
            os._exit(DEAD)
        self.names.append(name.strip())


def _of(arguments: tuple[Any, ...]) -> str:
    """Return the kind of file that a call is about."""
    if not arguments or isinstance(arguments[0], Chain):
        return ""
    what = arguments[0]
    path = Path(f"/proc/self/fd/{what}").readlink() if isinstance(what, int) else Path(what)
    if path.suffix == ".parquet":
        return "data file"
    kinds = {"_delta_log": "Delta log", "_seal": "seals", "erasing": "erasure"}
    return next((kind for part, kind in kinds.items() if part in path.parts[-2:]), "folder")
