# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The network on disk: block by block in the memory of one block, what was planted last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rwe.chain import on_disk
from rwe.errors import DefinitionError
from synthetic.network.blocks import TRUTH, records, truth
from synthetic.network.dirt import NONE, chosen, dirty
from synthetic.network.entries import entries
from synthetic.network.houses.network import Houses
from synthetic.network.persons import MOST
from synthetic.network.whose import whose
from synthetic.network.world import PLANTED

BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Network:
    """A network of invented hospitals, built to order.

    Parameters
    ----------
    name
        What the user calls it.
    block
        Persons made at a time; says how many stand in a file and nothing else.
    """

    name: str
    block: int = BLOCK

    def write(
        self,
        folder: Path,
        patients: int,
        seed: int,
        progress: Callable[[float], None] = lambda _: None,
        urls: Mapping[str, str] | None = None,
        dirt: str = NONE,
    ) -> dict[str, int]:
        """Write truth and clean records of so many persons, and what each hospital keeps of them.

        Parameters
        ----------
        folder
            Where: empty or not there yet. It gets ``truth/<table>/part-<block>.parquet``,
            ``records/<table>/part-<block>.parquet`` (tables of `synthetic.network.blocks`), ``whose/part-<block>``
            (`synthetic.network.whose`), ``hospitals`` (`synthetic.network.houses`), and, once all is there,
            ``planted.json``.
        patients, seed
            Persons have the numbers 0 to `patients` - 1; each is the same however many there are.
        progress
            Told what part is done.
        urls
            Empty databases for hospital ``a``, ``b`` or ``c``, in place of files of SQLite.
        dirt
            Classes of faults planted into what the hospitals keep: ``all``, ``none`` or some of
            `synthetic.network.dirt.CLASSES` with commas between. ``faults.csv`` tells each of them.

        Returns
        -------
        dict
            Rows by table.

        Raises
        ------
        DefinitionError
            If the folder holds something, or `patients` is not from 1 to `MOST`.
        MachineError
            If the disk refuses.
        """
        if not 1 <= patients <= MOST:
            raise DefinitionError(f"the network has 1 to {MOST:,} patients: then all invented numbers are used up")
        rows: Counter[str] = Counter()
        classes = chosen(dirt)
        with on_disk(folder):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise DefinitionError(f"{folder} is there already; name a folder that is empty or not there yet")
            houses = Houses(folder / "hospitals", urls)
            for counts, done in self._blocks(folder, houses, patients, seed, classes):
                rows.update(counts)
                progress(done)
            houses.finish()
            text = json.dumps(
                _planted(patients, seed, rows) | {"dirt": dirt}, indent=1, ensure_ascii=False, default=str
            )
            (folder / "planted.json").write_text(text + "\n", "utf-8")
        return dict(rows)

    def _blocks(
        self, folder: Path, houses: Houses, patients: int, seed: int, classes: tuple[str, ...]
    ) -> Iterator[tuple[dict[str, int], float]]:
        """Write block by block, the houses of one while the next is made; yield rows by table and what part is done."""
        with ThreadPoolExecutor(1) as aside:
            before: Future[dict[str, int]] | None = None
            for part, first in enumerate(range(0, patients, self.block)):
                found, clean = _told(folder, part, seed, first, min(self.block, patients - first))
                written, faults = dirty(seed, entries(seed, found["persons"], clean), classes)
                counts = {name: table.height for name, table in (found | clean).items()}
                _put(folder / "whose", part, whose(written))
                counts |= _faults(folder / "faults.csv", faults, first=not part) if classes else {}
                counts |= before.result() if before else {}
                before = aside.submit(houses.write, part, written)
                yield counts, first / patients
            yield before.result() if before else {}, 1.0


def _told(
    folder: Path, part: int, seed: int, first: int, n: int
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """Write the truth about some persons and their clean records; return both."""
    found = truth(seed, first, n)
    clean = records(seed, found["courses"])
    for name, table in (found | clean).items():
        _put(folder / ("truth" if name in TRUTH else "records") / name, part, table)
    return found, clean


def _put(place: Path, part: int, table: pl.DataFrame) -> None:
    place.mkdir(parents=True, exist_ok=True)
    table.rechunk().write_parquet(place / f"part-{part:05d}.parquet")


def _faults(path: Path, faults: pl.DataFrame, *, first: bool) -> dict[str, int]:
    with path.open("ab") as file:
        faults.write_csv(file, include_header=first)
    return {"faults": faults.height}


def _planted(patients: int, seed: int, rows: dict[str, int]) -> dict[str, Any]:
    """Return what was planted as plain JSON, hazards and choices with the models that recover them."""
    plain = asdict(PLANTED)
    for hazard, shown in zip(PLANTED.hazards, plain["hazards"], strict=True):
        shown["model"] = asdict(hazard.model)
    for choice, shown in zip(PLANTED.choices, plain["choices"], strict=True):
        shown["model"] = asdict(choice.model)
    for margin, shown in zip(PLANTED.margins, plain["margins"], strict=True):
        shown["meets"] = PLANTED.meets(margin)
    return {"synthetic": True, "seed": seed, "patients": patients, "rows": rows, **plain}


NETWORK = Network("network")
