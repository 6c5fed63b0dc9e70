# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What stands around a run: one at a time, a folder of its own, an entry in the catalogue whatever ends it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from rwe.catalogue import Catalogue
from rwe.errors import Busy, DefinitionError, MachineError, RweError
from rwe.pipeline.planning import Plan

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def run_name(given: str) -> str:
    """Return the name that somebody gave a run, if it names a folder under ``runs/`` and is no way out of it."""
    if not _RUN_ID.fullmatch(given):
        raise DefinitionError(
            "--run-id names a folder: up to 100 letters a to z, digits, '.', '_' and '-', a letter or digit first"
        )
    return given


def unused(runs: Path, name: str) -> str:
    """Return `name`, or the first of ``name-2``, ``name-3``, ... where runs of one second come before."""
    names = (name if i == 1 else f"{name}-{i}" for i in count(1))
    return next(one for one in names if not (runs / one).exists())


def make_folder(folder: Path) -> None:
    """Make the folder of a run, which must be new."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Busy(f"the run folder {folder.name} is there already; choose another --run-id or leave it out") from None


@contextmanager
def alone(home: Path, study: str) -> Iterator[None]:
    """Let one run of a study work at a time in this home."""
    with disk(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(home / f".{study}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            busy = Busy(f"study '{study}' is being run in this home by another process; try again later")
            raise busy.known_as("study_busy", study=study) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def disk(home: Path) -> Iterator[None]:
    """Turn a refusal of the disk into a `MachineError` that names the place."""
    try:
        yield
    except OSError as exc:
        place = os.fspath(exc.filename) if exc.filename else str(home)
        reason = exc.strerror or type(exc).__name__  # an error that a library made has no number, so no words
        raise MachineError(f"cannot write {place}: {reason}; choose another --home or make room") from None


@dataclass
class Record:
    """What the catalogue is to keep of a run that comes to its end."""

    commits: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0


@contextmanager
def recorded(catalogue: Catalogue, run_id: str, plan: Plan, folder: Path) -> Iterator[Record]:
    """Enter a run in the catalogue and close it with the code it ended with, whatever ends it."""
    record = Record()
    seq = catalogue.start_run(run_id, plan.study.study, folder.as_posix(), plan.hash())
    code = 1
    try:
        yield record
        code = record.exit_code
    except RweError as exc:
        code = exc.exit_code
        raise
    except KeyboardInterrupt:
        code = 130
        raise
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
        raise
    finally:
        catalogue.finish_run(seq, exit_code=code, commits=record.commits)
