# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Keys`: which keys a table may hold, told from ten bytes each, so that new ones need no look at the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.buffers import text_words
from rwe.kernels.key_set import hash_texts, meets, put

_FIRST = 1 << 20  # places of the first set; each further one has twice as many
MOST = 49_000_000  # keys, in 330 MB: beyond that every append looks into the table


class Keys:
    """Keys by 40 bits of hash and a place, in memory and in this process only.

    Two keys may share them (in ten million, with a chance of a few in ten thousand): a hit means "look", a miss
    is certain.

    Examples
    --------
    >>> keys = Keys()
    >>> keys.add(pl.Series(["1", "2"]))
    >>> keys.may_hold(pl.Series(["3"])), keys.may_hold(pl.Series(["3", "2"]))
    (False, True)
    """

    def __init__(self) -> None:
        self._sets: list[_Set] = []

    def add(self, keys: pl.Series) -> None:
        """Remember keys."""
        self.put(key_hashes(keys))

    def put(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Remember keys by their hashes."""
        done = 0
        while done < hashes.size:
            if not self._sets or not self._sets[-1].room:
                self._sets.append(_set(_FIRST << len(self._sets)))
            done = self._sets[-1].fill(hashes, done)

    def may_hold(self, keys: pl.Series) -> bool:
        """Tell whether any of these keys may have been added."""
        asked = key_hashes(keys)
        return any(meets(one.upper, one.lower, asked) for one in self._sets)

    @property
    def full(self) -> bool:
        """Whether there are more keys than memory should be given to."""
        return sum(one.taken for one in self._sets) > MOST


@dataclass(slots=True)
class _Set:
    """A set of `rwe.kernels.key_set`, three quarters of it filled at most."""

    upper: npt.NDArray[np.uint32]
    lower: npt.NDArray[np.uint8]
    taken: int = 0

    @property
    def room(self) -> int:
        return self.upper.size // 4 * 3 - self.taken

    def fill(self, hashes: npt.NDArray[np.uint64], first: int) -> int:
        """Put hashes from `first` on while there is room; return the first that found none."""
        end = min(hashes.size, first + self.room)
        put(hashes, first, end, self.upper, self.lower)
        self.taken += end - first
        return end


def _set(places: int) -> _Set:
    return _Set(np.zeros(places, np.uint32), np.zeros(places, np.uint8))


def key_hashes(keys: pl.Series) -> npt.NDArray[np.uint64]:
    """Return the hash of each key, the same on every machine."""
    out = np.empty(keys.len(), np.uint64)
    hash_texts(*text_words(keys.fill_null("")), out)
    return out
