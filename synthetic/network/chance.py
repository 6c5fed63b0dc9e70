# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Chance by number: each draw is a function of the seed, its name and the person, and of nothing else.

So a person is the same in whatever block they are made, on however many cores, and another draw can be added
without changing those that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


class Chance:
    """What chance says of persons, or of the several rows of each.

    Parameters
    ----------
    seed
        Another seed, another world.
    person
        Number of the person of each row.
    nth
        Which of the person's rows it is, where there are several.

    Examples
    --------
    >>> both, second = (Chance(7, np.array(numbers)).below("ward", 100) for numbers in ([4, 5], [5]))
    >>> bool(both[1] == second[0])
    True
    """

    def __init__(self, seed: int, person: I8, nth: I8 | None = None) -> None:
        self._seed = seed
        self._person = person.astype(np.uint64)
        self._nth = None if nth is None else nth.astype(np.uint64)

    def _bits(self, what: str) -> U8:
        # a key of 64 hashed bits: seeds that are neighbours, added to a counter, would share most of their persons
        key = np.uint64(int.from_bytes(blake2b(f"{self._seed}/{what}".encode(), digest_size=8).digest(), "big"))
        with np.errstate(over="ignore"):
            mixed = _mix(self._person * _STEP + key)
            return mixed if self._nth is None else _mix(mixed + (self._nth + np.uint64(1)) * _STEP)

    def uniform(self, what: str) -> F8:
        """Return a number between 0 and 1, neither of them."""
        return ((self._bits(what) >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52

    def below(self, what: str, limit: int) -> I8:
        """Return a whole number from 0 to `limit` - 1."""
        return (self.uniform(what) * limit).astype(np.int64)

    def happens(self, what: str, share: float) -> NDArray[np.bool_]:
        """Return whether it happens to each."""
        return np.asarray(self.uniform(what) < share)

    def one_of(self, what: str, shares: Sequence[float]) -> I8:
        """Return the place of one of several shares that add up to 1."""
        return np.searchsorted(np.cumsum(shares)[:-1], self.uniform(what), side="right").astype(np.int64)

    def exponential(self, what: str) -> F8:
        """Return an exponential variate of mean 1."""
        return -np.log(self.uniform(what))

    def normal(self, what: str) -> F8:
        """Return a standard normal variate (Box and Muller)."""
        return np.sqrt(2 * self.exponential(f"{what}, length")) * np.cos(2 * np.pi * self.uniform(f"{what}, angle"))


def _mix(z: U8) -> U8:
    """Return the finaliser of SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
