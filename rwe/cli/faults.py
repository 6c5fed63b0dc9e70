# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is said when a command fails: the engine's own errors in full, foreign ones by kind and place."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rwe.cli.voice import Voice
from rwe.cli.words import refusal, word
from rwe.errors import DefinitionError, MachineError, Problem, RweError

# what this machine did to us, where the system knows the name (Windows has no quota)
MACHINE = {
    getattr(errno, name, None) for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE")
}
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


def fail(voice: Voice, kind: str, message: str, code: int, said: str = "") -> int:
    """Say one message, to people as `said` where that differs, and return its exit code."""
    voice.event("error", kind=kind, message=message, code=code)
    voice.warn(f"rwe: {said or message}")
    return code


def refuse(voice: Voice, exc: RweError) -> int:
    """Say what the engine refused, every fault of a definition at its place."""
    if isinstance(exc, DefinitionError) and exc.problems:
        return problems(voice, exc.problems)
    return fail(voice, type(exc).__name__, str(exc), exc.exit_code, refusal(exc))


def problems(voice: Voice, found: Sequence[Problem]) -> int:
    """Say faults of definition files at their places and return the exit code that is due."""
    for problem in found:
        voice.event("problem", **asdict(problem))
        voice.warn(str(problem))
    return DefinitionError.exit_code if found else 0


def ended(voice: Voice, exc: BaseException, home: str | None) -> int:
    """Say what ended a command and return its exit code."""
    if isinstance(exc, RweError):
        return refuse(voice, exc)
    if isinstance(exc, KeyboardInterrupt):
        return fail(voice, "interrupted", word("error.interrupted"), INTERRUPTED)
    if isinstance(exc, SystemExit):
        code = exc.code if isinstance(exc.code, int) else RweError.exit_code
        return fail(voice, "terminated", word("error.terminated"), code) if code == TERMINATED else code
    return unexpected(voice, exc, home)


def unexpected(voice: Voice, exc: BaseException, home: str | None) -> int:
    """Say kind and place only: the text of a foreign error may hold a value of a record."""
    if isinstance(exc, OSError) and exc.errno in MACHINE:
        message = word("error.machine", reason=exc.strerror, path=exc.filename or "?")
        return fail(voice, MachineError.__name__, message, MachineError.exit_code)
    message = word("error.bug", kind=type(exc).__name__, place=_place(exc), log=_keep(exc, home))
    return fail(voice, "bug", message, RweError.exit_code)


def _like(what: Any, fields: tuple[object, ...]) -> Any:
    return type(what)(fields)


@contextmanager
def wordless(stopped: Callable[[], BaseException | None]) -> Iterator[None]:
    """Say of errors that Python drops, or that end a thread, their kind and place only, and nothing of `stopped`."""
    said, ended = sys.unraisablehook, threading.excepthook

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if what.exc_value is None or what.exc_value is not stopped():
            said(_like(what, (what.exc_type, None, what.exc_traceback, None, None)))

    def lost(what: threading.ExceptHookArgs) -> None:
        ended(_like(what, (what.exc_type, None, what.exc_traceback, what.thread)))

    sys.unraisablehook, threading.excepthook = dropped, lost
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = said, ended


def _place(exc: BaseException) -> str:
    """Return file and line of the innermost frame that lies in an installed package of ours."""
    root = Path(__file__).parents[2]
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if Path(f.filename).is_relative_to(root)]
    own = [f for f in frames if "site-packages" not in Path(f.filename).relative_to(root).parts]
    return f"{Path(own[-1].filename).relative_to(root).as_posix()}:{own[-1].lineno}" if own else "?"


def _history(exc: BaseException) -> Iterator[str]:
    """Yield what a traceback shows but the texts of the errors, which may hold a value of a record."""
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if before is not None:
        yield from _history(before)
        yield "\nthen\n\n"
    yield from traceback.format_tb(exc.__traceback__)
    yield f"{type(exc).__module__}.{type(exc).__qualname__}\n"


def _keep(exc: BaseException, home: str | None) -> str:
    """Write kinds and places of the error and its causes where only the user can read them; return the file."""
    from rwe.cli.options import home_folder

    folder = home_folder(home) / "logs"
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(_history(exc))
    except OSError:
        return word("error.no_log")
    return str(path)
