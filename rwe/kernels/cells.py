# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Number rows by how they leave (censored, failed of a cause, failed of another), their group and their day."""

from __future__ import annotations

from rwe.kernels._jit import I4, I8, i4_in, i4_out, i8_in, integer, kernel


@kernel(i8_in, integer, i8_in, integer, i4_in, integer, integer, integer, i4_out)
def places_of_leaving(
    cause: I8, code: int, group: I8, n_groups: int, time: I4, span: int, first: int, last: int, out: I4
) -> None:
    """Put (kind * groups + group) * span + day of rows `first` to `last` in `out`; kind 1 is failure of `code`."""
    for i in range(first, last):
        place = n_groups * (1 if cause[i] == code else (2 if cause[i] > 0 else 0))
        if n_groups > 1:
            place += group[i]
        out[i] = place * span + time[i]


@kernel(i8_in, integer, i4_in, integer, integer, integer, integer, i4_out)
def places_of_entering(
    group: I8, n_groups: int, entry: I4, span: int, first: int, last: int, nowhere: int, out: I4
) -> None:
    """Put group * span + day of entry of rows `first` to `last` in `out`; `nowhere` for those there from the start."""
    for i in range(first, last):
        place = group[i] * span if n_groups > 1 else 0
        out[i] = place + entry[i] if entry[i] >= 0 else nowhere


@kernel(i4_in, integer, integer, i4_out)
def renumber(number: I4, first: int, last: int, out: I4) -> None:
    """Put the new number of each place of rows `first` to `last` in its place."""
    for i in range(first, last):
        out[i] = number[out[i]]
