# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A law held to many cohorts, each made from one seed; a cohort on which it says nothing is replaced by another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

FEW, MANY = 50, 2000  # cohorts of the default tier, and of CI
Law = Callable[[int], None]


class PassedOver(Exception):
    """The cohort has no answer that the law could be held to."""


def held_to_few(law: Law) -> None:
    """Hold a law to cohorts of seeds that hypothesis draws."""

    def one(seed: int) -> None:
        try:
            law(seed)
        except PassedOver:
            reject()

    hard = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    settings(max_examples=FEW, deadline=None, suppress_health_check=hard)(given(st.integers(0, 2**32 - 1))(one))()


def held_to_many(law: Law) -> None:
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
        if held == MANY:
            assert seed < 5 * MANY, f"{seed} cohorts for {MANY} answers: most are passed over"
            return
