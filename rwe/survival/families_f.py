# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The generalised F distribution, which holds all other families of accelerated time.

Prentice (1975) Biometrika 62:607: log t = mu + sigma w, and delta w is the logarithm of an F variable, as in flexsurv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.families_gamma import GeneralisedGamma
from rwe.survival.family import Family, Follow, Parameter, Terms
from rwe.survival.shapes import Shaped, located


@dataclass(frozen=True)
class GeneralisedF(Family):
    """mu, sigma, Q, P: the generalised gamma at P = 0, the log-logistic at Q = 0 and P = 1."""

    name = "genf"
    parameters = (*GeneralisedGamma.parameters, Parameter("P", "log", "a generalised gamma"))
    location = "mu"

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the tail of the incomplete beta function; where P is held at 0, that of the generalised gamma."""
        if np.isneginf(theta[:, 3]).all():
            few = GeneralisedGamma().terms(t, theta[:, :3])
            none = np.zeros((t.size, 1))
            return Terms(
                *few[:2], np.hstack([few.d_log_hazard, none]), np.hstack([few.d_cumulative_hazard, none])
            )  # fmt: skip
        kind = Shaped(
            lambda w, k: genf_hazard(w, k[:, 0], k[:, 1]),
            lambda w, k: genf_log_density(w, k[:, 0], k[:, 1]),
            lambda w, k: _fall(w, k[:, 0], k[:, 1]),
        )
        return located(kind, t, theta)

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the log-logistic about the median of the exponential, and near its generalised gamma."""
        middle = np.log(np.log(2) / follow.rate)
        return [np.array([middle, 0.0, 0.0, 0.0]), np.array([-np.log(follow.rate), 0.0, 1.0, -2.0])]

    def mean(self, theta: F8) -> F8:
        """Return the moment of a power of an F variable; infinite where that has none."""
        from scipy.special import gammaln

        if np.isneginf(theta[:, 3]).all():
            return GeneralisedGamma().mean(theta[:, :3])
        first, second, delta = _degrees(theta[:, 2], theta[:, 3])
        s = np.exp(theta[:, 1]) / delta
        with np.errstate(all="ignore"):
            moment = gammaln(first + s) - gammaln(first) + gammaln(second - s) - gammaln(second)
            found = np.exp(theta[:, 0] + s * (np.log(second) - np.log(first)) + moment)
        return np.where(second > s, found, np.inf)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        if np.isneginf(theta[:, 3]).all():
            return GeneralisedGamma().cumulative(t, theta[:, :3])
        return genf_hazard((np.log(t) - theta[:, 0]) / np.exp(theta[:, 1]), theta[:, 2], theta[:, 3])


def _degrees(q: F8, log_p: F8) -> tuple[F8, F8, F8]:
    """Return half the degrees of freedom of the F variable, and the unit of its logarithm."""
    p = np.exp(log_p)
    delta = np.sqrt(q**2 + 2 * p)
    first, second = 2 / (q**2 + 2 * p + q * delta), 2 / (q**2 + 2 * p - q * delta)
    rising, falling = np.where(q > 0, (delta + q) * delta, 0), np.where(q < 0, (delta - q) * delta, 0)
    with np.errstate(all="ignore"):  # delta -+ q loses its digits where the other does not: their product is 2 P
        second = np.where(q > 0, rising / (p * delta**2), second)
        first = np.where(q < 0, falling / (p * delta**2), first)
    return first, second, delta


def genf_hazard(w: F8, q: F8, log_p: F8) -> F8:
    """Return minus the logarithm of the upper tail of w."""
    from scipy.special import betainc

    first, second, delta = _degrees(q, log_p)
    y = delta * w + np.log(first) - np.log(second)
    dead, alive = 1 / (1 + np.exp(-y)), 1 / (1 + np.exp(y))
    lower = y < 0
    found = np.empty(w.size)
    found[lower] = -np.log1p(-betainc(first[lower], second[lower], dead[lower]))
    found[~lower] = -np.log(betainc(second[~lower], first[~lower], alive[~lower]))
    return found


def genf_log_density(w: F8, q: F8, log_p: F8) -> F8:
    """Return the logarithm of the density of w."""
    from scipy.special import betaln

    first, second, delta = _degrees(q, log_p)
    y = delta * w + np.log(first) - np.log(second)
    found = np.log(delta) - first * np.logaddexp(0.0, -y) - second * np.logaddexp(0.0, y) - betaln(first, second)
    return np.asarray(found, np.float64)


def _fall(w: F8, q: F8, log_p: F8) -> F8:
    """Return the derivative of that logarithm by w."""
    first, second, delta = _degrees(q, log_p)
    odds = np.exp(-np.logaddexp(0.0, -(delta * w + np.log(first) - np.log(second))))
    return np.asarray(delta * (first - (first + second) * odds), np.float64)
