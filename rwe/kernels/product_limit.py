# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival and cumulative hazard from numbers at risk, with their variances.

Kaplan & Meier (1958) J Am Stat Assoc 53:457; Greenwood (1926); Nelson (1969); Aalen (1978) Ann Stat
6:701. Robust variance: the infinitesimal jackknife (Efron & Tibshirani 1993, ch. 11), as R ``survfit``
does for weighted curves.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, f8_in, i4_in, i8_in, integer, kernel


@kernel(i8_in, i8_in, f8_in, f8_in)
def product_limit(n_risk: I8, n_event: I8, w_risk: F8, w_event: F8) -> F8:
    """Return by day, as rows: S, var(log S), H, var(H).

    Whether all who are at risk fail is asked of the persons, not of the weights, so that rounding in
    a sum of weights cannot keep a curve from reaching 0.
    """
    out = np.empty((4, n_risk.size))
    s, v, h, q = 1.0, 0.0, 0.0, 0.0
    for k in range(n_risk.size):
        n, d = w_risk[k], w_event[k]
        if n_event[k] > 0:
            if n_event[k] == n_risk[k]:
                s, v = 0.0, np.inf
                h, q = h + 1.0, q + 1.0 / d
            else:
                s *= 1.0 - d / n
                v += d / (n * (n - d))
                h, q = h + d / n, q + d / (n * n)
        out[0, k], out[1, k], out[2, k], out[3, k] = s, v, h, q
    return out


@kernel(i8_in, i4_in, f8_in, f8_in, f8_in, integer)
def jackknife(cluster: I8, day: I4, slope: F8, level: F8, path: F8, n_days: int) -> F8:
    """Return by day the sum over clusters of the square of their influence.

    The influence of a cluster at day t is (its weight at risk after t) * path[t] + constant, and both
    parts change only when one of its rows enters or leaves. `slope` and `level` are these changes,
    sorted by cluster and day. Squares are kept as differences by day of the three coefficients of the
    polynomial in path[t], so the cost is that of the rows, not of rows times days.
    """
    change = np.zeros((3, n_days))
    a, b = 0.0, 0.0
    for i in range(cluster.size):
        if i > 0 and cluster[i] != cluster[i - 1]:
            a, b = 0.0, 0.0
        change[0, day[i]] -= a * a
        change[1, day[i]] -= 2.0 * a * b
        change[2, day[i]] -= b * b
        a, b = a + slope[i], b + level[i]
        change[0, day[i]] += a * a
        change[1, day[i]] += 2.0 * a * b
        change[2, day[i]] += b * b
    out = np.empty(n_days)
    aa, ab, bb = 0.0, 0.0, 0.0
    for k in range(n_days):
        aa, ab, bb = aa + change[0, k], ab + change[1, k], bb + change[2, k]
        out[k] = aa * path[k] * path[k] + ab * path[k] + bb
    return out
