# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Areas under smooth survival curves: Gauss-Legendre on panels that halve towards 0, whatever the unit of time.

A curve of a family is smooth in the logarithm of time: on panels of one octave sixteen points leave nothing to see
of the error, at shapes below 1 (an infinite slope at 0) as at steep ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rwe.kernels._jit import F8

POINTS = 16  # of a panel
OCTAVES = 52  # panels below the end; below them lies 2^-52 of the time
FURTHEST = 400  # octaves looked at beyond the middle of a curve before its mean is said to be infinite
NEGLIGIBLE = 1e-15


def nodes(tau: float) -> tuple[F8, F8]:
    """Return times from 0 to `tau` and the weights that add a curve up over them."""
    edges = tau * np.concatenate([[0.0], 2.0 ** np.arange(-OCTAVES, 1)])
    x, w = np.polynomial.legendre.leggauss(POINTS)
    half = np.diff(edges) / 2
    at = (edges[:-1] + half)[:, None] + half[:, None] * x
    return np.ascontiguousarray(at.ravel()), np.ascontiguousarray((half[:, None] * w).ravel())


def mean_time(cumulative: Callable[[F8, F8], F8], theta: F8) -> F8:
    """Return the mean time of each row of links: octave upon octave until nothing more comes; else infinite."""
    return np.array([_mean(cumulative, row) for row in theta])


def _mean(cumulative: Callable[[F8, F8], F8], row: F8) -> float:
    def survival(t: F8) -> F8:
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.exp(-cumulative(t, np.broadcast_to(row, (t.size, row.size)))), nan=0.0)

    octaves = np.exp2(np.arange(-FURTHEST, FURTHEST, dtype=np.float64))
    ends = survival(octaves)
    if not ends[0] > 0.5:
        return 0.0
    start = float(octaves[int(np.flatnonzero(ends > 0.5)[-1])])
    at, weight = nodes(start)
    total = float(weight @ survival(at))
    x, w = np.polynomial.legendre.leggauss(POINTS)
    for _ in range(FURTHEST):
        half = start / 2
        part = half * float(w @ survival(start + half + half * x))
        total, start = total + part, 2 * start
        if part <= NEGLIGIBLE * total:
            return total
    return np.inf
