# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files that a hospital drops into a folder: each is landed once, known by the sha256 of its bytes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from connectors.files_contract import Contract, Delivered, Folder
from connectors.files_folder import Drop, drops, reachable, root, told
from connectors.files_idle import idle
from connectors.files_rows import empty, header, parts
from connectors.options import options
from connectors.sql_catalogue import near
from rwe.errors import DataError, DefinitionError
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source, Stream

Found = tuple[Drop, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """How files of one kind are read.

    Parameters
    ----------
    grammar
        Options of a stream.
    parts
        The rows of a file in parts of so many; a DataError comes after the parts that are whole.
    columns
        The names of the columns that files, oldest first, have.
    known_by
        What a file is known by, where it is not the sha256 of its bytes.
    """

    grammar: type[Delivered]
    parts: Callable[[Drop, str, Stream, Any, int], Iterator[pl.DataFrame]]
    columns: Callable[[Sequence[Drop], Any], list[str]]
    known_by: Callable[[Drop, Any], str] = lambda drop, _contract: drop.sha256()


TABLES = Reading(Contract, parts, header)


def connect(site: Site, source: Source, home: Path) -> FilesConnector:
    """Open the drop folder of a site.

    Parameters
    ----------
    site
        Where it is: ``url: file:///srv/drops``; its `options` are a `connectors.files_contract.Folder`.
    source
        The streams; ``table`` is a pattern of file names, `options` a `connectors.files_contract.Contract`.
    home
        The engine's data folder, which ``{home}`` in the address stands for.

    Raises
    ------
    DefinitionError
        If the address is no folder, or options are not understood.
    """
    return FilesConnector(site, source, root(site, home))


class FilesConnector:
    """A drop folder and the files that are declared to come.

    A file's rows come in parts of `Site.page_rows`; the id of a part is the file's sha256, the size of parts and the
    number of this one, and that of the last part the sha256 alone says that all of the file was read.
    """

    def __init__(self, site: Site, source: Source, folder: Path, reading: Reading = TABLES) -> None:
        self._site = site
        self._source = source
        self._folder = folder
        self._limits = options(Folder, site.options, f"site '{site.site}'")
        self._reading = reading
        self._contracts = {
            name: options(reading.grammar, stream.options, f"stream '{name}'")
            for name, stream in source.streams.items()
        }
        self._newest: dict[str, Drop] = {}

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._source.streams)

    def check(self) -> None:
        """Look whether the folder is there.

        Raises
        ------
        SourceUnreachable
            If it is not.
        """
        reachable(self._site, self._folder)

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows of files that have not landed, oldest file first.

        A stream of which nothing was ever read yields at least one batch, empty if there is no file. A file that
        came late, older than others by its name, is read if `known` tells what landed.

        Raises
        ------
        SourceUnreachable
            If the folder or a file cannot be read, or a file changes while it is read.
        DataError
            If a file breaks its contract: nothing of the part that does is yielded, and no file after it.
        """
        contract = self._contract(stream)
        found = [(drop, self._reading.known_by(drop, contract)) for drop in self._drops(stream)]
        last = None
        for drop, sha in self._unread(stream, found, since, known):
            for last in self._file(stream, drop, sha, _turn(contract, sha, since)):
                if last.id not in known and not _reached(last.cursor, since):
                    yield last
        if since is None and last is None:
            yield Batch(stream, empty(self._source.streams[stream]), Cursor("", ""))

    def keys(self, stream: str) -> Iterator[pl.Series] | None:
        """Yield the keys of the newest file, where each file is all there is; else None."""
        contract = self._contract(stream)
        if contract.mode == "append":
            return None
        if (newest := self._newest.get(stream)) is None and (found := self._drops(stream)):
            newest = found[-1]
        return iter(()) if newest is None else self._keys(stream, newest)

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the names of the columns that the newest file has; files of text know no types."""
        found = self._drops(stream)
        return dict.fromkeys(self._reading.columns(found, self._contract(stream)), "") if found else {}

    def remarks(self, stream: str) -> Sequence[str]:
        """Return what is said of files that are left where they are: empty, unfinished or of no stream."""
        streams = {name: (self._source.streams[name], contract) for name, contract in self._contracts.items()}
        with told(streams[stream][0].table):  # files come and go
            return [*idle(self._folder, streams, stream, self._limits)]

    def close(self) -> None:
        """Do nothing: files are closed when they are read."""

    def _contract(self, stream: str) -> Delivered:
        if stream not in self._contracts:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'{near(stream, self.streams())}")
        return self._contracts[stream]

    def _drops(self, stream: str) -> list[Drop]:
        self.check()
        return drops(self._folder, self._source.streams[stream].table, self._contract(stream), self._limits)

    def _unread(self, stream: str, found: list[Found], since: Cursor | None, known: Container[str]) -> list[Found]:
        if self._contract(stream).mode == "whole":
            if found:
                self._newest[stream] = found[-1][0]
            return [one for one in found[-1:] if not (since and since.value == one[1] and _ended(since))]
        if since is None or since.key in known:
            return _each_once([one for one in found if one[1] not in known])
        place = next((i + _ended(since) for i, (_, sha) in enumerate(found) if sha == since.value), 0)
        return _each_once(found[place:])

    def _file(self, stream: str, drop: Drop, sha: str, turn: str) -> Iterator[Batch]:
        rows = self._site.page_rows
        mark = f"@{turn}" if turn else ""
        number, held = 0, None
        try:
            for frame in self._parts(stream, drop):
                if held is not None:
                    number += 1
                    yield _batch(stream, drop, held, sha, f"{sha}.{rows}.{number}{mark}")
                held = frame
        except DataError:
            if held is not None:  # whole, but not the last of a whole file
                yield _batch(stream, drop, held, sha, f"{sha}.{rows}.{number + 1}{mark}")
            raise
        if held is not None:
            yield _batch(stream, drop, held, sha, f"{sha}{mark}")

    def _parts(self, stream: str, drop: Drop) -> Iterator[pl.DataFrame]:
        declared, contract = self._source.streams[stream], self._contract(stream)
        return self._reading.parts(drop, stream, declared, contract, self._site.page_rows)

    def _keys(self, stream: str, drop: Drop) -> Iterator[pl.Series]:
        for frame in self._parts(stream, drop):
            yield frame["_key"]


def _batch(stream: str, drop: Drop, rows: pl.DataFrame, sha: str, part: str) -> Batch:
    drop.unchanged()
    return Batch(stream, rows, Cursor(sha, part), part)


def _each_once(found: list[Found]) -> list[Found]:
    """Return the first of the files that hold the same bytes."""
    return list({sha: (drop, sha) for drop, sha in reversed(found)}.values())[::-1]


def _ended(since: Cursor) -> bool:
    """Tell whether a cursor stands at the end of a file."""
    return "." not in since.key


def _reached(cursor: Cursor, since: Cursor | None) -> bool:
    """Tell whether a cursor lies before another in the same reading of a file, or is it."""
    if since is None or cursor.value != since.value or _ended(since) or _ended(cursor):
        return cursor == since
    (_, size, number), (_, last_size, last) = (one.key.partition("@")[0].split(".") for one in (cursor, since))
    return size == last_size and int(number) <= int(last)


def _turn(contract: Delivered, sha: str, since: Cursor | None) -> str:
    """Return what tells this landing of whole files from an earlier one of the same bytes."""
    if contract.mode == "append":
        return ""
    turn = since.key.partition("@")[2] if since else ""
    if since and since.value == sha and not _ended(since):
        return turn
    return str(int(turn or 0) + 1)
