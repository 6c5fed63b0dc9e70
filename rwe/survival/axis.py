# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The time axis of a chart of curves: its unit, its end, its ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.figures.scales import MONTH, even_ticks, month_ticks
from rwe.figures.tongue import Tongue
from rwe.kernels._jit import F8
from rwe.survival.clock import Clock

Unit: TypeAlias = Literal["days", "months", "years"]
DAYS = {"days": 1.0, "months": MONTH, "years": 12 * MONTH}
SHORT = {"days": "day", "months": "month", "years": "year"}
FEW_DAYS = 92  # a follow-up that people count in days


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis.

    Parameters
    ----------
    clock
        What the times of the data are.
    unit
        days, months, years; empty on a continuous clock, whose unit is not known.
    end
        Last time shown, in the unit of the axis.
    """

    clock: Clock
    unit: str
    end: float

    @property
    def ticks(self) -> tuple[float, ...]:
        """Ticks in the unit of the axis."""
        return tuple(month_ticks(self.end) if self.unit == "months" else even_ticks(self.end))

    def of(self, times: Any) -> F8:
        """Return times of the data in the unit of the axis."""
        return np.asarray(times, np.float64) / DAYS.get(self.unit, 1.0)

    def asked(self) -> list[Any]:
        """Return the ticks as times of the data, whole days on a clock of days."""
        times = [tick * DAYS.get(self.unit, 1.0) for tick in self.ticks]
        return times if self.clock.ticks is not None else [round(time) for time in times]

    def title(self, tongue: Tongue, given: str | None) -> str:
        """Return the title of the axis."""
        return given or tongue(self.unit or "time")

    def told(self, tongue: Tongue, time: float) -> str:
        """Return a time of the data in words, for example a median."""
        value = float(self.of(time))
        if not self.unit:
            return tongue.short(float(f"{value:.3g}"))
        return f"{tongue.number(value, 0 if self.unit == 'days' else 1)} {tongue(SHORT[self.unit])}"


def axis(clock: Clock, last: float, horizon: float | None, unit: Unit | None) -> Axis:
    """Return the time axis up to the horizon, or to the last time followed.

    Raises
    ------
    DefinitionError
        If the unit is unknown, or asked for on a continuous clock, or the horizon is not after 0.
    """
    end = float(last) if horizon is None else float(horizon)
    if not (np.isfinite(end) and end > 0):
        raise DefinitionError(f"horizon is {end:g}: a chart needs a time after 0")
    if clock.ticks is not None:
        if unit is not None:
            raise DefinitionError("a continuous clock has no unit: name it in the title of the axis (time=)")
        return Axis(clock, "", end)
    chosen = unit or ("days" if end <= FEW_DAYS else "months")
    if chosen not in DAYS:
        raise DefinitionError(f"unit '{chosen}' is not one of {', '.join(DAYS)}")
    return Axis(clock, chosen, end / DAYS[chosen])
