# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An invented network told to the engine: written, extracted by its connectors, brought to the common model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from rwe import plugins
from rwe.errors import DataError
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import extract
from rwe.pipeline.planning import Source
from rwe.store import Store

NETWORK = "network"


def tell(home: Path, sources: Iterable[Source], *, patients: int, seed: int, dirt: str) -> list[Aligned]:
    """Write a network under a home folder and bring some of its sites to the common model.

    The key of pseudonyms follows from the seed, so that persons of two networks of one seed have the same ids.

    Raises
    ------
    DataError
        If a stream of a site cannot be read.
    """
    plugins.network(NETWORK).write(home / NETWORK, patients, seed, lambda _: None, dirt=dirt)
    store, key = Store(home / "store"), hashlib.sha256(f"invented {seed}".encode()).digest()
    return [_one(source, store, home, key) for source in sources]


def _one(source: Source, store: Store, home: Path, key: bytes) -> Aligned:
    taken = extract(source.site, source.mapping.source, store, home, key)
    if faults := [taken.unreachable, *(read.fault for read in taken.reads)]:
        said = "; ".join(filter(None, faults))
        if said:
            raise DataError(f"site '{source.site.site}' of the invented network: {said}")
    return align(source, store, {})
