# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the records of a hospital can carry an answer: the checks of the Data Quality Dashboard, as data."""

from rwe.quality.assess import assess
from rwe.quality.checks import Check, check_names, dqd_checks
from rwe.quality.scorecard import Scorecard

__all__ = ["Check", "Scorecard", "assess", "check_names", "dqd_checks"]
