# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A common data model that exists already, as csv, as Parquet or in a database: read as any other source."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from connectors import sql
from connectors.files import FilesConnector
from connectors.files_contract import Contract, Folder
from connectors.files_folder import root
from connectors.omop_tables import BY_PERSON, Version, inner
from connectors.options import options
from connectors.sql_catalogue import near
from connectors.typed import DTYPES
from rwe.errors import DefinitionError
from rwe.ports import Batch, Connector, Cursor, TellsColumns, TellsRemarks, TellsSession
from rwe.spec.base import Part
from rwe.spec.site import Site
from rwe.spec.source import Source, SourceName, Stream


class OmopSite(Part):
    """Options of a site that is a common data model.

    Parameters
    ----------
    version
        Of the model in the source. Streams are declared in the words of 5.4 in any case.
    mode
        ``whole``: what is there now is all there is, and it is read anew when it changed (a folder) or each time
        (a database). ``append``: only further files, or rows of greater ids.
    pattern
        Name of the file of a table, in capitals or not.
    contract
        How the files are written: `connectors.files_contract.Contract`.
    folder
        `connectors.files_contract.Folder`.
    database
        Options of the SQL connector, where the address is a database.
    """

    version: Version = "5.4"
    mode: Literal["whole", "append"] = "whole"
    pattern: str = Field(default="{table}.*", pattern=r"\{table\}")
    contract: dict[str, Any] = Field(default_factory=dict)
    folder: dict[str, Any] = Field(default_factory=dict)
    database: dict[str, Any] = Field(default_factory=dict)


class OmopStream(Part):
    """Options of a stream: fields of the model by the columns that bear another name."""

    fields: dict[SourceName, str] = Field(default_factory=dict)


def connect(site: Site, source: Source, home: Path) -> OmopConnector:
    """Open a common data model.

    Parameters
    ----------
    site
        Where it is: ``file:///folder`` or a database; its `options` are an `OmopSite`.
    source
        The streams; ``table`` is a table of the model. A table whose only id is the person's has the key
        ``@person``, which is kept as a digest.
    home
        The engine's data folder.

    Raises
    ------
    DefinitionError
        If a stream is not of the model, or options are not understood.
    """
    return OmopConnector(site, source, home)


class OmopConnector:
    """A common data model behind the connector of its kind, which reads it in the source's own words."""

    def __init__(self, site: Site, source: Source, home: Path) -> None:
        self._site, self._source = site, source
        told = options(OmopSite, site.options, f"site '{site.site}'")
        self._again = told.mode == "whole" and not site.address().startswith("file:")
        each = {
            name: options(OmopStream, stream.options, f"stream '{name}'").fields
            for name, stream in source.streams.items()
        }
        found = {name: inner(name, stream, each[name], told.version) for name, stream in source.streams.items()}
        self._version = told.version
        self._held = {name: held for name, (_, held) in found.items()}
        self._keys = {name: stream.key for name, (stream, _) in found.items()}
        streams = {name: stream for name, (stream, _) in found.items()}
        opened = _folder if site.address().startswith("file:") else _database
        self._inside = opened(site, source, streams, told, home)

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._source.streams)

    def check(self) -> None:
        """Compare the source with the declared tables; raises what the connector of its kind raises."""
        self._inside.check()

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows of a table; raises what the connector of its kind raises."""
        declared = self._declared(stream)
        for batch in self._inside.read(stream, None if self._again else since, known):
            rows = self._outer(batch.rows, stream, declared)
            yield replace(batch, rows=rows)

    def keys(self, stream: str) -> Iterator[pl.Series] | None:
        """Yield the key of every row that the source holds, where it can tell."""
        declared = self._declared(stream)
        told = self._inside.keys(stream)
        return None if told is None else (self._key(page, declared) for page in told)

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the columns that the source has, by the names under which they are declared, if they are."""
        declared = self._declared(stream)
        if not isinstance(self._inside, TellsColumns):
            return {}
        named = {held: name for name, held in self._held[stream].items()}
        named |= {} if declared.key == BY_PERSON else {self._keys[stream]: declared.key}
        return {named.get(name, name): kind for name, kind in self._inside.columns(stream).items()}

    def remarks(self, stream: str) -> Sequence[str]:
        """Return what the connector of its kind remarks."""
        return self._inside.remarks(stream) if isinstance(self._inside, TellsRemarks) else ()

    @property
    def session(self) -> Mapping[str, str]:
        """What is true of the session of the connector of its kind, and the version of the model."""
        told = self._inside.session if isinstance(self._inside, TellsSession) else {}
        return {**told, "model": f"OMOP CDM {self._version}"}

    def close(self) -> None:
        """Give back connections."""
        self._inside.close()

    def _declared(self, stream: str) -> Stream:
        if stream not in self._source.streams:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'{near(stream, self.streams())}")
        return self._source.streams[stream]

    def _outer(self, rows: pl.DataFrame, stream: str, declared: Stream) -> pl.DataFrame:
        held = self._held[stream]
        columns = [
            rows[held[name]].alias(name) if name in held else pl.Series(name, [None] * rows.height, DTYPES[column.type])
            for name, column in declared.columns.items()
        ]
        marks = [rows["_op"]] if "_op" in rows.columns else []
        return pl.DataFrame([self._key(rows["_key"], declared).alias("_key"), *columns, *marks])

    def _key(self, keys: pl.Series, declared: Stream) -> pl.Series:
        """Return keys; a person's id as a digest, so that it does not stand in the landing as a number."""
        if declared.key != BY_PERSON:
            return keys
        site = self._site.site
        digests = [hashlib.sha256(f"{site}/{declared.table}/{key}".encode()).hexdigest()[:32] for key in keys]
        return pl.Series(keys.name, digests, dtype=pl.String)


def _folder(site: Site, source: Source, streams: dict[str, Stream], told: OmopSite, home: Path) -> Connector:
    ours = {"any_case": True, "mode": told.mode} | told.contract
    options(Contract, ours, f"site '{site.site}', contract")
    options(Folder, told.folder, f"site '{site.site}', folder")
    placed = {
        name: stream.model_copy(update={"table": told.pattern.replace("{table}", stream.table), "options": ours})
        for name, stream in streams.items()
    }
    inside = site.model_copy(update={"options": told.folder})
    return FilesConnector(inside, source.model_copy(update={"streams": placed}), root(site, home))


def _database(site: Site, source: Source, streams: dict[str, Stream], told: OmopSite, home: Path) -> Connector:
    plain = {name: stream.model_copy(update={"options": {}}) for name, stream in streams.items()}
    inside = site.model_copy(update={"options": told.database})
    return sql.connect(inside, source.model_copy(update={"streams": plain}), home)
