# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves and uncertain parameters of a price file: where each comes from, and how far it is known."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from rwe.spec.base import Int, Name, Part, Real

Number = Real  # money and utilities of a model are estimates, not sums owed
Amount = Number | Name  # a number, or the name of a parameter
Per = Literal["day", "week", "month", "year", "cycle"]
Unit = Literal["day", "week", "month", "year"]
Family = Literal["exp", "weibull", "weibull_ph", "gompertz", "llogis", "lnorm", "gamma", "gengamma", "genf"]


def one_of(part: Part, names: tuple[str, ...]) -> None:
    """Refuse a part that has none or several of the keys that exclude each other."""
    given = [name for name in names if getattr(part, name.replace("-", "_")) is not None]
    if len(given) != 1:
        raise ValueError(f"needs exactly one of {', '.join(names)}; has {', '.join(given) or 'none'}")


class Between(Part):
    """Rows whose number lies above one bound, or up to another."""

    above: Number | None = None
    upto: Number | None = None


class Shape(Part):
    """What is fitted: a family, or a spline with inner `knots` on a `scale`; with `cure` a share never fails."""

    family: Family | Literal["spline"]
    knots: Annotated[Int, Field(ge=0, le=9)] = 2
    scale: Literal["hazard", "odds", "normal"] = "hazard"
    cure: Literal["mixture", "non_mixture"] | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Shape:
        odd = {"cure"} if self.family == "spline" else {"knots", "scale"}
        if given := sorted(odd & self.model_fields_set):
            raise ValueError(f"{', '.join(given)} does not belong to '{self.family}'")
        return self


class Fit(Shape):
    """A curve fitted to patients of a file, csv or parquet (a run's `3-select/subjects.parquet`), as `where` says."""

    file: str
    time: str
    event: str
    where: dict[str, str | int | Between] = Field(default_factory=dict)
    unit: Unit = "day"


class Published(Part):
    """A family with the parameters of a publication; `covariance` is on their links, in the family's order."""

    family: Family
    parameters: dict[str, Number]
    covariance: tuple[tuple[Number, ...], ...] | None = None
    unit: Unit = "day"
    source: str = ""


class OfTrial(Shape):
    """A curve fitted to patients of an arm of a trial file, its own or reconstructed ones."""

    file: str
    endpoint: Name
    arm: Name = "all"


class Scaled(Part):
    """A curve whose hazard is another's times a ratio, which may fade to 1 between two days (`wanes`)."""

    of: Name
    hazard_ratio: Amount
    wanes: tuple[Number, Number] | None = None

    @model_validator(mode="after")
    def _forward(self) -> Scaled:
        if self.wanes is not None and not 0 <= self.wanes[0] <= self.wanes[1]:
            raise ValueError("wanes from a day, 0 or later, to that day or a later one")
        return self


class Curve(Part):
    """Where a curve comes from: one of the four."""

    fit: Fit | None = None
    published: Published | None = None
    trial: OfTrial | None = None
    scaled: Scaled | None = None

    @model_validator(mode="after")
    def _one(self) -> Curve:
        one_of(self, ("fit", "published", "trial", "scaled"))
        return self


class ByError(Part):
    """A number with its standard error."""

    shape: Literal["normal", "lognormal", "gamma", "beta"]
    mean: Number
    se: Number
    source: str = ""


class ByLimits(Part):
    """A ratio with its 95 % limits."""

    ratio: Number
    low: Number
    high: Number
    source: str = ""


class ByCounts(Part):
    """Probabilities as counted; they are called `name.1`, `name.2` ..."""

    counts: tuple[Annotated[float, Field(ge=0)], ...]
    source: str = ""


def _kind(value: Any) -> str:
    """Tell a parameter by its own key, so that faults are told of the kind that was meant and of no other."""
    keys = value if isinstance(value, dict) else ()
    return "counts" if "counts" in keys else "limits" if "ratio" in keys else "error"


Parameter = Annotated[
    Annotated[ByError, Tag("error")] | Annotated[ByLimits, Tag("limits")] | Annotated[ByCounts, Tag("counts")],
    Discriminator(_kind),
]


class Correlation(Part):
    """How two parameters move together."""

    between: tuple[Name, Name]
    value: Number
