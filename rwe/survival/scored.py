# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What scores of predictions by time share: errors from the influence of rows, limits between 0 and 1, their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scored(Shown):
    """Scores of predictions, one row a time.

    Parameters
    ----------
    table
        One row a time.
    n, n_event
        Rows and events used.
    conf_level
        Level of the limits.
    """

    table: pl.DataFrame
    n: int
    n_event: int
    conf_level: float

    _title: ClassVar[str]
    _analysis: ClassVar[str]
    _score: ClassVar[str]  # column of the scores, which names the estimand too

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the scores, and one of all times where there is one, in the long tidy form; whole days only."""
        if self.table["time"].dtype != pl.Int64:
            raise DefinitionError("a Result counts in whole days: score times of the clock of days")
        by_time = self.table.select(
            "time", "std_error", "conf_low", "conf_high", estimate=self._score, estimand=pl.lit(self._score)
        )
        rows = pl.concat([by_time, pl.DataFrame(self._overall())], how="diagonal_relaxed")
        rows = rows.with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))
        table = tidy(rows, analysis=self._analysis, population=population, outcome=outcome)
        return Result(table, {"conf_level": self.conf_level})

    def _overall(self) -> list[dict[str, Any]]:
        """Return the rows of a result that are of no time."""
        return []

    def _story(self) -> Story:
        return f"{self._title}, {self.n} rows, {self.n_event} events", self.table, ()


def error_of(influence: F8) -> float:
    """Return the standard error of a mean from the influence of its rows."""
    return float(influence.std(ddof=1) / np.sqrt(influence.size))


def limited(score: F8, error: F8, conf_level: float) -> dict[str, F8]:
    """Return the columns of error and limits."""
    half = normal_quantile(conf_level) * error
    return {
        "std_error": error,
        "conf_low": np.maximum(score - half, 0.0),
        "conf_high": np.minimum(score + half, 1.0),
    }
