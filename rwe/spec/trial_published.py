# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a publication prints of a trial beside its table of counts: drawn curves, ratios, rates, means, joint tables."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from rwe.spec.base import Int, Name, Part, Real, Text

Sort = TypeVar("Sort")


def _known(value: Any) -> Any:
    """Read the word `unknown` as None; an empty value is a slip, not a statement."""
    if value is None:
        raise ValueError("empty; write the word unknown if the source does not say")
    return None if value == "unknown" else value


Known = Annotated[Sort | None, BeforeValidator(_known)]
Count = Annotated[Int, Field(ge=0)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Interval = tuple[Real, Real]


class Digitised(Part):
    """One arm's curve as it was clicked on the figure: points here, or in a csv file with its checksum.

    The file has columns ``time`` and ``survival``; `rows` says which of its rows, by column. Times are in `unit`, of
    `points`, `at_risk`, `censored_at` (the marks, where all are drawn) and `end` (where the curve ends) alike.
    """

    unit: Literal["days", "weeks", "months", "years"]
    scale: Literal["proportion", "percent"]
    points: tuple[tuple[Real, Real], ...] = ()
    file: str | None = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    rows: dict[str, str] = Field(default_factory=dict)
    at_risk: tuple[tuple[Real, Count], ...] = ()
    censored_at: tuple[Real, ...] = ()
    end: Real | None = None
    assume: Literal["none", "heaviest"] | None = None
    despite: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Digitised:
        if bool(self.points) == bool(self.file):
            raise ValueError("needs points or a file of them, not both")
        if bool(self.file) != bool(self.sha256):
            raise ValueError("a file of points needs its sha256")
        return self


class HazardRatio(Part):
    """A published hazard ratio of one arm to another; the interval as printed, at `conf_level`."""

    of: Name
    versus: Name
    estimate: Known[Positive]
    interval: Known[Interval]
    conf_level: Annotated[Real, Field(gt=0, lt=1)] = 0.95


class ArmRate(Part):
    """How many of an arm responded: a count, or a proportion of `n`, with its interval."""

    n: Annotated[Int, Field(gt=0)]
    responders: Count | None = None
    proportion: Share | None = None
    interval: Known[Interval] = None

    @model_validator(mode="after")
    def _one_figure(self) -> ArmRate:
        if (self.responders is None) == (self.proportion is None):
            raise ValueError("needs responders or a proportion, not both")
        if self.responders is not None and self.responders > self.n:
            raise ValueError(f"{self.responders} responders among {self.n} patients")
        return self


class Rate(Part):
    """A rate of the trial (ORR, CBR) with its definition, by arm."""

    title: Text
    definition: Known[Text]
    assessment: Known[Text] = None
    arms: dict[Name, Known[ArmRate]] = Field(min_length=1)


class Figures(Part):
    """A number of an arm as printed: any of mean, SD, median, range and quartiles, in `n` patients."""

    n: Annotated[Int | None, Field(gt=0)] = None
    mean: Real | None = None
    sd: Positive | None = None
    median: Real | None = None
    range: Interval | None = None
    quartiles: Interval | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Figures:
        told = {"range": self.range, "quartiles": self.quartiles}
        if not any(value is not None for name, value in self if name != "n"):
            raise ValueError("tells nothing; write the word unknown for the arm")
        for name, pair in told.items():
            if pair and pair[0] > pair[1]:
                raise ValueError(f"{name} must run from the lower to the higher value")
            if pair and self.median is not None and not pair[0] <= self.median <= pair[1]:
                raise ValueError(f"the median {self.median:g} lies outside the {name}")
        return self


class Numbers(Part):
    """A baseline variable that is a number, by arm."""

    variable: Name
    unit: Text | None = None
    arms: dict[Name, Known[Figures]] = Field(min_length=1)


class Cell(Part):
    """A cell of a joint table: a level of each variable, and its patients."""

    levels: tuple[str, ...]
    n: Count


class Joint(Part):
    """The joint distribution of several variables, by arm."""

    variables: tuple[Name, ...] = Field(min_length=2)
    arms: dict[Name, Known[tuple[Cell, ...]]] = Field(min_length=1)

    @model_validator(mode="after")
    def _shaped(self) -> Joint:
        for arm, cells in self.arms.items():
            levels = [cell.levels for cell in cells or ()]
            if any(len(one) != len(self.variables) for one in levels):
                raise ValueError(f"arm {arm}: a cell needs one level of each of {', '.join(self.variables)}")
            if len(set(levels)) < len(levels):
                raise ValueError(f"arm {arm}: a cell stands twice")
        return self
