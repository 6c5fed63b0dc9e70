# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Extraction on its own: every hospital of a study, or one, brought up to date and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import Asked, Extracted, extract, heed_accepted
from rwe.pipeline.guards import disk
from rwe.pipeline.planning import hospitals
from rwe.spec.base import read
from rwe.spec.site import Site, load_site
from rwe.spec.source import Source
from rwe.store import Store


def fetch(path: Path, *, home: Path, asked: Asked, progress: Callable[[str], None]) -> Iterator[Extracted]:
    """Extract each hospital that a file names; one that does not answer is no reason to leave out the next.

    Parameters
    ----------
    path
        A study file or a site file.
    home
        Home folder.
    asked
        What is asked beside the new rows; streams are named ``stream`` or ``site/stream``.
    progress
        Told the name of each stage, and how many rows came.

    Raises
    ------
    DefinitionError
        If the file is wrong, or a stream that was accepted has nothing set aside; no hospital is read then.
    Refused
        If a source could be written.
    """
    progress("specify")
    sources = hospitals(path, _alone, lambda planned: (planned.site, planned.mapping.source))
    mine = [_accepted(site, source, asked.accept) for site, source in sources]
    if lost := asked.accept - {name for _, names in mine for name in names}:
        raise DefinitionError(f"no hospital of {path.name} has a stream {', '.join(map(repr, sorted(lost)))} to accept")
    with disk(home):
        key, store = load_or_make_key(home), Store(home / "store")
        for (site, source), (streams, _) in zip(sources, mine, strict=True):
            heed_accepted(store, site, source, key, streams)
        progress("extract")
        for (site, source), (streams, _) in zip(sources, mine, strict=True):
            yield extract(site, source, store, home, key, progress, replace(asked, accept=streams))


def exit_code(taken: Sequence[Extracted]) -> int:
    """Return 4 where a source did not answer, which a later try may mend; 3 where a stream was set aside; else 0."""
    if any(part.unreachable for part in taken):
        return SourceUnreachable.exit_code
    return DataError.exit_code if any(read.fault for part in taken for read in part.reads) else 0


def _alone(path: Path) -> tuple[Site, Source]:
    """Return a hospital: to read it, its site file and the declaration of its streams are enough."""
    site = load_site(path)
    return site, read(Path(site.mapping) / "source.yaml", Source)


def _accepted(site: Site, source: Source, names: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the streams of this hospital that were accepted, and the names they were given by."""
    found = {name: name.removeprefix(f"{site.site}/") for name in names}
    given = frozenset(name for name, stream in found.items() if stream in source.streams)
    return frozenset(found[name] for name in given), given
