# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every person of one arm against every person of another, endpoint by endpoint: who wins, who loses.

Buyse (2010) Stat Med 29:3245; Pocock et al. (2012) Eur Heart J 33:176. The first endpoint that tells two
persons apart decides. One of a pair is worse off when its event is seen and the other is known to be without
one beyond that day; failures precede censorings of the same day, as everywhere here.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, i8_in2, integer, kernel


@kernel(i8_in2, i8_in2, integer, i8_in2, i8_in2, integer)
def duel(day: I8, failed: I8, i: int, other_day: I8, other_failed: I8, j: int) -> int:
    """Return 1 if `i` wins over `j`, -1 if it loses, 0 if no endpoint tells them apart."""
    for k in range(day.shape[0]):
        mine, theirs = day[k, i], other_day[k, j]
        if other_failed[k, j] == 1 and (mine > theirs or (mine == theirs and failed[k, i] == 0)):
            return 1
        if failed[k, i] == 1 and (theirs > mine or (theirs == mine and other_failed[k, j] == 0)):
            return -1
    return 0


@kernel(i8_in2, i8_in2, f8_in, i8_in2, i8_in2, f8_in)
def wins(day: I8, failed: I8, weight: F8, other_day: I8, other_failed: I8, other_weight: F8) -> tuple[F8, F8]:
    """Return of each person of both arms the weight of the pairs in which the first arm wins, and loses.

    Parameters
    ----------
    day, failed
        One row an endpoint, in their order; one column a person.

    Returns
    -------
    tuple of array
        For the first arm and for the other, shape (2, persons): weight of the opponents over whom the first arm
        wins, and to whom it loses.
    """
    n, m = weight.size, other_weight.size
    ours, theirs = np.zeros((2, n)), np.zeros((2, m))
    for i in range(n):
        if weight[i] == 0.0:
            continue
        for j in range(m):
            found = duel(day, failed, i, other_day, other_failed, j)
            if found != 0:
                row = 0 if found == 1 else 1
                ours[row, i] += other_weight[j]
                theirs[row, j] += weight[i]
    return ours, theirs
