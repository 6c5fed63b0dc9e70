# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the common model to people with a day zero, a baseline, endpoints and an attrition."""

from rwe.cohort.build import Cohort, build_cohort
from rwe.cohort.examples import differences

__all__ = ["Cohort", "build_cohort", "differences"]
