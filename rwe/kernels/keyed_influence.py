# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Influence of rows on sums over risk sets, read from tables by key (Lin & Wei 1989, J Am Stat Assoc 84:1074)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, f8_in, f8_in2, f8_out2, i4_in, i8_in, integer, kernel
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram, predict_block
from rwe.kernels.risk_pass import place, scale


@kernel(f8_in2, i8_in, integer, i4_in, f8_in, f8_in, f8_in, f8_in, f8_in2, f8_out2)
def _influence(
    x: F8, at: I8, n: int, key: I4, w: F8, r: F8, failed: F8, hazard: F8, table: F8, out: F8
) -> None:  # fmt: skip
    """Put what the rows `at[:n]` meet by their keys of leaving in the columns of `out`."""
    p, q = x.shape[1], table.shape[1] // 2
    for i in range(n):
        row, weight, risk = at[i], w[i], r[i]
        k = key[row]
        of_x = weight * failed[k] - risk * hazard[k]
        for j in range(p):
            out[j, i] = weight * table[k, j] + risk * table[k, q + j] + of_x * x[row, j]
        for j in range(p, q):
            out[j, i] = weight * table[k, j] + risk * table[k, q + j]


@kernel(f8_in2, i8_in, integer, i4_in, f8_in, f8_in, f8_in, f8_in2, f8_out2)
def _less_before(x: F8, at: I8, n: int, key: I4, w: F8, r: F8, hazard: F8, table: F8, out: F8) -> None:
    """Take off what was met before entry."""
    p, q = x.shape[1], table.shape[1] // 2
    for i in range(n):
        row = at[i]
        k = key[row]
        for j in range(q):
            met = w[i] * table[k, j] + r[i] * table[k, q + j]
            out[j, i] -= met - r[i] * hazard[k] * x[row, j] if j < p else met


@kernel(
    f8_in2, f8_in, f8_in, i4_in, i4_in, f8_in, f8_in, f8_in2, i8_in, integer, integer, f8_out2, f8_out2
)  # fmt: skip
def add_products(
    x: F8, beta: F8, weight: F8, leave: I4, enter: I4, failed: F8, hazard: F8, table: F8, cluster: I8,
    first: int, last: int, turned: F8, out: F8,
) -> None:  # fmt: skip
    """Add the products of the influences of rows `first` to `last` to `out`; of clusters, the influences.

    The first columns are those of the covariates x (the score); others may follow (a baseline hazard).

    Parameters
    ----------
    weight
        Of each row; empty: each counts once.
    leave, enter
        Keys of each row; `enter` is empty where nobody enters late.
    failed, hazard
        By key: 1 for those who fail, and what a row has lived through when it leaves, or had when it entered.
    table
        By key, shape (keys, 2 q): what a unit of weight adds, and what a unit of risk takes part in.
    cluster
        Of each row, or empty.
    turned, out
        Room for a block and the products (lower triangle), as `matrix.room` makes them; of clusters, `out` has the
        shape (clusters, q).
    """
    q = table.shape[1] // 2
    at, bits = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    eta, risk, r, w, ones = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.ones(BLOCK)
    nobody = np.empty(0, np.int32)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        place(nobody, start, n, at)
        predict_block(x, at, n, beta, eta)
        exponentials(eta, n, bits, risk)
        scale(at, n, weight, risk, r)
        scale(at, n, weight, ones, w)
        _influence(x, at, n, leave, w, r, failed, hazard, table, turned)
        if enter.size:
            _less_before(x, at, n, enter, w, r, hazard, table, turned)
        if cluster.size:
            for i in range(n):
                for j in range(q):
                    out[cluster[at[i]], j] += turned[j, i]
        else:
            add_gram(turned, n, out)
