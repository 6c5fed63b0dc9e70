# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Example patients of a study, as rows a person can read, and what must become of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from rwe.spec.base import Int, Part

Value = int | float | str
Known = bool | date | int | float | str | None


def _row(value: Any) -> Any:
    """Return a row ``[record, day, value, until]`` by the names of its places."""
    places = ("record", "day", "value", "until")
    return dict(zip(places, value, strict=False)) if isinstance(value, list) and len(value) <= len(places) else value


class ExampleRecord(Part):
    """One record: what the study calls it, its day, a number or the name of a level, the last day of an exposure.

    The number of an exposure is its quantity.
    """

    record: str
    day: date
    value: Value | None = None
    until: date | None = None


class Expected(Part):
    """What becomes of a patient: no index date where there is no index record; columns by name, as in the cohort."""

    index_date: date | None
    populations: tuple[str, ...] = ()
    values: dict[str, Known] = Field(default_factory=dict)


class Example(Part):
    """One patient: year of birth, spans of observation, records, and the expected answer.

    `insured` are periods of insurance, each with the concept of why it stopped where that is told.
    """

    born: Int
    observed: tuple[tuple[date, date], ...]
    insured: tuple[tuple[date, date] | tuple[date, date, Int], ...] = ()
    records: tuple[Annotated[ExampleRecord, BeforeValidator(_row)], ...]
    expect: Expected


class Examples(Part):
    """The whole file."""

    patients: dict[str, Example] = Field(min_length=1)
