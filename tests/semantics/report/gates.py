# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A gate of a study as the context of a dossier has it."""

from __future__ import annotations

from typing import Any


def gate(check: str, action: str, verdict: str, sites: list[str], **analyses: str) -> dict[str, Any]:
    """Return the gate, with the analyses that rest on it by id and a reason made of the check's name."""
    reason = {"en": f"Because of {check}.", "bg": f"Заради {check}."}
    named = {"check": check, "table": "measurement", "field": "", "action": action, "verdict": verdict}
    return named | {"sites": sites, "analyses": analyses, "reason": reason}
