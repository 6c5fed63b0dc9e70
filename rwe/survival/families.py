# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Families whose hazards are written with exponentials and logarithms, parametrised as R's flexsurv does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.family import Family, Follow, Parameter, Terms, columns

NEAR = 1e-3  # of shape x time: nearer to 0 the quotients of Gompertz are series
FAR = 600.0  # rate / shape beyond which the mean of Gompertz is its asymptotic series


@dataclass(frozen=True)
class Exponential(Family):
    """A constant hazard: rate."""

    name = "exp"
    parameters = (Parameter("rate", "log"),)
    location = "rate"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return log rate and rate x t."""
        log_rate = theta[:, 0]
        hazard = np.exp(log_rate) * t
        return Terms(log_rate, hazard, np.ones((t.size, 1)), hazard[:, None])

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return failures by time."""
        return [np.log([follow.rate])]

    def mean(self, theta: F8) -> F8:
        """Return 1 / rate."""
        return np.asarray(np.exp(-theta[:, 0]), np.float64)


@dataclass(frozen=True)
class Weibull(Family):
    """H(t) = (t / scale)^shape: covariates on the scale accelerate time."""

    name = "weibull"
    parameters = (Parameter("shape", "log"), Parameter("scale", "log"))
    location = "scale"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the power of time and its logarithmic slope."""
        shape, log_t = np.exp(theta[:, 0]), np.log(t)
        z = shape * (log_t - theta[:, 1])
        hazard = np.exp(z)
        return Terms(
            theta[:, 0] + z - log_t, hazard, columns(1 + z, -shape), columns(hazard * z, -shape * hazard)
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential."""
        return [np.array([0.0, -np.log(follow.rate)])]

    def mean(self, theta: F8) -> F8:
        """Return scale x gamma(1 + 1 / shape)."""
        from scipy.special import gammaln

        return np.asarray(np.exp(theta[:, 1] + gammaln(1 + np.exp(-theta[:, 0]))), np.float64)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return np.asarray(np.exp(np.exp(theta[:, 0]) * (np.log(t) - theta[:, 1])), np.float64)


@dataclass(frozen=True)
class WeibullHazards(Family):
    """H(t) = scale x t^shape: covariates on the scale multiply the hazard."""

    name = "weibull_ph"
    parameters = (Parameter("shape", "log"), Parameter("scale", "log"))
    location = "scale"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the power of time and its logarithmic slope."""
        log_t = np.log(t)
        power = np.exp(theta[:, 0]) * log_t
        hazard = np.exp(theta[:, 1] + power)
        return Terms(
            theta.sum(axis=1) + power - log_t, hazard, columns(1 + power, 1.0), columns(hazard * power, hazard)
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential."""
        return [np.array([0.0, np.log(follow.rate)])]

    def mean(self, theta: F8) -> F8:
        """Return scale^(-1 / shape) x gamma(1 + 1 / shape)."""
        return Weibull().mean(columns(theta[:, 0], -theta[:, 1] * np.exp(-theta[:, 0])))

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return np.asarray(np.exp(theta[:, 1] + np.exp(theta[:, 0]) * np.log(t)), np.float64)


@dataclass(frozen=True)
class Gompertz(Family):
    """h(t) = rate x exp(shape t). With a negative shape a share exp(rate / shape) never fails."""

    name = "gompertz"
    parameters = (Parameter("shape", "identity"), Parameter("rate", "log"))
    location = "rate"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the exponential of time and its integral."""
        x = theta[:, 0] * t
        near, apart = np.abs(x) < NEAR, np.where(np.abs(x) < NEAR, 1.0, x)
        grown = np.where(near, 1 + x / 2 * (1 + x / 3 * (1 + x / 4)), np.expm1(apart) / apart)  # (e^x - 1) / x
        turned = np.where(  # its derivative
            near,
            0.5 + x / 3 * (1 + 3 * x / 8 * (1 + 4 * x / 15)),
            (np.exp(apart) * (apart - 1) + 1) / apart**2,
        )
        base = np.exp(theta[:, 1]) * t
        return Terms(theta[:, 1] + x, base * grown, columns(t, 1.0), columns(base * t * turned, base * grown))

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential."""
        return [np.array([0.0, np.log(follow.rate)])]

    def mean(self, theta: F8) -> F8:
        """Return exp(x) E1(x) / shape with x = rate / shape; infinite where the shape is negative."""
        from scipy.special import exp1

        shape, rate = theta[:, 0], np.exp(theta[:, 1])
        with np.errstate(all="ignore"):
            x = rate / np.where(shape > 0, shape, np.nan)
            far = 1 / rate * (1 - 1 / x * (1 - 2 / x * (1 - 3 / x)))  # where exp(x) and E1(x) leave the numbers
            found = np.where(x > FAR, far, np.exp(np.minimum(x, FAR)) * exp1(np.minimum(x, FAR)) / shape)
        return np.where(shape < 0, np.inf, np.where(shape == 0, 1 / rate, found))


@dataclass(frozen=True)
class LogLogistic(Family):
    """S(t) = 1 / (1 + (t / scale)^shape)."""

    name = "llogis"
    parameters = (Parameter("shape", "log"), Parameter("scale", "log"))
    location = "scale"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the logarithm of 1 + odds, and its slope."""
        shape, log_t = np.exp(theta[:, 0]), np.log(t)
        z = shape * (log_t - theta[:, 1])
        hazard = np.logaddexp(0.0, z)
        failed = np.exp(z - hazard)
        alive = np.exp(-hazard)
        return Terms(
            theta[:, 0] - log_t + z - hazard, hazard, columns(1 + alive * z, -alive * shape),
            columns(failed * z, -failed * shape),
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the median of the exponential, with the shape 1."""
        return [np.array([0.0, np.log(np.log(2) / follow.rate)])]

    def mean(self, theta: F8) -> F8:
        """Return scale x b / sin b with b = pi / shape; infinite unless the shape is above 1."""
        b = np.pi * np.exp(-theta[:, 0])
        with np.errstate(all="ignore"):
            return np.where(b < np.pi, np.exp(theta[:, 1]) * b / np.sin(b), np.inf)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return np.asarray(np.logaddexp(0.0, np.exp(theta[:, 0]) * (np.log(t) - theta[:, 1])), np.float64)


@dataclass(frozen=True)
class LogNormal(Family):
    """The logarithm of time is normal: meanlog, sdlog."""

    name = "lnorm"
    parameters = (Parameter("meanlog", "identity"), Parameter("sdlog", "log"))
    location = "meanlog"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the normal tail and Mills' ratio."""
        log_t, sd = np.log(t), np.exp(theta[:, 1])
        z = (log_t - theta[:, 0]) / sd
        hazard, log_ratio = normal_tail(z)
        ratio = np.exp(log_ratio)
        rise = ratio - z
        return Terms(
            log_ratio - log_t - theta[:, 1], hazard, columns(-rise / sd, -1 - rise * z),
            columns(-ratio / sd, -ratio * z),
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the median of the exponential, with the deviation 1."""
        return [np.array([np.log(np.log(2) / follow.rate), 0.0])]

    def mean(self, theta: F8) -> F8:
        """Return exp(meanlog + sdlog^2 / 2)."""
        return np.asarray(np.exp(theta[:, 0] + np.exp(2 * theta[:, 1]) / 2), np.float64)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return normal_tail((np.log(t) - theta[:, 0]) / np.exp(theta[:, 1]))[0]


def normal_tail(z: F8) -> tuple[F8, F8]:
    """Return minus the logarithm of the upper normal tail, and the logarithm of density by tail (Mills)."""
    from scipy.special import log_ndtr

    hazard = -log_ndtr(-z)
    return hazard, hazard - z * z / 2 - 0.5 * np.log(2 * np.pi)
