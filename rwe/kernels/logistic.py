# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One read of the covariates for a step of logistic regression: log likelihood, gradient and information add up."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, Flags, f8_in, f8_in2, f8_out, f8_out2, flags_in, i8_in, integer, kernel, number
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram, predict_block, turn_block
from rwe.kernels.risk_pass import place


@kernel(f8_in2, i8_in, integer, f8_in, f8_in, f8_out, f8_out)
def _add_rows(x: F8, at: I8, n: int, factor: F8, weight: F8, first: F8, second: F8) -> None:
    """Add factor x to `first` and weight x to `second`; their own sums stand last."""
    p = x.shape[1]
    for i in range(n):
        row, f, w = at[i], factor[i], weight[i]
        for j in range(p):
            first[j] += f * x[row, j]
            second[j] += w * x[row, j]
        first[p] += f
        second[p] += w


@kernel(f8_in2, flags_in, f8_in, f8_in, number, integer, integer, f8_out, f8_out, f8_out2, f8_out2)
def logistic_pass(
    x: F8,
    outcome: Flags,
    weight: F8,
    beta: F8,
    intercept: float,
    first: int,
    last: int,
    score: F8,
    border: F8,
    turned: F8,
    gram: F8,
) -> float:
    """Add rows `first` to `last`; return their log likelihood.

    Parameters
    ----------
    x, outcome, weight
        Covariates (rows, p), whether the outcome occurred, weight of each row (empty: each counts once).
    score, border
        Gradient, and the row of the information that belongs to the intercept; length p + 1, that of the intercept
        last.
    turned, gram
        As `matrix.room` makes them: the information of the covariates (lower triangle).
    """
    at, bits, none = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(0, np.int32)
    eta, odds, off, spread = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    total = 0.0
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        place(none, start, n, at)
        predict_block(x, at, n, beta, eta)
        for i in range(n):
            eta[i] += intercept
            off[i] = -abs(eta[i])
        exponentials(off, n, bits, odds)
        for i in range(n):
            w = weight[at[i]] if weight.size else 1.0
            far = 1.0 / (1.0 + odds[i])
            share = far if eta[i] >= 0.0 else odds[i] * far
            y = 1.0 if outcome[at[i]] else 0.0
            total += w * (y * eta[i] - max(eta[i], 0.0) - np.log1p(odds[i]))
            off[i] = w * (y - share)
            spread[i] = w * odds[i] * far * far
        _add_rows(x, at, n, off, spread, score, border)
        for i in range(n):
            spread[i] = np.sqrt(spread[i])
        turn_block(x, at, n, spread, turned)
        add_gram(turned, n, gram)
    return total


@kernel(f8_in2, f8_in, number, integer, integer, f8_out)
def probabilities(x: F8, beta: F8, intercept: float, first: int, last: int, out: F8) -> None:
    """Put the probabilities of rows `first` to `last` in the beginning of `out`."""
    at, bits, none = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(0, np.int32)
    eta, odds, off = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        place(none, start, n, at)
        predict_block(x, at, n, beta, eta)
        for i in range(n):
            eta[i] += intercept
            off[i] = -abs(eta[i])
        exponentials(off, n, bits, odds)
        for i in range(n):
            out[start - first + i] = (1.0 if eta[i] >= 0.0 else odds[i]) / (1.0 + odds[i])
