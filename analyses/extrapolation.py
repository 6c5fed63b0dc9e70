# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Beyond the data: families of curves fitted to an endpoint, what each says of later years, and what is implausible."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.extrapolation_gain import compared
from analyses.extrapolation_hazard import smoothed
from rwe.errors import NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result, bind, tidy
from rwe.spec.base import Day, Int, Part, Real
from rwe.spec.families import FamilyName
from rwe.spec.names import EndpointName, FileName, VariableName
from rwe.survival.extrapolation import Extrapolation as Found

YEAR = 365.25
QUARTERS = 20  # told at the start
GRID = 30  # days: the last day is that of one person
YEAR_OF_AGE = 365.241  # days, as life tables count them
USUAL = (
    "exp", "weibull", "gompertz", "llogis", "lnorm", "gamma", "gengamma",
    "spline_hazard_1", "spline_hazard_2", "spline_odds_1", "spline_normal_1", "cure_weibull",
)  # fmt: skip


class LifeTable(Part):
    """A csv of the population: sex, year, age (in years, from 0), q (probability to die within the year of age).

    `sex` is a value of its column of sex that holds for all, or `sex_variable` a baseline variable with these values.
    """

    file: FileName
    age: VariableName
    sex: str | None = None
    sex_variable: VariableName | None = None

    @model_validator(mode="after")
    def _one_sex(self) -> Self:
        if (self.sex is None) == (self.sex_variable is None):
            raise ValueError("give sex, one value for all, or sex_variable, and not both")
        return self


class Wane(Part):
    """The level of `by` that is treated, and the days between which its effect fades."""

    treated: str
    begin: Day
    end: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.begin:
            raise ValueError("an effect wanes from begin to end, which comes no earlier")
        return self


class Options(Part):
    """Which families are fitted to an endpoint, and how population hazard enters.

    `nested` is an endpoint that never comes later than this one: its curves must lie below. `background` is as in
    `sv.extrapolate`. With `wane` the two levels of `by`, fitted apart, are compared: life-years gained, also if the
    effect fades.
    """

    endpoint: EndpointName
    nested: EndpointName | None = None
    by: VariableName | None = None
    families: tuple[FamilyName, ...] = Field(default=USUAL, min_length=1)
    landmarks: tuple[Day, ...] = (1826, 3652, 7305)
    horizon: Day = 14_610
    life_table: LifeTable | None = None
    background: Literal["none", "floor", "fit"] = "none"
    wane: Wane | None = None
    draws: Int = Field(default=1000, ge=100)
    seed: Int = Field(default=1, ge=0)
    conf_level: Real = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.background != "none" and self.life_table is None:
            raise ValueError("background needs a life_table")
        if self.wane and not self.by:
            raise ValueError("wane needs two groups: name a variable under by")
        if not self.landmarks or min(self.landmarks) < 1 or max(self.landmarks) >= self.horizon:
            raise ValueError("landmarks lie between day 1 and the horizon")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """What is read beside the study, for the manifest."""
        return (self.life_table.file,) if self.life_table else ()


class Extrapolation:
    """Each endpoint's families, whole and by the levels of one variable."""

    options = Options
    needs_trial = False

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Fit and compare in each group.

        Families and groups without an answer are named without their reasons, which hold counts of a few.
        """
        parts, empty = dict[str, Found](), dict[str, str]()
        for group, people in inputs.groups(options.by).items():
            try:
                parts[group] = _group(inputs, options, people)
            except NoValidAnswer as exc:
                empty[group] = str(exc)
        if not parts:
            raise NoValidAnswer(next(iter(empty.values())))
        failed = {group: [*one.failed] for group, one in parts.items() if one.failed}
        last = {group: round(one.asked.last / GRID) * GRID for group, one in parts.items()}
        labels: dict[str, Any] = {"population": inputs.population, "outcome": options.endpoint}
        found = bind([_told(one, group, labels) for group, one in parts.items()])
        if options.wane:
            rows = compared(parts, str(options.by), options.wane.treated, (options.wane.begin, options.wane.end))
            table = pl.concat([found.table, tidy(rows, analysis="extrapolation", **labels)])
            wane = {"wane": [options.wane.begin, options.wane.end]}
            found = Result(table, {**found.settings, **wane})
        own = {"landmarks": list(options.landmarks), "families": list(options.families), "by": options.by or ""}
        known = {"life_table": Path(options.life_table.file).name} if options.life_table else {}
        return Result(
            found.table, {**found.settings, **own, **known, "failed": failed, "last": last, "empty": [*empty]}
        )


def _group(inputs: Inputs, options: Options, people: pl.DataFrame) -> Found:
    """Return the families of a group, told at the landmarks and at enough days up to the last of them for a chart."""
    asked: dict[str, Any] = {
        "families": options.families, "entry": inputs.entry, "horizon": options.horizon, "seed": options.seed,
        "landmarks": sorted({*options.landmarks, *_drawn(options)}), "draws": options.draws,
        "background": options.background, "conf_level": options.conf_level,
    }  # fmt: skip
    if options.life_table:
        people = _placed(people, options.life_table)
        asked |= {"life_table": _read(options.life_table), "age": "_age", "sex": "_sex", "date": "index_date"}
    nested = None
    if options.nested:  # of which the curves alone are asked
        nested = rwe.survival.extrapolate(people, **_of(options.nested), **asked | {"draws": 2})
    return rwe.survival.extrapolate(people, **_of(options.endpoint), **asked, nested=nested)


def _told(found: Found, group: str, labels: dict[str, Any]) -> Result:
    """Return what is told of a group, with the curve as observed."""
    curve = found.observed.to_result(**labels).table.filter(estimand="survival")
    curve = curve.with_columns(analysis=pl.lit("extrapolation"), group=pl.lit(group))
    result = found.to_result(**labels, group=group)
    settings = {key: v for key, v in result.settings.items() if key not in ("failed", "last", "families")}
    hazard = smoothed(found, found.asked.landmarks, group, labels).table
    return Result(pl.concat([result.table, curve, hazard]), settings)


def _of(endpoint: str) -> dict[str, Any]:
    return {"time": f"{endpoint}_days", "event": f"{endpoint}_event"}


def _drawn(options: Options) -> list[int]:
    """Return quarters of the first five years, and years up to the last landmark: what a chart joins by lines."""
    last = int(max(options.landmarks) / YEAR + 0.5)
    return [round(YEAR * k / 4) for k in range(1, 4 * last + 1) if k <= QUARTERS or k % 4 == 0]


def _placed(people: pl.DataFrame, table: LifeTable) -> pl.DataFrame:
    """Place persons in the life table; of a birth only the year is known, so that ages are right to within one year."""
    sex = pl.lit(table.sex) if table.sex_variable is None else pl.col(table.sex_variable)
    return people.with_columns(_age=pl.col(table.age).cast(pl.Float64) * YEAR_OF_AGE, _sex=sex)


def _read(table: LifeTable) -> Any:
    """Return the life table: hazards a day from yearly probabilities, its last year for all that follow."""
    cells = pl.read_csv(table.file, schema_overrides={"sex": pl.String})
    daily = -(1 - pl.col("q")).log() / YEAR_OF_AGE
    return rwe.survival.life_table(
        cells.with_columns(hazard=daily), sex="sex", year="year", age="age", hazard="hazard", age_unit="years",
        outside="nearest",
    )  # fmt: skip


ANALYSIS = Extrapolation()
