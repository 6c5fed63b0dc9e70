# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Covariates of a model: columns put side by side in rows, and on one scale in place (mean 0, deviation 1)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, Flags, f8_in, f8_in2, f8_out2, flags_in, integer, kernel

LINE = 8  # numbers of a line of the cache: columns go side by side as many at once


@kernel(integer, integer, f8_out2, integer, integer, *[f8_in] * LINE)
def interleave(
    start: int, end: int, x: F8, first: int, j: int, a: F8, b: F8, c: F8, d: F8, e: F8, f: F8, g: F8, h: F8
) -> None:
    """Put rows `start` to `end` of eight columns in x, from row `first` and column j on."""
    for i in range(start, end):
        row = first + i - start
        x[row, j], x[row, j + 1], x[row, j + 2], x[row, j + 3] = a[i], b[i], c[i], d[i]
        x[row, j + 4], x[row, j + 5], x[row, j + 6], x[row, j + 7] = e[i], f[i], g[i], h[i]


@kernel(f8_in, integer, integer, f8_out2, integer, integer)
def interleave_one(column: F8, start: int, end: int, x: F8, first: int, j: int) -> None:
    """Put rows `start` to `end` of one column in x, from row `first` on."""
    for i in range(start, end):
        x[first + i - start, j] = column[i]


@kernel(f8_in2, f8_in, f8_in, integer, integer, reassociate=True)
def column_sums(x: F8, weight: F8, about: F8, first: int, last: int) -> F8:
    """Return of rows `first` to `last`, as rows: weighted sum and sum of squares about `about`, least, largest value.

    The last column holds the sum of the weights; no weights: each row counts once.
    """
    p = x.shape[1]
    out = np.zeros((4, p + 1))
    out[2], out[3] = np.inf, -np.inf
    for i in range(first, last):
        w = weight[i] if weight.size else 1.0
        for j in range(p):
            d = x[i, j] - about[j]
            out[0, j] += w * x[i, j]
            out[1, j] += w * d * d
            out[2, j] = min(out[2, j], x[i, j])
            out[3, j] = max(out[3, j], x[i, j])
        out[0, p] += w
    return out


@kernel(f8_out2, f8_in, f8_in, f8_in, flags_in, integer, integer)
def standardise(x: F8, weight: F8, mean: F8, scale: F8, event: Flags, first: int, last: int) -> F8:
    """Put rows `first` to `last` on their scale; return the weighted sums over those who fail."""
    out = np.zeros(x.shape[1])
    for i in range(first, last):
        for j in range(x.shape[1]):
            x[i, j] = (x[i, j] - mean[j]) / scale[j]
        if event[i]:
            w = weight[i] if weight.size else 1.0
            for j in range(x.shape[1]):
                out[j] += w * x[i, j]
    return out
