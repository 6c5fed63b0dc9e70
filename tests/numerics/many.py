# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A law held to many cohorts, each made from one seed; a cohort on which it says nothing is replaced by another.

A form is another way to hold the same cohort (other order, units, names), whose answer is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import count
from typing import Any, TypeVar

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Case = TypeVar("Case")

FEW, MANY = 50, 2000  # cohorts of the default tier, and of CI


class PassedOver(Exception):
    """The cohort has no answer that the law could be held to."""


def hold(cohorts: int, *laws: Callable[[int], None]) -> None:
    """Hold laws to the cohorts of seeds from 0, each until so many were not passed over; cohort by cohort."""
    held = dict.fromkeys(laws, 0)
    for seed in count():
        for law in [law for law, n in held.items() if n < cohorts]:
            try:
                law(seed)
            except PassedOver:
                continue
            except BaseException as exc:
                exc.add_note(f"seed {seed}")
                raise
            held[law] += 1
        if min(held.values()) == cohorts:
            return
        assert seed < 5 * cohorts, f"{seed} cohorts for {min(held.values())} answers: most are passed over"


@dataclass(frozen=True)
class Form:
    """A cohort in another form, what else is asked of it, and the factor that makes its answer that of the cohort."""

    frame: pl.DataFrame
    more: Mapping[str, Any] = field(default_factory=dict)
    factor: Any = 1

    def shuffled(self, rng: np.random.Generator) -> Form:
        """Return the form with its rows in another order."""
        return replace(self, frame=self.frame[rng.permutation(self.frame.height)])

    def with_columns(self, *columns: pl.Expr, **named: pl.Expr) -> Form:
        """Return the form with other columns."""
        return replace(self, frame=self.frame.with_columns(*columns, **named))

    def asking(self, **more: Any) -> Form:
        """Return the form with more asked of it."""
        return replace(self, more={**self.more, **more})


def formed(frame: pl.DataFrame, kinds: Iterable[Callable[[Form, Case], Form]], case: Case) -> Form:
    """Return a cohort in all these forms at once."""
    return reduce(lambda form, kind: kind(form, case), kinds, Form(frame))


def few(law: Callable[[Case], None], make: Callable[[int, int], Case], sizes: tuple[int, int]) -> None:
    """Hold a law to five cohorts of these sizes; one that breaks it shrinks."""
    cases = st.builds(make, st.integers(0, 2**32 - 1), st.integers(*sizes))

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(cases)
    def held(case: Case) -> None:
        law(case)

    held()


def pairs(laws: Mapping[Any, tuple[str, ...]]) -> list[tuple[Any, str]]:
    """Return each law with each of those that it holds for."""
    return [(law, what) for law, found in laws.items() for what in found]


def of(laws: Mapping[Any, tuple[str, ...]], what: str) -> list[Any]:
    """Return the laws that hold for one of them."""
    return [law for law, found in laws.items() if what in found]
