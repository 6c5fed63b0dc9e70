# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reads of covariates that stay where they are: columns anywhere in memory, taken a block of rows at a time.

The sums are those of `risk_pass`. A block of a column is a run of numbers, so that predictor, products and
Gram matrix go through vector registers without the columns being put side by side first.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import (
    F8,
    I4,
    I8,
    f8_in,
    f8_in2,
    f8_out,
    f8_out2,
    fetch_at,
    i4_in,
    i8_in,
    i8_out,
    integer,
    kernel,
    number,
    number_at,
)
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, LINE, add_gram

SOON = 4  # rows ahead of which the sums of their keys are asked for: they seldom lie in the nearest caches


@kernel(integer, integer, integer, integer, integer)
def fetch_four(a: int, b: int, c: int, d: int, row: int) -> None:
    """Ask for the lines of memory that hold a row of four columns."""
    fetch_at(a, row)
    fetch_at(b, row)
    fetch_at(c, row)
    fetch_at(d, row)


@kernel(i8_in, f8_in, f8_in, integer, integer, integer, f8_out, reassociate=True)
def predict_strip(columns: I8, mean: F8, slope: F8, first: int, n: int, ahead: int, out: F8) -> None:
    """Put the predictor of rows `first` to `first + n` in `out`: the sum of slope times column less its mean.

    The first `ahead` of the rows that follow are asked for on the way.
    """
    whole = columns.size // 4 * 4
    for i in range(n):
        out[i] = 0.0
    for j in range(0, whole, 4):
        a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
        for i in range(0, ahead, 8):
            fetch_four(a, b, c, d, first + n + i)
        of_a, of_b, of_c, of_d = mean[j], mean[j + 1], mean[j + 2], mean[j + 3]
        by_a, by_b, by_c, by_d = slope[j], slope[j + 1], slope[j + 2], slope[j + 3]
        for i in range(n):
            row = first + i
            left = by_a * (number_at(a, row) - of_a) + by_b * (number_at(b, row) - of_b)
            out[i] += left + (by_c * (number_at(c, row) - of_c) + by_d * (number_at(d, row) - of_d))
    for j in range(whole, columns.size):
        a, of_a, by_a = columns[j], mean[j], slope[j]
        for i in range(n):
            out[i] += by_a * (number_at(a, first + i) - of_a)


@kernel(f8_in, f8_in, integer, integer, f8_out, i8_out, f8_out)
def risks(offset: F8, weight: F8, first: int, n: int, eta: F8, bits: I8, r: F8) -> None:
    """Put weight times exp of predictor and offset in `r`."""
    if offset.size:
        for i in range(n):
            eta[i] += offset[first + i]
    exponentials(eta, n, bits, r)
    if weight.size:
        for i in range(n):
            r[i] *= weight[first + i]


@kernel(f8_in, f8_in, i4_in, i4_in, integer, integer, f8_out)
def lived_strip(r: F8, hazard: F8, leave: I4, enter: I4, first: int, n: int, out: F8) -> None:
    """Put r times the hazard lived through in `out`; rounding cannot leave less than nothing."""
    for i in range(n):
        out[i] = r[i] * hazard[leave[first + i]]
    if enter.size:
        for i in range(n):
            out[i] = max(out[i] - r[i] * hazard[enter[first + i]], 0.0)


@kernel(i8_in, f8_in, f8_in, integer, integer, f8_out2)
def rows_of_block(columns: I8, mean: F8, scale: F8, first: int, n: int, out: F8) -> None:
    """Put rows `first` to `first + n`, on their scale, in the rows of `out`: eight columns at once."""
    for j in range(0, columns.size // 8 * 8, 8):
        a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
        e, f, g, h = columns[j + 4], columns[j + 5], columns[j + 6], columns[j + 7]
        of_a, of_b, of_c, of_d = mean[j], mean[j + 1], mean[j + 2], mean[j + 3]
        of_e, of_f, of_g, of_h = mean[j + 4], mean[j + 5], mean[j + 6], mean[j + 7]
        by_a, by_b, by_c, by_d = scale[j], scale[j + 1], scale[j + 2], scale[j + 3]
        by_e, by_f, by_g, by_h = scale[j + 4], scale[j + 5], scale[j + 6], scale[j + 7]
        for i in range(n):
            row = first + i
            one, two = (number_at(a, row) - of_a) * by_a, (number_at(b, row) - of_b) * by_b
            three, four = (number_at(c, row) - of_c) * by_c, (number_at(d, row) - of_d) * by_d
            five, six = (number_at(e, row) - of_e) * by_e, (number_at(f, row) - of_f) * by_f
            seven, eight = (number_at(g, row) - of_g) * by_g, (number_at(h, row) - of_h) * by_h
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = one, two, three, four
            out[i, j + 4], out[i, j + 5], out[i, j + 6], out[i, j + 7] = five, six, seven, eight
    for j in range(columns.size // 8 * 8, columns.size):
        a, of_a, by_a = columns[j], mean[j], scale[j]
        for i in range(n):
            out[i, j] = (number_at(a, first + i) - of_a) * by_a


@kernel(f8_in2, i4_in, integer, integer, f8_in, number, f8_out2)
def spread_block(rows: F8, key: I4, first: int, n: int, r: F8, sign: float, sums: F8) -> None:
    """Add r times each row of a block, with their sign, to the sums of its key; those needed soon are asked for."""
    width, table = rows.shape[1], sums.ctypes.data
    for i in range(n):
        if i + SOON < n:
            for j in range(0, width, LINE):
                fetch_at(table, key[first + i + SOON] * width + j)
        k, q = key[first + i], sign * r[i]
        for j in range(width):
            sums[k, j] += q * rows[i, j]


@kernel(i8_in, f8_in, f8_in, f8_in, integer, integer, f8_out2)
def turn_columns(columns: I8, mean: F8, scale: F8, factor: F8, first: int, n: int, out: F8) -> None:
    """Put the standardised columns of rows `first` to `first + n`, each row times its factor, in the rows of `out`."""
    for j in range(columns.size):
        a, of_a, by_a = columns[j], mean[j], scale[j]
        for i in range(n):
            out[j, i] = (factor[i] * by_a) * (number_at(a, first + i) - of_a)


@kernel(
    i8_in, f8_in, f8_in, f8_in, f8_in, f8_in, i4_in, i4_in, f8_in, integer, integer, f8_out2, f8_out2, f8_out2
)  # fmt: skip
def column_pass(
    columns: I8,
    mean: F8,
    scale: F8,
    slope: F8,
    offset: F8,
    weight: F8,
    leave: I4,
    enter: I4,
    hazard: F8,
    first: int,
    last: int,
    sums: F8,
    turned: F8,
    gram: F8,
) -> float:
    """Add rows `first` to `last` to the sums and the Gram matrix, as `risk_pass` does; return the sum of r A.

    `scale` holds the inverse of each column's unit, `slope` the coefficient of the column in its own. `sums` are
    those of `wide`: r in the column after the last covariate, and 0 beyond it.
    """
    eta, r, lived = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    block = np.zeros((BLOCK, sums.shape[1]))
    block[:, columns.size] = 1.0
    bits = np.empty(BLOCK, np.int64)
    total = 0.0
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        predict_strip(columns, mean, slope, start, n, BLOCK, eta)
        risks(offset, weight, start, n, eta, bits, r)
        lived_strip(r, hazard, leave, enter, start, n, lived)
        rows_of_block(columns, mean, scale, start, n, block)
        spread_block(block, leave, start, n, r, 1.0, sums)
        if enter.size:
            spread_block(block, enter, start, n, r, -1.0, sums)
        for i in range(n):
            total += lived[i]
            lived[i] = np.sqrt(lived[i])
        turn_columns(columns, mean, scale, lived, start, n, turned)
        add_gram(turned, n, gram)
    return total


def wide(keys: int, p: int) -> F8:
    """Return empty sums of `p` covariates and r, shape (keys, whole lines of the cache)."""
    return np.zeros((keys, -(-(p + 1) // LINE) * LINE))
