# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reads of covariates that stay where they are for logistic regression: a strip of rows of every column at a time.

The sums are those of `logistic`; nothing is put side by side, so that a read costs what the memory takes to give it.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, Flags, f8_in, f8_out, f8_out2, flags_in, i8_in, i8_out, integer, kernel, number
from rwe.kernels.column_lead import add_products
from rwe.kernels.column_pass import predict_strip, turn_columns
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram


@kernel(i8_in, f8_in, f8_in, number, integer, integer, integer, i8_out, f8_out, f8_out)
def _odds(
    columns: I8, mean: F8, slope: F8, intercept: float, first: int, n: int, ahead: int, bits: I8, eta: F8, odds: F8
) -> None:  # fmt: skip
    """Put the predictor of a strip in `eta`, and the exponential of minus its size in `odds`."""
    predict_strip(columns, mean, slope, first, n, ahead, eta)
    for i in range(n):
        eta[i] += intercept
        odds[i] = -abs(eta[i])
    exponentials(odds, n, bits, odds)


@kernel(f8_in, flags_in, f8_in, f8_in, integer, integer, f8_out)
def _residuals(weight: F8, outcome: Flags, eta: F8, odds: F8, first: int, n: int, out: F8) -> None:
    """Put the outcome less its probability in `out`, times the weight."""
    for i in range(n):
        share = (1.0 if eta[i] >= 0.0 else odds[i]) / (1.0 + odds[i])
        out[i] = (1.0 if outcome[first + i] else 0.0) - share
    if weight.size:
        for i in range(n):
            out[i] *= weight[first + i]


@kernel(i8_in, f8_in, f8_in, number, integer, integer, f8_out)
def column_shares(columns: I8, mean: F8, slope: F8, intercept: float, first: int, last: int, out: F8) -> None:
    """Put the probabilities of rows `first` to `last` in their places of `out`."""
    bits, eta, odds = np.empty(BLOCK, np.int64), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _odds(columns, mean, slope, intercept, start, n, BLOCK, bits, eta, odds)
        for i in range(n):
            out[start + i] = (1.0 if eta[i] >= 0.0 else odds[i]) / (1.0 + odds[i])


@kernel(i8_in, f8_in, f8_in, number, flags_in, f8_in, integer, integer, f8_out)
def column_gradient(
    columns: I8, mean: F8, slope: F8, intercept: float, outcome: Flags, weight: F8, first: int, last: int, score: F8
) -> None:  # fmt: skip
    """Add rows `first` to `last` to the gradient by column, in the column's own unit, and last by the intercept.

    Parameters
    ----------
    columns
        Addresses of the columns.
    mean, slope
        Of each column: its mean, and the coefficient of its own unit.
    outcome, weight
        Whether the outcome occurred, weight of each row (empty: each counts once).
    """
    bits, eta = np.empty(BLOCK, np.int64), np.empty(BLOCK)
    odds, off = np.empty(BLOCK), np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _odds(columns, mean, slope, intercept, start, n, BLOCK // 2, bits, eta, odds)
        _residuals(weight, outcome, eta, odds, start, n, off)
        add_products(columns, mean, off, start, n, BLOCK // 2, score)
        for i in range(n):
            score[columns.size] += off[i]


@kernel(
    i8_in, f8_in, f8_in, f8_in, number, flags_in, f8_in, integer, integer, f8_out, f8_out, f8_out2, f8_out2
)  # fmt: skip
def column_logistic(
    columns: I8,
    mean: F8,
    scale: F8,
    slope: F8,
    intercept: float,
    outcome: Flags,
    weight: F8,
    first: int,
    last: int,
    score: F8,
    border: F8,
    turned: F8,
    gram: F8,
) -> float:
    """Add rows `first` to `last` to gradient and information; return their log likelihood.

    `scale` holds the inverse of each column's unit. The information is that of standardised columns; score and border
    (the row of the information that belongs to the intercept) are those of columns in their own.
    """
    bits, eta = np.empty(BLOCK, np.int64), np.empty(BLOCK)
    odds, off, spread = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    total, p = 0.0, columns.size
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _odds(columns, mean, slope, intercept, start, n, BLOCK, bits, eta, odds)
        _residuals(weight, outcome, eta, odds, start, n, off)
        for i in range(n):
            w = weight[start + i] if weight.size else 1.0
            y = 1.0 if outcome[start + i] else 0.0
            total += w * (y * eta[i] - max(eta[i], 0.0) - np.log1p(odds[i]))
            far = 1.0 / (1.0 + odds[i])
            spread[i] = w * odds[i] * far * far
            score[p] += off[i]
            border[p] += spread[i]
        add_products(columns, mean, off, start, n, n, score)
        add_products(columns, mean, spread, start, n, n, border)
        for i in range(n):
            spread[i] = np.sqrt(spread[i])
        turn_columns(columns, mean, scale, spread, start, n, turned)
        add_gram(turned, n, gram)
    return total
