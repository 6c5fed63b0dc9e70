# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Everything a run needs, read and checked before the first row moves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from rwe import plugins
from rwe.disclosure import Policy
from rwe.errors import DefinitionError, Problem, RweError
from rwe.pipeline.names import agreement_names, option_names
from rwe.plugins import Analysis
from rwe.spec.agreement import Agreement, load_agreement
from rwe.spec.base import Part, Where, locate, nearest, part
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.mapping import load_mapping
from rwe.spec.site import Site, load_site
from rwe.spec.study import AnalysisSpec, Study, Used, load_study
from rwe.spec.trial import load_trial_file

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Source:
    """One hospital of the study: where it is and what its rows mean."""

    site: Site
    mapping: SourceMapping


@dataclass(frozen=True, slots=True)
class Asked:
    """One analysis of the study: what was written, the analysis registered for it, its options."""

    spec: AnalysisSpec
    analysis: Analysis
    options: Part


@dataclass(frozen=True, slots=True)
class Plan:
    """A study with every file it names, read and consistent.

    Parameters
    ----------
    trial
        The trial's file, which is whole and consistent; `rwe.compare.load_trial` reads its patients.
    files
        Every definition file, for the manifest.
    """

    study: Study
    sources: tuple[Source, ...]
    trial: Path | None
    agreement: Agreement | None
    asked: tuple[Asked, ...]
    files: tuple[Path, ...]

    def hash(self) -> str:
        """Return one sha256 over the bytes of all definition files, by name."""
        digest = hashlib.sha256()
        for path in sorted(self.files, key=lambda p: p.name):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    @property
    def policy(self) -> Policy:
        """Release rules: the agreement may ask for a larger smallest cell, never for a smaller."""
        asked = self.agreement.privacy.min_cell - 1 if self.agreement else 0
        return Policy(threshold=max(Policy().threshold, asked))

    def at(self, urls: Mapping[str, str]) -> Plan:
        """Return the plan with the databases of some sites elsewhere."""
        moved = (
            replace(s, site=s.site.model_copy(update={"url": urls[s.site.site], "url_env": None}))
            if s.site.site in urls
            else s
            for s in self.sources
        )
        return replace(self, sources=tuple(moved))


def load_plan(path: Path) -> Plan:
    """Read a study and all it names.

    Raises
    ------
    DefinitionError
        With the faults of every file at once, as ``file:line:column: key: what to write``.
    """
    study = load_study(path)
    faults: list[Problem] = []

    def attempt(read: Callable[[], Found], where: tuple[int | str, ...]) -> Found | None:
        try:
            return read()
        except DefinitionError as exc:
            faults.extend(exc.problems or [_at(path, where, exc)])
        return None

    sites = [(locate(name, path), ("sites", i)) for i, name in enumerate(study.sites)]
    sources = [attempt(partial(_source, file), where) for file, where in sites]
    trial_file = locate(study.trial, path) if study.trial else None
    if trial_file:
        attempt(partial(load_trial_file, trial_file), ("trial",))
    contract = study.reimbursement
    agreement_file = locate(contract.agreement, path) if contract else None
    agreement = attempt(partial(load_agreement, agreement_file), ("reimbursement",)) if agreement_file else None
    if agreement and agreement_file:
        faults += _names(agreement_file, (), agreement_names(study, agreement))
    asked = [attempt(partial(_asked, path, study, i, spec), ("analyses", i)) for i, spec in enumerate(study.analyses)]
    if faults:
        raise DefinitionError(faults)
    found = tuple(s for s in sources if s)
    files = [path, *(f for f, _ in sites), *(f for s in found for f in s.mapping.files)]
    files += [f for f in (trial_file, agreement_file) if f]
    return Plan(study, found, trial_file, agreement, tuple(a for a in asked if a), tuple(files))


def _source(file: Path) -> Source:
    site = load_site(file)
    return Source(site, load_mapping(Path(site.mapping)))


def _asked(path: Path, study: Study, i: int, spec: AnalysisSpec) -> Asked:
    known = plugins.names("rwe.analyses")
    if spec.analysis not in known:
        raise DefinitionError(nearest(path, ("analyses", i, "analysis"), spec.analysis, known, "unknown analysis"))
    analysis = plugins.analysis(spec.analysis)
    if analysis.needs_trial and study.trial is None:
        raise DefinitionError(_at(path, ("analyses", i), DefinitionError("needs a trial: name one under `trial`")))
    where: Where = ("analyses", i, "options")
    options = part(path, where, analysis.options)
    if faults := _names(path, where, option_names(study, options)):
        raise DefinitionError(faults)
    return Asked(spec, analysis, options)


def _names(path: Path, where: Where, used: Iterable[Used]) -> list[Problem]:
    return [nearest(path, (*where, *place), name, known) for place, name, known in used if name not in known]


def _at(path: Path, where: tuple[int | str, ...], exc: RweError) -> Problem:
    return Problem(str(path), 1, 1, ".".join(map(str, where)), str(exc))


def check(path: Path) -> list[Problem]:
    """Return every fault of a study and the files it names; none means it can be run."""
    try:
        load_plan(path)
    except DefinitionError as exc:
        return list(exc.problems) or [_at(path, (), exc)]
    return []
