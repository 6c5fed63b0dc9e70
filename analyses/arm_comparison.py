# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Treated against untreated of one cohort: as they are, weighted, matched and standardised, with what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.arm_bias import Misclassified, misclassified_rows, said
from analyses.arm_rows import balance_rows, overlap_rows, weight_rows
from analyses.robustness_runs import without_counts
from analyses.terms import incomplete
from analyses.two_arms import two_arms
from rwe.errors import DefinitionError, RweError
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Day, Flag, Int, Name, Part, Real, Text
from rwe.spec.names import EndpointName, VariableName

if TYPE_CHECKING:
    from rwe.compare import Matched, Propensity, Weighted

Estimand = Literal["ate", "att", "atc", "ato", "atm"]
KINDS = ("weights", "matching", "standardise")


class Way(Part):
    """One way to make the arms alike: `weights` of an estimand, `matching` by a method, or `standardise` to whom.

    `trim`, `truncate` and `stabilised` go with weights, `caliper`, `ratio` and `replacement` with pairs, `replicates`
    and `seed` with standardising (a Cox model an arm, averaged over all persons or over the treated).
    """

    name: Name
    title: Text
    weights: Estimand | None = None
    matching: Literal["nearest", "optimal", "stratum", "coarsened"] | None = None
    standardise: Literal["all", "treated"] | None = None
    trim: Literal["crump", "sturmer", "walker"] | tuple[Real, Real] | None = None
    truncate: tuple[Real, Real] | None = None
    stabilised: Flag = False
    caliper: Real | None = Field(default=None, gt=0)
    ratio: Int = Field(default=1, ge=1)
    replacement: Flag = False
    replicates: Int = Field(default=200, ge=100)
    seed: Int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"say one of {', '.join(KINDS)}")
        owners = {"weights": ("trim", "truncate", "stabilised"), "matching": ("caliper", "ratio", "replacement"),
                  "standardise": ("replicates", "seed")}  # fmt: skip
        for kind, names in owners.items():
            if getattr(self, kind) is None and (odd := [name for name in names if name in self.model_fields_set]):
                raise ValueError(f"{', '.join(odd)}: goes with {kind} only")
        if self.name == "unadjusted":
            raise ValueError("unadjusted is the comparison as it is; name this way otherwise")
        return self


class Options(Part):
    """Who is treated, what makes the arms alike, and what is compared.

    `treatment` is a baseline variable; its level `treated` is set against the other one, or against `control`.
    `score` is the model of treatment given the covariates; `seed` and `folds` go with lasso and boosting.
    """

    endpoint: EndpointName
    treatment: VariableName
    treated: str = "yes"
    control: str | None = None
    covariates: tuple[VariableName, ...] = Field(min_length=1)
    score: Literal["logistic", "lasso", "boosting"] = "logistic"
    seed: Int = Field(default=1, ge=0)
    folds: Int = Field(default=5, ge=2)
    ways: tuple[Way, ...] = Field(min_length=1)
    milestones: tuple[Day, ...] = (365, 1096, 1826)
    tau: Day = 1826
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    misclassified: Misclassified | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.treatment in self.covariates:
            raise ValueError(f"'{self.treatment}' is the treatment: leave it out of covariates")
        names = [way.name for way in self.ways]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"ways of one name: {', '.join(twice)}")
        wrong = self.misclassified
        if wrong and (wrong.way not in ("unadjusted", *names) or wrong.at not in self.milestones):
            raise ValueError("misclassified: name a way that is listed, and a day of milestones")
        return self


class ArmComparison:
    """Two arms of one population."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Compare the arms as they are, then each way; a way that fails stands there with its reason."""
        if inputs.entry:
            raise DefinitionError("arm_comparison does not take late entry; let index.entry be index for this study")
        everyone = two_arms(inputs.people, options.treatment, options.treated, options.control)
        people = everyone.drop_nulls(list(options.covariates))
        score = rwe.compare.propensity(
            people, treatment="_treated", covariates=options.covariates, method=options.score, seed=options.seed,
            folds=options.folds,
        )  # fmt: skip
        compared, resting, failed = _all_ways(people, score, options)
        if (wrong := options.misclassified) is not None:
            try:
                every = pl.concat(compared, how="diagonal_relaxed")
                compared.append(misclassified_rows(every, wrong, options.conf_level))
            except RweError as problem:
                failed["misclassified"] = problem
        left = incomplete(everyone.height - people.height, "arm_comparison").select("estimand", "n")
        told = pl.concat([*compared, left], how="diagonal_relaxed").with_columns(outcome=pl.lit(options.endpoint))
        table = pl.concat([told, *resting], how="diagonal_relaxed")
        return Result(
            tidy(table, analysis="arm_comparison", population=inputs.population),
            _settings(options, score, failed),
        )


def _all_ways(
    people: pl.DataFrame, score: Propensity, options: Options
) -> tuple[list[pl.DataFrame], list[pl.DataFrame], dict[str, RweError]]:
    """Return the estimates as it is and by each way, what they rest on, and why a way failed."""
    compared = [_compared(people, options, None, "unadjusted")]
    resting = [overlap_rows(score), balance_rows(score, None, "unadjusted")]
    failed: dict[str, RweError] = {}
    for way in options.ways:
        try:
            estimates, rests = _made_alike(people, score, options, way)
        except RweError as problem:
            failed[way.name] = problem
            estimates, rests = _nothing(way), []
        compared.append(estimates)
        resting += rests
    return compared, resting, failed


def _settings(options: Options, score: Propensity, failed: Mapping[str, RweError]) -> dict[str, Any]:
    ways = [
        {"name": way.name, "title": way.title.model_dump(), "kind": _kind(way), "of": getattr(way, _kind(way))}
        for way in options.ways
    ]
    named = {"treatment": options.treatment, "treated": options.treated, "control": options.control}
    how = {"score": options.score, "covariates": [*options.covariates], "conf_level": options.conf_level}
    asked = {"endpoint": options.endpoint, "tau": options.tau, "milestones": [*options.milestones]}
    why = {name: without_counts(problem) for name, problem in failed.items()}
    codes = {name: problem.exit_code for name, problem in failed.items()}
    rest = {"ways": ways, "failed": why, "failed_codes": codes, "propensity": dict(score.settings)}
    return named | how | asked | rest | said(options.misclassified)


def _kind(way: Way) -> str:
    return next(kind for kind in KINDS if getattr(way, kind) is not None)


def _nothing(way: Way) -> pl.DataFrame:
    return pl.DataFrame({"stratum": [way.name], "group": ["difference"], "estimand": ["hazard_ratio"]})


def _made_alike(
    people: pl.DataFrame, score: Propensity, options: Options, way: Way
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the estimates of a way, and what they rest on."""
    if way.standardise:
        return _standardised(people, options, way), []
    found = _weighted(score, way) if way.weights else _matched(score, way)
    rests = [balance_rows(score, found.weights, way.name)]
    rests += [weight_rows(found.weights, way.name)] if way.weights else []  # of a match all weigh about the same
    return _compared(people, options, found, way.name), rests


def _weighted(score: Propensity, way: Way) -> Weighted:
    assert way.weights is not None, "asked where weights are"
    return rwe.compare.weight(
        score, estimand=way.weights, trim=way.trim, stabilised=way.stabilised, truncate=way.truncate
    )


def _matched(score: Propensity, way: Way) -> Matched:
    assert way.matching is not None, "asked where matching is"
    return rwe.compare.match(
        score, method=way.matching, caliper=way.caliper, ratio=way.ratio, replacement=way.replacement
    )


def _standardised(people: pl.DataFrame, options: Options, way: Way) -> pl.DataFrame:
    """Return survival of either arm had everybody been in it, by a model an arm, with bootstrap errors."""
    day, event = f"{options.endpoint}_days", f"{options.endpoint}_event"
    found = rwe.compare.standardise(
        people, covariates=options.covariates, model="cox", time=day, event=event, treatment="_treated",
        to="treated" if way.standardise == "treated" else None, milestones=options.milestones,
        replicates=way.replicates, seed=way.seed, conf_level=options.conf_level,
    ).table  # fmt: skip
    sizes = people.group_by("_treated").agg(n=pl.len(), n_event=pl.col(event).cast(pl.Int64).sum())
    arm = pl.when(pl.col("_treated") == 1).then(pl.lit("treated")).otherwise(pl.lit("control"))
    least = sizes.sort("n_event").head(1).select("n", "n_event", group=pl.lit("difference"))
    both = pl.concat([sizes.select("n", "n_event", group=arm), least], how="vertical_relaxed")
    return found.join(both, on="group").with_columns(stratum=pl.lit(way.name), estimand=pl.lit("milestone"))


def _compared(people: pl.DataFrame, options: Options, weights: Any, stratum: str) -> pl.DataFrame:
    return rwe.compare.arms(
        people, time=f"{options.endpoint}_days", event=f"{options.endpoint}_event", treatment="_treated",
        weights=weights, milestones=options.milestones, tau=options.tau, conf_level=options.conf_level,
        stratum=stratum,
    ).table.select(pl.exclude("analysis", "population"))  # fmt: skip


ANALYSIS = ArmComparison()
