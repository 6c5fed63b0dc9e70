# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Boundaries: every call that the engine makes, seen by the profiler, and an error raised at one of them."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[2]
OURS = tuple(str(ROOT / part) + os.sep for part in ("rwe", "connectors"))
# the test itself, what tells people of errors, and what reads definitions and never sees a record
SPARED = tuple(str(ROOT / "rwe" / part) + os.sep for part in ("selftest", "cli", "spec"))


@dataclass(frozen=True, slots=True)
class Boundary:
    """A call: who calls, and what is called."""

    caller: str
    callee: str


@contextmanager
def boundaries() -> Iterator[list[Boundary]]:
    """Collect the boundaries that are passed, each once, in their order."""
    seen: dict[Boundary, None] = {}
    passed: list[Boundary] = []

    def look(frame: FrameType, event: str, argument: Any) -> None:
        place = _place(frame, event, argument)
        if place:
            seen[place] = None

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield passed
    finally:
        sys.setprofile(before)
        passed += seen


@contextmanager
def raising(at: Boundary, marks: Mapping[str, str]) -> Iterator[list[BaseException]]:
    """Raise an error that holds marks when the boundary is first passed; what is yielded is empty once it was."""
    armed = [_error(at, marks)]

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if armed and _place(frame, event, argument) == at:
            sys.setprofile(None)
            raise armed.pop()

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield armed
    finally:
        sys.setprofile(before)


def _place(frame: FrameType, event: str, argument: Any) -> Boundary | None:
    """Return the boundary of a call that the engine makes; None for anything else."""
    caller = frame.f_back if event == "call" else frame if event == "c_call" else None
    if caller is None or not _ours(caller.f_code.co_filename):
        return None
    if event == "c_call":
        callee = getattr(argument, "__qualname__", "?")
    else:
        callee = f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}"
    return Boundary(f"{caller.f_code.co_filename}:{caller.f_code.co_qualname}", callee)


def _ours(file: str) -> bool:
    return file.startswith(OURS) and not file.startswith(SPARED)


def _error(at: Boundary, marks: Mapping[str, str]) -> BaseException:
    """Return an error as a library would raise it, its text full of marks; the same kind for the same boundary."""
    text = " ".join(marks.values())
    kind = sum(map(ord, at.caller + at.callee)) % len(_ERRORS)
    return _ERRORS[kind](text)


def _caused(text: str) -> BaseException:
    error = RuntimeError(text)
    error.__cause__ = KeyError(text)
    error.add_note(text)
    return error


_ERRORS: tuple[Callable[[str], BaseException], ...] = (
    ValueError,
    KeyError,
    sqlite3.OperationalError,
    sqlite3.DatabaseError,
    pl.exceptions.ComputeError,
    pl.exceptions.SchemaError,
    _caused,
    AssertionError,
    lambda text: UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
    lambda text: ExceptionGroup(text, [ValueError(text)]),
    lambda _: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    lambda _: OSError(errno.EIO, os.strerror(errno.EIO)),
    lambda text: MemoryError(text),
    lambda _: KeyboardInterrupt(),
)
