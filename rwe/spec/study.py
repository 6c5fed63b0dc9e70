# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A study: one question to one population, with nothing in it about where the records are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from rwe.errors import DefinitionError, Problem
from rwe.spec.base import Day, Int, Name, Part, Text, Where, locate, nearest, placed, read
from rwe.spec.endpoint import OWN_REASONS, Endpoint, Interval, Outcome
from rwe.spec.population import MADE, Criterion, Index, Insurance, Population, Record, Variable, once
from rwe.spec.study_names import columns, names_used
from rwe.spec.time_zero import refusals
from rwe.spec.treatment import Treatment


class AnalysisSpec(Part):
    """One analysis to run: its registered name and its own options."""

    id: Name
    analysis: Name
    population: Name
    options: dict[str, Any] = Field(default_factory=dict)


class Gate(Part):
    """A check of the records on which estimates rest: where it fails they are withheld, or marked with the reason.

    `check`, `table` and `field` name it as the Data Quality Dashboard does; it fails where any such check of any
    hospital fails. `analyses` are ids; all of the study where none is named.
    """

    check: Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z]*$")]
    table: Name | None = None
    field: Name | None = None
    action: Literal["withhold", "mark"]
    analyses: tuple[Name, ...] = ()
    reason: Text


class Reimbursement(Part):
    """The agreement to settle, and the analysis whose estimates its cohort terms rest on.

    With `covariates`, baseline variables, the patients who are still open are told apart by a Cox model of failure.
    """

    agreement: str
    population: Name
    evidence: Name | None = None
    covariates: tuple[Name, ...] = ()


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


class LookAhead(Part):
    """Variables and criteria that look past the index date, and why that does no harm to this question."""

    names: tuple[Name, ...] = Field(min_length=1)
    why: Text


class Study(Part):
    """The whole study file.

    Parameters
    ----------
    insurance
        Whether follow-up is the time insured (PAYER_PLAN_PERIOD), and which gaps are passed over.
    deaths_known_to
        Day up to which the death registry is complete, where that is before `as_of`: nobody is followed beyond it,
        because later deaths are told of some only.
    lost_after
        Who was last seen more days than this before the data cut counts as lost, the others as followed to the end.
    treatment
        How courses of treatment are read from exposures (`rwe.spec.treatment`); records may name what is made.
    looks_ahead
        What may look past the index date (`rwe.spec.time_zero`).
    price
        Price file by which the medicine's worth is reckoned (`rwe.spec.price`): a chapter of the dossier.
    examples
        File of example patients and what becomes of them (`rwe.spec.examples`), tried before real data are touched.
    """

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
    treatment: Treatment | None = None
    index: Index
    insurance: Insurance | None = None
    baseline: dict[Name, Variable]
    eligibility: tuple[Criterion, ...] = ()
    populations: dict[Name, Population] = Field(min_length=1)
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    outcomes: dict[Name, Outcome] = Field(default_factory=dict)
    intervals: dict[Name, Interval] = Field(default_factory=dict)
    deaths_known_to: date | None = None
    lost_after: Day = 365
    looks_ahead: tuple[LookAhead, ...] = ()
    examples: str | None = None
    trial: str | None = None
    price: str | None = None
    analyses: tuple[AnalysisSpec, ...] = Field(min_length=1)
    gates: tuple[Gate, ...] = ()
    reimbursement: Reimbursement | None = None
    focus: Focus
    key_figures: tuple[KeyFigure, ...] = ()

    @property
    def cut(self) -> date:
        """The last day of follow-up: that of the data, or that up to which deaths are known."""
        return min(self.as_of, self.deaths_known_to or self.as_of)

    @field_validator("analyses")
    @classmethod
    def _ids_once(cls, value: tuple[AnalysisSpec, ...]) -> tuple[AnalysisSpec, ...]:
        ids = [item.id for item in value]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"id used twice: {', '.join(twice)}")
        return value

    @field_validator("eligibility")
    @classmethod
    def _names_once(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        return once(value)

    @model_validator(mode="after")
    def _treated(self) -> Study:
        if made := sorted(name for name, record in self.records.items() if record.table in MADE and not self.treatment):
            raise ValueError(f"records {', '.join(made)} are made of exposures: say under treatment how")
        return self

    @model_validator(mode="after")
    def _reasons_once(self) -> Study:
        named = self.insurance.reasons if self.insurance else {}
        taken = {*OWN_REASONS, *(name for endpoint in self.endpoints.values() for name in endpoint.censor)}
        if twice := sorted(taken & {*named}):
            raise ValueError(f"insurance: {', '.join(twice)} is a reason of something else; give another name")
        return self

    @model_validator(mode="after")
    def _columns_once(self) -> Study:
        named = columns(self)
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"two things of the study would both be called {', '.join(twice)}; rename one")
        return self


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
    problems += placed(path, refusals(study))
    if problems:
        raise DefinitionError(problems)
    return study


def _missing_files(path: Path, study: Study) -> list[Problem]:
    named: list[tuple[Where, str]] = [(("sites", i), site) for i, site in enumerate(study.sites)]
    named += [(("trial",), study.trial)] if study.trial else []
    named += [(("examples",), study.examples)] if study.examples else []
    named += [(("price",), study.price)] if study.price else []
    named += [(("reimbursement", "agreement"), study.reimbursement.agreement)] if study.reimbursement else []
    return [fault for where, name in named for fault in _missing_file(path, where, name)]


def _missing_file(path: Path, where: Where, name: str) -> list[Problem]:
    try:
        file = locate(name, path)
    except DefinitionError as exc:
        return placed(path, [(where, fault.message) for fault in exc.problems])
    beside = [found.name for found in file.parent.glob("*.yaml")]
    return [] if file.is_file() else [nearest(path, where, name, beside, "no such file")]
