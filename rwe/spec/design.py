# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Payment schemes to be compared before they are signed: who would be treated, what may be true, which contracts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from rwe.spec.agreement_words import Failure, Positive, filled
from rwe.spec.base import Day, Int, Name, Part, Real, Text, read

Count = Annotated[Int, Field(ge=1)]
Share = Annotated[Real, Field(ge=0, le=1)]


class Dosing(Part):
    """Doses of a patient: so many units in cycles of so many days, until failure or the last that is planned."""

    every_days: Count
    units: Positive
    doses: Count


class Late(Part):
    """A share of patients whose assessments, and failures, are seen so many days late."""

    share: Share
    days: Day


class Point(Part):
    """Share free of failure on a day."""

    day: Day
    survival: Share


class Truth(Part):
    """How failures may come: by a median with a shape (Weibull), or by points of a curve with constant hazards between.

    Beyond the last point nobody fails.
    """

    name: Name
    title: Text
    median_days: Annotated[Real, Field(gt=0)] | None = None
    shape: Annotated[Real, Field(gt=0)] = 1.0
    points: tuple[Point, ...] = ()

    @field_validator("points")
    @classmethod
    def _falls(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        if any(b.day <= a.day or b.survival > a.survival for a, b in pairwise(points)):
            raise ValueError("days must ascend and survival must not")
        return points

    @model_validator(mode="after")
    def _one_way(self) -> Truth:
        if (self.median_days is None) == (not self.points):
            raise ValueError("give median_days or points")
        return self


class Scheme(Part):
    """A contract to be compared; `agreement` is the path of its file from this one."""

    name: Name
    title: Text
    agreement: str


class EvidenceToCome(Part):
    """What is known of the net benefit of a patient, in money, and what evidence would add.

    `evidence_sd` is the standard error that the evidence would have alone; `patients_now` are treated until it is
    there, `patients_later` afterwards; `cost` is that of collecting it.
    """

    net_benefit: Real
    net_benefit_sd: Annotated[Real, Field(gt=0)]
    evidence_sd: Annotated[Real, Field(ge=0)]
    patients_now: Annotated[Int, Field(ge=0)]
    patients_later: Annotated[Int, Field(ge=0)]
    cost: Annotated[Real, Field(ge=0)] = 0.0


class Design(Part):
    """The whole file.

    Parameters
    ----------
    patients, accrual_days, cut_day
        How many begin, evenly over so many days from the start of each contract, and the day it is settled.
    result_day
        A patient free of failure on this day after the first dose has a result.
    truths
        The first is what was promised; power is that of telling the others from it.
    reference
        Scheme whose expected payback the others must come to for payer and company to be indifferent.
    alpha, power
        Of the one-sample log-rank test, two-sided.
    waiting
        Asks what it is worth to decide on evidence that is still to come.
    """

    title: Text
    note: Text | None = None
    patients: Count
    accrual_days: Count
    cut_day: Count
    result_day: Count
    dosing: Dosing
    event: Failure = "progression"
    late: Late | None = None
    truths: Annotated[tuple[Truth, ...], AfterValidator(filled)]
    schemes: Annotated[tuple[Scheme, ...], AfterValidator(filled)]
    reference: Name | None = None
    waiting: EvidenceToCome | None = None
    alpha: Annotated[Real, Field(gt=0, lt=1)] = 0.05
    power: Annotated[Real, Field(gt=0, lt=1)] = 0.8
    conf_level: Annotated[Real, Field(gt=0, lt=1)] = 0.9
    simulations: Annotated[Int, Field(ge=20)] = 200
    seed: Annotated[Int, Field(ge=0)] = 1

    @field_validator("truths", "schemes")
    @classmethod
    def _names_once(cls, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [part.name for part in parts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"name used twice: {', '.join(twice)}")
        return parts

    @model_validator(mode="after")
    def _known_reference(self) -> Design:
        if self.reference is not None and self.reference not in {scheme.name for scheme in self.schemes}:
            raise ValueError(f"reference '{self.reference}' is none of the schemes")
        if self.cut_day < self.accrual_days:
            raise ValueError("cut_day lies before the last patient begins")
        return self


def load_design(path: str | Path) -> Design:
    """Read a design file.

    Raises
    ------
    DefinitionError
        With all faults of the file at once, each with its place.
    """
    return read(Path(path), Design)
