# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Find the occasions (days with failures, by stratum) between which each row is at risk."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import I4, I8, Flags, flags_in, i4_in, i4_in3, i4_out, i8_in, i8_out, integer, kernel


@kernel(i4_in, i8_in, integer, integer, integer, integer)
def _upto(table: I4, day: I8, first: int, last: int, base: int, wanted: int) -> int:
    """Return the number of occasions at or before day `wanted` of a stratum, those of earlier strata included."""
    if table.size:
        return int(table[base + wanted])
    while first < last:
        middle = (first + last) // 2
        if day[middle] <= wanted:
            first = middle + 1
        else:
            last = middle
    return first


@kernel(i8_in, i4_in, i4_in, flags_in, i4_in, i8_in, i8_in, i8_in, integer, integer, integer, integer, i4_out, i4_out)
def find_keys(
    stratum: I8,
    time: I4,
    entry: I4,
    event: Flags,
    table: I4,
    day: I8,
    opening: I8,
    slot: I8,
    span: int,
    nowhere: int,
    first: int,
    last: int,
    leave: I4,
    enter: I4,
) -> None:
    """Fill the keys of rows `first` to `last`.

    Parameters
    ----------
    table
        By stratum * span + day, occasions up to it; empty where strata are so many that they are searched.
    day, slot
        Of each occasion.
    opening
        First occasion of each stratum, and the number of occasions.
    nowhere
        Key of rows never at risk, or at risk from the start.
    enter
        Empty where nobody enters late.
    """
    for i in range(first, last):
        s = stratum[i]
        a, b = opening[s], opening[s + 1]
        end = _upto(table, day, a, b, s * span, time[i])
        begin = _upto(table, day, a, b, s * span, entry[i]) if entry[i] >= 0 else a
        if end <= begin:
            leave[i] = nowhere
        elif event[i] and slot[end - 1] >= 0:
            leave[i] = day.size + slot[end - 1]
        else:
            leave[i] = end - 1
        if enter.size:
            enter[i] = begin - 1 if a < begin < end else nowhere


@kernel(i8_in, i4_in, flags_in, i4_in3, integer, integer, i4_out)
def look_up(stratum: I8, time: I4, event: Flags, table: I4, first: int, last: int, leave: I4) -> None:
    """Fill the keys of rows at risk from the start, from a table by stratum (one: without), failure (0, 1) and day."""
    if stratum.size:
        for i in range(first, last):
            leave[i] = table[stratum[i], np.int64(event[i]), time[i]]
    else:
        for i in range(first, last):
            leave[i] = table[0, np.int64(event[i]), time[i]]


@kernel(i8_in, i4_in, i8_out)
def last_days(stratum: I8, time: I4, out: I8) -> None:
    """Raise `out` to the last day of each stratum."""
    for i in range(time.size):
        out[stratum[i]] = max(out[stratum[i]], time[i])
