# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who the people are: counts, shares and moments of each baseline variable, with standardised differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Part
from rwe.spec.names import VariableName

Row = dict[str, Any]
_MOMENTS = {"mean": pl.Expr.mean, "sd": pl.Expr.std}
_QUARTILES = {"q1": 0.25, "median": 0.5, "q3": 0.75}


class Options(Part):
    """Which variables to describe, and by which one to compare."""

    by: VariableName | None = None
    variables: tuple[VariableName, ...] = ()


class Characteristics:
    """Baseline table of a population, overall and by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Describe each variable in each group; with two groups, their standardised difference too."""
        variables = options.variables or tuple(v for v in inputs.study.baseline if v != options.by)
        _known(inputs, (*variables, *([options.by] if options.by else [])))
        groups = inputs.groups(options.by)
        rows = [row for v in variables for name, part in groups.items() for row in _describe(part, v, name)]
        if options.by and len(groups) == 3:
            _, low, high = groups.values()
            rows += [_difference(high, low, v) for v in variables]
        settings = {
            "by": options.by or "",
            "smd": "difference over the root of the mean of the two variances (Austin 2009); "
            "levels together by Yang and Dalton 2012",
        }
        return Result(tidy(rows, analysis="characteristics", population=inputs.population), settings)


def _known(inputs: Inputs, variables: tuple[str, ...]) -> None:
    if unknown := sorted(set(variables) - set(inputs.study.baseline)):
        raise DefinitionError(f"characteristics: unknown baseline variables {unknown}; add them to `baseline`")


def _describe(people: pl.DataFrame, variable: str, group: str) -> Iterator[Row]:
    label = {"outcome": variable, "group": group}
    if people[variable].dtype == pl.String:
        counts = people[variable].fill_null("unknown").value_counts().sort(variable)
        for level, n in counts.iter_rows():
            yield label | {"stratum": level, "estimand": "proportion", "n": n, "estimate": n / people.height}
        return
    known = people[variable].drop_nulls()
    if missing := people.height - known.len():
        share = missing / people.height
        yield label | {"stratum": "unknown", "estimand": "proportion", "n": missing, "estimate": share}
    column = pl.col(variable)
    values = people.select(
        *(f(column).alias(name) for name, f in _MOMENTS.items()),
        # R's default quantile (type 7): linear between the order statistics
        *(column.quantile(q, "linear").alias(name) for name, q in _QUARTILES.items()),
    ).row(0, named=True)
    yield from (label | {"estimand": name, "n": known.len(), "estimate": value} for name, value in values.items())


def _difference(one: pl.DataFrame, other: pl.DataFrame, variable: str) -> Row:
    """Return the standardised difference of one variable, `one` minus `other`."""
    smd = _levels if one[variable].dtype == pl.String else _means
    n = min(one[variable].count(), other[variable].count())
    value = smd(one[variable], other[variable])
    return {"outcome": variable, "group": "difference", "estimand": "smd", "n": n, "estimate": value}


def _means(one: pl.Series, other: pl.Series) -> float | None:
    a, b = (s.drop_nulls().cast(pl.Float64).to_numpy() for s in (one, other))
    if min(a.size, b.size) < 2:
        return None
    spread = (a.var(ddof=1) + b.var(ddof=1)) / 2
    return float((a.mean() - b.mean()) / math.sqrt(spread)) if spread > 0 else None


def _levels(one: pl.Series, other: pl.Series) -> float | None:
    """Return the Mahalanobis distance of the level shares; signed by the last level when there are two.

    Yang and Dalton, A unified approach to measuring the effect size between two groups using SAS,
    SAS Global Forum 2012, paper 335.
    """
    levels = sorted(set(one.drop_nulls()) | set(other.drop_nulls()))
    if len(levels) < 2:
        return 0.0 if levels else None
    p, q = (np.array([(s.drop_nulls() == level).mean() for level in levels[1:]]) for s in (one, other))
    spread = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    gap = p - q
    distance = math.sqrt(max(float(gap @ np.linalg.pinv(spread) @ gap), 0.0))
    return math.copysign(distance, gap[0]) if len(levels) == 2 else distance


ANALYSIS = Characteristics()
