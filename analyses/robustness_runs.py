# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that may fail: each gives its rows, or an empty one and the reason without any number of persons."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from rwe.errors import NoValidAnswer, RweError


@dataclass(frozen=True, slots=True)
class Runs:
    """What failed, by ``<stratum>:<name>``: why and of which kind (exit code); and what a reader must know."""

    failed: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def attempt(self, run: Callable[[], pl.DataFrame], stratum: str, name: str, **size: int) -> pl.DataFrame:
        """Return the rows of a run under its labels; `size` takes the place of its own persons and events."""
        try:
            return self.told(run(), stratum, name, **size)
        except RweError as problem:
            return self.failing(stratum, name, without_counts(problem), problem.exit_code, **size)

    def kept(self, run: Callable[[], pl.DataFrame], stratum: str, **size: int) -> pl.DataFrame:
        """Return the rows of a run with groups of its own, under one stratum; `size` as above."""
        try:
            rows = run()
        except RweError as problem:
            return self.failing(stratum, "", without_counts(problem), problem.exit_code, **size)
        counts = [pl.lit(n).alias(column) for column, n in size.items()]
        return rows.with_columns(pl.lit(stratum).alias("stratum"), *counts)

    def told(self, rows: pl.DataFrame, stratum: str, name: str = "", **size: int) -> pl.DataFrame:
        """Return rows under their labels."""
        counts = [pl.lit(n).alias(column) for column, n in size.items()]
        return rows.with_columns(pl.lit(stratum).alias("stratum"), pl.lit(name).alias("group"), *counts)

    def failing(
        self, stratum: str, name: str, reason: str, code: int = NoValidAnswer.exit_code, **size: int
    ) -> pl.DataFrame:
        """Return the row of a run without an estimate."""
        self.failed[f"{stratum}:{name}"] = reason
        self.codes[f"{stratum}:{name}"] = code
        return self.told(pl.DataFrame({"estimand": ["hazard_ratio"]}), stratum, name, **size)


def without_counts(problem: RweError) -> str:
    """Return a reason without its numbers: they may count persons, and reasons are released as they are."""
    return re.sub(r"\b\d[\d.,]*\b", "…", str(problem))
