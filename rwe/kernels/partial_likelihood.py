# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sums over risk sets for the Cox partial likelihood, ties after Efron or Breslow.

Cox (1972) J R Stat Soc B 34:187; Efron (1977) J Am Stat Assoc 72:557; Breslow (1974) Biometrics 30:89.

An *occasion* is a day with failures within one stratum; occasions are numbered by stratum, then day. A
row is at risk on the occasions from `start` up to, not including, `stop`, so that strata, late entry
and repeated stretches of follow-up need no code of their own below.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, Flags, f8_in, f8_in2, f8_out2, flags_in, i8_in, integer, kernel, number


@kernel(f8_out2, integer, f8_in2, integer, number)
def _add(out: F8, k: int, x: F8, i: int, r: float) -> None:
    """Add row i, r times, to the sums of occasion k."""
    p = x.shape[1]
    for j in range(p):
        out[k, j] += r * x[i, j]
    out[k, p] += r


@kernel(f8_out2, flags_in)
def _run_back(sums: F8, opens: Flags) -> None:
    """Add to each occasion the later ones of its stratum (by element: a row at once costs 3 s to compile)."""
    for k in range(opens.size - 2, -1, -1):
        if not opens[k + 1]:
            for j in range(sums.shape[1]):
                sums[k, j] += sums[k + 1, j]


@kernel(f8_in2, f8_in, i8_in, i8_in, flags_in, flags_in)
def risk_sums(x: F8, r: F8, start: I8, stop: I8, event: Flags, opens: Flags) -> tuple[F8, F8]:
    """Return sums of r x by occasion over those at risk, and over those who fail.

    Parameters
    ----------
    x, r
        Covariates (rows, p) and relative risk of each row, its weight included.
    opens
        Whether an occasion is the first of its stratum.

    Returns
    -------
    two arrays of shape (occasions, p + 1)
        The sum of r itself stands last.
    """
    at_risk = np.zeros((opens.size, x.shape[1] + 1))
    failing = np.zeros((opens.size, x.shape[1] + 1))
    for i in range(r.size):
        if stop[i] > start[i]:
            _add(at_risk, stop[i] - 1, x, i, r[i])
            if not opens[start[i]]:
                _add(at_risk, start[i] - 1, x, i, -r[i])
            if event[i]:
                _add(failing, stop[i] - 1, x, i, r[i])
    _run_back(at_risk, opens)
    return at_risk, failing


@kernel(i8_in, f8_in, f8_in, f8_in, number)
def tie_sums(n_event: I8, w_event: F8, at_risk: F8, failing: F8, efron: float) -> F8:
    """Return by occasion, as rows: h, g, u, v, z and the log of the risk sets.

    With d failures of mean weight m, S the sum of r at risk and E that of the failing, Efron takes the
    failing out by degrees (`efron` = 1): S_l = S - (l / d) E for l = 0 .. d - 1. Then h = m sum 1 / S_l is the
    increment of the hazard, g = m sum (1 - l / d) / S_l what of it those who fail bear, and u, v, z are
    m sum (l / d)^k / S_l^2 for k = 0, 1, 2. Breslow (`efron` = 0) leaves all
    of them in: S_l = S.
    """
    out = np.zeros((6, n_event.size))
    for k in range(n_event.size):
        d, m = n_event[k], w_event[k] / n_event[k]
        for i in range(d):
            c = efron * i / d
            s = at_risk[k] - c * failing[k]
            out[0, k] += m / s
            out[1, k] += m * (1.0 - c) / s
            out[2, k] += m / (s * s)
            out[3, k] += m * c / (s * s)
            out[4, k] += m * c * c / (s * s)
            out[5, k] += m * np.log(s)
    return out
