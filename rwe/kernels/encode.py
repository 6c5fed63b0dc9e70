# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From raw columns to small codes and their counts, a block of rows at a time that stays in the cache.

Each loop says in one number whether every row fits, so that the checks cost no pass of their own; what
is wrong with rows that do not fit is found out, and told, elsewhere.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, U2, U4, Flags, f8_in, flags_out, i8_in, integer, kernel, u2_in, u2_out, u4_out2


@kernel(f8_in, integer, u2_out)
def days_of_floats(x: F8, last: int, out: U2) -> int:
    """Write numbers as days; return the last of them, or -1 where one is no whole number from 0 to `last`."""
    bad, top, limit = 0, np.int32(0), np.float64(last)
    for i in range(x.size):
        held = x[i] if (x[i] >= 0.0) & (x[i] <= limit) else -1.0
        day = np.int32(held)
        bad |= (np.float64(day) != held) | (day < 0)
        top = max(top, day)
        out[i] = day
    return -1 if bad else int(top)


@kernel(i8_in, integer, u2_out)
def days_of_integers(x: I8, last: int, out: U2) -> int:
    """Write integers as days; return the last of them, or -1 where one does not lie from 0 to `last`."""
    bad, top = 0, 0
    for i in range(x.size):
        bad |= (x[i] < 0) | (x[i] > last)
        top = max(top, x[i])
        out[i] = x[i]
    return -1 if bad else top


@kernel(f8_in, flags_out)
def flags_of_floats(x: F8, out: Flags) -> bool:
    """Write numbers as flags; return whether all are 0 or 1."""
    bad = 0
    for i in range(x.size):
        out[i] = x[i] == 1.0
        bad |= (x[i] != 0.0) & (x[i] != 1.0)
    return bad == 0


@kernel(i8_in, flags_out)
def flags_of_integers(x: I8, out: Flags) -> bool:
    """Write integers as flags; return whether all are 0 or 1."""
    bad = 0
    for i in range(x.size):
        out[i] = x[i] == 1
        bad |= (x[i] != 0) & (x[i] != 1)
    return bad == 0


@kernel(i8_in, integer, integer, integer, u2_out)
def add_codes(x: I8, low: int, size: int, step: int, code: U2) -> bool:
    """Add `step` times the place of each integer after `low` to the codes; return whether all lie within `size`."""
    bad = 0
    for i in range(x.size):
        place = x[i] - low
        bad |= (place < 0) | (place >= size)
        code[i] += step * place
    return bad == 0


@kernel(u2_in, u2_in, u4_out2)
def count_codes(code: U2, day: U2, table: U4) -> None:
    """Add one for each row to the table, shape (codes, days)."""
    for i in range(code.size):
        table[code[i], day[i]] += np.uint32(1)
