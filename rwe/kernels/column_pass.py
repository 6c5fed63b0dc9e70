# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reads of covariates that stay where they are: columns anywhere in memory, taken a block of rows at a time.

The sums are those of `risk_pass`. A block of a column is a run of numbers, so that predictor, products and
Gram matrix go through vector registers without the columns being put side by side first. Only the read that
takes the information adds up r x by key; the others need the score alone, r A x x' and S1 by key do not
come into it: they take each row's part in it from the hazard of the read before, and r by key for the next.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import (
    F8,
    I4,
    I8,
    Flags,
    f8_in,
    f8_in2,
    f8_out,
    f8_out2,
    fetch_at,
    flags_in,
    i4_in,
    i8_in,
    i8_out,
    integer,
    kernel,
    number,
    number_at,
)
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import BLOCK, add_gram

STRIP = (
    256  # rows of a read without the information: runs long enough for the memory, and a strip that stays in a cache
)


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


@kernel(i8_in, f8_in, f8_in, integer, integer, integer, f8_out, reassociate=True)
def add_products(columns: I8, mean: F8, factor: F8, first: int, n: int, ahead: int, out: F8) -> None:
    """Add to `out` the sums of factor times column less its mean, over rows `first` to `first + n`.

    Of the rows that follow, those from `ahead` are asked for on the way.
    """
    whole = columns.size // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
        for i in range(ahead, n, 8):
            fetch_four(a, b, c, d, first + n + i)
        of_a, of_b, of_c, of_d = mean[j], mean[j + 1], mean[j + 2], mean[j + 3]
        sum_a = sum_b = sum_c = sum_d = 0.0
        for i in range(n):
            row, f = first + i, factor[i]
            sum_a += f * (number_at(a, row) - of_a)
            sum_b += f * (number_at(b, row) - of_b)
            sum_c += f * (number_at(c, row) - of_c)
            sum_d += f * (number_at(d, row) - of_d)
        out[j] += sum_a
        out[j + 1] += sum_b
        out[j + 2] += sum_c
        out[j + 3] += sum_d
    for j in range(whole, columns.size):
        a, of_a, sum_a = columns[j], mean[j], 0.0
        for i in range(n):
            sum_a += factor[i] * (number_at(a, first + i) - of_a)
        out[j] += sum_a


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


@kernel(f8_in, i4_in, integer, integer, number, f8_out)
def add_by_key(r: F8, key: I4, first: int, n: int, sign: float, out: F8) -> None:
    """Add the r of a strip, with their sign, to the sums of their keys."""
    for i in range(n):
        out[key[first + i]] += sign * r[i]


@kernel(flags_in, f8_in, integer, integer, f8_out)
def failed_less(event: Flags, weight: F8, first: int, n: int, lived: F8) -> None:
    """Put the weight of failure of a strip's rows less what they lived through in `lived`."""
    if weight.size:
        for i in range(n):
            lived[i] = (weight[first + i] if event[first + i] else 0.0) - lived[i]
    else:
        for i in range(n):
            lived[i] = np.float64(event[first + i]) - lived[i]


@kernel(
    i8_in, f8_in, f8_in, f8_in, f8_in, i4_in, i4_in, flags_in, f8_in, integer, integer, f8_out, f8_out
)  # fmt: skip
def score_pass(
    columns: I8,
    mean: F8,
    slope: F8,
    offset: F8,
    weight: F8,
    leave: I4,
    enter: I4,
    event: Flags,
    hazard: F8,
    first: int,
    last: int,
    at_risk: F8,
    score: F8,
) -> None:
    """Add rows `first` to `last`.

    Parameters
    ----------
    columns
        Addresses of the columns.
    mean, slope
        Of each column: its mean, and the coefficient of its own unit.
    hazard
        By key, that of the read before.
    at_risk
        By key: r is added where a row leaves and taken off where it enters.
    score
        By column: weight of failure less r A, times the column less its mean.
    """
    eta, r, lived = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    bits = np.empty(STRIP, np.int64)
    for start in range(first, last, STRIP):
        n = min(STRIP, last - start)
        predict_strip(columns, mean, slope, start, n, STRIP // 2, eta)
        risks(offset, weight, start, n, eta, bits, r)
        lived_strip(r, hazard, leave, enter, start, n, lived)
        add_by_key(r, leave, start, n, 1.0, at_risk)
        if enter.size:
            add_by_key(r, enter, start, n, -1.0, at_risk)
        failed_less(event, weight, start, n, lived)
        add_products(columns, mean, lived, start, n, STRIP // 2, score)


@kernel(i8_in, integer, integer, f8_out2)
def rows_of_block(columns: I8, first: int, n: int, out: F8) -> None:
    """Put rows `first` to `first + n` in the rows of `out`: a line of the cache, eight columns, at once."""
    for j in range(0, columns.size // 8 * 8, 8):
        a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
        e, f, g, h = columns[j + 4], columns[j + 5], columns[j + 6], columns[j + 7]
        for i in range(n):
            row = first + i
            one, two, three, four = number_at(a, row), number_at(b, row), number_at(c, row), number_at(d, row)
            five, six, seven, eight = number_at(e, row), number_at(f, row), number_at(g, row), number_at(h, row)
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = one, two, three, four
            out[i, j + 4], out[i, j + 5], out[i, j + 6], out[i, j + 7] = five, six, seven, eight
    for j in range(columns.size // 8 * 8, columns.size):
        a = columns[j]
        for i in range(n):
            out[i, j] = number_at(a, first + i)


@kernel(f8_in2, f8_in, f8_in, i4_in, integer, integer, f8_in, number, f8_out2)
def spread_block(rows: F8, mean: F8, scale: F8, key: I4, first: int, n: int, r: F8, sign: float, sums: F8) -> None:
    """Add r x and r of the rows of a block, with their sign, to the sums of their keys; x on its scale."""
    for i in range(n):
        k, q = key[first + i], sign * r[i]
        for j in range(mean.size):
            sums[k, j] += q * (rows[i, j] - mean[j]) * scale[j]
        sums[k, mean.size] += q


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

    `scale` holds the inverse of each column's unit, `slope` the coefficient of the column in its own.
    """
    eta, r, lived = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    block = np.empty((BLOCK, columns.size))
    bits = np.empty(BLOCK, np.int64)
    total = 0.0
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        predict_strip(columns, mean, slope, start, n, BLOCK, eta)
        risks(offset, weight, start, n, eta, bits, r)
        lived_strip(r, hazard, leave, enter, start, n, lived)
        rows_of_block(columns, start, n, block)
        spread_block(block, mean, scale, leave, start, n, r, 1.0, sums)
        if enter.size:
            spread_block(block, mean, scale, enter, start, n, r, -1.0, sums)
        for i in range(n):
            total += lived[i]
            lived[i] = np.sqrt(lived[i])
        turn_columns(columns, mean, scale, lived, start, n, turned)
        add_gram(turned, n, gram)
    return total
