# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the engine can be trusted, decided where the truth is known: networks of many seeds, clean and with dirt."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import threads
from rwe.pipeline.planning import Plan, Source
from rwe.selftest.recovered import recover
from rwe.selftest.scored import score, summary
from rwe.selftest.scored_links import Links, links
from rwe.selftest.told import OUTCOMES, Told, faults, tell

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
    links
        Whom linking found in the records with dirt, by the truth.
    rows
        As `rwe.selftest.told.Told.rows`, with ``records``.
    """

    seed: int
    faults: pl.DataFrame
    ratios: pl.DataFrame
    links: Links
    rows: pl.DataFrame

    @property
    def unaccounted(self) -> int:
        """Streams of which rows in are not rows accepted, merged and rejected."""
        became = pl.sum_horizontal(OUTCOMES)
        return self.rows.filter(pl.col("landed") != became).height


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


def truth(folder: Path, trial: Trial, seeds: Sequence[int]) -> Iterator[Seed]:
    """Tell networks to the engine, once clean and once with dirt, and yield what came of each.

    Several networks are told in as many processes as `rwe.execute.threads` says.

    Parameters
    ----------
    folder
        Where homes are made, a network at a time in each process.
    trial
        What is tried on each.
    seeds
        Of the networks.

    Raises
    ------
    DataError
        If a site cannot be read.
    """
    workers = min(threads(), len(seeds))
    if workers < 2:
        yield from (_one(folder, trial, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=gc.freeze) as pool:
        yield from pool.map(partial(_one, folder, trial), seeds)


def _one(folder: Path, trial: Trial, seed: int) -> Seed:
    with TemporaryDirectory(dir=folder) as made:
        place = Path(made)
        clean, dirty = trial.tell(place / CLEAN, seed, "none"), trial.tell(place / DIRTY, seed, trial.dirt)
        found = summary(score(faults(dirty), clean, dirty))
        lines = trial.recovered(clean, CLEAN) + trial.recovered(dirty, DIRTY)
        for kind in found["class"].unique(maintain_order=True) if trial.each else ():
            lines += trial.recovered(trial.tell(place / kind, seed, kind), kind)
            rmtree(place / kind)
        rows = pl.concat(
            [one.rows.with_columns(records=pl.lit(name)) for name, one in ((CLEAN, clean), (DIRTY, dirty))]
        )
        return Seed(seed, found, pl.DataFrame(lines, schema=RATIOS), links(dirty.persons, clean.persons), rows)
