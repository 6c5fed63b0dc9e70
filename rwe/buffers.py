# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Columns of text as plain arrays for the kernels, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_PAIRS = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def text_words(texts: pl.Series) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return where each text begins, then the number of bytes; and the bytes as little-endian words with one to spare.

    What stands where a text is null means nothing.
    """
    array = texts.rechunk().to_arrow()
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.uint64)[array.offset : array.offset + len(array) + 1]
    size = int(places[-1])
    words = np.zeros(size // 8 + 2, "<u8")
    if size:
        words.view(np.uint8)[:size] = np.frombuffer(data, np.uint8)[:size]
    return places, words.astype(np.uint64, copy=False)


def hexadecimal(raw: npt.NDArray[np.uint8]) -> pl.Series:
    """Return each row of bytes as hexadecimal text."""
    rows, width = raw.shape
    digits = _PAIRS.take(raw)
    ends = np.arange(0, 2 * width * rows + 1, 2 * width)
    return pl.Series(pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(digits)))


def in_lists(values: pl.Series, counts: pl.Series) -> pl.Series:
    """Return the values in lists of these lengths, one after another; a null length makes a null list."""
    ends = np.concatenate(([0], np.cumsum(counts.fill_null(0).to_numpy(), dtype=np.int64)))
    lists = pl.Series(pa.LargeListArray.from_arrays(pl.Series(ends).to_arrow(), values.rechunk().to_arrow()))
    return pl.select(pl.when(counts.is_not_null()).then(lists)).to_series()
