# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A smooth function of one number, worked out at some points and read off between them by a spline of degree 7.

Incomplete gamma and beta functions with differences by their shapes cost microseconds a row. Where only the location
moves from row to row, all rows lie on one curve, and a few hundred points tell it to the last digits that matter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rwe.kernels._jit import F8

POINTS = 512
DEGREE = 7  # the error falls with the eighth power of the distance: below 1e-12 of the value
MANY = 2 * POINTS  # rows from which a table is less work


def along(function: Callable[[F8], F8], w: F8) -> F8:
    """Return the function (rows to rows and columns) at each number, by a table where there are many."""
    if w.size < MANY:
        return function(w)
    low, high = float(w.min()), float(w.max())
    if not (np.isfinite(high - low) and high > low):
        return function(w)
    points = np.linspace(low, high, POINTS)
    known = function(points)
    if not np.isfinite(known).all():
        return function(w)
    from scipy.interpolate import make_interp_spline

    return np.asarray(make_interp_spline(points, known, k=DEGREE)(w), np.float64)


def alike(theta: F8) -> bool:
    """Return whether all rows have the same links."""
    return bool((theta == theta[:1]).all())
