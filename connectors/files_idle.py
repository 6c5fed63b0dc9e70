# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files of a drop folder that no reading takes: counted and named, so that nothing is passed over in silence."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors.files_contract import Delivered, Folder, seen
from connectors.files_folder import hidden, means, settled, unfinished
from rwe.spec.source import Stream

_NAMED = 3


def idle(folder: Path, streams: Mapping[str, tuple[Stream, Delivered]], name: str, limits: Folder) -> Iterator[str]:
    """Yield remarks on the files of a stream that are left where they are; the first stream's tell of undeclared ones.

    Parameters
    ----------
    folder
        The drop folder.
    streams
        All of its streams, as declared.
    name
        The stream.
    limits
        Of the site.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not hidden(path))
    names = {path: path.relative_to(folder).as_posix() for path in files}
    ours = [path for path in files if means(streams[name][0].table, _finished(path, names[path]))]
    yield from _told([names[path] for path in ours if not path.stat().st_size], "empty: have the sender send them anew")
    late = [path for path in ours if path.stat().st_size and (unfinished(path) or settled(path, limits) is None)]
    yield from _told(
        [names[path] for path in late], "not finished, by their name or time of change; they are read later"
    )
    if name == next(iter(streams)):
        lost = [one for path in files if not unfinished(path) for one in _undeclared(path, names[path], streams)]
        yield from _told(lost, "of no stream: their names fit no declared pattern")


def _finished(path: Path, name: str) -> str:
    return name.removesuffix(path.suffix) if unfinished(path) else name


def _undeclared(path: Path, name: str, streams: Mapping[str, tuple[Stream, Delivered]]) -> Iterator[str]:
    """Yield a file that no stream means, or those within it, where it is an archive, that none means."""
    within = [contract.inside for stream, contract in streams.values() if means(stream.table, name)]
    if not within:
        yield name
    patterns = [pattern for pattern in within if pattern is not None]
    if len(patterns) == len(within) and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            inside = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        yield from (f"{name}/{one}" for one in inside if not any(means(pattern, one) for pattern in patterns))


def _told(names: list[str], what: str) -> Iterator[str]:
    if names:
        shown = ", ".join(f"'{seen(name)}'" for name in names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        yield f"{len(names)} files are {what} ({shown})"
