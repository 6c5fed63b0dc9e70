# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How the command line speaks: words for people, JSON lines for machines, progress on stderr.

Without ``--json`` results are words on stdout. With it stdout holds JSON lines only, the last one
``{"event": "end", "code": N}``, and the words go to stderr.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from rwe.cli.words import known, word

if TYPE_CHECKING:
    from rich.progress import Progress

COLOURS = {"good": "32", "note": "33", "bad": "31", "strong": "1"}


@dataclass
class Voice:
    """One command's way to speak.

    Parameters
    ----------
    machine
        Whether ``--json`` was asked for.
    stop
        What somebody outside asked to end the command with; raised where progress is told.
    """

    machine: bool = False
    stop: BaseException | None = field(default=None, init=False)
    _stage: str = field(default="", init=False)
    _live: Progress | None = field(default=None, init=False)

    def say(self, key: str, **values: Any) -> None:
        """Show the words of `key` as a result."""
        self.line(word(key, **values))

    def line(self, text: str) -> None:
        """Show a line that is words already."""
        self._stop()
        _write(sys.stderr if self.machine else sys.stdout, text)

    def warn(self, text: str) -> None:
        """Show a line on stderr whatever the form."""
        self._stop()
        _write(sys.stderr, text)

    def event(self, event: str, **facts: Any) -> None:
        """Write one JSON line, where machines are listening."""
        if self.machine:
            _write(sys.stdout, json.dumps({"event": event, **facts}, ensure_ascii=False, default=str))

    def table(self, rows: Iterable[Sequence[str]], colours: Sequence[str] = ()) -> None:
        """Show rows in aligned columns, the first column of each in its colour."""
        cells = [list(row) for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for place, row in enumerate(cells):
            padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            if place < len(colours):
                padded[0] = self.paint(padded[0], colours[place])
            self.line("  ".join(padded).rstrip())

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in `colour` on a terminal that wants colours."""
        stream = sys.stderr if self.machine else sys.stdout
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if colour and _colourful(stream) else text

    def progress(self, stage: str, fraction: float | None = None) -> None:
        """Say on stderr how far the work is: a moving bar on a terminal, else one line a stage.

        A stage is a name of the catalogue, and after a space what of it is at work; other text is shown as it is.
        """
        if self.stop is not None:
            raise self.stop
        self.event("progress", stage=stage, fraction=fraction)
        name, _, part = stage.partition(" ")
        title = known(f"stage.{name}", "")
        text = ": ".join(filter(None, (title, part))) if title else stage
        if _terminal(sys.stderr):
            self._move(text, fraction)
        elif stage != self._stage:
            _write(sys.stderr, text)
        self._stage = stage

    def _move(self, text: str, fraction: float | None) -> None:
        if self._live is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._live = Progress(*columns, console=Console(stderr=True), transient=True)
            self._live.add_task(text)
            self._live.start()
        self._live.update(self._live.task_ids[0], description=text, completed=fraction or 0, total=fraction and 1)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def end(self, code: int) -> None:
        """Close the display and write the last JSON line."""
        self._stop()
        self.event("end", code=code)


def prepare() -> None:
    """Make piped output UTF-8 on every system; a terminal keeps what it can show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors="replace")


def _terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _colourful(stream: TextIO) -> bool:
    return _terminal(stream) and not os.environ.get("NO_COLOR")


def _write(stream: TextIO, text: str) -> None:
    """Write one line; a reader that went away ends the talk, never the work."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except (BrokenPipeError, ConnectionResetError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
