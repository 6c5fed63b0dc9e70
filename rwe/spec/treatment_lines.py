# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What makes a line of therapy, and what else is said of a course: that it stopped, changed, began again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from rwe.spec.base import Day, Int, Name, Part

Names = Annotated[tuple[Name, ...], Field(min_length=1)]
REGIMEN = 32531  # OMOP: Treatment Regimen


class Maintenance(Part):
    """Medicines that go on with a line of which all of `after` were the regimen, however late they begin."""

    of: Names
    after: Names


class Regimen(Part):
    """A regimen by the medicines that it is made of, no more and no fewer, and its concept."""

    of: Names
    concept: Int


class Lines(Part):
    """Lines of therapy.

    A line begins with the first exposure that is in no line before. It goes on until the day on which a medicine
    begins that is not of it, or until a gap. A medicine that was never `gap` days away does not begin.

    Parameters
    ----------
    of
        The medicines that lines are made of; others are passed over.
    since, lead
        Count from the first record of this kind, `lead` days before it included; who has none has no line.
    window
        Last day from the start on which what begins is part of the regimen.
    addition
        Last day from the start on which what is added still belongs to the line; `window` where it is not given.
    gap
        A line is over when no medicine of it was taken for more days than this.
    restart
        Whether the same medicines after a gap are a new line or go on with it.
    substitutes
        Medicines of which one may take the place of another within a line.
    joins
        Medicines that never begin a line while another goes on.
    concept
        Concept of the episodes.
    """

    of: Names
    since: Name | None = None
    lead: Day = 0
    window: Day = 28
    addition: Day | None = None
    gap: Day = 90
    restart: Literal["new_line", "same_line"] = "new_line"
    substitutes: tuple[Names, ...] = ()
    joins: tuple[Name, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    regimens: dict[Name, Regimen] = Field(default_factory=dict)
    concept: Int = REGIMEN

    @property
    def added_until(self) -> int:
        """Last day from the start on which what is added still belongs to the line."""
        return self.window if self.addition is None else self.addition

    @model_validator(mode="after")
    def _in_order(self) -> Lines:
        if not self.window <= self.added_until <= self.gap:
            raise ValueError(
                "needs window <= addition <= gap: what is added later than the gap cannot belong to a line"
            )
        if self.lead and self.since is None:
            raise ValueError("lead are days before the first record of `since`; name that too")
        named = [name for group in self.substitutes for name in group]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(
                f"substitutes: {', '.join(twice)} stands twice; put all that replace each other in one group"
            )
        sets: dict[frozenset[str], str] = {}
        for name, regimen in self.regimens.items():
            if (other := sets.setdefault(frozenset(regimen.of), name)) != name:
                raise ValueError(f"regimens: {other} and {name} are made of the same medicines")
        return self

    def names(self) -> Iterable[str]:
        """Yield every medicine that the rules name beside `of`."""
        yield from (name for group in self.substitutes for name in group)
        yield from self.joins
        for rule in self.maintenance:
            yield from (*rule.of, *rule.after)
        for regimen in self.regimens.values():
            yield from regimen.of


class Discontinuation(Part):
    """None of `of` for `gap` days after the last day covered, known on that day to who was followed so far."""

    kind: Literal["discontinuation"]
    concept: Int
    of: Names
    gap: Day


class Switch(Part):
    """Any of `to` begun on or after the start of any of `from` and at most `within` days after its end.

    What it replaces ends at most `overlap` days after that day; else it is an addition.
    """

    model_config = ConfigDict(populate_by_name=True)
    kind: Literal["switch"]
    concept: Int
    left: Names = Field(alias="from")
    to: Names
    within: Day
    overlap: Day = 0

    @model_validator(mode="after")
    def _apart(self) -> Switch:
        if both := sorted({*self.left} & {*self.to}):
            raise ValueError(f"{', '.join(both)} stands in from and in to")
        return self


class Rechallenge(Part):
    """Any of `of` begun again after more than `gap` days without any of them."""

    kind: Literal["rechallenge"]
    concept: Int
    of: Names
    gap: Day


Change = Annotated[Discontinuation | Switch | Rechallenge, Field(discriminator="kind")]
