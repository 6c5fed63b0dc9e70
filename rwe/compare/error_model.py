# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Systematic error of a way of estimating, learned from known effects: normal, wider at larger effects."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rwe.compare.pool_tau import middle, tau_squared
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """An estimate of the true log ratio t is normal about ``mean + slope t``, deviation ``sd + sd_slope |t|``."""

    mean: float
    sd: float
    slope: float = 1.0
    sd_slope: float = 0.0

    @property
    def expected_error(self) -> float:
        """Expected absolute systematic error where there is no effect (EASE; under 0.25 is called fair)."""
        if not self.sd:
            return abs(self.mean)
        ratio = self.mean / self.sd
        tail = math.erf(ratio / math.sqrt(2))
        return self.sd * math.sqrt(2 / math.pi) * math.exp(-(ratio**2) / 2) + self.mean * tail

    def z(self, estimate: float, error: float, true: float) -> float:
        """Return the standardised distance of an estimate from what it would be if the effect were `true`."""
        spread = math.hypot(self.sd + self.sd_slope * abs(true), error)
        return (estimate - self.mean - self.slope * true) / spread

    def effect(self, estimate: float, error: float, z: float) -> float:
        """Return the true log ratio from which an estimate is `z` standardised steps away."""
        if not self.sd_slope:
            return (estimate - self.mean - z * math.hypot(self.sd, error)) / self.slope
        from scipy.optimize import brentq

        if abs(z) * self.sd_slope >= self.slope:
            raise NoValidAnswer("the error grows faster than the effect: no limit of a calibrated effect exists")
        middle = (estimate - self.mean) / self.slope
        reach = abs(z) * math.hypot(self.sd + self.sd_slope * abs(middle), error)
        reach = 2 * reach / (self.slope - abs(z) * self.sd_slope) + 1e-9
        found = brentq(lambda true: self.z(estimate, error, true) - z, middle - reach, middle + reach, xtol=1e-13)
        return float(found)


def null_model(y: F8, se: F8) -> ErrorModel:
    """Return the distribution of systematic error among estimates whose true effect is none, by maximum likelihood."""
    tau2 = tau_squared(y, se**2, "ML")
    return ErrorModel(middle(y, 1 / (se**2 + tau2)), math.sqrt(tau2))


def whole_model(y: F8, se: F8, true: F8) -> ErrorModel:
    """Return the error model of estimates of several known effects, by maximum likelihood.

    Raises
    ------
    NoValidAnswer
        If the likelihood has no maximum that was found, or estimates do not rise with the effect.
    """
    from scipy.optimize import minimize

    start = null_model(y - true, se)

    def loss(p: F8) -> tuple[float, F8]:
        deviation, size = p[2] + p[3] * np.abs(true), np.abs(true)
        variance, left = deviation**2 + se**2, y - p[0] - p[1] * true
        pull = left / variance
        push = deviation * (1 / variance - pull**2)
        slopes = np.array([-pull.sum(), -(pull * true).sum(), push.sum(), (push * size).sum()])
        return float(0.5 * (np.log(variance) + left * pull).sum()), slopes

    bounds = [(None, None), (None, None), (0, None), (0, None)]
    first = np.array([start.mean, 1.0, max(start.sd, 1e-3), 0.01])
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-7})
    slopes = np.where((found.x <= 0) & (np.arange(4) > 1), np.minimum(found.jac, 0), found.jac)
    mean, slope, sd, sd_slope = (float(v) for v in found.x)
    if np.abs(slopes).max() > 1e-3 or slope <= 0:
        raise NoValidAnswer("no error model fits these controls: estimates do not rise with their true effects")
    return ErrorModel(mean, sd, slope, sd_slope)
