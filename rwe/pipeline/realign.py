# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Harmonisation on its own: what has landed of each hospital brought to the common model, no source asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rwe.pipeline.align import Aligned, align
from rwe.pipeline.guards import disk
from rwe.pipeline.linked import Persons
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import Source, hospitals, load_source
from rwe.pipeline.vocabulary import domains_of
from rwe.store import Store


def realign(path: Path, *, home: Path, progress: Callable[[str], None]) -> Iterator[Aligned]:
    """Harmonise each hospital that a file names, as far as its streams have landed.

    Parameters
    ----------
    path
        A study file or a site file.
    home
        Home folder.
    progress
        Told the name of each stage.

    Raises
    ------
    DefinitionError
        If a file is wrong.
    DataError
        If a stream has never landed, or its rows do not add up.
    """
    progress("specify")
    sources = _sources(path)
    with disk(home):
        store = Store(home / "store")
        progress("link")
        found = persons(sources, store)
        progress("harmonise")
        for source in sources:
            yield align(source, store, domains_of(source, home), found.of(source.site.site))


def relink(path: Path, *, home: Path, progress: Callable[[str], None]) -> Persons:
    """Link the persons of each hospital that a file names, and of all others of the home, and nothing more.

    Raises
    ------
    DefinitionError, DataError
        As `realign`.
    """
    progress("specify")
    sources = _sources(path)
    with disk(home):
        progress("link")
        return persons(sources, Store(home / "store"))


def _sources(path: Path) -> list[Source]:
    return hospitals(path, load_source, lambda source: source)
