# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The rising sequence nearest to given values, by pooling neighbours that fall (Ayer et al. 1955)."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, f8_in, kernel


@kernel(f8_in, f8_in)
def isotonic(value: F8, weight: F8) -> F8:
    """Return the rising sequence with the least weighted squared distance to `value`."""
    n = value.size
    mean, total, count = np.empty(n), np.empty(n), np.empty(n, np.int64)
    blocks = 0
    for i in range(n):
        mean[blocks], total[blocks], count[blocks] = value[i], weight[i], 1
        while blocks > 0 and mean[blocks - 1] >= mean[blocks]:
            both = total[blocks - 1] + total[blocks]
            mean[blocks - 1] += (mean[blocks] - mean[blocks - 1]) * total[blocks] / both
            total[blocks - 1] = both
            count[blocks - 1] += count[blocks]
            blocks -= 1
        blocks += 1
    out, k = np.empty(n), 0
    for b in range(blocks):
        for _ in range(count[b]):
            out[k] = mean[b]
            k += 1
    return out
