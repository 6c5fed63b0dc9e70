# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Bulk Data server: one export for all streams that have been read as far, resumed where it was left, landed once."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from connectors.fhir_export import Exporter, Failed, Gone
from connectors.fhir_group import fingerprints, members
from connectors.fhir_http import Http
from connectors.fhir_job import Runner
from connectors.fhir_landing import Landing
from connectors.fhir_login import Login, load_signer
from connectors.fhir_options import ServerOptions, options_of
from connectors.fhir_rows import Flattener
from connectors.fhir_state import FOLDER, Export, Job, State
from rwe.errors import DataError, DefinitionError
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source


class ServerConnector:
    """A FHIR server that exports in bulk.

    The cursor of a stream is the server's own transaction time of the last complete export, its next ``_since``.
    Rows of an export that is not complete land under the cursor it began from, and `read` then says what is missing.

    Parameters
    ----------
    site, source
        Where it is and what it is declared to hold.
    home
        The engine's data folder: what an export must remember over a crash lies in ``fhir/<site>`` there.

    Raises
    ------
    DefinitionError
        If address, options or views are wrong.
    """

    def __init__(self, site: Site, source: Source, home: Path) -> None:
        self._site = site
        self._home = home
        self._base = _base(site, home)
        self._options = options_of(ServerOptions, site.options, f"site '{site.site}', options")
        mapping = Path(site.mapping)
        self._flat = {name: Flattener(name, one, mapping, self._base) for name, one in source.streams.items()}
        self._http = Http(site.site, self._base, self._options, site.timeout_seconds)
        self._exporter = Exporter(self._http, site.site, self._base, self._options)
        self._state: State | None = None
        self._log_in()

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._flat)

    def check(self) -> None:
        """Make sure that the server answers and gives a token that can only read.

        Raises
        ------
        SourceUnreachable
            If it does not answer.
        Refused
            If it refuses the login, or the token could write.
        DataError
            If it is no FHIR server.
        """
        answer = self._http.ask("GET", f"{self._base}/metadata", headers={"Accept": "application/fhir+json"})
        told = answer.json()
        if not isinstance(told, dict) or told.get("resourceType") != "CapabilityStatement":
            raise DataError(f"site '{self._site.site}': this is no FHIR server: {answer} to /metadata")

    @property
    def session(self) -> Mapping[str, str]:
        """Plain facts of the session."""
        level = {"system": "system", "patient": "Patient", "group": "Group"}[self._options.export]
        return {"protocol": f"FHIR Bulk Data, {level} level, version {self._options.version}", "time zone": "as told"}

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows of what changed since the last complete export, deletions first.

        Raises
        ------
        SourceUnreachable
            If the server does not answer or is not done in time; the next try goes on where this one ended.
        DataError
            With counts, after all rows, where the export is incomplete or its files are not what they should be.
        Refused
            If the server refuses us, or would send records in the clear or our token elsewhere.
        Busy
            If another process reads this site.
        """
        if stream not in self._flat:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'")
        state = self._opened()
        export = self._pending(state, stream, since) or self._begin(state, stream, since)
        self._complete(state, export)
        landing = Landing(self._site.site, state.place(export), export, self._flat[stream], self._site.page_rows)
        last = since
        try:
            for batch in landing.batches(since, known):
                yield batch
                last = batch.cursor
            state.read[stream] = last.value if last else ""
        except DataError:
            state.finish(export, stream, failed=True)
            raise
        finally:
            self._note(state, export, stream)
        if last == since or not state.read[stream]:
            state.finish(export, stream)

    def _note(self, state: State, export: Export, stream: str) -> None:
        """Note that a stream was told all that it takes; whether it landed, its next cursor says, and the files go."""
        if self._state is state and stream not in export.finished:
            export.told.append(stream)
            state.save()

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the columns of a stream's view and the elements of the resources that were read just now."""
        return self._flat[stream].columns()

    def keys(self, _stream: str) -> None:
        """Return None: the server tells of deletions in its manifests."""

    def close(self) -> None:
        """Give back connections, and let another process read this site."""
        self._http.close()
        if self._state:
            self._state.close()
            self._state = None

    def _log_in(self) -> None:
        options = self._options
        if options.client_id and options.key_file:
            path = Path(options.key_file.replace("{home}", str(self._home)))
            signer = load_signer(options.client_id, path, options.key_id)
            self._http.token = Login(self._http, self._site.site, self._base, options, signer).token

    def _opened(self) -> State:
        if self._state is None:
            self._state = State(self._home / FOLDER / self._site.site)
        return self._state

    def _pending(self, state: State, stream: str, since: Cursor | None) -> Export | None:
        """Return the export that this stream still needs; those it landed, or that begin too late, it needs no more."""
        for export in [one for one in state.exports if stream in one.streams and stream not in one.finished]:
            value = since.value if since else ""
            landed = export.is_whole and bool(value) and not _later(export.moment, value)
            if not landed and stream not in export.told and not _later(export.since, value):
                return export  # what was told and did not land may be wrong at the source: it is asked for anew
            state.finish(export, stream, failed=not landed)
        return None

    def _begin(self, state: State, stream: str, since: Cursor | None) -> Export:
        """Begin an export from this cursor, for all streams that have come as far."""
        value = since.value if since else ""
        others = [name for name in self._flat if name != stream and _as_far(state.read.get(name, ""), value)]
        names = [stream, *others]
        types = sorted({self._flat[name].type for name in names})
        export = Export(value, types, names, [Job(since=value)])
        if self._options.group and self._options.new_members == "history":
            marks = set(fingerprints(self._group(), state.salt))
            export.members = sorted(marks) if len(names) == len(self._flat) else []
            export.newcomers = sorted(marks - state.known(stream)) if value else []
            export.jobs += [Job(since="", history=True)] if export.newcomers else []
        return state.begin(export)

    def _group(self) -> list[str]:
        return members(self._http, self._site.site, self._base, str(self._options.group))

    def _newcomers(self, state: State, export: Export) -> list[str]:
        marks = fingerprints(self._group(), state.salt)
        return [key for mark, key in marks.items() if mark in export.newcomers]

    def _complete(self, state: State, export: Export) -> None:
        """Bring every job of an export to its end: asked for, waited for, fetched."""
        self._http.start()
        for number, job in enumerate(export.jobs):
            runner = Runner(self._http, self._exporter, self._options, self._site.site, state, export, number)
            patients = self._newcomers(state, export) if job.history and not job.status_url else []
            try:
                runner.run(patients)
            except Gone:
                runner.forget()
                runner.run(self._newcomers(state, export) if job.history else [])
            except Failed:
                runner.forget()
                raise


def _base(site: Site, home: Path) -> str:
    place = urlsplit(site.address().replace("{home}", str(home)))
    if not place.hostname or place.username or place.password or place.query or place.fragment:
        raise DefinitionError(f"site '{site.site}': give the address of the FHIR server, without account or query")
    return place.geturl().rstrip("/")


def _as_far(read: str, value: str) -> bool:
    return not read if not value else bool(read) and not _later(value, read)


def _later(one: str, other: str) -> bool:
    """Return whether one instant is after another; an empty one is before all."""
    if not one or not other:
        return bool(one) and not other
    return datetime.fromisoformat(one) > datetime.fromisoformat(other)
