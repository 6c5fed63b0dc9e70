# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One read of the covariates: everything that a step of a proportional hazards model adds up over rows.

A row carries keys into tables that are small beside it: `leave`, where its risk r = weight * exp(eta) is added
up, and (if it enters late) `enter`, where it is taken off again. What a key means is the caller's: for the
Cox model an occasion, told apart by whether the row fails there among others; for a model with competing
risks cause and day. The hazard that a row has lived through is looked up by the same keys, from the
estimate of the step before:

* ``sums[key]`` collects r x and, last, r: risk sets, score and second moments are made from it;
* ``gram`` collects r A x x', with A = hazard[leave] - hazard[enter], the part of the information that needs
  the rows themselves. At the maximum, where steps are over, the hazard of the step before is that of this step.

Rows go by in blocks that stay in the caches: predictor, exponential, table, turned block, Gram.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, f8_in, f8_in2, f8_out, f8_out2, i4_in, i8_in, i8_out, integer, kernel, number
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram, predict_block, turn_block


@kernel(i4_in, integer, integer, i8_out)
def place(order: I4, first: int, n: int, at: I8) -> None:
    """Put in `at` which rows stand at `first` and after it: themselves, or as `order` tells."""
    for i in range(n):
        at[i] = first + i
    if order.size:
        for i in range(n):
            at[i] = order[first + i]


@kernel(i8_in, integer, f8_in, f8_in, f8_out)
def scale(at: I8, n: int, weight: F8, factor: F8, out: F8) -> None:
    """Put factor times weight in `out`; no weights: each counts once."""
    for i in range(n):
        out[i] = factor[i] * (weight[at[i]] if weight.size else 1.0)


@kernel(i8_in, integer, f8_in, i4_in, f8_in, f8_out)
def _lived(at: I8, n: int, hazard: F8, leave: I4, r: F8, out: F8) -> None:
    """Put in `out` r times the hazard by the key of leaving."""
    for i in range(n):
        out[i] = r[i] * hazard[leave[at[i]]]


@kernel(i8_in, integer, f8_in, i4_in, f8_in, f8_out)
def _less_before(at: I8, n: int, hazard: F8, enter: I4, r: F8, out: F8) -> None:
    """Take from `out` what was lived before entry; rounding cannot leave less than nothing."""
    for i in range(n):
        out[i] = max(out[i] - r[i] * hazard[enter[at[i]]], 0.0)


@kernel(f8_in2, i8_in, integer, i4_in, f8_in, number, f8_out2)
def _spread(x: F8, at: I8, n: int, key: I4, r: F8, sign: float, sums: F8) -> None:
    """Add r x and r of the rows, with their sign, to the sums of their keys."""
    p = x.shape[1]
    for i in range(n):
        row = at[i]
        k, q = key[row], sign * r[i]
        for j in range(p):
            sums[k, j] += q * x[row, j]
        sums[k, p] += q


@kernel(
    f8_in2,
    f8_in,
    f8_in,
    f8_in,
    i4_in,
    i4_in,
    f8_in,
    i4_in,
    integer,
    integer,
    integer,
    f8_out,
    f8_out2,
    f8_out2,
    f8_out2,
)
def risk_pass(
    x: F8,
    beta: F8,
    offset: F8,
    weight: F8,
    leave: I4,
    enter: I4,
    hazard: F8,
    order: I4,
    first: int,
    last: int,
    keep: int,
    risk: F8,
    sums: F8,
    turned: F8,
    gram: F8,
) -> float:
    """Add rows `first` to `last` to the sums; return the sum of r A.

    Parameters
    ----------
    x, beta
        Covariates (rows, p) and coefficients.
    offset, weight
        Of each row; empty where there are none.
    leave, enter
        Keys of each row; `enter` is empty where nobody enters late. A row that is never at risk, or was at
        risk from the start, has a key of its own whose hazard is 0 and whose sums nobody reads.
    hazard
        By key: what a row has lived through when it leaves, or had lived through when it entered.
    order
        Rows in the order in which they are to be read, or empty: as they stand.
    keep
        Whether r of each row is kept in `risk` (in the order of the rows).
    sums
        Shape (keys, p + 1): r x and, last, r.
    turned, gram
        Room for a block and the Gram matrix (lower triangle), as `matrix.room` makes them. Where `gram` has no
        rows it is not taken, which is two thirds of the work for many covariates.
    """
    at, bits = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    eta, r, lived = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    total = 0.0
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        place(order, start, n, at)
        predict_block(x, at, n, beta, eta)
        if offset.size:
            for i in range(n):
                eta[i] += offset[at[i]]
        exponentials(eta, n, bits, lived)
        scale(at, n, weight, lived, r)
        if keep:
            for i in range(n):
                risk[at[i]] = r[i]
        _lived(at, n, hazard, leave, r, lived)
        _spread(x, at, n, leave, r, 1.0, sums)
        if enter.size:
            _less_before(at, n, hazard, enter, r, lived)
            if not keep:
                _spread(x, at, n, enter, r, -1.0, sums)
        for i in range(n):
            total += lived[i]
            lived[i] = np.sqrt(lived[i])
        if gram.size:
            turn_block(x, at, n, lived, turned)
            add_gram(turned, n, gram)
    return total


@kernel(f8_in2, f8_in, i4_in, i4_in, integer, integer, f8_out2)
def take_off(x: F8, risk: F8, enter: I4, order: I4, first: int, last: int, sums: F8) -> None:
    """Take the rows that stand from `first` to `last` in `order` off the sums of the keys of their entry."""
    p = x.shape[1]
    for position in range(first, last):
        row = order[position]
        k, r = enter[row], risk[row]
        for j in range(p):
            sums[k, j] -= r * x[row, j]
        sums[k, p] -= r


@kernel(f8_in, f8_in, i4_in, i4_in, i4_in, integer, integer, f8_out)
def weigh_keys(offset: F8, weight: F8, leave: I4, enter: I4, order: I4, first: int, last: int, out: F8) -> None:
    """Add up by key the weights of rows (times exp of their offset), less those that enter."""
    for position in range(first, last):
        row = order[position] if order.size else position
        r = weight[row] if weight.size else 1.0
        if offset.size:
            r *= np.exp(offset[row])
        out[leave[row]] += r
        if enter.size:
            out[enter[row]] -= r
