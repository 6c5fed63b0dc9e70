# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One comparison looked at again and again as follow-up grows: what each look said, and what may be acted on."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.two_arms import two_arms
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Int, Part, Real
from rwe.spec.names import EndpointName, VariableName

MONTHS = {"quarter": 3, "half_year": 6, "year": 12}


class Options(Part):
    """Who is treated, and when one looks: on the dates of `at`, or `every` so often until the data end.

    At each look only what was known on its day counts. Every test compares people within the levels of `strata`; the
    anytime-valid one, which runs along the calendar, also within those who entered `together`. With `planned_events`
    there are boundaries of planned spending beside it. A look with fewer than `min_events` new events is passed over:
    beside the look before it would tell them.
    """

    endpoint: EndpointName
    treatment: VariableName
    treated: str = "yes"
    control: str | None = None
    at: tuple[date, ...] = ()
    every: Literal["quarter", "half_year", "year"] | None = None
    strata: tuple[VariableName, ...] = ()
    together: Literal["quarter", "year"] | None = "quarter"
    planned_events: Int | None = Field(default=None, ge=1)
    spending: Literal["obrien_fleming", "pocock"] = "obrien_fleming"
    expected_ratio: Real | None = Field(default=None, gt=0)
    min_events: Int = Field(default=13, ge=13)
    alpha: Real = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _when(self) -> Self:
        if bool(self.at) == (self.every is not None):
            raise ValueError("say when one looks: at (dates) or every (quarter, half_year, year)")
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("the dates of at must rise")
        return self


class LookAgain:
    """Treated against untreated of one population, at several looks."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Compare at each look; what came too early, or brought too few new events, is passed over and noted."""
        if inputs.entry:
            raise DefinitionError("looks does not take late entry; let index.entry be index for this study")
        start = inputs.study.index.start
        people = _followed(two_arms(inputs.people, options.treatment, options.treated, options.control), options, start)
        asked = options.at or _every(MONTHS[options.every or "year"], start, inputs.study.as_of)
        days = [(one - start).days for one in asked if one <= inputs.study.as_of]
        kept = _enough(people, days, options)
        if not kept:
            raise NoValidAnswer(f"no look has {options.min_events} events: nothing can be told")
        found = rwe.compare.looks(
            people, time="_days", event="_event", by="_treated", entered="_entered", at=kept, within="_within",
            strata="_together", planned_events=options.planned_events, spending=options.spending, alpha=options.alpha,
            expected_ratio=options.expected_ratio,
        )  # fmt: skip
        # the persons of the last look stand at each: those who came between two looks may be few
        told = found.to_result(population=inputs.population, outcome=options.endpoint)
        table = tidy(
            told.table.with_columns(
                n=pl.lit(people.height),
                conf_low=pl.when(pl.col("conf_low") > 0).then("conf_low"),  # none yet where the sequence is unbounded
                conf_high=pl.when(pl.col("conf_high").is_finite()).then("conf_high"),
            )
        )
        how = options.model_dump(include={"treatment", "min_events", "planned_events", "together"})
        when = {"start": start.isoformat(), "days": kept, "asked": len(days), "strata": [*options.strata]}
        settings = dict(told.settings) | how | when | {"conf_level": 1 - options.alpha}
        return Result(table, settings)


def _followed(people: pl.DataFrame, options: Options, start: date) -> pl.DataFrame:
    """Return days, event, day of entry since `start`, and the stratum of each person with every stratum known."""
    known = people.drop_nulls(list(options.strata))
    alike = [pl.col(name).cast(pl.String) for name in options.strata]
    year = pl.col("index_date").dt.year()
    period = {"year": year, "quarter": 4 * year + pl.col("index_date").dt.quarter(), None: pl.lit(0)}[options.together]
    return known.select(
        "_treated",
        _days=pl.col(f"{options.endpoint}_days"),
        _event=pl.col(f"{options.endpoint}_event"),
        _entered=(pl.col("index_date") - pl.lit(start)).dt.total_days(),
        _within=pl.concat_str(alike, separator="|") if alike else pl.lit(""),
        _together=period,
    ).filter(pl.col("_days") > 0)


def _every(months: int, start: date, end: date) -> list[date]:
    """Return the first day of each period after `start`, and the last day of the data."""
    first, last = (day.year * 12 + day.month - 1 for day in (start, end))
    days = (date(month // 12, month % 12 + 1, 1) for month in range(first + months, last + 1, months))
    return [*(day for day in days if start < day < end), end]


def _enough(people: pl.DataFrame, days: list[int], options: Options) -> list[int]:
    """Return the looks that bring enough new events since the one before."""
    when = people.filter("_event").select(pl.col("_entered") + pl.col("_days")).to_series().to_numpy()
    kept, seen = list[int](), 0
    for day in days:
        events = int((when <= day).sum())
        if events - seen >= options.min_events:
            kept.append(day)
            seen = events
    return kept


ANALYSIS = LookAgain()
