# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cumulative hazard where failures of one day come one after another (Fleming & Harrington 1984)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, i8_in, kernel


@kernel(i8_in, f8_in, f8_in)
def split_ties(n_event: I8, w_event: F8, w_risk: F8) -> F8:
    """Return by day, as rows: increment of the hazard and of its variance.

    With d failures of mean weight m among a weight n at risk: the sums of m / (n - k m) and m / (n - k m)^2
    for k = 0 .. d - 1.
    """
    out = np.zeros((2, n_event.size))
    for t in range(n_event.size):
        d = n_event[t]
        for k in range(d):
            m = w_event[t] / d
            left = max(w_risk[t] - k * m, m)
            out[0, t] += m / left
            out[1, t] += m / (left * left)
    return out
