# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a row says, as 128 bits: the same whatever the order of columns, the batch, the machine or the library.

The message of a row is, for each column that has a value, sorted by name: 64 bits that stand for the name, then
the value. An integer, date or time is its 64 bits, a float its IEEE bits; a text is its length in bytes and its
UTF-8 bytes; a list is its length and its texts, none of them null. A column without a value says nothing, so that
a column which comes later changes the hash of no earlier row. The hash is SipHash-2-4 with 128 bits of output.

Hashes are compared within one key only: a changed row is taken for the same with a chance of 2^-128. That
nobody changed a stored row is not what they prove; the sha256 of the files does.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe import execute
from rwe.buffers import hexadecimal, text_words
from rwe.kernels.siphash import begin, end, take_texts, take_words

_KEY = b"rwe row content."
_TURN = 1 << 15  # rows that one thread does at a time: their states stay in its cache


def row_hashes(frame: pl.DataFrame) -> pl.Series:
    """Return the hash of each row over all columns, as 32 hexadecimal digits.

    Examples
    --------
    >>> one = pl.DataFrame({"x": [1], "t": ["а"]})
    >>> other = pl.DataFrame({"t": ["а"], "x": [1], "later": [None]}, schema_overrides={"later": pl.String})
    >>> row_hashes(one).item() == row_hashes(other).item()
    True
    """
    said = sorted(name for name in frame.columns if frame[name].null_count() < frame.height)
    state, out = np.empty((frame.height, 5), np.uint64), np.empty((frame.height, 2), np.uint64)
    first, second = np.frombuffer(_KEY, "<u8")

    def some(bounds: tuple[int, int]) -> None:
        at, until = bounds
        begin(first, second, state[at:until])
        for name in said:
            _take(frame[name].slice(at, until - at), state[at:until])
        end(state[at:until], out[at:until])

    execute.run(some, execute.cuts(frame.height, _TURN))
    return hexadecimal(out.astype("<u8", copy=False).view(np.uint8)).alias("_hash")


def _take(column: pl.Series, state: npt.NDArray[np.uint64]) -> None:
    called = hashlib.blake2b(column.name.encode(), digest_size=8).digest()
    name = np.uint64(int.from_bytes(called, "little"))
    there = column.is_not_null().to_numpy() if column.null_count() else np.ones(column.len(), np.bool_)
    if column.dtype == pl.List(pl.String()):
        counts = column.list.len().fill_null(0).to_numpy()
        starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        take_texts(name, there, starts, *text_words(column.explode(empty_as_null=False, keep_nulls=False)), state)
    elif column.dtype == pl.String():
        take_texts(name, there, np.empty(0, np.int64), *text_words(column), state)
    else:
        take_words(name, there, _words(column), state)


def _words(column: pl.Series) -> npt.NDArray[np.uint64]:
    plain = column.to_physical().fill_null(0) if column.null_count() else column.to_physical()
    plain = plain if plain.dtype == pl.Float64() else plain.cast(pl.Int64())
    return np.ascontiguousarray(plain.to_numpy()).view(np.uint64)
