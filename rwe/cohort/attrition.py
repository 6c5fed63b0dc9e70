# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who remains after each criterion, and how many each one took away."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rwe.errors import NoValidAnswer
from rwe.result import tidy
from rwe.spec.study import Criterion

Step = tuple[str, pl.Expr]


def keep(criterion: Criterion, endpoints: Sequence[str]) -> pl.Expr:
    """Return the test of a criterion; a missing value fails it."""
    if criterion.known:
        return pl.all_horizontal(pl.col(v).is_not_null() for v in criterion.known)
    if criterion.min_follow_up is not None:
        return pl.all_horizontal(pl.col(f"{e}_days") >= criterion.min_follow_up for e in endpoints).fill_null(
            value=False
        )
    value = pl.col(criterion.variable or "")
    if criterion.one_of:
        return value.is_in(criterion.one_of).fill_null(value=False)
    above = value >= criterion.at_least if criterion.at_least is not None else pl.lit(value=True)
    below = value <= criterion.at_most if criterion.at_most is not None else pl.lit(value=True)
    return (above & below).fill_null(value=False)


def apply(frame: pl.DataFrame, steps: Sequence[Step], population: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return those who pass every step, and the tidy count after each.

    Raises
    ------
    NoValidAnswer
        If a step leaves nobody: the message names it.
    """
    rows = []
    for name, test in steps:
        left = frame.filter(test)
        rows += [
            {"outcome": name, "estimand": "excluded", "n": frame.height - left.height},
            {"outcome": name, "estimand": "remaining", "n": left.height},
        ]
        if not left.height:
            before = ", ".join(f"{row['outcome']} {row['n']}" for row in rows if row["estimand"] == "remaining")
            raise NoValidAnswer(
                f"population '{population}': criterion '{name}' leaves nobody of {frame.height} "
                f"(remaining after each: {before}); look at the variable it tests and at what was rejected or unmapped"
            )
        frame = left
    return frame, tidy(rows, analysis="attrition", population=population) if rows else tidy([])
