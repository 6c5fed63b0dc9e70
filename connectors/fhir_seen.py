# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether an export tells two versions of one resource, in which case nobody can say which one holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from connectors.fhir_rows import Laid

_Hashes = npt.NDArray[np.uint64]


class Versions:
    """The resources seen in one snapshot, as hashes: 16 bytes each, whatever they hold."""

    def __init__(self) -> None:
        self.conflicts = 0
        self._ids: list[_Hashes] = []
        self._versions: list[_Hashes] = []

    def see(self, told: Sequence[Laid]) -> None:
        """Note resources; those seen before under another ``meta.lastUpdated`` are counted as conflicts."""
        keys = {one.key: one.updated for one in told if not one.gone}
        ids = _hashes(list(keys))
        versions = _hashes([f"{key} {when}" for key, when in keys.items()])
        self.conflicts += int((_within(self._ids, ids) & ~_within(self._versions, versions)).sum())
        _add(self._ids, ids)
        _add(self._versions, versions)


def _hashes(texts: list[str]) -> _Hashes:
    return pl.Series(texts, dtype=pl.String).hash(seed=7).to_numpy()


def _within(runs: list[_Hashes], wanted: _Hashes) -> npt.NDArray[np.bool_]:
    found = np.zeros(wanted.size, dtype=np.bool_)
    for run in runs:
        places = np.minimum(np.searchsorted(run, wanted), run.size - 1)
        found |= run[places] == wanted
    return found


def _add(runs: list[_Hashes], fresh: _Hashes) -> None:
    """Keep few sorted runs, each at least twice the next, so that a row is merged a logarithm of times."""
    if not fresh.size:
        return
    made = np.sort(fresh)
    while runs and runs[-1].size < 2 * made.size:
        made = np.sort(np.concatenate([runs.pop(), made]), kind="stable")
    runs.append(made)
