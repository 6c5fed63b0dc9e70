# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured once a person: response rates with exact limits, mean changes of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import polars as pl
from pydantic import Field
from scipy import stats

from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Part, Real
from rwe.spec.endpoint import Change, Response
from rwe.spec.names import OutcomeName, VariableName

Row = dict[str, Any]
UNASSESSED = "not_assessed"


class Options(Part):
    """Which outcomes of the study, split by what."""

    outcomes: tuple[OutcomeName, ...] = Field(min_length=1)
    by: VariableName | None = None
    conf_level: Real = Field(default=0.95, gt=0, lt=1)


class Outcomes:
    """Responses and changes of a population, whole and by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Estimate each outcome in each group."""
        rows = [
            row | {"outcome": name, "group": group}
            for name in options.outcomes
            for group, people in inputs.groups(options.by).items()
            for row in _rows(people, name, inputs.study.outcomes[name], options.conf_level)
        ]
        settings = {
            "outcomes": list(options.outcomes),
            "by": options.by or "",
            "conf_level": options.conf_level,
            "response_limits": "Clopper and Pearson 1934; who was not assessed is no responder",
            "change_limits": "Student's t, of those with both values",
        }
        return Result(tidy(rows, analysis="outcomes", population=inputs.population), settings)


def _rows(people: pl.DataFrame, name: str, spec: Response | Change, conf_level: float) -> Iterator[Row]:
    if isinstance(spec, Change):
        yield from _change(people[f"{name}_change"], conf_level)
        return
    best = people[f"{name}_best"].fill_null(UNASSESSED)
    for level in (*spec.levels, UNASSESSED):
        n = int((best == level).sum())
        if n:
            yield {"estimand": "proportion", "stratum": level, "n": n, "estimate": n / people.height}
    yield _rate(int(people[f"{name}_responder"].sum()), people.height, conf_level)


def _rate(responders: int, n: int, conf_level: float) -> Row:
    """Return a response rate with its exact limits (Clopper & Pearson 1934, Biometrika 26:404)."""
    limits = stats.binomtest(responders, n).proportion_ci(conf_level, method="exact")
    return {
        "estimand": "response",
        "n": n,
        "n_event": responders,
        "estimate": responders / n,
        "conf_low": float(limits.low),
        "conf_high": float(limits.high),
    }


def _change(values: pl.Series, conf_level: float) -> Iterator[Row]:
    """Yield the mean change of those with both values, and how many had not.

    The spread is left out: beside the limits it would tell how many exactly the mean is of.
    """
    known = values.drop_nulls().cast(pl.Float64).to_numpy()
    if missing := values.len() - known.size:
        yield {"estimand": "proportion", "stratum": "unknown", "n": missing, "estimate": missing / values.len()}
    if not known.size:
        return
    row: Row = {"estimand": "mean_change", "n": known.size, "estimate": float(known.mean())}
    if known.size > 1:
        error = float(known.std(ddof=1)) / math.sqrt(known.size)
        reach = float(stats.t.ppf((1 + conf_level) / 2, known.size - 1)) * error
        row |= {"conf_low": row["estimate"] - reach, "conf_high": row["estimate"] + reach}
    yield row


ANALYSIS = Outcomes()
