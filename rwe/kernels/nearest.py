# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy matching on one sorted score: each takes the nearest number that is still free, on either side."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, i8_in, i8_out, integer, kernel, number


@kernel(i8_out, integer)
def _free(parent: I8, i: int) -> int:
    """Return the end of a chain of taken places, and halve the chain on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel(f8_in, f8_in)
def first_places(score: F8, pool: F8) -> I8:
    """Return the place in the pool of the first number that is not below each score; both ascend."""
    out, place = np.empty(score.size, np.int64), 0
    for i in range(score.size):
        while place < pool.size and pool[place] < score[i]:
            place += 1
        out[i] = place
    return out


@kernel(f8_in, f8_in, i8_in, i8_in, number, i8_out, i8_out, i8_out)
def take_nearest(
    score: F8, pool: F8, at: I8, order: I8, caliper: float, left: I8, right: I8, taken: I8
) -> int:  # fmt: skip
    """Give each score, in `order`, the nearest free number of the pool within the caliper; return how many got one.

    Parameters
    ----------
    score
        What is matched.
    pool
        Numbers to match with, ascending.
    at
        Place in the pool of the first number that is not below each score.
    order
        Places of the scores in the order in which they are served; of two as near the smaller number is taken.
    caliper
        Largest distance.
    left, right
        Chains to the nearest free number at or below (shifted by one) and at or above each place; ``arange(m + 1)``
        where all are free. They are kept, so that a second round takes of what the first has left.
    taken
        Filled with the place in the pool of each score's number, -1 where there is none.
    """
    found = 0
    for k in range(order.size):
        i = order[k]
        x, below, above = score[i], _free(left, at[i]) - 1, _free(right, at[i])
        down = x - pool[below] if below >= 0 else np.inf
        up = pool[above] - x if above < pool.size else np.inf
        place = below if down <= up else above
        taken[i] = -1
        if min(down, up) <= caliper and min(down, up) < np.inf:  # where nobody is free both are infinite
            taken[i] = place
            left[place + 1] = place
            right[place] = place + 1
            found += 1
    return found
