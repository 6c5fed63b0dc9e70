# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Natural cubic splines of log time as Royston and Parmar write them, and where their knots lie."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8

KEPT = 32  # bases kept


@lru_cache(maxsize=KEPT)
def natural_basis_of(values: bytes, knots: tuple[float, ...]) -> tuple[F8, F8]:
    """Return `natural_basis` of values given as bytes: a climb and draws ask for the same ones over and over."""
    return natural_basis(np.frombuffer(values), np.array(knots))


def natural_basis(x: F8, knots: F8) -> tuple[F8, F8]:
    """Return the basis and its derivative, shape (rows, knots): 1, x, and a bent cubic for each inner knot.

    The cubic of an inner knot k between the outer knots a and b is (x - k)+^3 - l (x - a)+^3 - (1 - l) (x - b)+^3
    with l = (b - k) / (b - a): a straight line outside the outer knots (Royston & Parmar 2002, Stat Med 21:2175).
    """
    low, high = knots[0], knots[-1]
    inner = knots[1:-1]
    share = (high - inner) / (high - low)
    bent = np.maximum(x[:, None] - inner, 0.0)
    first, last = (np.maximum(x - k, 0.0)[:, None] for k in (low, high))
    ones = np.ones_like(x)
    cubic = bent**3 - share * first**3 - (1 - share) * last**3
    slope = 3 * (bent**2 - share * first**2 - (1 - share) * last**2)
    return np.column_stack([ones, x, cubic]), np.column_stack([0.0 * ones, ones, slope])


def quantile_knots(values: F8, inner: int) -> F8:
    """Return the outer knots, at the smallest and the largest value, and the inner ones at equal shares between.

    Shares are of rows, whatever they weigh, as R's quantile type 7 has them.

    Raises
    ------
    NoValidAnswer
        If fewer values differ than knots are wanted.
    """
    distinct = np.unique(values).size
    if distinct < inner + 2:
        raise NoValidAnswer(f"{inner} inner knots need events at {inner + 2} different times; there are {distinct}")
    knots = np.quantile(values, np.linspace(0.0, 1.0, inner + 2))
    if np.any(np.diff(knots) <= 0):
        raise NoValidAnswer(f"events are tied so that two of {inner + 2} knots fall on one time: ask for fewer knots")
    return np.asarray(knots, np.float64)
