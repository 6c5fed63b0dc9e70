# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A landing beside its source, read anew and pseudonymised the same way: what is not the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from rwe import plugins
from rwe.identity import pseudonymise
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import landing_table
from rwe.spec.site import Site
from rwe.spec.source import Source
from rwe.store import Store


def differing(home: Path, site: Site, source: Source) -> int:
    """Return how many rows of the source do not stand in the landing as they should, or stand there and not in it."""
    store, key, wrong = Store(home / "store"), load_or_make_key(home), 0
    with closing(plugins.connector(site.connector)(site, source, home)) as connector:
        for name, stream in source.streams.items():
            landed, there = landing_table(store, site.site, name).current().collect(), 0
            for batch in connector.read(name, None):
                rows = pseudonymise(batch.rows, stream.columns, key, f"{site.site}/person")
                wrong += rows.join(landed, on=rows.columns, how="anti", nulls_equal=True).height
                there += rows.height
            wrong += max(landed.height - there, 0)
    return wrong
