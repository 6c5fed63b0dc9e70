# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A law held to many cohorts, each made from one seed; a cohort on which it says nothing is replaced by another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

FEW, MANY = 50, 2000  # cohorts of the default tier, and of CI


class PassedOver(Exception):
    """The cohort has no answer that the law could be held to."""


def hold(law: Callable[[int], None], cohorts: int) -> None:
    """Hold a law to the cohorts of seeds from 0 until so many were not passed over."""
    held = 0
    for seed in count():
        try:
            law(seed)
        except PassedOver:
            continue
        except BaseException as exc:
            exc.add_note(f"seed {seed}")
            raise
        held += 1
        if held == cohorts:
            assert seed < 5 * cohorts, f"{seed} cohorts for {held} answers: most are passed over"
            return
