# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Recall`: what was made of a text is not made again when the text comes again.

A person has many rows, and a token costs two rounds of SHA-256. The texts themselves are not kept: they are known by
SipHash-2-4 of 128 bits under a key that this process drew and nobody else has.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.buffers import text_words
from rwe.kernels.recall import number
from rwe.kernels.siphash import begin, end, take_texts

_LEAST = 1 << 12
_MOST = 1 << 18  # places, 5 MB, and half as much again for what was made; a batch of more texts has as many as it needs


class Recall:
    """What was made of texts; begun anew when it has no room for the next ones.

    Parameters
    ----------
    make
        Makes what is wanted of texts, row by row; of a null nothing is made.

    Examples
    --------
    >>> made = Recall(lambda texts: texts.str.to_uppercase())
    >>> made(pl.Series(["a", "b", None])).to_list(), made(pl.Series(["b", "a"])).to_list()
    (['A', 'B', None], ['B', 'A'])
    """

    _places: npt.NDArray[np.uint64]
    _numbers: npt.NDArray[np.int32]
    _made: pl.Series
    _known: int

    def __init__(self, make: Callable[[pl.Series], pl.Series]) -> None:
        self._make = make
        self._first, self._second = np.frombuffer(secrets.token_bytes(16), np.uint64)
        self._begin(0)

    def __call__(self, texts: pl.Series) -> pl.Series:
        """Return what is made of the texts."""
        there = texts.is_not_null().to_numpy()
        if 4 * (self._known + texts.len()) > 3 * self._numbers.size:
            self._begin(texts.len())
        numbers, fresh = np.empty(texts.len(), np.int32), np.empty(texts.len(), np.int64)
        before, hashes = self._known, self._hashes(texts, there)
        self._known = number(hashes, there, before, self._places, self._numbers, numbers, fresh)
        if self._known > before:
            self._learn(texts.gather(fresh[: self._known - before]))
        return self._made.gather(pl.Series(numbers)).alias(texts.name)

    def _learn(self, texts: pl.Series) -> None:
        try:
            self._made = pl.concat([self._made, self._make(texts)], rechunk=True)
        except BaseException:
            self._begin(0)  # the numbers of what was not made are in the table
            raise

    def _begin(self, rows: int) -> None:
        places = 1 << max(4 * rows // 3, min(4 * rows, _MOST - 1), _LEAST - 1).bit_length()
        self._places, self._numbers = np.empty((places, 2), np.uint64), np.zeros(places, np.int32)
        self._made, self._known = pl.Series([None], dtype=pl.String()), 0

    def _hashes(self, texts: pl.Series, there: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
        state, out = np.empty((texts.len(), 5), np.uint64), np.empty((texts.len(), 2), np.uint64)
        begin(self._first, self._second, state)
        take_texts(np.uint64(0), there, np.empty(0, np.int64), *text_words(texts), state)
        end(state, out)
        return out
