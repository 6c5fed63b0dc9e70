# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who does better: a Cox model of one endpoint on baseline variables, with its baseline hazard."""

from __future__ import annotations

from typing import Any, Literal

import polars as pl
from pydantic import Field

import rwe
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Part, Real, Text
from rwe.spec.names import EndpointName, VariableName


class Unit(Part):
    """In how many of its units a number enters the model, and the term's name for people."""

    by: Real = Field(gt=0)
    title: Text


class Options(Part):
    """Which endpoint on which variables; levels are compared with the first named in the study."""

    endpoint: EndpointName
    covariates: tuple[VariableName, ...] = Field(min_length=1)
    units: dict[VariableName, Unit] = Field(default_factory=dict)
    ties: Literal["efron", "breslow"] = "efron"


class CoxModel:
    """Hazard ratios of baseline variables in one population."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Fit the model to those with every covariate known; the row ``not_complete`` counts the others."""
        everyone = inputs.people
        people = everyone.drop_nulls(list(options.covariates))
        scaled = people.with_columns(pl.col(name) / unit.by for name, unit in options.units.items())
        time, event = f"{options.endpoint}_days", f"{options.endpoint}_event"
        model = rwe.survival.cox(
            scaled,
            time=time,
            event=event,
            covariates=options.covariates,
            ties=options.ties,
            reference=_first(inputs, options),
        )
        labels = {"population": inputs.population, "outcome": options.endpoint}
        fitted = model.to_result(**labels)
        tested = model.proportional_hazards().to_result(**labels).table
        found = pl.concat([fitted.table, _counted(tested, fitted.table)])
        left_out = tidy([{"estimand": "not_complete", "n": everyone.height - people.height}], analysis="cox")
        baseline = _baseline(people, time, event, model.baseline())
        others = pl.concat([left_out, baseline]).with_columns(pl.lit(text).alias(name) for name, text in labels.items())
        settings = {
            "terms": [_term(name, options) for name in model.design.names],
            "levels": {column: list(levels) for column, levels in model.design.levels.items()},
        }
        table = pl.concat([_per_level(found, people, event), others])
        return Result(table, dict(fitted.settings) | settings)


def _first(inputs: Inputs, options: Options) -> dict[str, str]:
    """Return the reference of each variable with levels: the first level that the study names."""
    baseline = inputs.study.baseline
    found = {name: next(iter(baseline[name].levels)) for name in options.covariates if baseline[name].levels}
    return found | {name: "no" for name in options.covariates if baseline[name].kind == "exists"}


def _term(name: str, options: Options) -> dict[str, Any]:
    unit = options.units.get(name)
    return {"term": name, "scale": unit.by if unit else 1.0, "title": unit.title.model_dump() if unit else None}


def _counted(tested: pl.DataFrame, fitted: pl.DataFrame) -> pl.DataFrame:
    """Return the test of proportional hazards as part of the model, with the persons that it rests on."""
    persons = fitted.select("analysis", "n", "n_event").head(1)
    return tested.drop("analysis", "n", "n_event").join(persons, how="cross").select(fitted.columns)


def _per_level(table: pl.DataFrame, people: pl.DataFrame, event: str) -> pl.DataFrame:
    """Count, for a term that is a level, the persons of that level: the estimate rests on them."""
    counts = [
        people.group_by(pl.format(f"{name}={{}}", pl.col(name)).alias("stratum")).agg(
            pl.len().cast(pl.Int64).alias("persons"), pl.col(event).sum().cast(pl.Int64).alias("events")
        )
        for name, dtype in people.schema.items()
        if dtype == pl.String
    ]
    if not counts:
        return table
    joined = table.join(pl.concat(counts), on="stratum", how="left", maintain_order="left")
    own = joined.with_columns(pl.coalesce("persons", "n").alias("n"), pl.coalesce("events", "n_event").alias("n_event"))
    return own.select(table.columns)


def _baseline(people: pl.DataFrame, time: str, event: str, hazard: pl.DataFrame) -> pl.DataFrame:
    """Return the cumulative baseline hazard on each day somebody left, with those at risk and the events so far."""
    left = rwe.survival.kaplan_meier(people, time=time, event=event).table
    rows = left.sort("time").join_asof(hazard.sort("time"), on="time", strategy="backward")
    rows = rows.select(
        "time",
        n="n_risk",
        n_event=pl.col("n_event").cum_sum(),
        estimate=pl.col("cumulative_hazard").fill_null(0.0),
    )
    start = pl.DataFrame({"time": [0], "n": [people.height], "n_event": [0], "estimate": [0.0]})
    return tidy(pl.concat([start, rows], how="vertical_relaxed"), analysis="cox", estimand="baseline_hazard")


ANALYSIS = CoxModel()
