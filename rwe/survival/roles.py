# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which column plays which part in a response."""

from __future__ import annotations

from dataclasses import dataclass

from rwe.survival.columns import apart, once


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the columns of a response, as `rwe.survival.data.respond` takes them, and its clock."""

    time: str
    event: str | None = None
    cause: str | None = None
    entry: str | None = None
    by: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    weights: str | None = None
    clock: str = "days"

    def __post_init__(self) -> None:
        apart(self.time, self.event, self.cause, self.entry)
        once(self.by)
        once(self.strata)

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        single = (self.time, self.event, self.cause, self.entry, self.weights)
        return [c for c in (*single, *self.by, *self.strata) if c is not None]
