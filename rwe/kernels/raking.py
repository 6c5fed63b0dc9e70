# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Iterative proportional fitting on cells (Deming & Stephan 1940, Ann Math Stat 11:427)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_out, i8_in, i8_in2, integer, kernel, number


@kernel(f8_in, i8_in2, integer, f8_in, integer, f8_out)
def _totals(now: F8, codes: I8, margin: int, target: F8, first: int, total: F8) -> float:
    """Fill the totals of the levels of one margin, and return how far the furthest is from its target."""
    last = first + codes[margin].max() + 1
    total[first:last] = 0.0
    for c in range(now.size):
        total[first + codes[margin, c]] += now[c]
    gap = 0.0
    for k in range(first, last):
        gap = max(gap, abs(total[k] - target[k]))
    return gap


@kernel(f8_in, i8_in2, f8_in, i8_in, number, integer)
def fit_margins(start: F8, codes: I8, target: F8, first: I8, tol: float, most: int) -> tuple[F8, int, float, int]:
    """Fit cells to margins.

    Parameters
    ----------
    start
        Weight of each cell.
    codes
        One row a margin: the level of each cell; every level has a cell.
    target, first
        Shares of all levels, those of a margin side by side, each margin from its place in `first` on.
    tol, most
        Largest gap allowed; passes after which fitting is given up.

    Returns
    -------
    tuple
        Shares of the cells, passes made, the largest gap left, and the margin that has it.
    """
    now, total = start / start.sum(), np.empty(target.size)
    gap, widest, passes = np.inf, 0, 0
    while gap >= tol and passes < most:
        passes += 1
        for m in range(first.size):
            _totals(now, codes, m, target, first[m], total)
            for c in range(now.size):
                k = first[m] + codes[m, c]
                now[c] = now[c] * target[k] / total[k] if total[k] > 0.0 else 0.0
        gap = 0.0
        for m in range(first.size):
            own = _totals(now, codes, m, target, first[m], total)
            if own >= gap:
                gap, widest = own, m
    return now, passes, gap, widest
