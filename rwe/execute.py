# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Run one function over the parts of a cohort, in any executor, with the answers in the order of the parts.

Parts are cut by the data, never by the number of workers, and their answers are merged in the order of
the parts: a result has the same bits on one thread, on many, in processes or on a cluster.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, TypeVar

from rwe.errors import DefinitionError

Part = TypeVar("Part")
Answer = TypeVar("Answer")
NAME = "rwe-part-"  # by which a thread of the pool is known


@dataclass(frozen=True, slots=True)
class Parts:
    """A cohort whose rows lie in several places; estimators that add up take it where they take a frame.

    Parameters
    ----------
    frames
        The parts: frames, lazy frames, paths of parquet files, or what was counted from them elsewhere.
    executor
        What works on them, for example processes or the executor of a Dask client; by default the
        threads of this process. With processes or a cluster, a path spares sending the rows.
    """

    frames: Sequence[Any]
    executor: Executor | None = None


def threads() -> int:
    """Return how many threads work at once: ``RWE_THREADS``, else the processors this process may use.

    Raises
    ------
    DefinitionError
        If ``RWE_THREADS`` is not a whole number from 1.
    """
    asked = os.environ.get("RWE_THREADS", "")
    if asked and not (asked.isdecimal() and int(asked) > 0):
        raise DefinitionError("RWE_THREADS must be a whole number from 1")
    if asked:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(function: Callable[[Part], Answer], parts: Iterable[Part], *, executor: Executor | None = None) -> list[Answer]:
    """Return the function's answer for each part, in the order of the parts.

    Parameters
    ----------
    function
        Called with each part; at module level where the executor is one of processes or a cluster.
    executor
        Any ``concurrent.futures.Executor`` (Dask's ``Client.get_executor()`` is one); by default the
        threads of this process, which is right for kernels, because they release the interpreter's lock. One of
        those threads runs parts of its own by itself: waiting for the others, all could wait for ever.
    """
    listed = list(parts)
    if executor is not None:
        return list(executor.map(function, listed))
    if len(listed) < 2 or threads() < 2 or threading.current_thread().name.startswith(NAME):
        return [function(part) for part in listed]
    return list(_pool(threads(), os.getpid()).map(function, listed))


def cuts(n: int, size: int) -> list[tuple[int, int]]:
    """Return bounds of parts of `size` rows each (the last may be shorter): cut by the rows alone."""
    return [(first, min(first + size, n)) for first in range(0, n, size)]


def even(n: int, size: int) -> list[tuple[int, int]]:
    """Return bounds of 1, 2, 4, 8 ... parts alike of `size` rows or more: as much for each of two threads, or four."""
    parts = 1 << max((n // size).bit_length() - 1, 0)
    return [(i * n // parts, (i + 1) * n // parts) for i in range(parts if n else 0)]


def merge(add: Callable[[Answer, Answer], Answer], answers: Iterable[Answer]) -> Answer:
    """Return the answers added up from the first to the last."""
    return reduce(add, answers)


@cache
def _pool(size: int, process: int) -> ThreadPoolExecutor:
    """Return the shared threads of this process (a fork does not inherit them)."""
    return ThreadPoolExecutor(size, thread_name_prefix=f"{NAME}{process}")
