# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who is asked about: records by name, day zero, baseline variables, and criteria counted one by one."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from rwe.spec.base import Day, Flag, Int, Name, Part, Real, Text

Window = tuple[Int, Int]
OpenWindow = tuple[Int | None, Int | None]
Table = Literal[
    "condition_occurrence",
    "death",
    "dose_era",
    "drug_era",
    "drug_exposure",
    "episode",
    "measurement",
    "observation",
    "procedure_occurrence",
    "visit_occurrence",
]


MADE = ("drug_era", "dose_era")
EXPOSED = ("drug_exposure", *MADE)
ENDED = "insurance_end"


class Record(Part):
    """What the study calls a kind of record, in the terms of the common model; of a death the concepts are causes.

    With `descendants` the concepts below `concepts` count too: those that the vocabularies of the sites name, and
    those whose codes begin with theirs in a mapping that declares the levels of its codes. `numbers` are those of
    episodes: lines of therapy, for example. ``drug_era``, ``dose_era`` and lines are made by the rules under
    `treatment`; the number of a dose era is milligrams a day, that of an episode its own, its level the regimen.
    """

    table: Table
    concepts: tuple[Int, ...] = ()
    descendants: Flag = False
    numbers: tuple[Int, ...] = ()

    @model_validator(mode="after")
    def _numbered(self) -> Record:
        if self.numbers and self.table != "episode":
            raise ValueError("numbers are those of episodes; of other records none are known")
        return self


class Insurance(Part):
    """Follow-up is the time insured: who is not insured on the index date is left out, the end of insurance ends it.

    Parameters
    ----------
    gap
        Days without insurance that are passed over; a longer gap ends follow-up on the last day before it.
    reasons
        Names for concepts of why insurance stopped (``{emigrated: [...]}``), which become the reason for which
        follow-up ended; all others are ``insurance_end``.
    """

    gap: Day = 31
    reasons: dict[Name, tuple[Int, ...]] = Field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The reasons for which insurance ends follow-up."""
        return (*self.reasons, ENDED)

    @model_validator(mode="after")
    def _told_apart(self) -> Insurance:
        concepts = [concept for named in self.reasons.values() for concept in named]
        if twice := sorted({concept for concept in concepts if concepts.count(concept) > 1}):
            raise ValueError(f"reasons: concept {twice[0]} stands under two names")
        if ENDED in self.reasons:
            raise ValueError(f"reasons: {ENDED} is the name of all others; give another")
        return self


class Index(Part):
    """The day that starts a person's clock: the first such record in the period.

    `entry` is the day from which a person is at risk: the index date, or, with ``observation``, the later of it and
    the start of observation at the hospital of the index record (delayed entry). With `observed` only records count
    that lie in an observation period and have so many days of it before them.
    """

    record: Name
    start: date
    end: date
    entry: Literal["index", "observation"] = "index"
    observed: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Index:
        if self.end < self.start:
            raise ValueError("end lies before start")
        return self


class Variable(Part):
    """A baseline variable, read from records within `window` days around the index date.

    ``age`` is years from the year of birth; ``number`` the nearest numeric value; ``level`` the
    nearest coded value, named by `levels`; ``exists`` is ``yes`` where there is such a record and
    ``no`` where there is none. `cuts` are inclusive upper bounds that class a number for tables.
    """

    title: Text
    kind: Literal["age", "number", "level", "exists"]
    record: Name | None = None
    window: Window = (0, 0)
    levels: dict[str, tuple[Int, ...]] = Field(default_factory=dict)
    names: dict[str, Text] = Field(default_factory=dict)
    unit: Text | None = None
    cuts: tuple[Real, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Variable:
        if self.kind != "age" and self.record is None:
            raise ValueError("needs a record to be read from")
        if self.kind == "level" and not self.levels:
            raise ValueError("needs levels: the concepts that each level stands for")
        if self.window[0] > self.window[1]:
            raise ValueError("window must run from the earlier to the later day")
        return self


class Counted(Part):
    """How many records of some kinds lie within `window` days around the index date (null: no bound on that side).

    Days that bear a record are counted, since one event is often recorded twice; with ``count: records`` each record.
    A washout is ``{of: [...], window: [-365, -1], at_most: 0}``. With `observed` only those records count that lie in
    the observation that holds the index date.
    """

    of: tuple[Name, ...] = Field(min_length=1)
    window: OpenWindow
    at_least: Day | None = None
    at_most: Day | None = None
    count: Literal["days", "records"] = "days"
    observed: Flag = False

    @model_validator(mode="after")
    def _asks(self) -> Counted:
        low, high = self.window
        if low is not None and high is not None and low > high:
            raise ValueError("window must run from the earlier to the later day")
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least or at_most: how many records there must or may be")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most")
        return self


class Observed(Part):
    """One observation period that covers so many days before the index date and after it; death ends the latter."""

    before: Day = 0
    after: Day = 0


class Criterion(Part):
    """One line of eligibility, counted in the attrition."""

    name: Name
    title: Text
    known: tuple[Name, ...] = ()
    variable: Name | None = None
    at_least: Real | None = None
    at_most: Real | None = None
    one_of: tuple[str, ...] = ()
    min_follow_up: Int | None = Field(default=None, ge=0)
    records: Counted | None = None
    observed: Observed | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Criterion:
        bounds = self.at_least is not None or self.at_most is not None
        asked = [bool(self.known), bounds, bool(self.one_of), self.min_follow_up is not None]
        if sum(asked) + (self.records is not None) + (self.observed is not None) != 1:
            raise ValueError(
                "needs exactly one test: known, at_least/at_most, one_of, min_follow_up, records or observed"
            )
        if (bounds or self.one_of) and self.variable is None:
            raise ValueError("names no variable to test")
        return self


class Population(Part):
    """A named part of the eligible people: the criteria beyond the study's own."""

    title: Text
    criteria: tuple[Criterion, ...] = ()

    @field_validator("criteria")
    @classmethod
    def _names_once(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        return once(value)


def once(criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
    """Return criteria, none of whose names stands twice: each is a line of the attrition."""
    names = [criterion.name for criterion in criteria]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"criterion named twice: {', '.join(twice)}")
    return criteria
