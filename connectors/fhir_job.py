# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One job of an export, from kick-off to files: each step is noted before the next, so that a crash repeats none."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.fhir_download import Downloads, here_in
from connectors.fhir_export import Exporter, Gone, Manifest
from connectors.fhir_http import Http, Late
from connectors.fhir_options import ServerOptions
from connectors.fhir_state import Export, State
from rwe.errors import DataError, Refused


class Runner:
    """Runs one job of an export.

    Parameters
    ----------
    http, exporter, options, site
        How to ask the server.
    state, export, number
        What is remembered, and which of the export's jobs it is.
    """

    def __init__(
        self,
        http: Http,
        exporter: Exporter,
        options: ServerOptions,
        site: str,
        state: State,
        export: Export,
        number: int,
    ) -> None:
        self._exporter = exporter
        self._state = state
        self._export = export
        self._job = export.jobs[number]
        self._folder = state.place(export)
        self._downloads = Downloads(http, options, site, self._folder, number, self._renewed)

    def run(self, patients: Sequence[str]) -> None:
        """Bring the job to its end, from where it was left.

        Raises
        ------
        Gone
            If the server no longer knows the export, or tells another than it was.
        SourceUnreachable, DataError, Refused
            As `Exporter` and `Downloads` raise them.
        """
        job, state = self._job, self._state
        if job.whole:
            return
        if not job.status_url:
            job.status_url = self._asked(patients)
            state.save()
        if not (job.files and self._is_here()):
            manifest = self._renewed() if job.transaction_time else self._waited()
            job.transaction_time, job.files = manifest.transaction_time, manifest.files
            state.save()
            self._downloads.fetch(manifest, self._wanted())
        job.whole = True
        state.save()
        self._exporter.cancel(job.status_url)

    def _waited(self) -> Manifest:
        """Return the manifest once there is one; an export that takes too long is called off."""
        try:
            return self._exporter.manifest(self._job.status_url)
        except Late:
            self.forget()
            raise

    def forget(self) -> None:
        """Make the job as if it had never been asked for."""
        if self._job.status_url:
            self._exporter.cancel(self._job.status_url)
        for place in range(len(self._job.files)):
            (self._folder / self._downloads.name(place)).unlink(missing_ok=True)
        self._job.status_url, self._job.transaction_time, self._job.files = "", "", []
        self._state.save()

    def _asked(self, patients: Sequence[str]) -> str:
        """Kick off; a server that does not take a list of patients is asked for the history of all."""
        types = self._export.types
        if patients:
            try:
                return self._exporter.kick_off("", types, patients)
            except (DataError, Refused):
                return self._exporter.kick_off("", types)
        return self._exporter.kick_off(self._job.since, types)

    def _renewed(self) -> Manifest:
        made = self._exporter.manifest(self._job.status_url)
        if made.files != self._job.files or made.transaction_time != self._job.transaction_time:
            raise Gone("the server tells another export than it told before; it must be asked for anew")
        return made

    def _wanted(self) -> list[int]:
        """Return the places of the files that some stream needs."""
        types = {*self._export.types, ""}
        return [place for place, file in enumerate(self._job.files) if file.role != "output" or file.type in types]

    def _is_here(self) -> bool:
        return {self._downloads.name(place) for place in self._wanted()} <= set(here_in(self._folder))
