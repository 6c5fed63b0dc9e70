# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Products with a tall matrix, written out so that their bits do not depend on a BLAS or its threads.

The Gram matrix is taken from blocks of rows that have been turned on their side: each covariate is then a
run of numbers in memory, a tile of 4 x 4 covariates stays in sixteen vector registers while the block goes by, and
eight loads feed sixteen multiply-adds (Goto & van de Geijn 2008, ACM Trans Math Softw 34:12, in small).
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, f8_out, f8_out2, i8_in, integer, kernel

BLOCK = 256  # rows of a block: with 50 covariates they fill a tenth of the second cache
TILE = 4
LINE = 8  # numbers that keep the columns of a turned block from falling into the same lines of the cache


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
    """Return x' diag(weight) x for weights of any sign, four rows at a time so that the sums stay in registers."""
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


@kernel(f8_in2, i8_in, integer, f8_in, f8_out, reassociate=True)
def predict_block(x: F8, at: I8, n: int, beta: F8, out: F8) -> None:
    """Put x beta of the rows `at[:n]` in `out`."""
    for i in range(n):
        row, eta = at[i], 0.0
        for j in range(beta.size):
            eta += x[row, j] * beta[j]
        out[i] = eta


@kernel(f8_in2, i8_in, integer, f8_in, f8_out2)
def turn_block(x: F8, at: I8, n: int, factor: F8, out: F8) -> None:
    """Put the rows `at[:n]`, each times its factor, in the columns of `out`."""
    for i in range(n):
        row, f = at[i], factor[i]
        for j in range(x.shape[1]):
            out[j, i] = f * x[row, j]


@kernel(f8_in2, integer, f8_out2, reassociate=True)
def add_gram(turned: F8, n: int, out: F8) -> None:
    """Add the lower triangle of y'y to `out`, where the columns of `turned[:, :n]` are the rows of y.

    Both have a multiple of 4 rows; those above the number of covariates are 0.
    """
    y = turned
    for i in range(0, y.shape[0], TILE):
        for j in range(0, i + 1, TILE):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
            c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = 0.0
            for k in range(n):
                left, right, third, last = y[j, k], y[j + 1, k], y[j + 2, k], y[j + 3, k]
                a, b, c, d = y[i, k], y[i + 1, k], y[i + 2, k], y[i + 3, k]
                a0 += a * left
                a1 += a * right
                a2 += a * third
                a3 += a * last
                b0 += b * left
                b1 += b * right
                b2 += b * third
                b3 += b * last
                c0 += c * left
                c1 += c * right
                c2 += c * third
                c3 += c * last
                d0 += d * left
                d1 += d * right
                d2 += d * third
                d3 += d * last
            for row, sums in enumerate(((a0, a1, a2, a3), (b0, b1, b2, b3), (c0, c1, c2, c3), (d0, d1, d2, d3))):
                for column in range(TILE):
                    out[i + row, j + column] += sums[column]


def room(p: int) -> tuple[F8, F8]:
    """Return an empty turned block and an empty Gram matrix for `p` covariates."""
    size = -(-p // TILE) * TILE
    return np.zeros((size, BLOCK + LINE)), np.zeros((size, size))


def whole_gram(lower: F8, p: int) -> F8:
    """Return the symmetric matrix of a padded lower triangle."""
    square = np.tril(lower[:p, :p])
    return np.asarray(square + np.tril(square, -1).T, np.float64)
