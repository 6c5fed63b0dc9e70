# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An answer within its time: a driver that hangs on a silent network is left behind, not waited for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from sqlalchemy.exc import TimeoutError as LateError

Answer = TypeVar("Answer")


def within(seconds: float, work: Callable[[], Answer], *, cut: Callable[[], None] = lambda: None) -> Answer:
    """Return what `work` returns, or raise what it raises.

    Parameters
    ----------
    seconds
        How long it may take.
    work
        Done in a thread of its own, because most drivers cannot be interrupted from outside.
    cut
        Called when time is up, to wake the driver where that is possible.

    Raises
    ------
    sqlalchemy.exc.TimeoutError
        When time is up; the thread goes on until its driver gives up, and ends with the process.

    Examples
    --------
    >>> within(1.0, lambda: 42)
    42
    """
    answers: list[Answer] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as exc:  # handed to whoever waits
            faults.append(exc)

    worker = Thread(target=run, daemon=True, name="rwe-sql")
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        cut()
        raise LateError(f"no answer in {seconds:.0f} seconds")
    for fault in faults:
        raise fault
    return answers[0]
