# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing rows of a large hospital by person: split into parts on the disk in one stream, so that few are in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from rwe.cdm import BUCKETS
from rwe.chain import on_disk
from rwe.harmonise.accounting import Tally, total
from rwe.harmonise.landed import Landing, read
from rwe.harmonise.once import Once
from rwe.harmonise.part import Part, Work
from rwe.harmonise.people import OWN, Identities

ROWS = 2_000_000  # of a part: some 600 MB while they are worked on
AT_ONCE = 2  # parts: while one waits for the disk or runs on one thread the other works
_PLACES = 2**54  # ids have 60 bits, of which 6 are the bucket


def parts_of(rows: int) -> int:
    """Return into how many parts so many rows are split: a power of two, so that each has whole buckets."""
    parts = 1
    while parts < BUCKETS and rows > ROWS * parts:
        parts *= 2
    return parts


def buckets_of(part: int, parts: int) -> range:
    """Return the buckets of the common model whose persons are in a part."""
    return range(part, BUCKETS, parts)


def in_parts(
    work: Work, landing: Landing, who: Identities, parts: int, scratch: Path, put: Callable[[int, Part], None]
) -> Tally:
    """Harmonise all rows of a hospital, some parts of its persons at a time, and return what became of all.

    Parameters
    ----------
    parts
        How many; 1, or as `parts_of` says.
    scratch
        A folder of its own for rows on their way; gone at the end.
    put
        Told the number of each part and what was made of it, from several threads and in any order. The rows of each
        record stand by bucket and person.

    Raises
    ------
    DataError
        As `Work.part`; if a key or an id stands in two parts.
    MachineError
        If the disk refuses.
    """
    clear(scratch)
    plans = {name: read(landing, name, work.mapping, who) for name in work.mapping.source.streams}
    persons = {name: OWN if name == work.mapping.person[0] else "_person" for name in plans}
    if parts == 1:
        frames = zip(plans, pl.collect_all(plans.values(), engine="streaming"), strict=True)
        part = work.part({name: _by_person(rows, persons[name]) for name, rows in frames}, who)
        put(0, part)
        return part.tally
    once = Once(scratch / "ids")

    def one(number: int) -> Tally:
        frames = {name: _gathered(scratch / name, rows, number) for name, rows in plans.items()}
        part = work.part({name: _by_person(rows, persons[name]) for name, rows in frames.items()}, who)
        once.put(number, part.ids)
        put(number, part)
        return part.tally

    try:
        for name, rows in plans.items():
            _split(rows, scratch / name, persons[name], parts)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            tallies = list(threads.map(one, range(parts)))
        once.check()
        return total(tallies)
    finally:
        clear(scratch)


def _by_person(rows: pl.DataFrame, person: str) -> pl.DataFrame:
    """Return rows by bucket and person: what is made of them is then cut into buckets, not sorted out row by row."""
    place = pl.col(person) % BUCKETS * _PLACES + pl.col(person) // BUCKETS
    return rows.sort(place, maintain_order=True)


def clear(scratch: Path) -> None:
    """Delete what is left of rows on their way."""
    with on_disk(scratch):
        if scratch.exists():
            shutil.rmtree(scratch)


def _split(rows: pl.LazyFrame, folder: Path, person: str, parts: int) -> None:
    whose = (pl.col(person).fill_null(0) % parts).alias("_place")
    places = pl.PartitionBy(folder, key=whose, include_key=False)
    with on_disk(folder):
        folder.mkdir(mode=0o700, parents=True)
        rows.sink_parquet(
            places, compression="uncompressed", statistics=False, maintain_order=False, engine="streaming"
        )


def _gathered(folder: Path, rows: pl.LazyFrame, part: int) -> pl.DataFrame:
    files = sorted((folder / f"_place={part}").glob("*.parquet"))
    if not files:
        return rows.collect_schema().to_frame()
    return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
