# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who does better: a Cox model of one endpoint on baseline variables, with its baseline hazard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field, model_validator
from pydantic_core.core_schema import ValidationInfo

import rwe
from analyses.terms import Unit, counted, incomplete, per_term, references, said, scaled
from rwe.errors import DefinitionError
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Flag, Part, Real
from rwe.spec.names import VARIABLE, EndpointName, VariableName, unknown

if TYPE_CHECKING:
    from rwe.survival import Cox


def _columns(formula: str) -> list[str]:
    """Return the variables that a formula names."""
    from rwe.survival.terms import columns_of  # a study without a formula is checked without it

    return columns_of(formula)


def _readable(formula: str, info: ValidationInfo) -> str:
    try:
        named = _columns(formula)
    except DefinitionError as exc:
        raise ValueError(str(exc)) from None
    allowed = (info.context or {}).get(VARIABLE, named)
    if faults := [unknown(name, allowed, VARIABLE) for name in named if name not in allowed]:
        raise ValueError("; ".join(faults))
    if not named:
        raise ValueError("names no baseline variable")
    return formula


class Options(Part):
    """Which endpoint on which variables; levels are compared with the first named in the study.

    The terms are `covariates`, or a `formula` in R's grammar (``hormonal + log(size) + C(grade)``). The levels of
    `strata` have baseline hazards of their own; these, and a formula that calculates, leave no baseline hazard to
    release. `penalty` is Firth's.
    """

    endpoint: EndpointName
    covariates: tuple[VariableName, ...] = ()
    formula: Annotated[str, AfterValidator(_readable)] | None = None
    strata: tuple[VariableName, ...] = ()
    units: dict[VariableName, Unit] = Field(default_factory=dict)
    ties: Literal["efron", "breslow", "exact"] = "efron"
    penalty: Literal["firth"] | None = None
    robust: Flag | None = None
    conf_level: Real = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Options:
        if bool(self.covariates) == (self.formula is not None):
            raise ValueError("needs covariates (a list of variables) or formula, one of them")
        if both := sorted(set(self.variables) & set(self.strata)):
            raise ValueError(f"strata and terms of the model share {', '.join(both)}: leave each in one of them")
        if odd := sorted(set(self.units) - set(self.variables)):
            raise ValueError(f"units name {', '.join(odd)}, which the model has not")
        if self.penalty and (self.robust or self.ties == "exact"):
            raise ValueError("penalty: firth goes with ties efron or breslow, and without robust")
        if self.robust and self.ties == "exact":
            raise ValueError("robust goes with ties efron or breslow")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that the terms are made from."""
        return self.covariates if self.formula is None else tuple(_columns(self.formula))


class CoxModel:
    """Hazard ratios of baseline variables in one population."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Fit the model to those with every variable known; the row ``not_complete`` counts the others."""
        everyone = inputs.people
        people = everyone.drop_nulls([*options.variables, *options.strata])
        measured = scaled(people, options.units)
        time, event = f"{options.endpoint}_days", f"{options.endpoint}_event"
        model = rwe.survival.cox(
            measured,
            time=time,
            event=event,
            entry=inputs.entry,
            covariates=options.covariates or None,
            formula=options.formula,
            strata=options.strata,
            ties=options.ties,
            penalty=options.penalty,
            robust=options.robust,
            reference=references(inputs.study, options.variables),
            conf_level=options.conf_level,
        )
        labels = {"population": inputs.population, "outcome": options.endpoint}
        fitted = model.to_result(**labels)
        parts = [fitted.table]
        if not options.penalty and options.ties != "exact":  # the test is of the likelihood of the others
            parts.append(counted(model.proportional_hazards().to_result(**labels).table, fitted.table))
        others = [incomplete(everyone.height - people.height, "cox")]
        if _one_curve(model, options):
            others.append(_baseline(people, time, event, inputs.entry, model.baseline()))
        rest = pl.concat(others).with_columns(pl.lit(text).alias(name) for name, text in labels.items())
        settings = said(model.design, options.units) | ({"formula": options.formula} if options.formula else {})
        happened = people[event].cast(pl.Boolean).to_numpy()
        table = pl.concat([per_term(pl.concat(parts), measured, happened, model.design), rest])
        return Result(table, dict(fitted.settings) | settings)


def _one_curve(model: Cox, options: Options) -> bool:
    """Return whether one baseline hazard, and columns and levels as they are, tell the survival of a person."""
    plain = all(len(term) == 1 and term[0].kind in ("number", "level") for term in model.design.terms)
    return plain and not options.strata


def _baseline(people: pl.DataFrame, time: str, event: str, entry: str | None, hazard: pl.DataFrame) -> pl.DataFrame:
    """Return the cumulative baseline hazard on each day somebody left, with those at risk and the events so far."""
    left = rwe.survival.kaplan_meier(people, time=time, event=event, entry=entry).table
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
