# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The exponential of a block of numbers, without branches, so that it runs in vector registers.

Reduction after Cody & Waite (1980, Software Manual for the Elementary Functions, ch. 6): with
k = round(x / log 2) and r = x - k log 2, exp(x) = 2^k exp(r), and exp(r) is its Taylor series, whose
remainder at |r| <= log(2) / 2 is below the last bit. Adding and taking off 1.5 * 2^52 rounds to a whole number
and leaves that number in the low bits.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_out, i8_out, integer, kernel

ROUND = 6755399441055744.0
LARGEST, SMALLEST = 709.0, -708.0  # beyond: infinity, and 0


@kernel(f8_in, integer, i8_out, f8_out)
def exponentials(x: F8, n: int, bits: I8, out: F8) -> None:
    """Put exp of the first `n` numbers in `out`, to about one unit in the last place; `bits` is scratch."""
    shifted = bits.view(np.float64)
    for i in range(n):
        shifted[i] = min(max(x[i], SMALLEST), LARGEST) * 1.4426950408889634 + ROUND
    for i in range(n):
        k = shifted[i] - ROUND
        r = (min(max(x[i], SMALLEST), LARGEST) - k * 0.693145751953125) - k * 1.42860682030941723212e-6
        q = 1.6059043836821613e-10 * r + 2.08767569878681e-09
        q = q * r + 2.505210838544172e-08
        q = q * r + 2.755731922398589e-07
        q = q * r + 2.7557319223985893e-06
        q = q * r + 2.48015873015873e-05
        q = q * r + 0.0001984126984126984
        q = q * r + 0.001388888888888889
        q = q * r + 0.008333333333333333
        q = q * r + 0.041666666666666664
        q = q * r + 0.16666666666666666
        q = q * r + 0.5
        out[i] = 1.0 + (r + r * r * q)
    for i in range(n):
        bits[i] = (bits[i] + np.int64(1023)) << np.int64(52)
    for i in range(n):
        power = out[i] * shifted[i]
        out[i] = x[i] if x[i] != x[i] else (np.inf if x[i] > LARGEST else (0.0 if x[i] < SMALLEST else power))
