# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Axis limits and ticks computed from the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

MONTH = 30.4375  # days: 365.25 / 12
RATIOS = (0.05, 0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 20.0)


def month_ticks(horizon: float, most: int = 9) -> list[int]:
    """Return ticks in months from 0 to at most `horizon`, at a step people count in.

    Examples
    --------
    >>> month_ticks(85)
    [0, 12, 24, 36, 48, 60, 72, 84]
    """
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60) if horizon / s < most), 120)
    return list(range(0, math.floor(horizon + 1e-9) + 1, step))


def ratio_domain(values: Iterable[float]) -> tuple[float, float]:
    """Return limits of a log axis that hold all `values` and 1, with a little room."""
    logs = [0.0, *(math.log(v) for v in values if v > 0)]
    room = max(0.04 * (max(logs) - min(logs)), 0.05)
    return math.exp(min(logs) - room), math.exp(max(logs) + room)


def ratio_ticks(domain: Sequence[float], width: float, apart: float = 38) -> list[float]:
    """Return readable ratios within `domain`, at least `apart` px from each other; 1 is always one."""
    low, high = math.log(domain[0]), math.log(domain[1])
    scale = width / (high - low)
    kept = [1.0]
    near = (0.9, 1.1) if high - low < 1 else ()  # a narrow axis would have too few
    for ratio in sorted((*RATIOS, *near), key=lambda r: abs(math.log(r))):
        inside = domain[0] <= ratio <= domain[1]
        if inside and all(abs(math.log(ratio / k)) * scale >= apart for k in kept):
            kept.append(ratio)
    return sorted(kept)


def linear_ticks(high: float, most: int = 6) -> list[float]:
    """Return ticks from 0 that reach at least `high`, at a step of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(high / most))
    step = next(power * s for s in (1, 2, 5, 10) if high / (power * s) <= most)
    return [round(step * i, 10) for i in range(math.ceil(high / step - 1e-9) + 1)]


def even_ticks(end: float, most: int = 8) -> list[float]:
    """Return ticks from 0 to at most `end`, at a step of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> even_ticks(7)
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    ticks = linear_ticks(end, most)
    return [tick for tick in ticks if tick <= end * (1 + 1e-9)]


def around_zero(values: Iterable[float]) -> tuple[float, float]:
    """Return limits of an even axis that hold all `values` and 0, with a little room."""
    ends = [0.0, *values]
    room = max(0.06 * (max(ends) - min(ends)), 1e-9)
    return min(ends) - room, max(ends) + room


def ticks_within(domain: tuple[float, float], most: int = 6) -> list[float]:
    """Return ticks within `domain`, 0 one of them, at a step of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> ticks_within((-0.11, 0.04))
    [-0.1, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04]
    """
    low, high = domain
    step = linear_ticks(high - low, most)[1]
    return [round(step * i, 10) + 0.0 for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
