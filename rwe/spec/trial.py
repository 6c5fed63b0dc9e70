# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A published trial as data: arms, margins, curves, criteria; what the source lacks says `unknown`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from rwe.errors import DefinitionError
from rwe.spec.base import Flag, Int, Name, Part, Real, Text, placed, read
from rwe.spec.trial_checks import faults


def _known(value: Any) -> Any:
    """Read the word `unknown` as None; an empty value is a slip, not a statement."""
    if value is None:
        raise ValueError("empty; write the word unknown if the source does not say")
    return None if value == "unknown" else value


Count = Annotated[Int, Field(ge=0)]
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
    """How many patients an arm has."""

    n: Annotated[Int, Field(gt=0)]


class Margin(Part):
    """The distribution of one baseline variable, by arm: one count a level, None where unknown.

    `cuts` are inclusive upper bounds: with cuts 45 and 60 the levels are <=45, 46-60, >60.
    """

    variable: Name
    levels: tuple[str, ...] = Field(min_length=2)
    cuts: tuple[Real, ...] = ()
    n: dict[Name, Annotated[tuple[Count, ...] | None, BeforeValidator(_known)]]

    @model_validator(mode="after")
    def _one_more(self) -> Margin:
        if self.cuts and len(self.levels) != len(self.cuts) + 1:
            raise ValueError("needs one level more than it has cuts")
        return self


class Curve(Part):
    """One arm's Kaplan-Meier curve of one endpoint.

    `curve` holds (day, survival from that day on); `at_risk` (day, patients observed to that day
    or longer); `events` (day, events up to and on that day); `median` days, None where unknown.
    """

    n: Count
    n_event: Count
    median: Annotated[Real | None, BeforeValidator(_known)]
    curve: tuple[tuple[Day, Annotated[Real, Field(ge=0, le=1)]], ...] = Field(min_length=1)
    at_risk: Steps = ()
    events: Steps = ()


class Endpoint(Part):
    """An endpoint of the trial, or the reason why it has none of that name."""

    available: Flag = True
    title: Text
    definition: Text | None = None
    reason: Text | None = None
    arms: dict[Name, Curve] = Field(default_factory=dict)

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
    """The whole trial file."""

    trial: Name
    title: Text
    citation: str
    version: str
    checked_by: str
    individual: Individual | None = None
    arms: dict[Name, Size] = Field(min_length=1)
    margins: tuple[Margin, ...]
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    criteria: tuple[Criterion, ...]


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
