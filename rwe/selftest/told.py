# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An invented network told to the engine: written, extracted by its connectors, brought to the common model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.errors import DataError
from rwe.link.register import handle
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.erased_people import LINKS
from rwe.pipeline.extract import extract, landing_table
from rwe.pipeline.linked import Persons
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import Source
from rwe.pipeline.together import Together, together
from rwe.store import Store

NETWORK = "network"
FAULTS = "faults.csv"
OUTCOMES = ("accepted", "merged", "rejected")


@dataclass(frozen=True, slots=True)
class Told:
    """What the engine made of a network.

    Parameters
    ----------
    folder
        Of the network.
    parts
        Each site in the common model.
    persons
        Whom each row of a patient is of: ``site``, ``key``, ``id``; ``person``, who it is in truth; what the row says
        of a person as tokens, ``number`` and ``named`` (whole name and birth date); ``unit``, one patient of a site;
        ``listed``, why it stands beside another row of that person on the list to look at.
    whole
        All sites together.
    rows
        What became of landed rows: ``site``, ``stream``, ``landed``, and of these ``accepted``, ``merged``,
        ``rejected``.
    aside
        Site and stream where something was set aside at extraction: what it held is not here.
    """

    folder: Path
    parts: tuple[Aligned, ...]
    persons: pl.DataFrame
    whole: Together
    rows: pl.DataFrame
    aside: frozenset[tuple[str, str]] = frozenset()


def tell(home: Path, sources: Sequence[Source], *, patients: int, seed: int, dirt: str) -> Told:
    """Write a network under a home folder and bring some of its sites to the common model.

    The key of pseudonyms follows from the seed, so that persons of two networks of one seed have the same tokens.

    Raises
    ------
    DataError
        If a site cannot be reached, or a stream has not landed at all.
    """
    folder = home / NETWORK
    home.mkdir()
    plugins.network(NETWORK).write(folder, patients, seed, lambda _: None, dirt=dirt, urls={})
    store, key = Store(home / "store"), hashlib.sha256(f"invented {seed}".encode()).digest()
    aside = frozenset(place for source in sources for place in _extracted(source, store, home, key))
    linked = persons(sources, store)
    parts = tuple(_read(align(source, store, {}, linked.of(source.site.site))) for source in sources)
    rows = pl.concat([_became(source, part, store) for source, part in zip(sources, parts, strict=True)])
    return Told(folder, parts, _people(folder, linked, store), together(parts), rows, aside)


def _read(part: Aligned) -> Aligned:
    """Read the common model of a site once: it is asked many times, and lies in many small files."""
    frames = pl.collect_all(list(part.cdm.tables.values()))
    tables = {name: frame.lazy() for name, frame in zip(part.cdm.tables, frames, strict=True)}
    return replace(part, cdm=replace(part.cdm, tables=tables))


def _became(source: Source, part: Aligned, store: Store) -> pl.DataFrame:
    """Return the lines of a site of `Told.rows`: landed rows counted in the landing, the rest as the account says."""
    counts = {
        name: landing_table(store, part.site, name).current().select(pl.len()).collect().item()
        for name in source.mapping.source.streams
    }
    landed = pl.DataFrame({"stream": list(counts), "landed": list(counts.values())}, {"stream": str, "landed": int})
    said = part.cdm.accounting.filter(pl.col("record") == "")
    sums = [pl.col("n").filter(pl.col("outcome") == name).sum().alias(name) for name in OUTCOMES]
    told = landed.join(said.group_by("stream").agg(sums), on="stream", how="left").with_columns(
        pl.col(OUTCOMES).fill_null(0)
    )
    return told.select(pl.lit(part.site).alias("site"), pl.all())


def _people(folder: Path, linked: Persons, store: Store) -> pl.DataFrame:
    """Return the rows of patients that the truth knows, as `Told.persons`."""
    truth = pl.read_parquet(folder / "whose" / "*.parquet").with_columns(_key=pl.concat_str("site", pl.lit("/"), "key"))
    name, born = pl.col("name_tokens").list.join(","), pl.col("birth_tokens").list.first()
    units = (
        store.table(LINKS)
        .current()
        .select(
            *("_key", "person_token", pl.col("person_id").alias("id")),
            number="national_token",
            named=pl.when(name != "").then(pl.concat_str(name, born)),
        )
    )
    rows = truth.join(units.collect(), on="_key", maintain_order="left").drop("_key")
    return _listed(rows, linked.linked.review).drop("person_token")


def _listed(rows: pl.DataFrame, review: pl.DataFrame) -> pl.DataFrame:
    """Add ``unit`` and ``listed``."""
    units = rows.select("site", "person_token", "person").unique().drop_nulls()
    names = [handle(site, token) for site, token, _ in units.iter_rows()]
    units = units.with_columns(unit=pl.Series(names, dtype=pl.String))
    ends = pl.col("pair").str.split("-")
    pairs = review.select(unit=ends.list.first(), other=ends.list.last(), listed="reason")
    both = pl.concat([pairs, pairs.select(unit="other", other="unit", listed="listed")])
    both = both.join(units, on="unit").join(units, left_on=["other", "person"], right_on=["unit", "person"], how="semi")
    why = both.group_by("unit", "person").agg(pl.col("listed").min())
    rows = rows.join(units, on=["site", "person_token", "person"], how="left", maintain_order="left")
    return rows.join(why, on=["unit", "person"], how="left", maintain_order="left")


def faults(told: Told) -> pl.DataFrame:
    """Return the lines of ``faults.csv``; without one there are none."""
    path = told.folder / FAULTS
    texts = dict.fromkeys(("hospital", "key", "before", "now", "site", "stream"), pl.String)
    return pl.read_csv(path, schema_overrides=texts).with_columns(pl.col("hospital", "before", "now").fill_null(""))


def _extracted(source: Source, store: Store, home: Path, key: bytes) -> list[tuple[str, str]]:
    """Bring a site's rows to the landing; return where something was set aside."""
    taken = extract(source.site, source.mapping.source, store, home, key)
    if taken.unreachable:
        raise DataError(f"site '{source.site.site}' of the invented network: {taken.unreachable}")
    return [(source.site.site, read.stream) for read in taken.reads if read.fault]
