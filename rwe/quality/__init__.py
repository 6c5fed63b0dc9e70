# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the records of a hospital can carry an answer: the checks of the Data Quality Dashboard, as data."""

from rwe.quality.assess import assess
from rwe.quality.checks import Check, dqd_checks
from rwe.quality.drift import drift, large
from rwe.quality.gates import Judged, judge, misplaced
from rwe.quality.scorecard import Feed, Scorecard
from rwe.quality.turnover import Extract

__all__ = [
    "Check",
    "Extract",
    "Feed",
    "Judged",
    "Scorecard",
    "assess",
    "dqd_checks",
    "drift",
    "judge",
    "large",
    "misplaced",
]
