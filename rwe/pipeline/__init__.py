# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The order of the stages, from a study file to a dossier; nothing below knows it."""

from rwe.pipeline.plan import Plan, check, load_plan
from rwe.pipeline.run import KeyFigure, RunSummary, run
from rwe.pipeline.show import plan, report

__all__ = ["KeyFigure", "Plan", "RunSummary", "check", "load_plan", "plan", "report", "run"]
