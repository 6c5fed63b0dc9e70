# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who is in a state that others enter and leave at rates which change from cycle to cycle."""

from __future__ import annotations

from rwe.kernels._jit import F8, f8_in2, f8_out2, kernel


@kernel(f8_in2, f8_in2, f8_out2)
def survivors(entries: F8, survival: F8, found: F8) -> None:
    """Fill, for each row, who is there at each end of a cycle; who enters in a cycle leaves from the next one on.

    `survival` holds the curve by which all leave on that day; where it has come to 0 nobody stays.
    """
    for i in range(entries.shape[0]):
        found[i, 0] = 0.0
        for k in range(entries.shape[1]):
            before = survival[i, k]
            kept = survival[i, k + 1] / before if before > 0.0 else 0.0
            found[i, k + 1] = found[i, k] * kept + entries[i, k]
