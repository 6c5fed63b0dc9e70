# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Keys`: which keys a table may hold, told from eight bytes each, so that new ones need no look at the table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

_RUN = 1 << 20  # keys of a sorted run; longer runs would need their own size once more while they are merged
_MOST = 1 << 25  # keys, 256 MB: beyond that every append looks into the table


class Keys:
    """Keys by 64 bits of hash, in memory and in this process only.

    Two keys may share their 64 bits: a hit means "look", a miss is certain.

    Examples
    --------
    >>> keys = Keys()
    >>> keys.add(pl.Series(["1", "2"]))
    >>> keys.may_hold(pl.Series(["3"])), keys.may_hold(pl.Series(["3", "2"]))
    (False, True)
    """

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []

    def add(self, keys: pl.Series) -> None:
        """Remember keys; runs are merged while they are short, so that there are few."""
        new = _sorted(keys)
        while self._runs and self._runs[-1].size <= new.size and self._runs[-1].size + new.size <= _RUN:
            new = np.sort(np.concatenate([self._runs.pop(), new]))
        self._runs.append(new)

    def may_hold(self, keys: pl.Series) -> bool:
        """Tell whether any of these keys may have been added."""
        asked = _sorted(keys)
        return any(_meet(run, asked) for run in self._runs if run.size)

    @property
    def full(self) -> bool:
        """Whether there are more keys than memory should be given to."""
        return sum(run.size for run in self._runs) > _MOST


def _sorted(keys: pl.Series) -> npt.NDArray[np.uint64]:
    return np.sort(keys.hash().to_numpy())


def _meet(run: npt.NDArray[np.uint64], asked: npt.NDArray[np.uint64]) -> bool:
    places = np.minimum(np.searchsorted(run, asked), run.size - 1)
    return bool((run[places] == asked).any())
