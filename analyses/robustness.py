# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far a comparison with the trial is to be trusted: other choices, each hospital, what nobody measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.alignment import Alignment, align, trial_of
from analyses.robustness_bias import Bias, Lost, biased, lost
from analyses.robustness_runs import Runs
from rwe.errors import NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result, tidy
from rwe.spec.base import Day, Flag, Int, Name, Part, Real, Text
from rwe.spec.names import ArmName, EndpointName, TrialEndpointName, VariableName

RARE = 0.15  # share with the event below which a hazard ratio is taken as a risk ratio


class Confounder(Part):
    """What nobody measured: its share in the trial, how much more of practice has it, its ratio with the outcome."""

    prevalence: Real = Field(default=0.2, ge=0, le=1)
    prevalence_difference: tuple[Real, ...] = Field(min_length=1)
    ratio: tuple[Annotated[Real, Field(gt=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if any(not 0 <= self.prevalence + more <= 1 for more in self.prevalence_difference):
            raise ValueError("prevalence and prevalence_difference add up to a share from 0 to 1")
        return self


class Change(Part):
    """A run listed beforehand: what it changes of the comparison; `margins` replace the optional ones too."""

    name: Name
    title: Text
    arm: ArmName | None = None
    method: Literal["raking", "maic", "entropy"] | None = None
    margins: tuple[VariableName, ...] | None = Field(default=None, min_length=1)
    endpoint: EndpointName | None = None
    trial_endpoint: TrialEndpointName | None = None
    tau: Day | None = None


class Options(Alignment):
    """The comparison, and what is asked of it.

    A hospital stands alone from `min_events` events on: 13 is what the door shows.
    """

    endpoint: EndpointName
    trial_endpoint: TrialEndpointName | None = None
    tau: Day = 1826
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    e_value: Flag = False
    leave_one_hospital_out: Flag = False
    min_events: Int = Field(default=13, ge=1)
    tipping: Confounder | None = None
    censoring: Lost | None = None
    bias: Bias | None = None
    grid: tuple[Change, ...] = ()


class Robustness:
    """One comparison, and what would change it."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Compare as planned, then do all that was listed; a run that fails stands there with its reason."""
        runs = Runs()
        main = _compared(inputs, inputs.people, options)
        parts = [runs.told(main, "main")]
        if options.e_value:
            parts.append(_e_values(main))
        parts += [_changed(inputs, options, change, runs) for change in options.grid]
        if options.leave_one_hospital_out:
            parts += _hospitals(inputs, options, runs)
        if options.tipping:
            parts.append(_tipped(main, options.tipping))
        parts += _doubted(inputs, options, main, runs)
        labels = {"analysis": "robustness", "population": inputs.population, "outcome": options.endpoint}
        table = tidy(pl.concat(parts, how="diagonal_relaxed"), **labels)
        return Result(
            table, _settings(inputs, options) | {"failed": runs.failed, "failed_codes": runs.codes, "notes": runs.notes}
        )


def _settings(inputs: Inputs, options: Options) -> dict[str, Any]:
    trial = trial_of(inputs, options, "robustness")
    runs = [{"name": change.name, "title": change.title.model_dump()} for change in options.grid]
    how = {"method_of_weights": options.method, "conf_level": options.conf_level, "tau": options.tau}
    doubts = options.model_dump(include={"censoring", "bias"}, exclude_none=True, mode="json")
    return {"trial": trial.name, "arm": options.arm, "runs": runs, "min_events": options.min_events, **how, **doubts}


def _compared(inputs: Inputs, people: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return hazard ratio and difference of restricted means after weighting; persons and events are of practice."""
    trial = trial_of(inputs, options, "robustness")
    aligned = align(people, trial, options)
    found = rwe.compare.contrast(
        aligned.people,
        trial,
        endpoint=options.endpoint,
        trial_endpoint=options.trial_endpoint,
        weights=aligned.raked,
        arm=options.arm,
        milestones=(options.tau,),
        tau=options.tau,
        conf_level=options.conf_level,
    )
    rows = found.table.filter(pl.col("estimand").is_in(["hazard_ratio", "rmst"]), group="difference")
    if rows.filter(estimand="hazard_ratio")["estimate"].null_count():
        raise NoValidAnswer(next(note for note in found.settings["notes"] if note.startswith("no hazard ratio")))
    return rows.select(pl.exclude("analysis", "population", "group", "stratum", "outcome"))


def _changed(inputs: Inputs, options: Options, change: Change, runs: Runs) -> pl.DataFrame:
    asked = change.model_dump(exclude={"name", "title"}, exclude_none=True)
    asked |= {"optional_margins": ()} if change.margins else {}
    other = options.model_copy(update=asked)
    return runs.attempt(lambda: _compared(inputs, inputs.people, other), "grid", change.name)


def _doubted(inputs: Inputs, options: Options, main: pl.DataFrame, runs: Runs) -> Iterator[pl.DataFrame]:
    """Yield what becomes of the ratio if those who left were others, and if what is on record is wrong."""
    row = main.row(by_predicate=pl.col("estimand") == "hazard_ratio", named=True)
    trial = trial_of(inputs, options, "robustness")
    aligned = align(inputs.people, trial, options)
    size = {"n": row["n"], "n_event": row["n_event"]}
    published = options.trial_endpoint or options.endpoint
    if (asked := options.censoring) is not None:
        how = (aligned, trial, options.endpoint, published, options.arm, options.tau, options.conf_level)
        yield runs.kept(lambda: lost(*how, asked), "censoring")
    if (wrong := options.bias) is not None:
        told = (row, aligned, options.endpoint, options.tau, options.conf_level)
        yield runs.kept(lambda: biased(*told, wrong), "bias", **size)


def _e_values(main: pl.DataFrame) -> pl.DataFrame:
    row = main.row(by_predicate=pl.col("estimand") == "hazard_ratio", named=True)
    rare = row["n_event"] < RARE * row["n"]
    found = rwe.compare.e_value(row["estimate"], row["conf_low"], row["conf_high"], measure="hr", rare=rare)
    return _resting_on(row, found.to_result().table.select("estimand", "estimate"), "e_value")


def _tipped(main: pl.DataFrame, asked: Confounder) -> pl.DataFrame:
    """Return the ratio without each confounder, and how strong one must be for the limit to reach no difference."""
    row = main.row(by_predicate=pl.col("estimand") == "hazard_ratio", named=True)
    shares = [asked.prevalence, *(round(asked.prevalence + more, 10) for more in asked.prevalence_difference)]
    found = rwe.compare.tipping_point(
        row["estimate"], row["conf_low"], row["conf_high"], prevalences=shares, strengths=asked.ratio
    )
    pair = (pl.col("prevalence"), pl.col("prevalence_0"))
    ratios = found.table.filter(prevalence_0=asked.prevalence).select(
        "conf_low", "conf_high", estimand=pl.lit("hazard_ratio"), estimate="ratio",
        group=pl.format("{}:{}:{}", *pair, "strength"),
    )  # fmt: skip
    tips = found.tips.filter(prevalence_0=asked.prevalence).select(
        estimand=pl.lit("tipping_strength"), estimate="limit_tips", group=pl.format("{}:{}", *pair)
    )
    return _resting_on(row, pl.concat([ratios, tips], how="diagonal"), "confounder")


def _resting_on(row: Mapping[str, Any], table: pl.DataFrame, stratum: str) -> pl.DataFrame:
    """Add the persons of the comparison, so that what is computed from a masked one is masked with it."""
    return table.with_columns(pl.lit(stratum).alias("stratum"), n=pl.lit(row["n"]), n_event=pl.lit(row["n_event"]))


def _hospitals(inputs: Inputs, options: Options, runs: Runs) -> list[pl.DataFrame]:
    people = inputs.people
    sites = people["site"].unique().sort().to_list()
    if len(sites) < 2:
        runs.notes.append("one hospital: none can be left out")
        return []
    parts = [part for site in sites for part in _hospital(inputs, options, runs, str(site))]
    alone = pl.concat(parts, how="diagonal_relaxed").filter(stratum="alone", estimand="hazard_ratio")
    return [*parts, *_pooled(alone.drop_nulls("estimate"), options.conf_level, runs)]


def _hospital(inputs: Inputs, options: Options, runs: Runs, site: str) -> Iterator[pl.DataFrame]:
    """Yield a hospital alone and all without it; either rests on its persons, so that few of them mask both."""
    here = pl.col("site") == site
    own, rest = inputs.people.filter(here), inputs.people.filter(~here)
    size = {"n": own.height, "n_event": int(own[f"{options.endpoint}_event"].sum())}
    if size["n_event"] >= options.min_events:
        yield runs.attempt(lambda: _compared(inputs, own, options), "alone", site, **size)
    else:
        yield runs.failing("alone", site, f"fewer than {options.min_events} events", **size)
    yield runs.attempt(lambda: _compared(inputs, rest, options), "without", site, **size)


def _pooled(alone: pl.DataFrame, conf_level: float, runs: Runs) -> list[pl.DataFrame]:
    if alone.height < 2:
        runs.notes.append("fewer than two hospitals have a hazard ratio of their own: nothing to pool")
        return []
    found = rwe.compare.pool(
        [math.log(ratio) for ratio in alone["estimate"]], alone["std_error"].to_list(), conf_level=conf_level
    )
    runs.notes.extend(found.notes)
    limits = {"conf_low": math.exp(found.conf_low), "conf_high": math.exp(found.conf_high)}
    rows: list[dict[str, Any]] = [
        {"estimand": "hazard_ratio", "estimate": math.exp(found.estimate), "p_value": found.p_value, **limits},
        {"estimand": "i2", "estimate": found.i2, "statistic": found.q, "p_value": found.q_p_value},
    ]
    if found.pred_low is not None and found.pred_high is not None:
        ends = {"conf_low": math.exp(found.pred_low), "conf_high": math.exp(found.pred_high)}
        rows.append({"estimand": "prediction", "estimate": math.exp(found.estimate), **ends})
    whole = {"n": int(alone["n"].sum()), "n_event": int(alone["n_event"].sum())}
    return [_resting_on(whole, pl.DataFrame(rows, infer_schema_length=None), "pooled")]


ANALYSIS = Robustness()
