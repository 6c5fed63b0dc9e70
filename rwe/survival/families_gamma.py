# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Families built on the gamma distribution: log t = mu + sigma w, as in flexsurv.

The generalised gamma is Prentice's (1974, Biometrika 61:539), which passes through the log-normal without a seam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.families import normal_tail
from rwe.survival.family import Family, Follow, Parameter, Terms, columns
from rwe.survival.shapes import Shaped, located, shaped

FRACTIONS = 60  # terms of the continued fraction of a tail that underflows
NORMAL = 1e-6  # |Q| below which the generalised gamma is its expansion about the log-normal


@dataclass(frozen=True)
class Gamma(Family):
    """shape, rate; the exponential where the shape is 1."""

    name = "gamma"
    parameters = (Parameter("shape", "log"), Parameter("rate", "log"))
    location = "rate"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the tail of the incomplete gamma function along log(rate t)."""
        from scipy.special import gammaln

        log_t = np.log(t)
        told = shaped(
            Shaped(
                lambda w, k: gamma_hazard(np.exp(k[:, 0]), np.exp(w)),
                lambda w, k: np.exp(k[:, 0]) * w - np.exp(w) - gammaln(np.exp(k[:, 0])),
                lambda w, k: np.exp(k[:, 0]) - np.exp(w),
            ),
            theta[:, 1] + log_t, theta[:, :1],
        )  # fmt: skip
        log_hazard = told.log_density + told.hazard - log_t
        by_rate, by_shape = np.exp(log_hazard + log_t), told.hazard * told.by_shapes[:, 0]
        return Terms(
            log_hazard, told.hazard, columns(told.density_by_shapes[:, 0] + by_shape, told.fall + by_rate),
            columns(by_shape, by_rate),
        )  # fmt: skip

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential."""
        return [np.array([0.0, np.log(follow.rate)])]

    def mean(self, theta: F8) -> F8:
        """Return shape / rate."""
        return np.asarray(np.exp(theta[:, 0] - theta[:, 1]), np.float64)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return gamma_hazard(np.exp(theta[:, 0]), np.exp(theta[:, 1]) * t)


@dataclass(frozen=True)
class GeneralisedGamma(Family):
    """mu, sigma, Q: log-normal at Q = 0, Weibull at 1, gamma where Q = sigma."""

    name = "gengamma"
    parameters = (Parameter("mu", "identity"), Parameter("sigma", "log"), Parameter("Q", "identity"))
    location = "mu"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the tail of the incomplete gamma function on the scale of w."""
        kind = Shaped(
            lambda w, k: gengamma_hazard(w, k[:, 0]),
            lambda w, k: gengamma_log_density(w, k[:, 0]),
            lambda w, k: _fall(w, k[:, 0]),
        )
        return located(kind, t, theta)

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential, and the log-normal about its median."""
        log_mean = -np.log(follow.rate)
        return [np.array([log_mean, 0.0, 1.0]), np.array([log_mean + np.log(np.log(2)), 0.0, 0.0])]

    def mean(self, theta: F8) -> F8:
        """Return the moment of the gamma power; infinite where Q is negative and sigma x |Q| is 1 or more."""
        from scipy.special import gammaln

        mu, sigma, q = theta[:, 0], np.exp(theta[:, 1]), theta[:, 2]
        near = np.abs(q) < 1e-4
        apart = np.where(near, 1.0, q)
        a, s = 1 / apart**2, sigma / apart
        with np.errstate(all="ignore"):
            found = np.exp(mu + gammaln(a + s) - gammaln(a) - s * np.log(a))
        normal = np.exp(mu + sigma**2 / 2 + q * (sigma**3 / 6 - sigma / 2))
        return np.where(near, normal, np.where(a + s > 0, found, np.inf))

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return gengamma_hazard((np.log(t) - theta[:, 0]) / np.exp(theta[:, 1]), theta[:, 2])


def gamma_hazard(shape: F8, x: F8) -> F8:
    """Return minus the logarithm of the upper tail of the gamma distribution, exact at both ends."""
    from scipy.special import gammainc, gammaincc

    low = x < shape
    found = np.empty(np.broadcast_shapes(shape.shape, x.shape))
    shape, x = np.broadcast_to(shape, found.shape), np.broadcast_to(x, found.shape)
    found[low] = -np.log1p(-gammainc(shape[low], x[low]))
    found[~low] = _minus_log(gammaincc(shape[~low], x[~low]), _beyond, shape[~low], x[~low])
    return found


def _minus_log(tail: F8, otherwise: Callable[[F8, F8], F8], shape: F8, x: F8) -> F8:
    """Return minus the logarithm of a tail, by another way where the tail is too small for a number."""
    none = ~(tail > 0)
    found = -np.log(np.where(none, 1.0, tail))
    if none.any():
        found[none] = otherwise(shape[none], x[none])
    return np.asarray(found, np.float64)


def _beyond(shape: F8, x: F8) -> F8:
    """Return minus the logarithm of the upper tail far from the mean, by Legendre's continued fraction."""
    with np.errstate(all="ignore"):  # an infinite x has an infinite hazard
        fraction = x + 2 * FRACTIONS + 1 - shape
        for k in range(FRACTIONS, 0, -1):
            fraction = x + 2 * k - 1 - shape - k * (k - shape) / fraction
        found = _less_than_density(shape, x) + np.log(fraction)
    return np.where(np.isfinite(x), found, np.inf)


def _below(shape: F8, x: F8) -> F8:
    """Return minus the logarithm of the lower tail far from the mean, by its power series."""
    from scipy.special import hyp1f1

    with np.errstate(all="ignore"):
        found = _less_than_density(shape, x) + np.log(shape) - np.log(hyp1f1(1.0, shape + 1, x))
    return np.where(x > 0, found, np.inf)


def _less_than_density(shape: F8, x: F8) -> F8:
    """Return minus the logarithm of ``x**shape exp(-x) / gamma(shape)``, without the difference of large numbers."""
    off = (x - shape) / shape
    log = np.where(np.abs(off) < 0.5, np.log1p(np.clip(off, -0.5, 0.5)), np.log(x / shape))
    return np.asarray(shape * (off - log) - 0.5 * np.log(shape / (2 * np.pi)) + _stirling(shape), np.float64)


def gengamma_hazard(w: F8, q: F8) -> F8:
    """Return minus the logarithm of the upper tail of w."""
    from scipy.special import gammainc

    near = np.abs(q) < NORMAL
    apart = np.where(near, 1.0, q)
    a = 1 / apart**2
    with np.errstate(over="ignore"):  # an infinite x is an end of the distribution
        x = a * np.exp(apart * w)
    up, down = apart > 0, apart < 0
    rising = np.zeros(x.shape)
    rising[up] = gamma_hazard(a[up], x[up])
    if down.any():
        rising[down] = _lower(a[down], x[down], gammainc)
    if near.any():
        middle, log_ratio = normal_tail(w[near])
        rising[near] = middle + q[near] / 6 * (w[near] ** 2 + 2) * np.exp(log_ratio)
    return np.asarray(rising, np.float64)


def _lower(a: F8, x: F8, gammainc: Callable[[F8, F8], F8]) -> F8:
    """Return minus the logarithm of the lower tail of the gamma distribution, exact at both ends."""
    from scipy.special import gammaincc

    found, high = np.empty(x.shape), x > a
    found[high] = -np.log1p(-gammaincc(a[high], x[high]))
    found[~high] = _minus_log(gammainc(a[~high], x[~high]), _below, a[~high], x[~high])
    return found


def gengamma_log_density(w: F8, q: F8) -> F8:
    """Return the logarithm of the density of w."""
    near = np.abs(q) < NORMAL
    apart = np.where(near, 1.0, q)
    a, qw = 1 / apart**2, apart * w
    bend = np.where(np.abs(qw) < 1e-3, -(w**2) / 2 * (1 + qw / 3 * (1 + qw / 4)), a * (qw - np.expm1(qw)))
    found = bend - _stirling(a) - 0.5 * np.log(2 * np.pi)
    normal = -(w**2) / 2 * (1 + q * w / 3) - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.where(near, normal, found), np.float64)


def _fall(w: F8, q: F8) -> F8:
    """Return the derivative of that logarithm by w."""
    near = np.abs(q) < NORMAL
    apart = np.where(near, 1.0, q)
    return np.asarray(np.where(near, -w - q * w**2 / 2, -np.expm1(apart * w) / apart), np.float64)


def _stirling(a: F8) -> F8:
    """Return log gamma(a) less Stirling's (a - 1/2) log a - a + log(2 pi) / 2."""
    from scipy.special import gammaln

    large = np.maximum(a, 100.0)
    series = (1 - (1 - 2 / (7 * large**2)) / (30 * large**2)) / (12 * large)
    small = np.minimum(a, 100.0)
    exact = gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.where(a > 100, series, exact), np.float64)
