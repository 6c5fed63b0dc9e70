# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that make up for censoring before a horizon, and what estimating them adds to the influence of rows."""

from __future__ import annotations

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.survival.levels import Levels


def weights_to(lived: F8, seen: Flags, strata: Levels) -> F8:
    """Return 1 / G for who is seen to fail or reaches tau, 0 for the others."""
    weight = np.zeros(lived.size)
    for s in range(strata.n):
        rows = np.flatnonzero(strata.code == s)
        times, n_risk, n_censor = _censored(lived[rows], seen[rows])
        free = np.cumprod(1.0 - n_censor / n_risk)[np.searchsorted(times, lived[rows])]
        if (free[seen[rows]] <= 0).any() or not seen[rows].any():
            raise NoValidAnswer("nobody is followed to tau in a level of censoring: choose an earlier tau")
        weight[rows] = np.divide(1.0, free, where=seen[rows], out=np.zeros(rows.size))
    return weight


def _censored(lived: F8, seen: Flags) -> tuple[F8, I8, I8]:
    """Return the distinct times, who is there still, and who is censored at each."""
    times, code = np.unique(lived, return_inverse=True)
    leave = np.bincount(code, minlength=times.size)
    return times, np.cumsum(leave[::-1])[::-1], np.bincount(code[~seen], minlength=times.size)


def influence(score: F8, lived: F8, seen: Flags, strata: Levels) -> F8:
    """Return the influence of each row on the sum of scores, what it does to the weights included."""
    out = score.copy()
    for s in range(strata.n):
        rows = np.flatnonzero(strata.code == s)
        times, n_risk, n_censor = _censored(lived[rows], seen[rows])
        at = np.searchsorted(times, lived[rows])
        sums = np.zeros((times.size, score.shape[1]))
        np.add.at(sums, at, score[rows])
        later = np.cumsum(sums[::-1], axis=0)[::-1] / n_risk[:, None]
        drift = np.cumsum(later * (n_censor / n_risk)[:, None], axis=0)
        out[rows] += np.where(seen[rows], 0.0, 1.0)[:, None] * later[at] - drift[at]
    return out
