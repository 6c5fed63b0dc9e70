# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A study: one question to one population, with nothing in it about where the records are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rwe.errors import DefinitionError, Problem
from rwe.spec.base import Int, Name, Part, Real, Text, Where, locate, nearest, placed, read

Window = tuple[Int, Int]
Used = tuple[Where, str, list[str]]
Table = Literal[
    "condition_occurrence",
    "death",
    "drug_exposure",
    "episode",
    "measurement",
    "observation",
    "procedure_occurrence",
    "visit_occurrence",
]


class Record(Part):
    """What the study calls a kind of record, in the terms of the common model."""

    table: Table
    concepts: tuple[Int, ...] = ()


class Index(Part):
    """The day that starts a person's clock: the first such record in the period."""

    record: Name
    start: date
    end: date

    @model_validator(mode="after")
    def _in_order(self) -> Index:
        if self.end < self.start:
            raise ValueError("end lies before start")
        return self


class Variable(Part):
    """A baseline variable, read from records within `window` days around the index date.

    ``age`` is years from the year of birth; ``number`` the nearest numeric value; ``level`` the
    nearest coded value, named by `levels`; ``exists`` is ``yes`` where there is such a record and
    ``no`` where there is none. `cuts` are inclusive upper bounds that class a number for tables.
    """

    title: Text
    kind: Literal["age", "number", "level", "exists"]
    record: Name | None = None
    window: Window = (0, 0)
    levels: dict[str, tuple[Int, ...]] = Field(default_factory=dict)
    names: dict[str, Text] = Field(default_factory=dict)
    unit: Text | None = None
    cuts: tuple[Real, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Variable:
        if self.kind != "age" and self.record is None:
            raise ValueError("needs a record to be read from")
        if self.kind == "level" and not self.levels:
            raise ValueError("needs levels: the concepts that each level stands for")
        if self.window[0] > self.window[1]:
            raise ValueError("window must run from the earlier to the later day")
        return self


class Criterion(Part):
    """One line of eligibility, counted in the attrition."""

    name: Name
    title: Text
    known: tuple[Name, ...] = ()
    variable: Name | None = None
    at_least: Real | None = None
    at_most: Real | None = None
    one_of: tuple[str, ...] = ()
    min_follow_up: Int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_test(self) -> Criterion:
        bounds = self.at_least is not None or self.at_most is not None
        if bool(self.known) + bounds + bool(self.one_of) + (self.min_follow_up is not None) != 1:
            raise ValueError("needs exactly one test: known, at_least/at_most, one_of or min_follow_up")
        if (bounds or self.one_of) and self.variable is None:
            raise ValueError("names no variable to test")
        return self


class Population(Part):
    """A named part of the eligible people: the criteria beyond the study's own."""

    title: Text
    criteria: tuple[Criterion, ...] = ()


class Endpoint(Part):
    """Time from index to the first of `events`, else to the last day known without one.

    ``last_seen`` is the last day the person was known alive; a record name is the last such record
    (a recurrence check). `after_check` says what a death later than the last check counts as when
    no other event came first: ``event`` at its date, or ``censor`` at the check.
    """

    title: Text
    definition: Text
    events: tuple[Name, ...] = Field(min_length=1)
    check: Name | None = None
    after_check: Literal["event", "censor"] = "event"

    @model_validator(mode="after")
    def _check_known(self) -> Endpoint:
        if self.after_check == "censor" and self.check is None:
            raise ValueError("after_check: censor needs the check record it censors at")
        return self


class AnalysisSpec(Part):
    """One analysis to run: its registered name and its own options."""

    id: Name
    analysis: Name
    population: Name
    options: dict[str, Any] = Field(default_factory=dict)


class Reimbursement(Part):
    """The agreement to settle, and the analysis whose estimates its cohort terms rest on."""

    agreement: str
    population: Name
    evidence: Name | None = None


class KeyFigure(Part):
    """One of the figures that stand at the head of the dossier and on the terminal.

    `id` names the analysis of the study that gives it, where several give such a figure.
    """

    name: Name
    title: Text
    analysis: str
    estimand: str
    kind: Literal["count", "percent", "difference", "ratio", "days", "money", "verdict"]
    id: Name | None = None
    population: str | None = None
    group: str | None = None
    stratum: str | None = None
    outcome: str | None = None
    time: Int | None = None


class Focus(Part):
    """Which of the study's names a report speaks of first.

    `everyone` and `trial_like` are populations; `endpoint` is the one compared with the trial,
    `milestone` its main day, `check_endpoint` the same under the other rule for late deaths; `by`
    is the variable that splits the curves.
    """

    everyone: Name
    trial_like: Name
    endpoint: Name
    milestone: Int
    by: Name | None = None
    check_endpoint: Name | None = None


class Study(Part):
    """The whole study file."""

    study: Name
    version: str
    title: Text
    question: Text
    medicine: Text
    indication: Text
    time_zero: Text
    sites: tuple[str, ...] = Field(min_length=1)
    as_of: date
    records: dict[Name, Record]
    index: Index
    baseline: dict[Name, Variable]
    eligibility: tuple[Criterion, ...] = ()
    populations: dict[Name, Population] = Field(min_length=1)
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    trial: str | None = None
    analyses: tuple[AnalysisSpec, ...] = Field(min_length=1)
    reimbursement: Reimbursement | None = None
    focus: Focus
    key_figures: tuple[KeyFigure, ...] = ()

    @field_validator("analyses")
    @classmethod
    def _ids_once(cls, value: tuple[AnalysisSpec, ...]) -> tuple[AnalysisSpec, ...]:
        ids = [item.id for item in value]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"id used twice: {', '.join(twice)}")
        return value


def names_used(study: Study) -> Iterator[Used]:
    """Yield each name the study file uses, with its place and the names it may be."""
    records, variables = [*study.records], [*study.baseline]
    populations, endpoints = [*study.populations], [*study.endpoints]
    yield ("index", "record"), study.index.record, records
    for name, variable in study.baseline.items():
        if variable.record:
            yield ("baseline", name, "record"), variable.record, records
    yield from _in_criteria(("eligibility",), study.eligibility, variables)
    for name, population in study.populations.items():
        yield from _in_criteria(("populations", name, "criteria"), population.criteria, variables)
    for name, endpoint in study.endpoints.items():
        for i, event in enumerate((*endpoint.events, *filter(None, [endpoint.check]))):
            place = ("events", i) if i < len(endpoint.events) else ("check",)
            yield ("endpoints", name, *place), event, records
    for i, asked in enumerate(study.analyses):
        yield ("analyses", i, "population"), asked.population, populations
    allowed = {"everyone": populations, "trial_like": populations, "by": variables}
    for key, name in study.focus.model_dump(exclude={"milestone"}, exclude_none=True).items():
        yield ("focus", key), name, allowed.get(key, endpoints)
    yield from _of_analyses(study)
    if study.reimbursement:
        yield ("reimbursement", "population"), study.reimbursement.population, populations


def _of_analyses(study: Study) -> Iterator[Used]:
    ids = [asked.id for asked in study.analyses]
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


def load_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    DefinitionError
        With all faults of the file at once, unknown names included.
    """
    study = read(path, Study)
    problems = [
        nearest(path, where, name, allowed) for where, name, allowed in names_used(study) if name not in allowed
    ]
    problems += _missing_files(path, study)
    if problems:
        raise DefinitionError(problems)
    return study


def _missing_files(path: Path, study: Study) -> list[Problem]:
    named: list[tuple[Where, str]] = [(("sites", i), site) for i, site in enumerate(study.sites)]
    named += [(("trial",), study.trial)] if study.trial else []
    named += [(("reimbursement", "agreement"), study.reimbursement.agreement)] if study.reimbursement else []
    return [fault for where, name in named for fault in _missing_file(path, where, name)]


def _missing_file(path: Path, where: Where, name: str) -> list[Problem]:
    try:
        file = locate(name, path)
    except DefinitionError as exc:
        return placed(path, [(where, fault.message) for fault in exc.problems])
    beside = [found.name for found in file.parent.glob("*.yaml")]
    return [] if file.is_file() else [nearest(path, where, name, beside, "no such file")]
