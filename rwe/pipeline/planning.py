# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Everything a run needs, read and checked before the first row moves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from rwe import plugins
from rwe.disclosure import Policy
from rwe.errors import DefinitionError, Problem, RweError
from rwe.plugins import Analysis
from rwe.spec import agreement_checks, time_zero
from rwe.spec.agreement import Agreement, load_agreement
from rwe.spec.base import Part, locate, nearest, parse, part, placed, read
from rwe.spec.examples import Examples
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.mapping import load_mapping
from rwe.spec.names import (
    ARM,
    BESIDE,
    ENDPOINT,
    INTERVAL,
    OUTCOME,
    POPULATION,
    TRIAL_ENDPOINT,
    TRIAL_RATE,
    VARIABLE,
    Context,
)
from rwe.spec.price import load_price_file
from rwe.spec.site import Site, load_site
from rwe.spec.study import AnalysisSpec, Study, load_study
from rwe.spec.trial import TrialFile, load_trial_file

Found = TypeVar("Found")
Hospital = TypeVar("Hospital")


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
    price
        The price file, which is whole and consistent; `rwe.reimbursement.economics.appraise` works it out.
    files
        Every definition file, for the manifest.
    """

    study: Study
    sources: tuple[Source, ...]
    trial: Path | None
    agreement: Agreement | None
    asked: tuple[Asked, ...]
    files: tuple[Path, ...]
    price: Path | None = None

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
    sources = [attempt(partial(load_source, file), where) for file, where in sites]
    trial_file = locate(study.trial, path) if study.trial else None
    trial = attempt(partial(load_trial_file, trial_file), ("trial",)) if trial_file else None
    price_file = locate(study.price, path) if study.price else None
    if price_file:
        attempt(partial(load_price_file, price_file), ("price",))
    names = _names(study, trial)
    contract = study.reimbursement
    agreement_file = locate(contract.agreement, path) if contract else None
    agreement = None
    if contract and agreement_file:
        agreement = attempt(partial(_agreement, agreement_file, names, contract.population), ("reimbursement",))
    faults += _gates(path, study)
    asks = [partial(_asked, path, study, i, spec, names) for i, spec in enumerate(study.analyses)]
    asked = [attempt(ask, ("analyses", i)) for i, ask in enumerate(asks)]
    example_file = locate(study.examples, path) if study.examples else None
    if example_file and not faults:
        attempt(partial(_tried, example_file, study), ("examples",))
    if faults:
        raise DefinitionError(faults)
    found = tuple(s for s in sources if s)
    files = [path, *(f for f, _ in sites), *(f for s in found for f in s.mapping.files)]
    files += [f for f in (trial_file, agreement_file, example_file, price_file) if f]
    analyses = tuple(a for a in asked if a)
    files += [Path(name) for a in analyses for name in getattr(a.options, "files", ())]
    return Plan(study, found, trial_file, agreement, analyses, tuple(files), price_file)


def load_source(file: Path) -> Source:
    """Read a site file and the mapping it names.

    Raises
    ------
    DefinitionError
        With the faults of the file that is wrong.
    """
    site = load_site(file)
    return Source(site, load_mapping(Path(site.mapping)))


def hospitals(file: Path, alone: Callable[[Path], Hospital], of_study: Callable[[Source], Hospital]) -> list[Hospital]:
    """Return the one hospital of a site file, or those of a study file.

    Parameters
    ----------
    alone
        Reads as much of a site's files as is needed.
    of_study
        Takes the same from what a study's plan has of a hospital.

    Raises
    ------
    DefinitionError
        If a file is wrong.
    """
    values, _ = parse(file)
    if isinstance(values, dict) and "site" in values:
        return [alone(file)]
    return [of_study(source) for source in load_plan(file).sources]


def _names(study: Study, trial: TrialFile | None) -> Context:
    """Return what the names of agreement and analyses may be; nothing of a trial that could not be read."""
    known = {VARIABLE: [*study.baseline], POPULATION: [*study.populations], ENDPOINT: [*study.endpoints]}
    known |= {OUTCOME: [*study.outcomes], INTERVAL: [*study.intervals]}
    theirs = {TRIAL_ENDPOINT: [*trial.endpoints], TRIAL_RATE: [*trial.rates], ARM: [*trial.arms]} if trial else {}
    return known | theirs


def _tried(file: Path, study: Study) -> Examples:
    """Bring the example patients through the cohort's code; where it gives another answer, the definition is wrong."""
    from rwe.cohort import differences

    examples = read(file, Examples)
    if found := differences(study, examples):
        raise DefinitionError(placed(file, found))
    return examples


def _agreement(file: Path, names: Context, settled: str) -> Agreement:
    agreement = load_agreement(file, names)
    if agreement.records is None:
        lacking = "missing: it says where doses and outcomes are found (population, concepts, endpoint, outcomes)"
        raise DefinitionError(placed(file, [(("records",), lacking)]))
    if agreement.records.population != settled:
        differs = f"the study settles population '{settled}'; write the same here"
        raise DefinitionError(placed(file, [(("records", "population"), differs)]))
    return agreement


def _gates(path: Path, study: Study) -> list[Problem]:
    """Return the gates that name a check, table or field of which nothing is asked."""
    if not study.gates:
        return []
    from rwe.quality import misplaced

    return [
        nearest(path, ("gates", i, key), str(getattr(gate, key)), allowed, "nothing is asked of")
        for i, gate in enumerate(study.gates)
        if (fault := misplaced(gate))
        for key, allowed in [fault]
    ]


def _asked(path: Path, study: Study, i: int, spec: AnalysisSpec, names: Context) -> Asked:
    known = plugins.names("rwe.analyses")
    if spec.analysis not in known:
        raise DefinitionError(nearest(path, ("analyses", i, "analysis"), spec.analysis, known, "unknown analysis"))
    analysis = plugins.analysis(spec.analysis)
    if analysis.needs_trial and study.trial is None:
        raise DefinitionError(_at(path, ("analyses", i), DefinitionError("needs a trial: name one under `trial`")))
    context = {**names, BESIDE: [str(path)]}
    return Asked(spec, analysis, part(path, ("analyses", i, "options"), analysis.options, context))


def _at(path: Path, where: tuple[int | str, ...], exc: RweError) -> Problem:
    return Problem(str(path), 1, 1, ".".join(map(str, where)), str(exc))


def check(path: Path) -> list[Problem]:
    """Return every fault of a study and the files it names, or of an agreement alone; none means it can be used."""
    try:
        load_agreement(path) if _is_agreement(path) else load_plan(path)
    except DefinitionError as exc:
        return list(exc.problems) or [_at(path, (), exc)]
    return []


def remarks(path: Path) -> list[Problem]:
    """Return what in a definition without faults may mislead.

    In a study, what looks past day zero and has no reason beside it; in an agreement, the cases that
    its terms leave to the usual rule.
    """
    if _is_agreement(path):
        agreement = load_agreement(path)
        said = agreement_checks.remarks(agreement.terms, agreement.price, agreement.contract)
        return placed(path, said)
    return placed(path, time_zero.remarks(load_study(path)))


def _is_agreement(path: Path) -> bool:
    values, _ = parse(path)
    return isinstance(values, dict) and "contract" in values
