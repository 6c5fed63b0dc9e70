# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Count the pairs that a risk score puts in the right order (Harrell et al. 1982, JAMA 247:2543)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags, f8_in, f8_out, flags_in, i4_in, i8_in, integer, kernel, number


@kernel(f8_in, integer)
def _sum_up_to(tree: F8, position: int) -> float:
    """Return the sum of the first `position` entries of a Fenwick tree."""
    total = 0.0
    while position > 0:
        total += tree[position]
        position -= position & -position
    return total


@kernel(f8_out, integer, number)
def _put(tree: F8, position: int, weight: float) -> None:
    """Add a weight to an entry of a Fenwick tree; entry 0 keeps the total."""
    tree[0] += weight
    while position < tree.size:
        tree[position] += weight
        position += position & -position


@kernel(i8_in, i8_in, i8_in, i4_in, i4_in, flags_in, i8_in, f8_in, integer)
def count_pairs(
    by_leave: I8, by_enter: I8, stratum: I8, leave: I4, enter: I4, event: Flags, rank: I8, weight: F8, n_ranks: int
) -> F8:
    """Return the weights of concordant, discordant and tied pairs within strata.

    A failure is compared with all who are still at risk after it: those who leave later, and those
    censored on its day, if they had entered before it. The pair is concordant when the failure has the
    higher rank. Pairs that fail on one day are not compared.

    Parameters
    ----------
    by_leave
        Rows by stratum, then day of leaving from the last to the first, censored before failed.
    by_enter
        Rows by stratum, then day of entry from the last to the first.
    rank
        Rank of the risk score from 1 to `n_ranks`, equal for equal scores.
    """
    out = np.zeros(3)
    tree = np.zeros(n_ranks + 1)
    i, e, n = 0, 0, by_leave.size
    while i < n:
        s, day = stratum[by_leave[i]], leave[by_leave[i]]
        if i == 0 or stratum[by_leave[i - 1]] != s:
            tree[:] = 0.0
        while e < n and (stratum[by_enter[e]] < s or (stratum[by_enter[e]] == s and enter[by_enter[e]] >= day)):
            if stratum[by_enter[e]] == s:
                _put(tree, rank[by_enter[e]], -weight[by_enter[e]])
            e += 1
        first = i
        while i < n and stratum[by_leave[i]] == s and leave[by_leave[i]] == day:
            row = by_leave[i]
            if not event[row]:
                _put(tree, rank[row], weight[row])
                first = i + 1
            else:
                below, upto = _sum_up_to(tree, rank[row] - 1), _sum_up_to(tree, rank[row])
                out[0] += weight[row] * below
                out[1] += weight[row] * (tree[0] - upto)
                out[2] += weight[row] * (upto - below)
            i += 1
        for k in range(first, i):
            _put(tree, rank[by_leave[k]], weight[by_leave[k]])
    return out
