# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""All studies of a folder: run side by side, held beside each other, pooled."""

from rwe.portfolio.gaps import Gaps, gaps
from rwe.portfolio.page import write
from rwe.portfolio.runs import Outcome, run_all, studies_of

__all__ = ["Gaps", "Outcome", "gaps", "run_all", "studies_of", "write"]
