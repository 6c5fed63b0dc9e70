# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the engine can be trusted, decided where the truth is known: networks of many seeds, clean and with dirt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from rwe.pipeline.planning import Plan, Source
from rwe.selftest.recovered import Recovered, recover
from rwe.selftest.scored import score, summary
from rwe.selftest.told import Told, faults, tell


@dataclass(frozen=True, slots=True)
class Seed:
    """What came of one network.

    Parameters
    ----------
    faults
        As `rwe.selftest.scored.summary`.
    clean, dirty
        Log hazard ratios from clean records and from those with dirt.
    precision, recall
        Of pairs of patients' rows that are one person: linked pairs that are, pairs that are linked.
    """

    seed: int
    faults: pl.DataFrame
    clean: tuple[Recovered, ...]
    dirty: tuple[Recovered, ...]
    precision: float
    recall: float


def truth(folder: Path, plans: Sequence[Plan], seeds: Sequence[int], patients: int, dirt: str) -> Iterator[Seed]:
    """Tell networks to the engine, once clean and once with dirt, and yield what came of each.

    Parameters
    ----------
    folder
        Where homes are made, one at a time.
    plans
        Studies on the network; their sites are told.
    seeds, patients, dirt
        Of the networks, as ``rwe synth`` takes them.

    Raises
    ------
    DataError
        If a site cannot be read.
    """
    sources = list({source.site.site: source for plan in plans for source in plan.sources}.values())
    for seed in seeds:
        with TemporaryDirectory(dir=folder) as place:
            yield _one(Path(place), plans, sources, seed, patients, dirt)


def _one(place: Path, plans: Sequence[Plan], sources: Sequence[Source], seed: int, patients: int, dirt: str) -> Seed:
    clean = tell(place / "clean", sources, patients=patients, seed=seed, dirt="none")
    dirty = tell(place / "dirty", sources, patients=patients, seed=seed, dirt=dirt)
    precision, recall = _linked(clean.persons, dirty.persons)
    return Seed(
        seed,
        summary(score(faults(dirty), clean, dirty)),
        tuple(r for plan in plans for r in _recovered(plan, clean)),
        tuple(r for plan in plans for r in _recovered(plan, dirty)),
        precision,
        recall,
    )


def _recovered(plan: Plan, told: Told) -> list[Recovered]:
    return recover(plan.study, told.whole.cdm, told.folder / "planted.json")


def _linked(clean: pl.DataFrame, dirty: pl.DataFrame) -> tuple[float, float]:
    """Return precision and recall of the pairs that linking found, by those of the clean records."""
    rows = clean.rename({"id": "true"}).join(dirty, on=["site", "key"])
    both, true, linked = (_pairs(rows, by) for by in (["true", "id"], ["true"], ["id"]))
    return both / max(linked, 1), both / max(true, 1)


def _pairs(rows: pl.DataFrame, by: list[str]) -> int:
    n = rows.group_by(by).len()["len"].cast(pl.Int64)
    return int((n * (n - 1) // 2).sum())
