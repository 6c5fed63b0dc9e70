# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An invented network told to the engine: written, extracted by its connectors, brought to the common model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.errors import DataError
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import extract
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import Source
from rwe.pipeline.together import Together, together
from rwe.store import Store

NETWORK = "network"
FAULTS = "faults.csv"


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
        Whom each row of a patient is of: ``site``, ``key``, ``id``.
    whole
        All sites together.
    aside
        Site and stream where something was set aside at extraction: what it held is not here.
    """

    folder: Path
    parts: tuple[Aligned, ...]
    persons: pl.DataFrame
    whole: Together
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
    parts = tuple(align(source, store, {}, linked.of(source.site.site)) for source in sources)
    whose = [linked.of(part.site).select(pl.lit(part.site).alias("site"), key="_key", id="person_id") for part in parts]
    return Told(folder, parts, pl.concat(whose), together(parts), aside)


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
