# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing rows of a large hospital by person: split into parts on the disk in one stream, so that one is in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rwe.cdm import BUCKETS
from rwe.chain import on_disk
from rwe.harmonise.landed import Landing, read
from rwe.harmonise.part import Part, Work
from rwe.harmonise.people import OWN, Identities

ROWS = 2_000_000  # of a part: some 600 MB while they are worked on


def parts_of(rows: int) -> int:
    """Return into how many parts so many rows are split: a power of two, so that each has whole buckets."""
    parts = 1
    while parts < BUCKETS and rows > ROWS * parts:
        parts *= 2
    return parts


def buckets_of(part: int, parts: int) -> range:
    """Return the buckets of the common model whose persons are in a part."""
    return range(part, BUCKETS, parts)


def in_parts(work: Work, landing: Landing, who: Identities, parts: int, scratch: Path) -> Iterator[Part]:
    """Harmonise all rows of a hospital, a part of its persons at a time.

    Parameters
    ----------
    parts
        How many; 1, or as `parts_of` says.
    scratch
        A folder of its own for rows on their way; gone at the end.

    Raises
    ------
    DataError
        As `Work.part`.
    MachineError
        If the disk refuses.
    """
    clear(scratch)
    plans = {name: read(landing, name, work.mapping, who) for name in work.mapping.source.streams}
    if parts == 1:
        frames = pl.collect_all(plans.values(), engine="streaming")
        yield work.part(dict(zip(plans, frames, strict=True)), who)
        return
    try:
        for name, rows in plans.items():
            _split(rows, scratch / name, OWN if name == work.mapping.person[0] else "_person", parts)
        for part in range(parts):
            yield work.part({name: _gathered(scratch / name, rows, part) for name, rows in plans.items()}, who)
    finally:
        clear(scratch)


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
        rows.sink_parquet(places, compression="lz4", statistics=False, maintain_order=False, engine="streaming")


def _gathered(folder: Path, rows: pl.LazyFrame, part: int) -> pl.DataFrame:
    files = sorted((folder / f"_place={part}").glob("*.parquet"))
    if not files:
        return rows.collect_schema().to_frame()
    return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
