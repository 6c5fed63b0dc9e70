# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a dossier is told of the quality of the records: scorecards by hospital, and the gates of the study."""

from __future__ import annotations

from typing import Literal

from rwe.spec.base import Name, Part, Text


class ChecksCard(Part):
    """How many checks of a category the records of a hospital passed and failed, and how many could not be put."""

    site: Name
    category: Literal["conformance", "completeness", "plausibility"]
    passed: int
    failed: int
    not_applicable: int


class FailedCard(Part):
    """A check that failed: the share of rows that break it (None where it was masked), and the percent that may."""

    site: Name
    check: str
    table: str
    field: str
    concept: str
    share: float | None
    threshold: float


class FeedCard(Part):
    """How many whole months before the run the newest records of a table lie, None where too few tell it."""

    site: Name
    table: str
    lag_months: int | None


class CodedCard(Part):
    """Which share of the rows and of the codes of a field have a standard concept, None where masked."""

    site: Name
    table: str
    field: str
    rows: float | None
    codes: float | None


class QualityCard(Part):
    """The scorecards of the hospitals."""

    checks: tuple[ChecksCard, ...] = ()
    failed: tuple[FailedCard, ...] = ()
    feeds: tuple[FeedCard, ...] = ()
    coded: tuple[CodedCard, ...] = ()


class GateCard(Part):
    """A check on which estimates rest, and how it stands.

    `analyses` are the estimates by id, with the name of the analysis that makes them; `sites` the hospitals where
    the check fails.
    """

    check: str
    table: str
    field: str
    action: Literal["withhold", "mark"]
    verdict: Literal["red", "green", "not_asked"]
    analyses: dict[Name, Name]
    sites: tuple[Name, ...]
    reason: Text
