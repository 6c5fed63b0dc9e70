# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the sums over rows say of the Cox partial likelihood, ties after Efron or Breslow.

Cox (1972) J R Stat Soc B 34:187; Efron (1977) J Am Stat Assoc 72:557; Breslow (1974) Biometrics 30:89.

An *occasion* is a day with failures within one stratum; occasions are numbered by stratum, then day. Loops
here are over occasions, not rows.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, Flags, f8_in, f8_in2, f8_out, f8_out2, flags_in, i8_in, integer, kernel, number
from rwe.kernels.matrix import BLOCK, add_gram

FACTORS = 32  # of a product before its logarithm is taken: it cannot leave the range of double precision


@kernel(f8_out2, flags_in)
def run_back(sums: F8, opens: Flags) -> None:
    """Add to each occasion the later ones of its stratum (by element: a row at once costs 3 s to compile)."""
    for k in range(opens.size - 2, -1, -1):
        if not opens[k + 1]:
            for j in range(sums.shape[1]):
                sums[k, j] += sums[k + 1, j]


@kernel(f8_out2, flags_in)
def run_on(sums: F8, opens: Flags) -> None:
    """Add to each occasion the earlier ones of its stratum."""
    for k in range(1, opens.size):
        if not opens[k]:
            for j in range(sums.shape[1]):
                sums[k, j] += sums[k - 1, j]


@kernel(f8_in, f8_in, flags_in)
def taken_off(at_risk: F8, w_event: F8, opens: Flags) -> float:
    """Return how much larger the sums over those at risk were before late entries were taken off, summed over failures.

    Sums are made backwards in time, so a row that enters was part of a later sum: the largest later sum, in units of
    a sum, is what its rounding error grows by. Without late entry sums only grow, and this is 0; not a number
    where no digit is left.
    """
    total = most = 0.0
    for k in range(opens.size - 1, -1, -1):
        if k + 1 < opens.size and opens[k + 1]:
            most = 0.0
        most = max(most, at_risk[k])
        if w_event[k] > 0.0:
            total += w_event[k] * (most / at_risk[k] - 1.0) if at_risk[k] > 0.0 else np.nan
    return total


@kernel(integer, number, number, integer, f8_out2, reassociate=True)
def _efron(d: int, at_risk: float, failing: float, k: int, out: F8) -> None:
    """Put the sums over the d failures of occasion k, for a mean weight of 1."""
    h = g = u = v = z = 0.0
    share = 1.0 / d
    for i in range(d):
        c = i * share
        one = 1.0 / (at_risk - c * failing)
        two = one * one
        h += one
        g += (1.0 - c) * one
        u += two
        v += c * two
        z += c * c * two
    out[0, k], out[1, k], out[2, k], out[3, k], out[4, k] = h, g, u, v, z


@kernel(integer, number, reassociate=True)
def _log_product(d: int, share: float) -> float:
    """Return the sum of log(1 - i share) for i = 0 .. d - 1."""
    total = 0.0
    for first in range(0, d, FACTORS):
        product = 1.0
        for i in range(first, min(first + FACTORS, d)):
            product *= 1.0 - i * share
        total += np.log(product)
    return total


@kernel(i8_in, f8_in, f8_in, f8_in, number)
def tie_sums(n_event: I8, w_event: F8, at_risk: F8, failing: F8, efron: float) -> F8:
    """Return by occasion, as rows: h, g, u, v, z and the log of the risk sets.

    With d failures of mean weight m, S the sum of r at risk and E that of the failing, Efron takes the
    failing out by degrees (`efron` = 1): S_l = S - (l / d) E for l = 0 .. d - 1. Then h = m sum 1 / S_l is the
    increment of the hazard, g = m sum (1 - l / d) / S_l what of it those who fail bear, and u, v, z are
    m sum (l / d)^k / S_l^2 for k = 0, 1, 2. Breslow (`efron` = 0) leaves all of them in: S_l = S. An occasion
    without failures gives 0.
    """
    out = np.zeros((6, n_event.size))
    for k in range(n_event.size):
        d, s = n_event[k], at_risk[k]
        if d == 1 or (d > 1 and efron == 0.0):
            out[0, k] = out[1, k] = w_event[k] / s
            out[2, k] = w_event[k] / (s * s)
            out[5, k] = w_event[k] * np.log(s)
        elif d > 1:
            _efron(d, s, failing[k], k, out)
            m = w_event[k] / d
            for row in range(5):
                out[row, k] *= m
            out[5, k] = w_event[k] * np.log(s) + m * _log_product(d, failing[k] / (s * d))
    return out


@kernel(i8_in, f8_in2, f8_out2)
def add_rows(at: I8, rows: F8, out: F8) -> None:
    """Add each row to the row of `out` that `at` names."""
    for i in range(at.size):
        for j in range(rows.shape[1]):
            out[at[i], j] += rows[i, j]


@kernel(f8_in2, f8_in2, i8_in, f8_in, f8_in, f8_in, f8_out2, f8_out2)
def add_means(at_risk: F8, failing: F8, slot: I8, u: F8, v: F8, z: F8, turned: F8, gram: F8) -> None:
    """Add u S S' - v (S E' + E S') + z E E' of each occasion to `gram` (lower triangle).

    S and E are the sums of r x at risk and failing. As a Gram matrix this is two rows an occasion,
    sqrt(u) (S - (v / u) E) and sqrt(z - v^2 / u) E, where z - v^2 / u >= 0 by Cauchy and Schwarz.

    Parameters
    ----------
    slot
        Row of `failing` of each occasion; -1 where the failing do not matter (v = z = 0).
    """
    p, n = at_risk.shape[1] - 1, 0
    for k in range(u.size):
        if u[k] == 0.0:
            continue
        root, share, e = np.sqrt(u[k]), v[k] / u[k], slot[k]
        if e < 0:
            for j in range(p):
                turned[j, n] = root * at_risk[k, j]
        else:
            rest = np.sqrt(max(z[k] - v[k] * share, 0.0))
            for j in range(p):
                turned[j, n] = root * (at_risk[k, j] - share * failing[e, j])
                turned[j, n + 1] = rest * failing[e, j]
            n += 1
        n += 1
        if n >= BLOCK - 1:
            add_gram(turned, n, gram)
            n = 0
    add_gram(turned, n, gram)


@kernel(f8_in2, f8_in, f8_out)
def less_lived(sums: F8, hazard: F8, score: F8) -> None:
    """Take from the score what the rows have lived through: the sums of r x by key, times the hazard of the key."""
    for k in range(hazard.size):
        if hazard[k] != 0.0:
            for j in range(score.size):
                score[j] -= hazard[k] * sums[k, j]
