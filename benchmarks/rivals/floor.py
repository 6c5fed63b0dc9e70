# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the machine must do at least: read the bytes once, or one symmetric product of X with itself."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path

import polars as pl

Call = Callable[[], list[float]]


def _read(frame: pl.DataFrame, _: Path) -> Call:
    """Read each column once."""
    return lambda: [float(frame[name].sum()) * 0 for name in frame.columns][:0]


def _product(frame: pl.DataFrame, _: Path) -> Call:
    """One dsyrk of X by the BLAS of scipy."""
    from scipy.linalg.blas import dsyrk

    x = frame.select(c for c in frame.columns if c.startswith("x")).to_numpy(order="c").T

    def call() -> list[float]:
        dsyrk(1.0, x)
        return []

    return call


def _file(_: pl.DataFrame, file: Path) -> Call:
    """Read the file once, in batches, and do nothing with it."""

    def call() -> list[float]:
        batches = pl.scan_parquet(file).collect_batches(chunk_size=1 << 20, maintain_order=True, lazy=True)
        collections.deque(batches, maxlen=0)
        return []

    return call


curves = incidence = bootstrap = after = _read
cox = cox_entry = cox_robust = cox_continuous = fine_gray = _product
curves_streamed = cox_streamed = _file
