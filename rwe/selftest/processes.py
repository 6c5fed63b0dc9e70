# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Processes to be killed: forked from a server that has imported what they need and done nothing with it yet."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from rwe.errors import MachineError

# what the work imports, and what connector and driver import when they first read: each would cost seconds a process
PRELOAD = ["rwe.pipeline.extract", "rwe.selftest.work", "connectors.sql", "adbc_driver_sqlite.dbapi", "pandas"]


def _context() -> ForkServerContext:
    if "forkserver" not in mp.get_all_start_methods():
        raise MachineError("this self test forks and kills processes, which this system cannot do; run it on Linux")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


@contextmanager
def running(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """Start ``work(connection, *arguments)``; on leaving it is gone, whatever happened."""
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def ended(work: Callable[..., None], *arguments: Any, seconds: float = 120) -> tuple[int | None, list[Any]]:
    """Run work to its end; return its exit code (None: it had to be stopped) and everything it sent."""
    with running(work, *arguments) as (process, connection):
        told = list(received(connection, seconds))
        process.join(seconds)
        return process.exitcode, told


def received(connection: Connection, seconds: float) -> Iterator[Any]:
    """Yield what a process sends until it ends or is silent for so long."""
    try:
        while connection.poll(seconds):
            yield connection.recv()
    except (EOFError, OSError):
        return
