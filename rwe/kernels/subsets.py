# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which subset of those at risk fails: the sums of the exact (discrete logistic) partial likelihood.

Cox (1972) J R Stat Soc B 34:187, section 6; the recursion over rows is that of Gail, Lubin & Rubinstein
(1981) Biometrika 68:703. It is run here on the mean and the covariance of the subsets' covariate sums, as
mixtures, and on the logarithm of their weight: nothing can overflow, however many rows are tied.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, f8_out, f8_out2, i8_in, integer, kernel, number


@kernel(f8_in2, integer, number, integer, f8_out, f8_out2, f8_out2, f8_out)
def _take_in(x: F8, i: int, eta: float, c: int, log_weight: F8, mean: F8, spread: F8, gap: F8) -> None:
    """Let row i into the subsets of c rows: those without it, and those of c - 1 others and it."""
    p = x.shape[1]
    old, joined = log_weight[c], log_weight[c - 1] + eta
    top = max(old, joined)
    log_weight[c] = top + np.log1p(np.exp(min(old, joined) - top))
    share = np.exp(joined - log_weight[c])
    for j in range(p):
        gap[j] = mean[c - 1, j] + x[i, j] - mean[c, j]
    for j in range(p):
        for m in range(j + 1):
            at = j * p + m
            between = share * (1.0 - share) * gap[j] * gap[m]
            spread[c, at] += share * (spread[c - 1, at] - spread[c, at]) + between
        mean[c, j] += share * gap[j]


@kernel(f8_in2, f8_in, i8_in, i8_in, i8_in, integer, integer)
def subset_sums(x: F8, eta: F8, start: I8, stop: I8, n_event: I8, first: int, last: int) -> F8:
    """Return log weight, mean and covariance of the failing subsets, added up over occasions.

    On an occasion with d failures a subset of d of those at risk has weight exp(sum of eta). Row i takes
    part in occasions `start[i]` up to, not including, `stop[i]`.

    Returns
    -------
    array of shape (p + 1, p + 1)
        [0, 0] the log of the sum of weights, [0, 1:] the mean of the subsets' sums of x, [1:, 1:] their
        covariance (lower triangle), over the occasions from `first` up to `last`.
    """
    p, most = x.shape[1], 0
    for k in range(first, last):
        most = max(most, n_event[k])
    out = np.zeros((p + 1, p + 1))
    log_weight, gap = np.zeros(most + 1), np.zeros(p)
    mean, spread = np.zeros((most + 1, p)), np.zeros((most + 1, p * p))
    for k in range(first, last):
        d, seen = n_event[k], 0
        log_weight[1:], mean[:], spread[:] = -np.inf, 0.0, 0.0
        for i in range(eta.size):
            if start[i] <= k < stop[i]:
                seen += 1
                for c in range(min(d, seen), 0, -1):
                    _take_in(x, i, eta[i], c, log_weight, mean, spread, gap)
        out[0, 0] += log_weight[d]
        for j in range(p):
            out[0, j + 1] += mean[d, j]
            for m in range(j + 1):
                out[j + 1, m + 1] += spread[d, j * p + m]
    return out
