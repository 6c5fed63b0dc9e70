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
        if (
            not self._sets or self._sets[-1].room < hashes.size
        ):  # all into one: sorted ones would fill a set from one end
            self._sets.append(_set(max(_FIRST << len(self._sets), 1 << (2 * hashes.size).bit_length())))
        self._sets[-1].fill(hashes)

    def may_hold(self, keys: pl.Series) -> bool:
        """Tell whether any of these keys may have been added."""
        return self.meet(key_hashes(keys))

    def meet(self, asked: npt.NDArray[np.uint64]) -> bool:
        """Tell whether any of the keys of these hashes may have been added."""
        return any(meets(one.words, one.rest, asked) for one in self._sets)

    @property
    def full(self) -> bool:
        """Whether there are more keys than memory should be given to."""
        return sum(one.taken for one in self._sets) > MOST


@dataclass(slots=True)
class _Set:
    """A set of `rwe.kernels.key_set`, three quarters of it filled at most."""

    words: npt.NDArray[np.uint32]
    rest: npt.NDArray[np.uint8]
    taken: int = 0

    @property
    def room(self) -> int:
        return self.words.size // 4 * 3 - self.taken

    def fill(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Put hashes, for which there is room."""
        put(hashes, self.words, self.rest)
        self.taken += hashes.size


def _set(places: int) -> _Set:
    return _Set(np.zeros(places, np.uint32), np.zeros(places, np.uint8))


def key_hashes(keys: pl.Series) -> npt.NDArray[np.uint64]:
    """Return the hashes of keys, the same on every machine, sorted: who asks a set for them goes through it once."""
    out = np.empty(keys.len(), np.uint64)
    hash_texts(*text_words(keys.fill_null("") if keys.null_count() else keys), out)
    out.sort()
    return out
