# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Royston-Parmar families: a transform of survival is a natural cubic spline of log time, on three scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import expit, log_ndtr

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.family import Family, Follow, Parameter, Terms
from rwe.survival.natural_spline import natural_basis_of, quantile_knots

Scale: TypeAlias = Literal["hazard", "odds", "normal"]
SCALES = ("hazard", "odds", "normal")
ROOT = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class RoystonParmar(Family):
    """A spline of x = log t is log H (hazard), the log odds of failure (odds), or its probit (normal).

    Without inner knots: Weibull, log-logistic, log-normal. After the last knot the spline is a line: hazards
    run on as those of these three do. Parameters are named as in flexsurv (Royston & Parmar 2002, Stat Med 21:2175).

    Parameters
    ----------
    scale
        hazard, odds or normal.
    knots
        In log time: the outer ones first and last.
    """

    scale: Scale
    knots: tuple[float, ...]
    name: str = field(init=False)
    parameters: tuple[Parameter, ...] = field(init=False)
    location = "gamma0"

    def __post_init__(self) -> None:
        named = tuple(Parameter(f"gamma{k}", "identity") for k in range(len(self.knots)))
        object.__setattr__(self, "parameters", named)
        object.__setattr__(self, "name", f"spline_{self.scale}_{len(self.knots) - 2}")

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the hazards of the spline; where it falls, as no distribution may, log h is minus infinity."""
        x = np.log(t)
        basis, bent = natural_basis_of(x.tobytes(), self.knots)
        slope = np.einsum("ij,ij->i", bent, theta)
        total, turn, growth = transformed(np.einsum("ij,ij->i", basis, theta), self.scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_hazard = np.where(slope > 0, np.log(turn) + np.log(np.abs(slope)) - x, -np.inf)
            by_slope = np.where(slope > 0, 1 / slope, 0.0)
        return Terms(
            log_hazard, total, growth[:, None] * basis + by_slope[:, None] * bent, turn[:, None] * basis
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the straight line: the exponential's hazard, or about it the other scales' distributions."""
        middle = np.log(np.log(2) / follow.rate)
        level = {"hazard": np.log(np.log(2)), "odds": 0.0, "normal": 0.0}[self.scale]
        return [np.array([level - middle, 1.0, *[0.0] * (len(self.knots) - 2)])]


def royston_parmar(follow: Follow, inner: int, scale: Scale) -> RoystonParmar:
    """Return the family whose knots lie at equal shares of the log times of failure of these rows.

    Raises
    ------
    DefinitionError
        If the scale is unknown, or the number of inner knots is not from 0 to 9.
    NoValidAnswer
        If failures are at too few different times.
    """
    if scale not in SCALES or not 0 <= inner <= 9:
        raise DefinitionError(f"scale is one of {', '.join(SCALES)}, knots a number from 0 to 9")
    times = np.log(follow.time[follow.event])
    return RoystonParmar(scale, tuple(quantile_knots(times, inner).tolist()))


def transformed(s: F8, scale: Scale) -> tuple[F8, F8, F8]:
    """Return the cumulative hazard at these spline values, how it turns there, and how the logarithm of that turns."""
    if scale == "hazard":
        hazard = np.exp(s)
        return hazard, hazard, np.ones_like(s)
    if scale == "odds":
        failed = expit(s)
        return np.logaddexp(0.0, s), failed, expit(-s)
    mills = np.exp(-0.5 * s * s - ROOT - log_ndtr(-s))
    return -log_ndtr(-s), mills, mills - s
