# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One step ahead: the next batch is read while the last one lands."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Give the items, each asked for in a thread of its own while the one before it is being used.

    At most two items exist at a time. What asking raises is raised where the item would have come. At the end,
    early or not, the source is closed in the thread that asked it.

    Examples
    --------
    >>> with ahead(iter(range(3))) as numbers:
    ...     list(numbers)
    [0, 1, 2]
    """
    with ThreadPoolExecutor(1, thread_name_prefix="rwe-ahead") as pool:
        try:
            yield _each(items, pool)
        finally:
            if isinstance(items, Generator):
                pool.submit(items.close).result()


def _each(items: Iterator[Item], pool: ThreadPoolExecutor) -> Iterator[Item]:
    coming = pool.submit(_next, items)
    while found := coming.result():
        coming = pool.submit(_next, items)
        yield found[0]


def _next(items: Iterator[Item]) -> list[Item]:
    """Return the next item in a list, or an empty one: StopIteration cannot leave a thread."""
    return list(islice(items, 1))
