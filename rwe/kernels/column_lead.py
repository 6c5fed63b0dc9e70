# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reads of covariates for the score alone: r A x x' and r x by key do not come into it.

Each row's part in the score is taken from the hazard of the read before; r by key is added up for the next.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import (
    F8,
    I4,
    I8,
    Flags,
    f8_in,
    f8_out,
    flags_in,
    i4_in,
    i8_in,
    integer,
    kernel,
    number,
    number_at,
)
from rwe.kernels.column_pass import fetch_four, lived_strip, predict_strip, risks

STRIP = 256  # rows at once: runs long enough for the memory, and a strip that stays in a cache


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
