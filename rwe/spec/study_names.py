# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The names that a study file uses of itself, each with its place and what it may be, and those it gives to columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rwe.spec.base import Where
from rwe.spec.endpoint import Endpoint, Response
from rwe.spec.population import MADE, Criterion

if TYPE_CHECKING:
    from rwe.spec.study import Study

Used = tuple[Where, str, list[str]]
PERSON = ("person_id", "site", "index_date", "index_records", "entry_days")
OF_RESPONSE, OF_CHANGE, OF_TIME = ("best", "responder"), ("before", "after", "change"), ("days", "event", "reason")


def columns(study: Study) -> list[str]:
    """Return the columns of the people of a study; a name that stands twice here cannot be told apart."""
    timed = [f"{name}_{part}" for name in (*study.endpoints, *study.intervals) for part in OF_TIME]
    measured = [
        f"{name}_{part}"
        for name, spec in study.outcomes.items()
        for part in (OF_RESPONSE if isinstance(spec, Response) else OF_CHANGE)
    ]
    return [*PERSON, *study.baseline, *timed, *measured, *(f"in_{name}" for name in study.populations)]


def names_used(study: Study) -> Iterator[Used]:
    """Yield each name the study file uses, with its place and the names it may be."""
    records, variables = [*study.records], [*study.baseline]
    populations, endpoints = [*study.populations], [*study.endpoints]
    for where, name in _records(study):
        yield where, name, records
    for where, name in _of_treatment(study):
        yield where, name, [name for name, record in study.records.items() if record.table not in MADE]
    for at, criteria in criteria_of(study):
        yield from _in_criteria(at, criteria, variables)
    for i, asked in enumerate(study.analyses):
        yield ("analyses", i, "population"), asked.population, populations
    allowed = {"everyone": populations, "trial_like": populations, "by": variables}
    for key, name in study.focus.model_dump(exclude={"milestone"}, exclude_none=True).items():
        yield ("focus", key), name, allowed.get(key, endpoints)
    yield from _of_analyses(study)
    if study.reimbursement:
        yield ("reimbursement", "population"), study.reimbursement.population, populations
        told_by = study.reimbursement.covariates
        yield from ((("reimbursement", "covariates", i), name, variables) for i, name in enumerate(told_by))
    lookers = [*variables, *(criterion.name for _, criteria in criteria_of(study) for criterion in criteria)]
    for i, looks in enumerate(study.looks_ahead):
        for k, name in enumerate(looks.names):
            yield ("looks_ahead", i, "names", k), name, lookers


def criteria_of(study: Study) -> Iterator[tuple[Where, tuple[Criterion, ...]]]:
    """Yield the criteria of all people and of each population, with their place."""
    yield ("eligibility",), study.eligibility
    for name, population in study.populations.items():
        yield ("populations", name, "criteria"), population.criteria


def _records(study: Study) -> Iterator[tuple[Where, str]]:
    """Yield each use of a record's name."""
    yield ("index", "record"), study.index.record
    for name, variable in study.baseline.items():
        if variable.record:
            yield ("baseline", name, "record"), variable.record
    for at, criteria in criteria_of(study):
        for i, criterion in enumerate(criteria):
            for k, record in enumerate(criterion.records.of if criterion.records else ()):
                yield (*at, i, "records", "of", k), record
    for name, endpoint in study.endpoints.items():
        yield from _in_endpoint(("endpoints", name), endpoint)
    for name, outcome in study.outcomes.items():
        yield ("outcomes", name, "record"), outcome.record
        for k, record in enumerate(outcome.until if isinstance(outcome, Response) else ()):
            yield ("outcomes", name, "until", k), record
    for name, interval in study.intervals.items():
        yield from ((("intervals", name, "start", k), record) for k, record in enumerate(interval.start))
        yield from ((("intervals", name, "end", k), record) for k, record in enumerate(interval.end))


def _of_treatment(study: Study) -> Iterator[tuple[Where, str]]:
    """Yield the records that treatment is read with; they cannot be made of it themselves."""
    if study.treatment and (body := study.treatment.body_size):
        yield ("treatment", "body_size", "height"), body.height
        yield ("treatment", "body_size", "weight"), body.weight
    if study.treatment and study.treatment.lines and (since := study.treatment.lines.since):
        yield ("treatment", "lines", "since"), since


def _in_endpoint(at: Where, endpoint: Endpoint) -> Iterator[tuple[Where, str]]:
    yield from (((*at, "events", i), record) for i, record in enumerate(endpoint.events))
    if endpoint.check:
        yield (*at, "check"), endpoint.check
    for i, record in enumerate(endpoint.stops.of if endpoint.stops else ()):
        yield (*at, "stops", "of", i), record
    for reason, records in endpoint.censor.items():
        yield from (((*at, "censor", reason, i), record) for i, record in enumerate(records))


def _of_analyses(study: Study) -> Iterator[Used]:
    ids = [asked.id for asked in study.analyses]
    for i, gate in enumerate(study.gates):
        for k, name in enumerate(gate.analyses):
            yield ("gates", i, "analyses", k), name, ids
    for i, figure in enumerate(study.key_figures):
        if figure.id:
            yield ("key_figures", i, "id"), figure.id, ids
    if study.reimbursement and study.reimbursement.evidence:
        yield ("reimbursement", "evidence"), study.reimbursement.evidence, ids


def _in_criteria(where: Where, criteria: tuple[Criterion, ...], variables: list[str]) -> Iterator[Used]:
    for i, criterion in enumerate(criteria):
        if criterion.variable:
            yield (*where, i, "variable"), criterion.variable, variables
        for k, name in enumerate(criterion.known):
            yield (*where, i, "known", k), name, variables
