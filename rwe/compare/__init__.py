# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice against the trial: baselines, weights that align populations, and contrasts."""

from __future__ import annotations

from rwe.compare.balance import Balance, balance
from rwe.compare.contrast import contrast
from rwe.compare.logistic import Logistic, logistic
from rwe.compare.rake import Raked, effective_sample_size, rake
from rwe.compare.trial import Margin, TrialBaseline, classes, load_trial

__all__ = [
    "Balance",
    "Logistic",
    "Margin",
    "Raked",
    "TrialBaseline",
    "balance",
    "classes",
    "contrast",
    "effective_sample_size",
    "load_trial",
    "logistic",
    "rake",
]
