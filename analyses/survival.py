# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How long until: Kaplan-Meier curves with risk table, median, milestones, follow-up and log-rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

import rwe
from rwe.plugins import Inputs
from rwe.result import Result, bind, tidy
from rwe.spec.base import Day, Part, Real
from rwe.spec.names import EndpointName, VariableName

YEAR = 365.25
Comparison = Literal["rmst", "rmst_ratio", "rmtl_ratio"]
DayWeights = Literal["gehan", "tarone_ware", "peto_peto", "modified_peto_peto"]


class Options(Part):
    """Which endpoints, split by what, looked at on which days.

    `compare` sets the two levels of `by` side by side, the second against the first: restricted means up to `tau` as
    difference and ratio, of the time lived and of the time lost. `day_weights` are tests beside the log-rank test
    that count early days more, as rows ``log_rank_<weights>``.
    """

    endpoints: tuple[EndpointName, ...] = Field(min_length=1)
    by: VariableName | None = None
    milestones: tuple[Day, ...] = ()
    tau: Day | None = None
    compare: tuple[Comparison, ...] = ()
    day_weights: tuple[DayWeights, ...] = ()
    conf_level: Real = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Options:
        if (self.compare or self.day_weights) and self.by is None:
            raise ValueError("compare and day_weights need groups: name a variable under by")
        if self.compare and not self.tau:
            raise ValueError("compare needs tau, the day up to which the mean is taken")
        return self


class Survival:
    """Survival of a population, whole or by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Estimate each endpoint in the population."""
        parts = [part for endpoint in options.endpoints for part in _endpoint(inputs, options, endpoint)]
        found = bind(parts)
        settings = {**found.settings, "endpoints": list(options.endpoints), "by": options.by or ""}
        settings |= {"compare": list(options.compare)} if options.compare else {}
        settings |= {"also_tested": list(options.day_weights)} if options.day_weights else {}
        return Result(found.table, settings)


def _endpoint(inputs: Inputs, options: Options, endpoint: str) -> list[Result]:
    people, time, event = inputs.people, f"{endpoint}_days", f"{endpoint}_event"
    labels = {"population": inputs.population, "outcome": endpoint}
    how: dict[str, Any] = {"time": time, "event": event, "by": options.by, "entry": inputs.entry}
    km = rwe.survival.kaplan_meier(people, **how, conf_level=options.conf_level)
    at_risk = years(people[time])
    curves = km.to_result(**labels, milestones=options.milestones, at_risk=at_risk, tau=options.tau)
    follow_up = rwe.survival.median_follow_up(people, **how, conf_level=options.conf_level).to_result(**labels)
    tests = [_test(rwe.survival.log_rank(people, **how).to_result(**labels))] if options.by else []
    return [
        curves,
        follow_up,
        *tests,
        *_tests(people, how, options, labels),
        *_comparisons(people, how, options, labels),
    ]


def _test(found: Result) -> Result:
    """Return a test whose settings stand beside those of the curves: its variance is another one."""
    rest = {key: value for key, value in found.settings.items() if key not in ("df", "variance")}
    return Result(found.table, rest | {"log_rank_variance": found.settings["variance"]})


def _tests(people: pl.DataFrame, how: dict[str, Any], options: Options, labels: dict[str, str]) -> Iterator[Result]:
    for kind in options.day_weights:
        test = rwe.survival.log_rank(people, **how, day_weights=kind).to_result(**labels)
        yield Result(test.table.with_columns(pl.lit(f"log_rank_{kind}").alias("estimand")))


def _comparisons(
    people: pl.DataFrame, how: dict[str, Any], options: Options, labels: dict[str, str]
) -> Iterator[Result]:
    asked = {**how, "tau": options.tau, "conf_level": options.conf_level}
    for kind in options.compare:
        if kind == "rmst":
            found = rwe.survival.rmst_difference(people, **asked)
        else:
            found = rwe.survival.rmst_ratio(people, **asked, of="rmst" if kind == "rmst_ratio" else "rmtl")
        rows = found.to_result(**labels).table.drop("n", "n_event")
        yield Result(tidy(rows.with_columns(**_smaller(people, how["by"], how["event"]))))


def _smaller(people: pl.DataFrame, by: str, event: str) -> dict[str, pl.Expr]:
    """Return the persons and events of the group that is nearest to be masked: what is shown of two shows either.

    With one group's figure a difference tells the other's, so it is shown where both are.
    """
    groups = people.group_by(by).agg(n=pl.len(), n_event=pl.col(event).cast(pl.Int64).sum()).sort(by)
    counts = pl.concat_list("n", "n_event", pl.col("n").cast(pl.Int64) - pl.col("n_event"))
    least = groups.with_columns(counts.list.eval(pl.element().filter(pl.element() > 0)).list.min().alias("least"))
    row = least.sort("least", maintain_order=True).row(0, named=True)
    return {name: pl.lit(row[name], dtype=pl.Int64) for name in ("n", "n_event")}


def years(days: pl.Series) -> list[int]:
    """Return the days of the risk table: the starts of the years that follow-up reaches."""
    last = int(days.to_numpy().max())
    return [math.ceil(YEAR * k) if k else 0 for k in range(int(last / YEAR) + 1)]


ANALYSIS = Survival()
