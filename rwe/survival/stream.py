# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows in batches, from wherever they lie: a frame is sliced, a lazy frame or a parquet file is streamed.

The cut depends on the rows alone, so that sums over batches have the same bits on any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rwe.survival.data import choose

BATCH = 1 << 20  # rows: 8 MB a column of numbers, and some hundred batches for the largest cohorts


def batches(frame: Any, columns: Sequence[str], rows: int = BATCH) -> Iterator[pl.DataFrame]:
    """Yield these columns of a frame, a lazy frame or a parquet file, `rows` rows at a time, in their order.

    Raises
    ------
    DefinitionError
        If it is no frame, or a column is missing.
    """
    found = choose(opened(frame), columns)
    if isinstance(frame, pl.DataFrame):
        yield from frame.select(list(dict.fromkeys(columns))).iter_slices(rows)
    elif isinstance(native := found.to_native(), pl.LazyFrame):
        yield from native.collect_batches(chunk_size=rows, maintain_order=True, lazy=True)
    else:
        yield from found.collect("polars").to_native().iter_slices(rows)


def opened(frame: Any) -> Any:
    """Return a frame as it is, and the path of a parquet file as a lazy frame."""
    return pl.scan_parquet(frame) if isinstance(frame, str | Path) else frame


def streamed(frame: Any) -> bool:
    """Return whether a frame is read in batches rather than held."""
    return isinstance(frame, str | Path | pl.LazyFrame)
