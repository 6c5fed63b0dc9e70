# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""That an id stands once: in a part by sorting its ids, in a whole hospital by holding the sorted parts together.

Whose a row is decides its part, and its key does not: a key that stands twice may stand in two parts. So each part
leaves its sorted ids on the disk, eight bytes a row, and at the end all parts are read a stretch of ids at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe import execute
from rwe.chain import on_disk
from rwe.errors import DataError

Ids = npt.NDArray[np.int64]
_STRETCH = 4_000_000  # ids held together at a time


def in_order(ids: pl.Series, name: str) -> Ids:
    """Return ids in their order.

    Raises
    ------
    DataError
        If one stands twice; `name` says of what.
    """
    ordered = np.sort(ids.to_numpy())
    _refuse(ordered, name)
    return ordered


def _refuse(ordered: Ids, name: str) -> None:
    if twice := int(np.count_nonzero(ordered[1:] == ordered[:-1])):
        raise DataError(f"{twice} {name} stand twice")


@dataclass(frozen=True, slots=True)
class Once:
    """The ids of the parts of a hospital, in a folder of its own.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> once = Once(Path(tempfile.mkdtemp()))
    >>> once.put(0, {"keys of stays": np.array([1, 5])})
    >>> once.put(1, {"keys of stays": np.array([2, 5])})
    >>> once.check()
    Traceback (most recent call last):
    ...
    rwe.errors.DataError: 1 keys of stays stand twice
    """

    folder: Path

    def put(self, part: int, ids: Mapping[str, Ids]) -> None:
        """Keep the ids of a part, by what they are of, each in their order.

        Raises
        ------
        MachineError
            If the disk refuses.
        """
        with on_disk(self.folder):
            for name, ordered in ((name, ordered) for name, ordered in ids.items() if ordered.size):
                place = self.folder / name
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                np.save(place / f"{part}.npy", ordered)

    def check(self) -> None:
        """Hold the parts against each other.

        Raises
        ------
        DataError
            If an id stands in two of them.
        """
        with on_disk(self.folder):
            execute.run(_hold, sorted(self.folder.glob("*")))


def _hold(place: Path) -> None:
    parts: list[Ids] = [np.load(file, mmap_mode="r") for file in place.iterdir()]
    longest = max(parts, key=len)
    step = max(1, _STRETCH // len(parts))
    bounds = longest[step::step]  # ids are hashes: what cuts one part evenly cuts all
    cuts = [np.concatenate(([0], np.searchsorted(part, bounds), [part.size])) for part in parts]
    for stretch in range(bounds.size + 1):
        some = [part[cut[stretch] : cut[stretch + 1]] for part, cut in zip(parts, cuts, strict=True)]
        _refuse(np.sort(np.concatenate(some), kind="stable"), place.name)  # which merges what is in order
