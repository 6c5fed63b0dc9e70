# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators that read like the method, on one validated response in whole days."""

from rwe.survival.kaplan_meier import KaplanMeier, kaplan_meier

__all__ = ["KaplanMeier", "kaplan_meier"]
