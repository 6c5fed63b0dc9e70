# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How long until: Kaplan-Meier curves with risk table, median, milestones, follow-up and log-rank."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
from pydantic import Field

import rwe
from rwe.plugins import Inputs
from rwe.result import Result, bind
from rwe.spec.base import Day, Part, Real
from rwe.spec.names import EndpointName, VariableName

YEAR = 365.25


class Options(Part):
    """Which endpoints, split by what, looked at on which days."""

    endpoints: tuple[EndpointName, ...] = Field(min_length=1)
    by: VariableName | None = None
    milestones: tuple[Day, ...] = ()
    tau: Day | None = None
    conf_level: Real = Field(default=0.95, gt=0, lt=1)


class Survival:
    """Survival of a population, whole or by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Estimate each endpoint in the population."""
        parts = [part for endpoint in options.endpoints for part in _endpoint(inputs, options, endpoint)]
        found = bind(parts)
        return Result(found.table, {**found.settings, "endpoints": list(options.endpoints), "by": options.by or ""})


def _endpoint(inputs: Inputs, options: Options, endpoint: str) -> list[Result]:
    people, time, event = inputs.people, f"{endpoint}_days", f"{endpoint}_event"
    labels = {"population": inputs.population, "outcome": endpoint}
    how: dict[str, Any] = {"time": time, "event": event, "by": options.by}
    km = rwe.survival.kaplan_meier(people, **how, conf_level=options.conf_level)
    years = _years(people[time])
    curves = km.to_result(**labels, milestones=options.milestones, at_risk=years, tau=options.tau)
    follow_up = rwe.survival.median_follow_up(people, **how, conf_level=options.conf_level).to_result(**labels)
    return [
        curves,
        follow_up,
        *([_test(rwe.survival.log_rank(people, **how).to_result(**labels))] if options.by else []),
    ]


def _test(found: Result) -> Result:
    """Return a test whose settings stand beside those of the curves: its variance is another one."""
    rest = {key: value for key, value in found.settings.items() if key not in ("df", "variance")}
    return Result(found.table, rest | {"log_rank_variance": found.settings["variance"]})


def _years(days: pl.Series) -> list[int]:
    """Return the days of the risk table: the starts of the years that follow-up reaches."""
    last = int(days.to_numpy().max())
    return [math.ceil(YEAR * k) if k else 0 for k in range(int(last / YEAR) + 1)]


ANALYSIS = Survival()
