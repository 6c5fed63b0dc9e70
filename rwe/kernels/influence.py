# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Squares of the influence of rows, or of clusters of rows, on the score of a Cox model.

Lin & Wei (1989) J Am Stat Assoc 84:1074. One read of the covariates; influences are squared as they come
and never held.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags, f8_in, f8_in2, f8_out, f8_out2, flags_in, i4_in, i8_in, integer, kernel
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram, predict_block
from rwe.kernels.risk_pass import place, scale


@kernel(f8_in2, integer, i4_in, i4_in, f8_in, integer, f8_in, f8_in2, f8_out)
def _add_influence(x: F8, row: int, leave: I4, enter: I4, r: F8, i: int, hazard: F8, path: F8, out: F8) -> None:
    """Add -r (x A - path) of a row to `out`; r[i] is its risk."""
    k, risk = leave[row], r[i]
    lived = hazard[k]
    for j in range(out.size):
        out[j] += risk * path[k, j]
    if enter.size:
        e = enter[row]
        lived -= hazard[e]
        for j in range(out.size):
            out[j] -= risk * path[e, j]
    for j in range(out.size):
        out[j] -= risk * lived * x[row, j]


@kernel(f8_out, integer, f8_out2, f8_out2)
def _push(own: F8, held: int, turned: F8, gram: F8) -> int:
    """Put a finished influence in the block, begin the next; return how many are held once a full block is squared."""
    if held == BLOCK:
        add_gram(turned, held, gram)
        held = 0
    for j in range(own.size):
        turned[j, held] = own[j]
        own[j] = 0.0
    return held + 1


@kernel(
    f8_in2, f8_in, f8_in, f8_in, i4_in, i4_in, flags_in, i8_in, i4_in, integer, integer, f8_in, f8_in2, f8_in2, f8_out2,
    f8_out2,
)  # fmt: skip
def influence_gram(
    x: F8,
    beta: F8,
    offset: F8,
    weight: F8,
    leave: I4,
    enter: I4,
    event: Flags,
    cluster: I8,
    order: I4,
    first: int,
    last: int,
    hazard: F8,
    path: F8,
    mean: F8,
    turned: F8,
    gram: F8,
) -> None:
    """Add the squared influences of rows `first` to `last` to `gram` (lower triangle).

    Parameters
    ----------
    x, beta, offset, weight, leave, enter, order
        As in `risk_pass`.
    event
        Failure of each row.
    cluster
        Cluster of each row, whose rows stand together in `order`; empty where each row counts alone.
    hazard, path
        By key, what a row has lived through: hazard, and hazard times the mean covariates at risk.
    mean
        By key, mean covariates of the risk set in which a row fails.
    """
    p = x.shape[1]
    at, bits = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    eta, r, own = np.empty(BLOCK), np.empty(BLOCK), np.zeros(p)
    held, now = 0, -1
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        place(order, start, n, at)
        predict_block(x, at, n, beta, eta)
        if offset.size:
            for i in range(n):
                eta[i] += offset[at[i]]
        exponentials(eta, n, bits, eta)
        scale(at, n, weight, eta, r)
        for i in range(n):
            row = at[i]
            if start + i > first and (cluster.size == 0 or cluster[row] != now):
                held = _push(own, held, turned, gram)
            now = cluster[row] if cluster.size else 0
            _add_influence(x, row, leave, enter, r, i, hazard, path, own)
            if event[row]:
                w, k = weight[row] if weight.size else 1.0, leave[row]
                for j in range(p):
                    own[j] += w * (x[row, j] - mean[k, j])
    add_gram(turned, _push(own, held, turned, gram), gram)
