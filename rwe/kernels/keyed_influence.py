# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Influence of rows on sums over risk sets, read from tables by key (Lin & Wei 1989, J Am Stat Assoc 84:1074)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, Flags, f8_in, f8_in2, f8_out2, flags_in, i4_in, integer, kernel
from rwe.kernels.matrix import BLOCK, add_gram, turn_block


@kernel(
    f8_in2, f8_in, f8_in, flags_in, i4_in, i4_in, f8_in, f8_in2, f8_in2, i4_in, i4_in, f8_in2, f8_in2,
    integer, integer, f8_out2,
)  # fmt: skip
def row_influence(
    x: F8, risk: F8, weight: F8, event: Flags, leave: I4, enter: I4, hazard: F8, drift: F8, gain: F8,
    left: I4, came: I4, of_leaving: F8, of_entering: F8, first: int, last: int, out: F8,
) -> None:  # fmt: skip
    """Put the influence of rows `first` to `last` in `out`, shape (last - first, columns).

    The first columns are those of the covariates x (the score); others may follow (a baseline hazard).

    Parameters
    ----------
    risk
        weight * exp(eta) of each of these rows.
    leave, enter
        Keys of each row; `enter` is empty where nobody enters late.
    hazard, drift
        By key: what a row has lived through, and what it took part in, when it leaves or had when it entered.
    gain
        By key of leaving: what a unit of weight adds (the failures).
    left, came, of_leaving, of_entering
        A second pair of keys, and what a unit of weight adds by them (what is estimated of the follow-up).
    """
    p = x.shape[1]
    for i in range(first, last):
        k, r, w = leave[i], risk[i - first], weight[i]
        lived = hazard[k]
        if enter.size:
            lived -= hazard[enter[i]]
        of_x = (w if event[i] else 0.0) - r * lived
        for j in range(out.shape[1]):
            value = w * (gain[k, j] + of_leaving[left[i], j]) + r * drift[k, j]
            if enter.size:
                value -= r * drift[enter[i], j] + w * of_entering[came[i], j]
            if j < p:
                value += of_x * x[i, j]
            out[i - first, j] = value


@kernel(f8_in2, f8_out2, f8_out2)
def add_squares(rows: F8, turned: F8, out: F8) -> None:
    """Add the lower triangle of rows' rows to `out`; `turned` and `out` as `matrix.room` makes them."""
    at, ones = np.empty(BLOCK, np.int64), np.ones(BLOCK)
    for start in range(0, rows.shape[0], BLOCK):
        n = min(BLOCK, rows.shape[0] - start)
        for i in range(n):
            at[i] = start + i
        turn_block(rows, at, n, ones, turned)
        add_gram(turned, n, out)
