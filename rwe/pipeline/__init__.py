# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The order of the stages, from a study file to a dossier; nothing below knows it.

The names are loaded when they are asked for: to check a study needs none of the estimators.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rwe.pipeline.order import run
    from rwe.pipeline.planning import Plan, check, load_plan, remarks
    from rwe.pipeline.show import plan, report
    from rwe.pipeline.summary import KeyFigure, RunSummary

__all__ = ["KeyFigure", "Plan", "RunSummary", "check", "load_plan", "plan", "remarks", "report", "run"]
_HOME = dict.fromkeys(("Plan", "check", "load_plan", "remarks"), "planning")
_HOME |= (
    {"run": "order"} | dict.fromkeys(("KeyFigure", "RunSummary"), "summary") | dict.fromkeys(("plan", "report"), "show")
)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rwe.pipeline' has no attribute '{name}'")
    return getattr(import_module(f"rwe.pipeline.{_HOME[name]}"), name)
