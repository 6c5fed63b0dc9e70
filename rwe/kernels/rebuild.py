# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Deaths and censorings behind a drawn survival curve, interval by interval of its numbers at risk.

The idea is that of Guyot et al. (2012) BMC Med Res Methodol 12:9: guess how many were censored in an interval, spread
them over it, read the deaths off the drops, and mend the guess until the number at risk at its end comes out. Here the
guess is found by halving, so that the search ends whatever the input, and the printed numbers at risk are kept
exactly: where curve and numbers contradict each other, the curve gives way, and its error tells.

An interval is told by `part` (its clicks from, to; its marks from, to) and `span` (its begin and end; how censorings
lean in it, 1 for even; the share of a death that is rounded up).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from rwe.kernels._jit import (
    F8,
    I8,
    f8_in,
    f8_out,
    four_integers,
    four_numbers,
    i8_in,
    i8_out,
    integer,
    kernel,
    number,
)

Part: TypeAlias = tuple[int, int, int, int]
Span: TypeAlias = tuple[float, float, float, float]
HALF, ENOUGH = 0.75, 0.05  # by how much deaths must be wholer, in part and in all, to leave the plain guess


@kernel(f8_in, four_integers, four_numbers, integer, integer)
def censor_time(marks: F8, part: Part, span: Span, c: int, j: int) -> float:
    """Return when the j-th of `c` is censored: at the marks drawn in the interval, else spread over it."""
    first, last = part[2], part[3]
    if last > first:
        return float(marks[first + (j * (last - first)) // c])
    return float(span[0] + (span[1] - span[0]) * ((j + 1.0) / (c + 1.0)) ** span[2])


@kernel(f8_in, f8_in, f8_in, four_integers, four_numbers, integer, number, integer, integer, i8_out)
def walk(
    time: F8, surv: F8, marks: F8, part: Part, span: Span, n: int, km: float, cap: int, c: int, deaths: I8
) -> tuple[int, float, float, float]:
    """Fill the deaths at the clicks of an interval; return their number, the curve after it and two squared errors.

    The first is that of deaths before they were rounded: at the right number at risk a drop is whole deaths. The
    second is that of the curve.
    """
    j, total, parts, error = 0, 0, 0.0, 0.0
    for k in range(part[0], part[1]):
        while j < c and censor_time(marks, part, span, c, j) < time[k]:
            n -= 1
            j += 1
        d = 0
        before = surv[k - 1] if k > 0 else 1.0
        if surv[k] < before and surv[k] < km and n > 0:  # nobody dies where the curve is flat
            exact = n * (1.0 - surv[k] / km)
            d = max(0, min(int(exact + span[3]), cap - total, n - (c - j)))
            parts += (exact - d) ** 2
            km *= 1.0 - d / n
            n -= d
            total += d
        deaths[k] = d
        error += (km - surv[k]) ** 2
    return total, km, parts, error


@kernel(f8_in, f8_in, f8_in, four_integers, four_numbers, integer, number, integer, integer, i8_out)
def least_censored(
    time: F8, surv: F8, marks: F8, part: Part, span: Span, n: int, km: float, lost: int, most: int, deaths: I8
) -> int:
    """Return the least number censored with which deaths are no more than `most`, or, below 0, all `lost` are lost."""
    left, right = 0, lost
    while left < right:
        c = (left + right) // 2
        d = walk(time, surv, marks, part, span, n, km, lost - c, c, deaths)[0]
        if (d <= most) if most >= 0 else (c + d >= lost):
            right = c
        else:
            left = c + 1
    return left


@kernel(f8_in, f8_in, f8_in, four_integers, four_numbers, integer, number, integer, integer, i8_out)
def nearest(
    time: F8, surv: F8, marks: F8, part: Part, span: Span, n: int, km: float, lost: int, least: int, deaths: I8
) -> int:
    """Return, of the next numbers censored that give the number at risk, the one with the wholest deaths."""
    best, smallest = least, np.inf
    for c in range(least, min(least + 8, lost) + 1):
        d, _, parts, _ = walk(time, surv, marks, part, span, n, km, lost - c, c, deaths)
        if c + d != lost:
            break
        if parts < smallest:
            best, smallest = c, parts
    return best


@kernel(f8_in, integer, number, integer)
def reach(values: F8, start: int, stop: float, closed: int) -> int:
    """Return where the values from `start` on reach `stop`; all of them where the interval is `closed`."""
    while start < values.size and (closed == 1 or values[start] < stop):
        start += 1
    return start


@kernel(f8_in, f8_in, f8_in, four_integers, four_numbers, integer, number, integer, i8_out)
def settle(
    time: F8, surv: F8, marks: F8, part: Part, span: Span, n: int, km: float, lost: int, deaths: I8
) -> tuple[int, float]:
    """Return how many are censored of those lost in an interval, and the squared error of whole deaths."""
    c = least_censored(time, surv, marks, part, span, n, km, lost, -1, deaths)
    c = nearest(time, surv, marks, part, span, n, km, lost, c, deaths)
    return c, walk(time, surv, marks, part, span, n, km, lost - c, c, deaths)[2]


@kernel(f8_in, f8_in, f8_in, four_integers, four_numbers, integer, number, integer, f8_in, i8_out)
def lean(
    time: F8, surv: F8, marks: F8, part: Part, span: Span, n: int, km: float, lost: int, leans: F8, deaths: I8
) -> float:
    """Return the lean of censorings with which drops are whole deaths; the first unless another is much better.

    The size of a drop tells how many were at risk, where the curve was read finely enough.
    """
    best, plain, smallest = leans[0], np.inf, np.inf
    for one in leans:
        parts = settle(time, surv, marks, part, (span[0], span[1], one, span[3]), n, km, lost, deaths)[1]
        if plain == np.inf:
            plain, smallest = parts, parts
        elif parts < smallest and parts < HALF * plain and plain - parts > ENOUGH:
            best, smallest = one, parts
    return float(best)


@kernel(f8_in, f8_in, f8_in, i8_in, f8_in, number, integer, integer, f8_in, number, i8_out, i8_out, f8_out)
def rebuild(
    time: F8, surv: F8, tick: F8, at_risk: I8, marks: F8, end: float, events: int, last_censored: int,
    leans: F8, half: float, deaths: I8, censored: I8, tilt: F8,
) -> tuple[float, float]:  # fmt: skip
    """Fill the deaths at each click, the censored of each interval and their lean; return the errors of the last one.

    `events` is the total where known, else -1. `last_censored` is how many are censored after the last tick and
    before the end where neither a total nor a number at risk tells. `leans` are those to choose from.
    """
    m, km, parts, error, seen = tick.size, 1.0, 0.0, 0.0, 0
    low, first = 0, 0
    for i in range(m):
        final = 1 if i == m - 1 else 0
        stop = end if final == 1 else tick[i + 1]
        high, last = reach(time, low, stop, final), reach(marks, first, stop, final)
        part, span = (low, high, first, last), (tick[i], stop, leans[0], half)
        n = at_risk[i]
        lost = n if final else n - at_risk[i + 1]
        if final == 0:
            span = (tick[i], stop, lean(time, surv, marks, part, span, n, km, lost, leans, deaths), half)
            c = settle(time, surv, marks, part, span, n, km, lost, deaths)[0]
        elif events >= 0:
            c = least_censored(time, surv, marks, part, span, n, km, lost, max(events - seen, 0), deaths)
        else:
            c = min(last_censored, n)
        d, km, parts, error = walk(time, surv, marks, part, span, n, km, lost - c, c, deaths)
        censored[i], tilt[i] = c, span[2]
        seen += d
        low, first = high, last
    return parts, error


@kernel(f8_in, f8_in, i8_in, number, f8_in, f8_out)
def censorings(tick: F8, marks: F8, censored: I8, end: float, tilt: F8, out: F8) -> int:
    """Fill the times of those censored within the intervals; return how many they are."""
    first, filled = 0, 0
    for i in range(tick.size):
        final = 1 if i == tick.size - 1 else 0
        stop = end if final == 1 else tick[i + 1]
        last = reach(marks, first, stop, final)
        for j in range(censored[i]):
            out[filled] = censor_time(marks, (0, 0, first, last), (tick[i], stop, tilt[i], 0.5), censored[i], j)
            filled += 1
        first = last
    return filled
