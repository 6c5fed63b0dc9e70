# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Time in a model: cycles, how a stay within one is counted, and what a later year is worth today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, Flags

YEAR = 365.25  # days
LENGTHS = {"day": 1.0, "week": 7.0, "month": YEAR / 12, "year": YEAR}
Discounted = Literal["start", "middle", "end"]
Correction = Literal["life_table", "half_cycle", "start", "end"]
AT = {"start": 0.0, "middle": 0.5, "end": 1.0}


@dataclass(frozen=True, slots=True)
class Timing:
    """Cycles of one length, discount rates, and how both are counted.

    Parameters
    ----------
    cycle
        Days of a cycle.
    cycles
        How many there are; the horizon is their product.
    costs, effects
        Discount rates a year; a year t is worth ``(1 + rate) ** -t``.
    discounted
        The moment of a cycle at which all of it is discounted: its ``start`` (heemod, whose first cycle is not
        discounted), its ``middle``, or its ``end`` (Briggs, Claxton and Sculpher 2006, rdecision).
    correction
        Who counts as staying in a state during a cycle: ``life_table``, the mean of those there at its ends (heemod);
        ``half_cycle``, the same with each end discounted to its own day, whatever `discounted` says (heormodel);
        those at its ``start``, or at its ``end``.

    Raises
    ------
    DefinitionError
        If a number is out of its range or a word is unknown.
    """

    cycle: float
    cycles: int
    costs: float = 0.0
    effects: float = 0.0
    discounted: Discounted = "middle"
    correction: Correction = "life_table"

    def __post_init__(self) -> None:
        if not (self.cycle > 0 and self.cycles > 0):
            raise DefinitionError("a model needs cycles of more than 0 days, at least one of them")
        if not (0 <= self.costs < 1 and 0 <= self.effects < 1):
            raise DefinitionError("discount rates are shares a year, from 0 to below 1")
        for word, known in ((self.discounted, Discounted), (self.correction, Correction)):
            if word not in get_args(known):
                raise DefinitionError(f"'{word}' is none of {', '.join(get_args(known))}")

    @property
    def days(self) -> F8:
        """Days at which cycles begin and end, from 0."""
        return np.arange(self.cycles + 1, dtype=np.float64) * self.cycle

    def factors(self, rate: float, at: float | None = None) -> F8:
        """Return what one unit of each cycle is worth today, at a share of the cycle."""
        share = AT[self.discounted] if at is None else at
        years = (np.arange(self.cycles, dtype=np.float64) + share) * (self.cycle / YEAR)
        return np.asarray((1.0 + rate) ** -years, np.float64)

    def window(self, start: float, stop: float | None) -> Flags:
        """Return which cycles begin from day `start` on and before day `stop`."""
        begins = self.days[:-1] * (1 + 1e-12)
        inside: Flags = (begins >= start) & (begins < (np.inf if stop is None else stop))
        return inside

    def stays(self, rate: float, inside: Flags) -> F8:
        """Return the weight in years of those in a state at each end of a cycle, over the cycles `inside`."""
        worth = self.factors(rate)
        left, right = {
            "life_table": (worth / 2, worth / 2),
            "half_cycle": (self.factors(rate, 0.0) / 2, self.factors(rate, 1.0) / 2),
            "start": (worth, 0 * worth),
            "end": (0 * worth, worth),
        }[self.correction]
        found: F8 = np.append(left * inside, 0.0) + np.append(0.0, right * inside)
        return found * (self.cycle / YEAR)

    def flows(self, rate: float, inside: Flags) -> F8:
        """Return the weight of those who enter or leave a state within each cycle."""
        found: F8 = self.factors(rate) * inside
        return found


def cycles_of(cycle: float, years: float) -> int:
    """Return how many cycles come nearest to so many years."""
    return max(round(years * YEAR / cycle), 1)
