# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the engine can be trusted, decided where the truth is known: networks of many seeds, clean and with dirt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from rwe.errors import NoValidAnswer
from rwe.pipeline.planning import Plan, Source
from rwe.selftest.recovered import recover
from rwe.selftest.scored import score, summary
from rwe.selftest.told import Told, faults, tell

CLEAN, DIRTY = "clean", "dirty"
RATIOS = {
    "records": pl.String,
    "study": pl.String,
    "term": pl.String,
    "planted": pl.Float64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "persons": pl.Int64,
    "within": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Seed:
    """What came of one network.

    Parameters
    ----------
    faults
        As `rwe.selftest.scored.summary`.
    ratios
        Log hazard ratios: ``records`` they were estimated from (`CLEAN`, `DIRTY`, or with faults of one class alone),
        ``study``, ``term``, ``planted``, ``estimate``, ``std_error``, ``persons``, ``within`` two standard errors. None
        of a study whose model has no finite estimate in so small a network.
    precision, recall
        Of pairs of patients' rows that are one person: linked pairs that are, pairs that are linked.
    """

    seed: int
    faults: pl.DataFrame
    ratios: pl.DataFrame
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried on each network: studies whose sites are told, patients, faults, each class alone too or not."""

    plans: Sequence[Plan]
    patients: int
    dirt: str
    each: bool = False

    @property
    def sources(self) -> list[Source]:
        """The sites of all studies, each once."""
        return list({source.site.site: source for plan in self.plans for source in plan.sources}.values())

    def tell(self, home: Path, seed: int, dirt: str) -> Told:
        """Tell the network of a seed with some dirt."""
        return tell(home, self.sources, patients=self.patients, seed=seed, dirt=dirt)

    def recovered(self, told: Told, records: str) -> list[dict[str, object]]:
        """Return the log hazard ratios that the studies find, as lines of `Seed.ratios`."""
        found = []
        for plan in self.plans:
            with suppress(NoValidAnswer):
                found += recover(plan.study, told.whole.cdm, told.folder / "planted.json")
        return [{"records": records, **asdict(one), "within": one.within} for one in found]


def truth(folder: Path, trial: Trial, seeds: Iterable[int]) -> Iterator[Seed]:
    """Tell networks to the engine, once clean and once with dirt, and yield what came of each.

    Parameters
    ----------
    folder
        Where homes are made, one network at a time.
    trial
        What is tried on each.
    seeds
        Of the networks.

    Raises
    ------
    DataError
        If a site cannot be read.
    """
    for seed in seeds:
        with TemporaryDirectory(dir=folder) as place:
            yield _one(Path(place), trial, seed)


def _one(place: Path, trial: Trial, seed: int) -> Seed:
    clean, dirty = trial.tell(place / CLEAN, seed, "none"), trial.tell(place / DIRTY, seed, trial.dirt)
    found = summary(score(faults(dirty), clean, dirty))
    lines = trial.recovered(clean, CLEAN) + trial.recovered(dirty, DIRTY)
    for kind in found["class"].unique(maintain_order=True) if trial.each else ():
        with TemporaryDirectory(dir=place) as alone:
            lines += trial.recovered(trial.tell(Path(alone) / "one", seed, kind), kind)
    return Seed(seed, found, pl.DataFrame(lines, schema=RATIOS), *_linked(clean.persons, dirty.persons))


def _linked(clean: pl.DataFrame, dirty: pl.DataFrame) -> tuple[float, float]:
    """Return precision and recall of the pairs that linking found, by those of the clean records."""
    rows = clean.rename({"id": "true"}).join(dirty, on=["site", "key"])
    both, true, linked = (_pairs(rows, by) for by in (["true", "id"], ["true"], ["id"]))
    return both / max(linked, 1), both / max(true, 1)


def _pairs(rows: pl.DataFrame, by: list[str]) -> int:
    n = rows.group_by(by).len()["len"].cast(pl.Int64)
    return int((n * (n - 1) // 2).sum())
