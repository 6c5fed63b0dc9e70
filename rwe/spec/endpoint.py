# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of people: time to an event, the way between two days, a response, the change of a number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rwe.spec.base import Day, Int, Name, Part, Text
from rwe.spec.population import ENDED, Window

OWN_REASONS = ("event", "death", "horizon", "last_check", "end_of_data", "lost", ENDED)


class Stop(Part):
    """The end of exposure: the last day of exposures that follow each other within `gap` days, and `gap` days more.

    The run begins with the first exposure on or after the index date; exposures of days that follow each other are
    one run. The day is that on which the gap is over, which is known then; it is an event only where the person was
    followed so far.
    """

    of: tuple[Name, ...] = Field(min_length=1)
    gap: Day


class Endpoint(Part):
    """Time from index to the first of `events`, else to the last day known without one.

    ``last_seen`` is the last day the person was known alive; a record name is the last such record
    (a recurrence check). `after_check` says what a death later than the last check counts as when
    no other event came first: ``event`` at its date, or ``censor`` at the check.

    Parameters
    ----------
    stops
        Discontinuation as an event beside `events`.
    since
        First day from index on which a record other than a death counts. Without it a record before
        the index date makes the person ineligible; with it such records are passed over.
    censor
        Records that end follow-up, by the reason given for it (``{switch: [other_drug]}``).
    until
        Last day of follow-up (the horizon).

    Death that is no event of the endpoint ends follow-up with the reason ``death``.
    """

    title: Text
    definition: Text
    events: tuple[Name, ...] = ()
    stops: Stop | None = None
    since: Int | None = None
    check: Name | None = None
    after_check: Literal["event", "censor"] = "event"
    censor: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    until: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Endpoint:
        if self.after_check == "censor" and self.check is None:
            raise ValueError("after_check: censor needs the check record it censors at")
        if not self.events and self.stops is None:
            raise ValueError("needs events, stops, or both")
        if taken := sorted(set(self.censor) & set(OWN_REASONS)):
            raise ValueError(f"censor: {', '.join(taken)} is a reason of the engine's own; give another name")
        return self


class Interval(Part):
    """A stretch of the pathway: from the first of some records to the first of others on that day or later.

    Who has none of the latter leaves at death, at the data cut, or where lost.
    """

    title: Text
    start: tuple[Name, ...] = Field(min_length=1)
    end: tuple[Name, ...] = Field(min_length=1)


class Response(Part):
    """The best of the graded assessments within `window` days from index; nobody assessed is no responder.

    Parameters
    ----------
    levels
        The concepts of each level, best first.
    responders
        The levels that count.
    lasting
        Day from index on or after which an assessment must be of this level or better for it to count
        (clinical benefit: stable disease for 168 days).
    until
        Assessments after the first of these records, from index on, are not looked at.
    """

    kind: Literal["response"]
    title: Text
    record: Name
    window: Window
    levels: dict[str, tuple[Int, ...]] = Field(min_length=1)
    responders: tuple[str, ...] = Field(min_length=1)
    lasting: dict[str, Day] = Field(default_factory=dict)
    until: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _levels_known(self) -> Response:
        if odd := sorted({*self.responders, *self.lasting} - set(self.levels)):
            raise ValueError(f"no such level: {', '.join(odd)}; levels are {', '.join(self.levels)}")
        if self.window[0] > self.window[1]:
            raise ValueError("window must run from the earlier to the later day")
        return self


class Change(Part):
    """The change of a number: the value nearest to day `at` in `window` minus the one nearest to index in `before`."""

    kind: Literal["change"]
    title: Text
    record: Name
    before: Window
    at: Int
    window: Window
    unit: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Change:
        if self.before[0] > self.before[1] or self.window[0] > self.window[1]:
            raise ValueError("a window must run from the earlier to the later day")
        if not self.window[0] <= self.at <= self.window[1]:
            raise ValueError("at lies outside its window")
        if self.window[0] <= self.before[1]:
            raise ValueError("the windows of the two values overlap: one value would be both")
        return self


Outcome = Annotated[Response | Change, Field(discriminator="kind")]
