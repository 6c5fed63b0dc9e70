# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the machine must do at least: read the bytes once, or one symmetric product of X with itself."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.rivals.ours import fresh
from rwe.execute import cuts, run

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


def counting(frame: pl.DataFrame, _: Path) -> Call:
    """Read the bytes of both columns once, on all threads."""
    held = [frame[name].to_numpy().view(np.uint64) for name in frame.columns]
    parts = [(words, *part) for words in held for part in cuts(words.size, -(-words.size // 8))]

    def call() -> list[float]:
        run(lambda part: part[0][part[1] : part[2]].max(), parts)
        return []

    return call


def _file(frame: pl.DataFrame, file: Path) -> Call:
    """Read the columns of the work once, in batches, and do nothing with them."""
    wanted = [name for name in frame.columns if name != "group" or frame.width == 3]  # models do without groups

    def call() -> list[float]:
        read = pl.scan_parquet(file).select(wanted)
        collections.deque(read.collect_batches(chunk_size=1 << 20, maintain_order=True, lazy=True), maxlen=0)
        return []

    return call


def matching(frame: pl.DataFrame, _: Path) -> Call:
    """Sort the scores of both arms."""
    score, treated = frame["logit"].to_numpy(), frame["treated"].to_numpy()
    arms = [score[treated], score[~treated]]

    def call() -> list[float]:
        for arm in arms:
            np.sort(arm)
        return []

    return call


def cold(_: pl.DataFrame, file: Path) -> Call:
    """A new process that imports numpy and polars and reads the file."""
    return fresh("import sys, numpy, polars; polars.read_parquet(sys.argv[1])", file)


curves = incidence = bootstrap = after = small_fits = _read
cox = cox_entry = cox_robust = cox_continuous = fine_gray = fine_gray_naive = propensity = _product
curves_streamed = cox_streamed = _file
