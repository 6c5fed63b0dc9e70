# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reading one step ahead changes neither what comes, nor when a fault is met, nor who closes the source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from rwe.pipeline.ahead import ahead


def _source(told: list[str], n: int, *, fault: bool = False) -> Iterator[int]:
    try:
        for i in range(n):
            told.append(f"read {i} in {threading.current_thread().name}")
            yield i
        if fault:
            raise ValueError("gone")
    finally:
        told.append(f"closed in {threading.current_thread().name}")


def test_items_come_in_order_and_the_source_is_asked_in_one_other_thread() -> None:
    told: list[str] = []

    with ahead(_source(told, 5)) as items:
        assert list(items) == [0, 1, 2, 3, 4]

    assert {line.rpartition(" ")[2] for line in told} == {"rwe-ahead_0"}


def test_a_fault_is_met_after_the_items_before_it() -> None:
    with ahead(_source([], 3, fault=True)) as items:
        got = list(islice(items, 3))
        with pytest.raises(ValueError, match="gone"):
            next(items)

    assert got == [0, 1, 2]


def test_at_most_one_item_is_read_ahead_and_leaving_early_closes_the_source() -> None:
    told: list[str] = []

    with ahead(_source(told, 100)) as items:
        next(items)

    assert sum(line.startswith("read") for line in told) <= 2
    assert told[-1].startswith("closed in rwe-ahead")
