# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Coordinate descent: a quadratic with an elastic net penalty, one coefficient at a time."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, f8_in, f8_in2, integer, kernel, number

EDGE = 1e-12  # a slope within rounding of the penalty does not let its term in


@kernel(f8_in2, f8_in, f8_in, number, number, number, integer)
def descend(gram: F8, linear: F8, beta: F8, l1: float, l2: float, still: float, sweeps: int) -> F8:
    """Return the minimum of b' gram b / 2 - linear' b + l1 |b| + l2 b' b / 2.

    Friedman, Hastie & Tibshirani (2010) J Stat Softw 33(1), their update by covariances: each coefficient is
    what is left of its slope beyond `l1`, over its curvature. Stops when no coefficient moves by more
    than `still`, or after so many sweeps.
    """
    out = beta.copy()
    left = linear.copy()
    for j in range(out.size):
        for k in range(out.size):
            left[k] -= gram[k, j] * out[j]
    for _ in range(sweeps):
        moved = 0.0
        for j in range(out.size):
            slope = left[j] + gram[j, j] * out[j]
            beyond = abs(slope) - l1
            new = np.sign(slope) * (beyond if beyond > EDGE * l1 else 0.0) / (gram[j, j] + l2)
            by = new - out[j]
            if by != 0.0:
                out[j] = new
                moved = max(moved, abs(by))
                for k in range(out.size):
                    left[k] -= gram[k, j] * by
        if moved <= still:
            break
    return out
