# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An answer within its time: a driver that hangs on a silent network is left behind, not waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread
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
    done = Event()

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as exc:  # handed to whoever waits
            faults.append(exc)
        done.set()

    if not _worked(run, done, seconds):
        cut()
        raise LateError(f"no answer in {seconds:.0f} seconds")
    for fault in faults:
        raise fault
    return answers[0]


def rest() -> None:
    """End the threads that wait for work."""
    with suppress(IndexError):
        while True:
            worker = _idle.pop()
            worker.tasks.put(None)
            worker.join()


def _worked(task: Callable[[], None], done: Event, seconds: float) -> bool:
    """Have a task done by a worker, kept for the next one if it is done in time; tell whether it is."""
    worker, ended = _worker(), False
    worker.tasks.put(task)
    try:
        ended = done.wait(seconds)
    finally:
        if ended:
            _idle.append(worker)
        else:
            worker.tasks.put(None)
    return ended


def _worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


class _Worker(Thread):
    """A thread that does one work after another: each new thread of a page would leave memory of its own behind."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="rwe-sql")
        self.tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Work until there is nothing to wait for."""
        while task := self.tasks.get():
            task()
            del task  # it holds a page


_idle: list[_Worker] = []
os.register_at_fork(after_in_child=_idle.clear)
