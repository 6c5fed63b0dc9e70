# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Stretches of the pathway: days from one record to the next, and of those who did not come so far, why."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.cohort.endpoint import unseen
from rwe.cohort.records import Derived, Read, first, of_any
from rwe.spec.endpoint import Interval
from rwe.spec.study import Study


def intervals(study: Study, read: Read) -> list[Derived]:
    """Return ``<name>_days``, ``<name>_event`` and ``<name>_reason``; null where the stretch was not begun."""
    return [_one(name, spec, study, read) for name, spec in study.intervals.items()]


def _one(name: str, spec: Interval, study: Study, read: Read) -> Derived:
    start, end = f"_{name}/start", f"_{name}/end"
    began = first(of_any(spec.start, read), start)
    later = of_any(spec.end, read).join(began, on="person_id").filter(pl.col("day") >= pl.col(start))
    reached = pl.col(end).is_not_null() & (pl.col("_died").is_null() | (pl.col(end) <= pl.col("_died")))
    known = pl.min_horizontal("_last_seen", "_died")
    left = pl.when(reached).then(pl.col(end)).when(known.is_not_null()).then(pl.max_horizontal(known, start))
    why = pl.when(reached).then(pl.lit("event")).when(left >= pl.col("_died")).then(pl.lit("death"))
    said = pl.col(start).is_not_null() & left.is_not_null()
    columns: Mapping[str, pl.Expr] = {
        "days": (left - pl.col(start)).dt.total_days().cast(pl.Int64),
        "event": reached,
        "reason": why.otherwise(unseen(left, study)),
    }
    return Derived(
        [pl.when(said).then(column).alias(f"{name}_{part}") for part, column in columns.items()],
        [began, first(later, end)],
    )
