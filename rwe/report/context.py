# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a dossier must know beside the released tables: names, words of the study, settings, provenance.

The pipeline fills one `Context` and writes it as ``release/context.json``; nothing in it is a
patient's value, and every count in it has passed the release rules (None where it was masked).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from rwe.report.scorecards import GateCard, QualityCard
from rwe.spec.base import Flag, Name, Part, Text
from rwe.spec.study import Focus, KeyFigure

Verdict = Literal["met", "not_met", "undetermined"]


class StudyCard(Part):
    """The study; `time_zero` names the index day as "Months since ..." wants it, for example "surgery"."""

    name: Name
    version: str
    title: Text
    question: Text
    medicine: Text
    indication: Text
    time_zero: Text
    as_of: date
    start: date
    end: date


class SiteCard(Part):
    """A hospital or registry whose records were read."""

    name: Name
    title: Text


class VariableCard(Part):
    """A baseline variable; a level without a name is printed as it is, with typographic signs."""

    title: Text
    unit: Text | None = None
    levels: dict[str, Text] = Field(default_factory=dict)


class EndpointCard(Part):
    """An endpoint of the study."""

    title: Text
    definition: Text


class OutcomeCard(Part):
    """What is measured once a person, or a stretch of the pathway."""

    title: Text
    unit: Text | None = None


class LookCard(Part):
    """What of the definition looks past day zero: how, how far in days, and why it may.

    `n` are the persons whom it concerns, `left` those who had left an endpoint within its reach, where that is asked
    (`within`); None where the count was masked.
    """

    title: Text
    rule: str
    reach: int | None
    n: int | None
    left: int | None
    within: bool
    why: Text | None


class GroupRow(Part):
    """Persons of a group (``site=...`` or ``<variable>=...``) who remain after a criterion."""

    population: Name
    group: str
    criterion: Name
    n: int | None


class CriterionCard(Part):
    """A criterion of the trial, and why the records cannot express it, where they cannot."""

    name: Name
    text: Text
    expressible: bool
    reason: Text | None = None


class TrialCard(Part):
    """The trial; `missing` says why it lacks an endpoint of the study."""

    name: Name
    title: Text
    citation: str
    arms: dict[Name, int]
    criteria: tuple[CriterionCard, ...]
    missing: dict[Name, Text] = Field(default_factory=dict)


class TermCard(Part):
    """A term of the agreement, with what it lays down.

    `settings` holds the fields of the contract's term, lists joined by ``", "``, parts as they are;
    `wording` its legal text.
    """

    id: Name
    type: Name
    settings: dict[str, str | int | list[dict[str, str | int]]]
    wording: Text | None = None


class AgreementCard(Part):
    """The agreement settled; `note` stands beside its figures (prices are invented, for example)."""

    id: str
    title: Text | None = None
    note: Text | None = None
    currency: str
    terms: tuple[TermCard, ...]


class VerdictCard(Part):
    """What became of a term, and the key of the reason."""

    verdict: Verdict
    reason: str


class QualityRow(Part):
    """Rows of a stream by what a rule made of them; `n` is None where it was masked."""

    stream: Name
    record: str
    rule: str
    outcome: Literal["accepted", "rejected", "merged", "unmapped", "repaired"]
    n: int | None


class Refused(Part):
    """A variable left out of raking, because `n` patients of the trial have a level that nobody here has."""

    variable: Name
    level: str
    n: int


class Methods(Part):
    """How the estimates were made; `conf_level` is by analysis, `horizon` the last day of restricted mean survival."""

    conf_level: dict[str, float] = Field(default_factory=dict)
    conf_type: str = "log-log"
    ties: str = "efron"
    horizon: int
    raked: tuple[Name, ...]
    refused: tuple[Refused, ...] = ()


class PolicyCard(Part):
    """The release rules in force (see `rwe.disclosure.Policy`)."""

    threshold: int
    rounding: int
    grid_days: int
    step_events: int
    curve_at_risk: int


class DataCard(Part):
    """A stream as it was read: rows, newest commit, sha256 of the newest sealed state."""

    rows: int | None
    commit: int
    sha256: str


class Provenance(Part):
    """Where the figures come from; hashes in hexadecimal, names relative, never a path of the machine."""

    run_id: str
    started: datetime
    code: str
    packages: dict[str, str]
    data: dict[str, DataCard]
    configs: dict[str, str]
    seals: dict[str, str] = Field(default_factory=dict)


class Context(Part):
    """The whole file.

    `criteria` names the criteria of the study for the attrition; `terms` names terms of the Cox
    model that are not ``variable`` or ``variable=level``; `outcomes` names outcomes and intervals;
    `settings` holds the settings of each
    analysis as its `Result` carries them. `synthetic` says that the records were invented, some or all.
    """

    study: StudyCard
    sites: tuple[SiteCard, ...]
    focus: Focus
    key_figures: tuple[KeyFigure, ...]
    populations: dict[Name, Text]
    criteria: dict[Name, Text]
    variables: dict[Name, VariableCard]
    terms: dict[str, Text] = Field(default_factory=dict)
    endpoints: dict[Name, EndpointCard]
    outcomes: dict[Name, OutcomeCard] = Field(default_factory=dict)
    time_zero: tuple[LookCard, ...] = ()
    by_group: tuple[GroupRow, ...] = ()
    trial: TrialCard | None = None
    agreement: AgreementCard | None = None
    verdicts: dict[Name, VerdictCard] = Field(default_factory=dict)
    policy: PolicyCard
    methods: Methods
    quality: tuple[QualityRow, ...]
    scorecard: QualityCard = QualityCard()
    gates: tuple[GateCard, ...] = ()
    provenance: Provenance
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    synthetic: Flag = False
