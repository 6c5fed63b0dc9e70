# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a tick stands for: tick k is day k, or the k-th distinct time of a continuous response.

Everything below a response counts in ticks, so that times of any unit pass through the tables by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8, Flags

ClockName: TypeAlias = Literal["days", "continuous"]
CLOCKS = ("days", "continuous")
TIE = 2.0**-26  # the square root of the spacing of floats at 1: closer times, relative to their mean, are tied


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """The ticks of a response.

    Parameters
    ----------
    n
        Number of ticks.
    ticks
        Time of each tick, ascending from 0; None where tick k is day k.
    """

    n: int
    ticks: F8 | None = None

    def times(self, index: Any) -> Any:
        """Return the time of each tick: whole days, or numbers on a continuous clock."""
        return np.asarray(index, np.int64) if self.ticks is None else self.ticks[index]

    def index(self, times: Any) -> I8:
        """Return the last tick at or before each time from 0; it may lie beyond the last tick on a clock of days."""
        if self.ticks is None:
            return np.asarray(times, np.int64)
        return np.asarray(np.searchsorted(self.ticks, times + tie(self.ticks), side="right") - 1, np.int64)

    def next(self, times: Any) -> I8:
        """Return the first tick at or after each time; it may lie beyond the last tick."""
        if self.ticks is None:
            return np.asarray(times, np.int64)
        return np.asarray(np.searchsorted(self.ticks, times - tie(self.ticks), side="left"), np.int64)

    def reached(self, last: Any, times: Any) -> Flags:
        """Return whether the tick `last` lies at or after each time."""
        return np.asarray(self.next(times) <= last, np.bool_)

    def widths(self, upto: float) -> F8:
        """Return how long each tick lasts before the next one begins, or `upto` comes; the last lasts to `upto`."""
        begin = np.arange(self.n, dtype=np.float64) if self.ticks is None else self.ticks
        return np.diff(np.append(np.minimum(begin, upto), upto))

    def asked(self, value: Any, name: str) -> Any:
        """Return times given as one number or several: whole days, or numbers on a continuous clock.

        Raises
        ------
        DefinitionError
            If one is negative, not finite, or no whole number where days are counted.
        """
        if self.ticks is None:
            return np.array(whole_days(value, name), np.int64)
        times = np.atleast_1d(np.asarray(value, np.float64))
        if not (np.isfinite(times) & (times >= 0)).all():
            raise DefinitionError(f"{name} is given in finite numbers from 0")
        return times

    def whole(self, what: str) -> None:
        """Refuse what is told in whole days only."""
        if self.ticks is not None:
            raise DefinitionError(f"{what} counts in whole days: give the times in days, with the clock of days")


def tie(times: F8) -> float:
    """Return the distance within which sorted distinct times are one time."""
    return TIE * float(times.mean())


def continuous(*times: F8) -> tuple[Clock, list[I8]]:
    """Return the clock of these times, and the ticks of each of them.

    Distinct neighbours closer than `tie` are one time, that of the first: sums of decimals that differ in
    the last digit are then the tie that was meant, as R's ``timefix`` has it.
    """
    distinct, code = np.unique(np.concatenate([np.zeros(1), *times]), return_inverse=True)
    first = np.diff(distinct, prepend=-np.inf) > tie(distinct)
    tick = (np.cumsum(first) - 1)[code][1:]
    clock = Clock(int(first.sum()), distinct[first])
    return clock, np.split(tick, np.cumsum([t.size for t in times])[:-1])


def whole_days(value: float | Sequence[float], name: str) -> list[int]:
    """Return days given as one number or several; whole numbers may come as floats.

    Raises
    ------
    DefinitionError
        If one is negative or not a whole number.
    """
    days: list[Any] = list(value) if isinstance(value, Iterable) and np.ndim(value) else [value]
    if not all(_is_day(d) for d in days):
        raise DefinitionError(f"{name} is given in whole days from 0, not in parts of days, for example 365 or 365.0")
    return [int(d) for d in days]


def _is_day(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(value >= 0) and float(value).is_integer()
