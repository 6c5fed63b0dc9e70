# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Moments of columns that stay where they are, and rows taken from them."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import (
    F8,
    I4,
    I8,
    Flags,
    f8_in,
    f8_out,
    f8_out2,
    fetch_at,
    flags_in,
    i4_in,
    i8_in,
    integer,
    kernel,
    number,
    number_at,
)

STRIP = 512  # rows of a column at once, while the next of it are on their way from memory
FEW = 32  # rows put side by side at once, while the next are on their way
LINE = 8  # of the rows chosen that stand together as a rule, so that they share a line of memory


@kernel(integer, number, integer, integer, f8_in, f8_in, f8_out, reassociate=True)
def _add_moments(column: int, about: float, first: int, n: int, weight: F8, failed: F8, out: F8) -> None:
    """Add up one column about a value: weighted sum, squares, those who fail; distances unweighted."""
    total = square = failing = away = 0.0
    for i in range(0, n, 8):
        fetch_at(column, first + n + i)
    for i in range(n):
        d = number_at(column, first + i) - about
        total += weight[i] * d
        square += weight[i] * d * d
        failing += failed[i] * d
        away += abs(d)
    out[0] += total
    out[1] += square
    out[2] += failing
    out[3] += away


@kernel(i8_in, f8_in, f8_in, flags_in, integer, integer)
def column_moments(columns: I8, about: F8, weight: F8, event: Flags, first: int, last: int) -> F8:
    """Return the sums above of rows `first` to `last`, a row each column; no weights: each row counts once."""
    out = np.zeros((columns.size, 4))
    w, failed = np.empty(STRIP), np.empty(STRIP)
    for i in range(STRIP):
        w[i] = 1.0
    for start in range(first, last, STRIP):
        n = min(STRIP, last - start)
        for i in range(n):
            if weight.size:
                w[i] = weight[start + i]
            failed[i] = w[i] if event[start + i] else 0.0
        for j in range(columns.size):
            _add_moments(columns[j], about[j], start, n, w, failed, out[j])
    return out


@kernel(i8_in, f8_in, f8_in, i4_in, integer, integer, f8_out2)
def gather_rows(columns: I8, mean: F8, scale: F8, order: I4, first: int, last: int, out: F8) -> None:
    """Put the standardised rows `order[first:last]` (all in their order where it is empty) in `out`.

    A few rows at a time, column by column: rows that stand together share the lines of memory they lie in.
    """
    for start in range(first, last, FEW):
        end = min(start + FEW, last)
        for j in range(columns.size):
            a, of_a, unit = columns[j], mean[j], scale[j]
            for i in range(end, min(end + FEW, last) if order.size else end, LINE):
                fetch_at(a, np.int64(order[i]))
            for i in range(start, end):
                row = order[i] if order.size else i
                out[i, j] = (number_at(a, row) - of_a) / unit
