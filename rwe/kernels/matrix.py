# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two products with a tall matrix, written out so that their bits do not depend on a BLAS or its threads."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, f8_in, f8_in2, kernel


@kernel(f8_in2, f8_in)
def predictor(x: F8, beta: F8) -> F8:
    """Return x beta."""
    out = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i] += x[i, j] * beta[j]
    return out


@kernel(f8_in2, f8_in)
def weighted_gram(x: F8, weight: F8) -> F8:
    """Return x' diag(weight) x, four rows at a time so that the sums stay in registers."""
    n, p = x.shape
    out = np.zeros((p, p))
    whole = n // 4 * 4
    for i in range(0, whole, 4):
        for j in range(p):
            a, b = weight[i] * x[i, j], weight[i + 1] * x[i + 1, j]
            c, d = weight[i + 2] * x[i + 2, j], weight[i + 3] * x[i + 3, j]
            for k in range(j + 1):
                out[j, k] += (a * x[i, k] + b * x[i + 1, k]) + (c * x[i + 2, k] + d * x[i + 3, k])
    for i in range(whole, n):
        for j in range(p):
            for k in range(j + 1):
                out[j, k] += weight[i] * x[i, j] * x[i, k]
    for j in range(p):
        for k in range(j):
            out[k, j] = out[j, k]
    return out
