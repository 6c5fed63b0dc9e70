# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The lock of a table: one process appends at a time; it dies with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rwe.chain import on_disk
from rwe.errors import Busy


@contextmanager
def locked(folder: Path, name: str, patience: float) -> Iterator[None]:
    """Hold the lock of the table `name` in a folder.

    Parameters
    ----------
    patience
        Seconds to wait for another process.

    Raises
    ------
    Busy
        If another process holds it all the while.
    MachineError
        If the disk refuses.
    """
    with on_disk(folder):
        (folder / "_seal").mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "_seal" / "lock", timeout=patience)
    try:
        with on_disk(folder):
            _acquire(lock, name)
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, name: str) -> None:
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"{name}: another process is appending to this table; try again later") from None
