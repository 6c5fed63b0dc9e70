# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators that read like the method, on one validated response in whole days."""

from rwe.survival.cox import Cox, cox
from rwe.survival.differences import Difference, milestone_difference, rmst_difference
from rwe.survival.follow_up import FollowUp, median_follow_up
from rwe.survival.kaplan_meier import KaplanMeier, kaplan_meier
from rwe.survival.log_rank import LogRank, log_rank
from rwe.survival.nelson_aalen import NelsonAalen, nelson_aalen

__all__ = [
    "Cox",
    "Difference",
    "FollowUp",
    "KaplanMeier",
    "LogRank",
    "NelsonAalen",
    "cox",
    "kaplan_meier",
    "log_rank",
    "median_follow_up",
    "milestone_difference",
    "nelson_aalen",
    "rmst_difference",
]
