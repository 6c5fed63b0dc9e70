# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice against the trial: baselines, weights that align populations, and contrasts."""

from __future__ import annotations

from rwe.compare.balance import Balance, balance
from rwe.compare.rake import Raked, effective_sample_size, rake

__all__ = ["Balance", "Raked", "balance", "effective_sample_size", "rake"]
