# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""BLAKE2b of many texts at once equals the library's, whatever their length: ids of events stay what they were."""

from __future__ import annotations

from hashlib import blake2b

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rwe.harmonise.ids import row_ids

LENGTHS = [0, 1, 99, 100, 101, 115, 116, 117, 127, 128, 129, 243, 244, 245, 400]  # around the ends of blocks


def by_library(site: str, stream: str, key: str) -> int:
    return int.from_bytes(blake2b(f"{site}\x1f{stream}\x1f{key}".encode(), digest_size=8).digest()) >> 4


@given(st.text(max_size=8), st.text(max_size=8), st.lists(st.text(max_size=300), max_size=150))
def test_ids_of_rows_are_those_of_the_library(site: str, stream: str, keys: list[str]) -> None:
    found = row_ids(site, stream, pl.Series(keys, dtype=pl.String))

    assert found.to_list() == [by_library(site, stream, key) for key in keys]


def test_ids_hold_at_the_ends_of_blocks() -> None:
    keys = ["ж" * (n // 2) + "x" * (n % 2) for n in LENGTHS] * 9

    assert row_ids("site", "stream", pl.Series(keys)).to_list() == [by_library("site", "stream", key) for key in keys]
