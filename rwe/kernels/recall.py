# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Texts numbered by their hashes of 128 bits, in the order in which they first come: a table with open addressing.

A place holds the two words of a hash and a number from 1 on; 0 is a free place. Hashes that find their place taken
go to the next free one, so a table is never filled up.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import I4, I8, U8, Flags, array_in, flags_in, i4_out, i8_out, integer, kernel, word

u8_in2, u8_out2 = array_in(word, 2), word[:, ::1]


@kernel(u8_in2, flags_in, integer, u8_out2, i4_out, i4_out, i8_out)
def number(hashes: U8, there: Flags, known: int, places: U8, numbers: I4, out: I4, fresh: I8) -> int:
    """Fill the number of each text, from 1 on, 0 where there is none; return how many numbers there are now.

    Parameters
    ----------
    hashes, there
        Two words a row, and whether the row has a text.
    known
        How many numbers there were.
    places, numbers
        The table, of 2^k places; it has room for all rows.
    out, fresh
        The number of each row; and the rows whose texts were new, in the order of their numbers.
    """
    one, last, before = np.uint64(1), np.uint64(numbers.size) - np.uint64(1), known
    for i in range(there.size):
        out[i] = 0
        if not there[i]:
            continue
        place = hashes[i, 0] & last
        while numbers[place] and not (places[place, 0] == hashes[i, 0] and places[place, 1] == hashes[i, 1]):
            place = (place + one) & last
        if not numbers[place]:
            fresh[known - before] = i
            known += 1
            places[place, 0], places[place, 1], numbers[place] = hashes[i, 0], hashes[i, 1], known
        out[i] = numbers[place]
    return known
