# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A published trial as data: arms, margins, curves, criteria; what the source lacks says `unknown`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from rwe.errors import DefinitionError
from rwe.spec import population
from rwe.spec.base import Flag, Int, Name, Part, Real, Text, placed, read
from rwe.spec.trial_checks import faults
from rwe.spec.trial_published import Count, Digitised, HazardRatio, Interval, Joint, Known, Numbers, Rate, Share

Day = Annotated[Int, Field(ge=0)]
Steps = tuple[tuple[Day, Count], ...]


class Column(Part):
    """How a column of the individual data becomes a baseline variable.

    `levels` names coded values; `cuts` are inclusive upper bounds that class a number into
    `labels`; with neither the number stands as it is.
    """

    column: str
    levels: dict[str, str] = Field(default_factory=dict)
    cuts: tuple[Real, ...] = ()
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Column:
        if self.levels and self.cuts:
            raise ValueError("has both levels and cuts; keep one")
        if len(self.labels) != (len(self.cuts) + 1 if self.cuts else 0):
            raise ValueError("needs one label more than it has cuts")
        return self

    def names(self) -> tuple[str, ...]:
        """Return the names of the levels, empty for a plain number."""
        return self.labels or tuple(self.levels)


class Arm(Part):
    """The column that tells the arms apart, and its value for each."""

    column: str
    levels: dict[Name, str] = Field(min_length=1)


class Clock(Part):
    """The columns of an endpoint: days to the event or to censoring, and 1 for an event."""

    days: str
    event: str


class Individual(Part):
    """Patient-level data of the trial, where they are public."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    arm: Arm
    columns: dict[Name, Column]
    endpoints: dict[Name, Clock]


class Size(Part):
    """How many patients an arm has, and what the publication calls it, where its name here does not tell."""

    n: Annotated[Int, Field(gt=0)]
    label: str = ""


class Margin(Part):
    """The distribution of one baseline variable by arm, None where unknown: counts `n`, or `proportions`.

    One figure a level. `of` says in how many patients of an arm the variable is known, where not in all.
    `cuts` are inclusive upper bounds: with cuts 45 and 60 the levels are <=45, 46-60, >60.
    """

    variable: Name
    levels: tuple[str, ...] = Field(min_length=2)
    cuts: tuple[Real, ...] = ()
    n: dict[Name, Known[tuple[Count, ...]]] = Field(default_factory=dict)
    proportions: dict[Name, Known[tuple[Share, ...]]] = Field(default_factory=dict)
    of: dict[Name, Count] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_more(self) -> Margin:
        if self.cuts and len(self.levels) != len(self.cuts) + 1:
            raise ValueError("needs one level more than it has cuts")
        if bool(self.n) == bool(self.proportions):
            raise ValueError("needs n or proportions by arm, not both")
        return self


class Curve(Part):
    """One arm's Kaplan-Meier curve of one endpoint: as its steps by day, or as clicked on the figure.

    `curve` holds (day, survival from that day on); `at_risk` (day, patients observed to that day
    or longer); `events` (day, events up to and on that day); `median` and its interval days, None
    where unknown.
    """

    n: Count
    n_event: Known[Count]
    median: Known[Real]
    median_interval: Known[Interval] = None
    curve: tuple[tuple[Day, Annotated[Real, Field(ge=0, le=1)]], ...] = ()
    at_risk: Steps = ()
    events: Steps = ()
    digitised: Digitised | None = None

    @model_validator(mode="after")
    def _drawn(self) -> Curve:
        if bool(self.curve) == (self.digitised is not None):
            raise ValueError("needs a curve by day or a digitised one, not both")
        if self.digitised and (self.at_risk or self.events):
            raise ValueError("what is printed under a digitised curve stands in digitised, in its unit")
        return self


class Endpoint(Part):
    """An endpoint of the trial, or the reason why it has none of that name."""

    available: Flag = True
    title: Text
    definition: Text | None = None
    reason: Text | None = None
    assessment: Known[Text] = None
    arms: dict[Name, Curve] = Field(default_factory=dict)
    hazard_ratios: tuple[HazardRatio, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Endpoint:
        if self.available and not (self.definition and self.arms):
            raise ValueError("needs a definition and arms; or say available: false with a reason")
        if not self.available and (self.reason is None or self.arms):
            raise ValueError("is not available: needs a reason and no arms")
        return self


class Criterion(Part):
    """A criterion of the trial, and whether the records can express it; the reason if not."""

    name: Name
    text: Text
    expressible: Flag
    reason: Text | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> Criterion:
        if not self.expressible and self.reason is None:
            raise ValueError("is not expressible: needs a reason")
        return self


class TrialFile(Part):
    """The whole trial file.

    `origin` says where the figures were taken from if not from the publication cited; `checked_by` stays empty
    until a person has held them against it. `eligibility` are criteria that the cohort code can run.
    """

    trial: Name
    title: Text
    citation: str
    origin: str = ""
    version: str
    checked_by: str
    individual: Individual | None = None
    arms: dict[Name, Size] = Field(min_length=1)
    margins: tuple[Margin, ...]
    numbers: tuple[Numbers, ...] = ()
    joint: tuple[Joint, ...] = ()
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    rates: dict[Name, Known[Rate]] = Field(default_factory=dict)
    criteria: Known[tuple[Criterion, ...]]
    eligibility: Known[tuple[population.Criterion, ...]] = None

    @field_validator("eligibility")
    @classmethod
    def _names_once(cls, value: tuple[population.Criterion, ...] | None) -> tuple[population.Criterion, ...] | None:
        return value and population.once(value)


def load_trial_file(path: Path) -> TrialFile:
    """Read a trial file and hold it against itself and against its individual data.

    Parameters
    ----------
    path
        The YAML file.

    Returns
    -------
    TrialFile
        Frozen; ``unknown`` has become None.

    Raises
    ------
    DefinitionError
        With all faults at once: of the grammar, or, once that holds, of the figures (numbers at risk
        that rise, a curve that rises, events that fall, margins that do not add up to their arm, a
        checksum, level or column that the individual data do not have).
    """
    trial = read(path, TrialFile)
    if found := list(faults(trial, path)):
        raise DefinitionError(placed(path, found))
    return trial
