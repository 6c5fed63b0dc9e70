# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Distributions of w with shapes, where log t = mu + sigma w: from hazard and density of w to the terms of a family.

The derivative of an incomplete gamma or beta function by its shape has no short form: it is a difference of fourth
order of its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.family import Terms, columns
from rwe.survival.tabled import alike, along

STEP = 2e-3  # of a shape, for a difference
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
Function: TypeAlias = Callable[[F8, F8], F8]  # of w and of the shapes, shape (rows, shapes)


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """A distribution of w: cumulative hazard, logarithm of the density, and the derivative of that by w."""

    hazard: Function
    log_density: Function
    fall: Function


class Told(NamedTuple):
    """What a distribution says at w; `by_shapes` are derivatives of the logarithm of the cumulative hazard."""

    hazard: F8
    by_shapes: F8
    log_density: F8
    fall: F8
    density_by_shapes: F8


def shaped(kind: Shaped, w: F8, shapes: F8) -> Told:
    """Return what a distribution says, by a table along w where all rows have the same shapes."""
    n = shapes.shape[1]
    if alike(shapes):
        table = along(lambda x: _columns(kind, x, np.broadcast_to(shapes[:1], (x.size, n))), w)
    else:
        table = _columns(kind, w, shapes)
    hazard, by, density, fall, density_by = np.split(table, [1, 1 + n, 2 + n, 3 + n], axis=1)
    return Told(np.exp(hazard[:, 0]), by, density[:, 0], fall[:, 0], density_by)


def located(kind: Shaped, t: F8, theta: F8) -> Terms:
    """Return the terms of a family with the links mu, log sigma and shapes."""
    log_t, sigma = np.log(t), np.exp(theta[:, 1])
    w = (log_t - theta[:, 0]) / sigma
    told = shaped(kind, w, theta[:, 2:])
    log_hazard = told.log_density - theta[:, 1] - log_t + told.hazard
    risen = np.exp(log_hazard + log_t)  # dH / d log t
    d_hazard = np.hstack([columns(-risen, -w * sigma * risen), told.hazard[:, None] * told.by_shapes])
    d_density = np.hstack([columns(-told.fall / sigma, -told.fall * w - 1), told.density_by_shapes])
    return Terms(log_hazard, told.hazard, d_density + d_hazard, d_hazard)


def _columns(kind: Shaped, w: F8, shapes: F8) -> F8:
    """Return the columns of `Told` side by side, the hazard as its logarithm."""
    units = np.eye(shapes.shape[1])
    log_hazard, log_density = partial(_log_hazard, kind, w), partial(kind.log_density, w)
    return np.column_stack(
        [
            log_hazard(shapes), *(_slope(log_hazard, shapes, unit) for unit in units),
            log_density(shapes), kind.fall(w, shapes), *(_slope(log_density, shapes, unit) for unit in units),
        ]
    )  # fmt: skip


def _log_hazard(kind: Shaped, w: F8, shapes: F8) -> F8:
    return np.asarray(np.log(kind.hazard(w, shapes)), np.float64)


def _slope(function: Callable[[F8], F8], shapes: F8, unit: F8) -> F8:
    """Return the derivative by one shape."""
    total = sum((share * function(shapes + times * STEP * unit) for times, share in STENCIL), np.zeros(()))
    return np.asarray(total / STEP, np.float64)
