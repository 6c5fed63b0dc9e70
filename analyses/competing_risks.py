# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which event comes first: incidence of each cause of a composite endpoint, and what goes with each of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.survival import years
from analyses.terms import Unit, counted, incomplete, per_term, references, said, scaled
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Day, Part, Real
from rwe.spec.names import EndpointName, VariableName

if TYPE_CHECKING:
    from rwe.survival import Cox, FineGray

NAME, CAUSE, FREE = "competing_risks", "_cause", "censored"  # the word that survival knows for no event


class Options(Part):
    """Which endpoint, made of which causes, split by what, looked at on which days; and the terms of the models.

    The cause of an event is the first of `causes`, endpoints of the study, whose event falls on its day. `tau` asks
    for the mean time lost to each cause up to that day; `covariates` for two models of each cause on these variables.
    """

    endpoint: EndpointName
    causes: tuple[EndpointName, ...]
    by: VariableName | None = None
    milestones: tuple[Day, ...] = ()
    tau: Day | None = None
    covariates: tuple[VariableName, ...] = ()
    units: dict[VariableName, Unit] = Field(default_factory=dict)
    conf_level: Real = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Options:
        if len(self.causes) < 2:
            raise ValueError("causes: name two or more endpoints, of which one comes first")
        if len({self.endpoint, FREE, *self.causes}) < len(self.causes) + 2:
            raise ValueError(f"causes are other endpoints than '{self.endpoint}' and '{FREE}', each named once")
        if odd := sorted(set(self.units) - set(self.covariates)):
            raise ValueError(f"units name {', '.join(odd)}, which covariates do not")
        return self


class CompetingRisks:
    """Causes of a composite endpoint that compete to be the first event of a person."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Estimate incidences and, where covariates are named, a hazard and a subdistribution model of each cause."""
        people, time = _told_apart(inputs.people, options), f"{options.endpoint}_days"
        how: dict[str, Any] = {"time": time, "cause": CAUSE, "entry": inputs.entry}
        curves = rwe.survival.cumulative_incidence(people, **how, by=options.by, conf_level=options.conf_level)
        found = curves.to_result(milestones=options.milestones, at_risk=years(people[time]), tau=options.tau)
        parts = [found.table, _without_events(found.table, options)]
        settings = {**found.settings, "endpoint": options.endpoint, "causes": list(options.causes)}
        settings["by"] = options.by or ""
        if options.by:
            compare = partial(rwe.survival.gray_test, people, **how, by=options.by)
            try:
                parts += [compare(of=cause).to_result().table for cause in curves.causes]
            except NoValidAnswer as exc:
                settings["notes"] = [*settings["notes"], f"Gray's test is not made: {exc}"]
        if options.covariates:
            tables, more = _models(inputs, people, how, options)
            parts += tables
            settings |= more
        labels = {"analysis": NAME, "population": inputs.population, "outcome": options.endpoint}
        table = pl.concat(parts).with_columns(pl.lit(text).alias(name) for name, text in labels.items())
        return Result(table, settings)


def _told_apart(people: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return people with the cause of each event."""
    failed, day = pl.col(f"{options.endpoint}_event").cast(pl.Boolean), pl.col(f"{options.endpoint}_days")
    same = {c: pl.col(f"{c}_event").cast(pl.Boolean) & (pl.col(f"{c}_days") == day) for c in options.causes}
    first = pl.coalesce(pl.when(hit).then(pl.lit(cause)) for cause, hit in same.items())
    found = people.with_columns(pl.when(failed).then(first).otherwise(pl.lit(FREE)).alias(CAUSE))
    if lost := found[CAUSE].null_count():
        events = int(people.select(failed.sum()).item())
        raise DefinitionError(
            f"{NAME}: {lost} of {events} events of '{options.endpoint}' fall on the day of no event of "
            f"{', '.join(options.causes)}; name under `causes` every endpoint that it is made of"
        )
    return found


def _without_events(table: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return the count of each cause that nobody failed of: none, in every group."""
    absent = [cause for cause in options.causes if cause not in set(table["stratum"])]
    groups = table["group"].unique(maintain_order=True)
    return tidy([{"group": g, "stratum": c, "estimand": "count", "n": 0} for g in groups for c in absent])


def _models(
    inputs: Inputs, everyone: pl.DataFrame, how: dict[str, Any], options: Options
) -> tuple[list[pl.DataFrame], dict[str, Any]]:
    """Return the rows of the models, of those with every covariate known, and what settings tell of them."""
    people = scaled(everyone.drop_nulls(options.covariates), options.units)
    asked = how | {"covariates": options.covariates, "conf_level": options.conf_level}
    asked["reference"] = references(inputs.study, options.covariates)
    hazards = rwe.survival.cause_specific(people, **asked).models
    pairs = {cause: (model, rwe.survival.fine_gray(people, **asked, of=cause)) for cause, model in hazards.items()}
    tables = [incomplete(everyone.height - people.height, NAME)]
    for cause, pair in pairs.items():
        happened = (people[CAUSE] == cause).to_numpy()
        rows = per_term(pl.concat(_of_cause(*pair)), people, happened, pair[0].design)
        tables.append(rows.with_columns(pl.lit(cause).alias("group")))
    first, other = next(iter(pairs.values()))
    return tables, said(first.design, options.units) | {"ties": first.ties, "subdistribution_ties": other.ties}


def _of_cause(model: Cox, subdistribution: FineGray) -> Iterator[pl.DataFrame]:
    """Yield the ratios of both models of a cause and the test of the first; stratum is the term."""
    fitted = model.to_result().table
    yield fitted
    yield counted(model.proportional_hazards().to_result().table, fitted)
    yield subdistribution.to_result().table


ANALYSIS = CompetingRisks()
