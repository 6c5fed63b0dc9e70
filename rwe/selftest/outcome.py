# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Check`: one fault, and whether what came of it is what must."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One fault that was made.

    Parameters
    ----------
    family
        Which kind of fault, for example ``F1``.
    case
        What was done.
    outcome
        ``passed``, ``failed``, or ``skipped`` where this machine cannot do it.
    said
        What was seen.
    """

    family: str
    case: str
    outcome: str
    said: str = ""


def judged(family: str, case: str, *, good: bool, said: str = "") -> Check:
    """Return the check of a fault that was made."""
    return Check(family, case, "passed" if good else "failed", said)
