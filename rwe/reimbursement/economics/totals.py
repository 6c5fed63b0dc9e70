# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What strategies come to: sums over time in each draw, and money at any price."""

from __future__ import annotations

from dataclasses import dataclass

from rwe.kernels._jit import F8


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Sums a person, one row a draw, one column a strategy.

    Parameters
    ----------
    other
        Discounted cost without the medicine whose price is asked for.
    units
        Discounted units of it.
    effect
        Discounted quality-adjusted life years.
    life, lived
        Years of life, discounted (as effects) and not.
    yearly_other, yearly_units
        Cost and units of each year since the start, not discounted, shape (draws, strategies, years).
    capped
        Ends of cycles at which a curve lay above the next one and was lowered to it.
    """

    other: F8
    units: F8
    effect: F8
    life: F8
    lived: F8
    yearly_other: F8
    yearly_units: F8
    capped: F8

    def cost(self, price: float) -> F8:
        """Return the discounted cost at a price."""
        return self.other + price * self.units

    def yearly(self, price: float) -> F8:
        """Return the cost of each year at a price."""
        return self.yearly_other + price * self.yearly_units
