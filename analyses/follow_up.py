# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Why people left, how complete follow-up was, and how far people came on the stretches of the pathway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from pydantic import model_validator

import rwe
from rwe.cohort.completeness import Completeness, completeness
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Day, Part
from rwe.spec.names import EndpointName, IntervalName, VariableName

Row = dict[str, Any]


class Options(Part):
    """Which endpoints and intervals, split by what; of intervals, the share who came to the end by which days."""

    endpoints: tuple[EndpointName, ...] = ()
    intervals: tuple[IntervalName, ...] = ()
    by: VariableName | None = None
    milestones: tuple[Day, ...] = ()

    @model_validator(mode="after")
    def _asks(self) -> Options:
        if not self.endpoints and not self.intervals:
            raise ValueError("needs endpoints, intervals, or both")
        if bool(self.milestones) != bool(self.intervals):
            raise ValueError("milestones are the days at which intervals are looked at: give both or neither")
        return self


class FollowUp:
    """How follow-up of a population ended, whole and by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Count the reasons; of endpoints add how complete follow-up was, of intervals the incidence of their end."""
        groups = inputs.groups(options.by)
        rows = [
            row | {"outcome": name, "group": group}
            for name in (*options.endpoints, *options.intervals)
            for group, people in groups.items()
            for row in _reasons(people, name)
        ]
        rows += [
            row | {"outcome": name, "group": group}
            for name in options.endpoints
            for group, people in groups.items()
            for row in _complete(completeness(people, name, inputs.study))
        ]
        table = tidy(rows, analysis="follow_up", population=inputs.population)
        reached = [_reached(part, name, group, options) for name in options.intervals for group, part in groups.items()]
        labelled = [part.with_columns(pl.lit(inputs.population).alias("population")) for part in reached]
        settings = {
            "endpoints": list(options.endpoints),
            "intervals": list(options.intervals),
            "by": options.by or "",
            "lost_after": inputs.study.lost_after,
            "incidence": "Aalen and Johansen 1978; death before the end competes",
            "completeness": "Clark et al. 2002; simplified: Xue et al. 2017",
        }
        return Result(pl.concat([table, *labelled]), settings)


def _reasons(people: pl.DataFrame, name: str) -> Iterator[Row]:
    known = people[f"{name}_reason"].drop_nulls()
    for reason, n in known.value_counts().sort(f"{name}_reason").iter_rows():
        yield {"estimand": "proportion", "stratum": reason, "n": n, "estimate": n / known.len()}


def _complete(found: Completeness) -> Iterator[Row]:
    yield {"estimand": "completeness", "n": found.n, "estimate": found.clark}
    yield {"estimand": "completeness_simplified", "n": found.n, "estimate": found.simplified}


def _reached(people: pl.DataFrame, name: str, group: str, options: Options) -> pl.DataFrame:
    """Return the share that came to the end of an interval, and that died before, by each milestone."""
    begun = people.drop_nulls(f"{name}_days")
    causes = {"event": "reached", "death": "died"}
    cause = pl.col(f"{name}_reason").replace_strict(causes, default="censored", return_dtype=pl.String)
    found = rwe.survival.cumulative_incidence(
        begun.select(pl.col(f"{name}_days"), cause.alias("cause")), time=f"{name}_days", cause="cause"
    )
    rows = found.to_result(outcome=name, milestones=options.milestones).table.filter(estimand="milestone")
    return rows.with_columns(pl.lit("follow_up").alias("analysis"), pl.lit(group).alias("group"))


ANALYSIS = FollowUp()
