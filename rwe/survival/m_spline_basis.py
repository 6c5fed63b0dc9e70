# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""M-splines: bumps of area 1 whose positive sums are hazards, with their integrals, constant after the last knot."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline

from rwe.kernels._jit import F8

DEGREE = 3
KEPT = 32  # bases kept
ENDS = 3  # functions at the end that are joined to one, so that the sum runs level into its constant end


@lru_cache(maxsize=KEPT)
def m_basis_of(times: bytes, knots: tuple[float, ...]) -> tuple[F8, F8]:
    """Return `m_basis` of times given as bytes: a climb and draws ask for the same ones over and over."""
    return m_basis(np.frombuffer(times), np.array(knots))


def m_basis(t: F8, knots: F8) -> tuple[F8, F8]:
    """Return each function at these times and its integral from 0, shape (rows, inner knots + 2).

    Cubic B-splines on the knots (0 to the last), each scaled to area 1 (Ramsay 1988, Stat Sci 3:425). The
    last three are one function, so that the slope and the bend are 0 at the last knot and the hazard may stay what it
    is after it (Jackson 2023, BMC Med Res Methodol 23:282).
    """
    padded = np.r_[[knots[0]] * DEGREE, knots, [knots[-1]] * DEGREE]
    wider = np.r_[knots[0], padded, knots[-1]]
    inside = np.clip(t, knots[0], knots[-1])
    area = (padded[DEGREE + 1 :] - padded[: -DEGREE - 1]) / (DEGREE + 1)
    height = BSpline.design_matrix(inside, padded, DEGREE).toarray()
    above = BSpline.design_matrix(inside, wider, DEGREE + 1).toarray()
    integral = area * np.cumsum(above[:, :0:-1], axis=1)[:, ::-1]
    height, integral = (_joined(part, area) for part in (height, integral))
    beyond = np.maximum(t - knots[-1], 0.0)[:, None]
    return height, integral + beyond * height


def level(knots: F8) -> F8:
    """Return the weights, summing to 1, with which the functions add up to a constant up to the last knot."""
    padded = np.r_[[knots[0]] * DEGREE, knots, [knots[-1]] * DEGREE]
    area = (padded[DEGREE + 1 :] - padded[: -DEGREE - 1]) / (DEGREE + 1)
    joined = np.r_[area[:-ENDS], area[-ENDS:].sum()]
    return np.asarray(joined / joined.sum(), np.float64)


def _joined(part: F8, area: F8) -> F8:
    """Scale B-splines (or their integrals) to area 1, the last ones as their sum."""
    last = part[:, -ENDS:].sum(axis=1, keepdims=True) / area[-ENDS:].sum()
    return np.hstack([part[:, :-ENDS] / area[:-ENDS], last])
