# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Balance: how far a population stands from a trial's margins, in standardised differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.compare.people import check_levels, people, require, row_weights
from rwe.result import Result, tidy

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


DENOMINATOR = "sqrt((p1(1-p1) + p0(1-p0)) / 2) of the unweighted registry and the trial (Austin 2009)"


@dataclass(frozen=True, slots=True)
class Balance:
    """Proportions and standardised differences of each level, before and after weighting.

    Parameters
    ----------
    table
        ``variable``, ``level``, ``statistic`` (proportion; mean, sd or median, which is then the level too),
        ``n`` (unweighted persons), ``trial``, ``before``, ``after``, ``smd_before``, ``smd_after``
        (registry minus trial; null where there is none: both proportions 0 or 1 and differing, or an SD).
        Of a median the figures are the shares at or below the published one.
    denominator
        By what differences are divided.
    """

    table: pl.DataFrame
    denominator: str = DENOMINATOR

    @property
    def largest(self) -> dict[str, float]:
        """Largest absolute standardised difference ``before`` and ``after``."""
        sizes = self.table.select(pl.col("smd_before", "smd_after").abs().max()).row(0)
        return dict(zip(("before", "after"), sizes, strict=True))

    def to_result(self, population: str = "") -> Result:
        """Return the long tidy form: analysis ``balance``, stratum ``before`` and ``after``."""
        parts = [self._stratum(stratum) for stratum in ("before", "after")]
        table = tidy(pl.concat(parts), analysis="balance", population=population)
        return Result(table, {"smd_denominator": self.denominator})

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the differences (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import balance_chart  # the chart library is slow to import

        return balance_chart(self.table, language)

    def _stratum(self, stratum: str) -> pl.DataFrame:
        wide = self.table.select(
            pl.col("variable").alias("outcome"),
            pl.col("level").alias("group"),
            pl.col("n").cast(pl.Int64),
            "statistic",
            pl.col(stratum).alias("registry"),
            pl.col("trial"),
            pl.col(f"smd_{stratum}").alias("smd"),
        )
        index = ["outcome", "group", "n", "statistic"]
        long = wide.unpivot(index=index, variable_name="estimand", value_name="estimate")
        # n counts persons of the registry: it has no place beside a figure of the trial, which is released as it is
        ours = pl.when(pl.col("estimand") != "trial").then("n")
        name = (
            pl.when(pl.col("estimand") == "smd").then("estimand").otherwise(pl.format("{}_{}", "statistic", "estimand"))
        )
        return long.with_columns(n=ours, stratum=pl.lit(stratum), estimand=name).drop("statistic")


def balance(frame: Any, margins: Mapping[str, Mapping[str, float]], weights: Any = None, before: Any = None) -> Balance:
    """Compare the levels of `frame` with `margins`, unweighted and weighted.

    The denominator is the pooled standard deviation of the *unweighted* groups in both columns, so
    that a smaller difference after weighting is never an effect of a larger denominator
    (Austin 2009, Stat Med 28:3083; Stuart 2008).

    Parameters
    ----------
    frame
        A cohort or a frame, one row a person; the variables as levels (see `classes`).
    margins
        For each variable, its levels with counts or proportions.
    weights
        Weights after: a column name or one value a row; ones by default.
    before
        Weights before, likewise.
    """
    rows = people(frame)
    require(rows, list(margins))
    after_w, before_w = row_weights(rows, weights), row_weights(rows, before)
    tables = [_of_variable(rows[name].cast(pl.String), margin, before_w, after_w) for name, margin in margins.items()]
    return Balance(pl.concat(tables))


def _of_variable(column: pl.Series, margin: Mapping[str, float], before: Any, after: Any) -> pl.DataFrame:
    check_levels(column, list(margin))
    trial = np.asarray(list(margin.values()), dtype=np.float64)
    trial = trial / trial.sum()
    here = np.stack([(column == level).to_numpy() for level in margin])
    p_before, p_after = here @ before / before.sum(), here @ after / after.sum()
    spread = np.sqrt((p_before * (1 - p_before) + trial * (1 - trial)) / 2)
    return pl.DataFrame(
        {
            "variable": [column.name] * trial.size,
            "level": list(margin),
            "statistic": ["proportion"] * trial.size,
            "n": here.sum(axis=1),
            "trial": trial,
            "before": p_before,
            "after": p_after,
            "smd_before": _standardised(p_before - trial, spread),
            "smd_after": _standardised(p_after - trial, spread),
        }
    )


def _standardised(difference: Any, spread: Any) -> pl.Series:
    ratio = np.divide(difference, spread, out=np.where(difference == 0, 0.0, np.nan), where=spread > 0)
    return pl.Series(ratio).fill_nan(None)
