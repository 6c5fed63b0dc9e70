# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A sum from the back in which every step shrinks what lies behind it."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, f8_in, kernel


@kernel(f8_in, f8_in)
def accumulate(value: F8, factor: F8) -> F8:
    """Return a with a[k] = value[k] + factor[k] * a[k + 1], and 0 behind the last."""
    out, total = np.empty(value.size), 0.0
    for k in range(value.size - 1, -1, -1):
        total = value[k] + factor[k] * total
        out[k] = total
    return out
