# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How much true effects differ between studies: nine estimators of tau squared, and its interval.

As R ``metafor::rma`` without moderators (Viechtbauer 2005, J Educ Behav Stat 30:261), iterations carried to the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8

Method: TypeAlias = Literal["REML", "DL", "PM", "FE", "ML", "HE", "HS", "SJ", "EB"]
MOST = 1000  # steps of an iteration; a handful is usual


def tau_squared(y: F8, v: F8, method: str) -> float:
    """Return the variance of true effects between studies, 0 or more.

    Parameters
    ----------
    y, v
        Estimates and their variances.
    method
        Of `Method`; FE says 0, EB is PM under another name.
    """
    if method not in _METHODS:
        raise DefinitionError(f"method '{method}' is not one of {', '.join(_METHODS)}")
    return max(_METHODS[method](y, v), 0.0)


def middle(y: F8, w: F8) -> float:
    """Return the mean of `y` weighted by `w`."""
    return float((w * y).sum() / w.sum())


def spread(y: F8, v: F8, tau2: float) -> float:
    """Return the weighted squares about the mean, weights 1 / (v + tau2): Cochran's Q where tau2 is 0."""
    w = 1 / (v + tau2)
    return float((w * (y - middle(y, w)) ** 2).sum())


def typical_variance(v: F8) -> float:
    """Return the variance of a typical study (Higgins & Thompson 2002)."""
    w = 1 / v
    return float((v.size - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))


def q_profile(y: F8, v: F8, conf_level: float) -> tuple[float, float]:
    """Return limits of tau squared: where Q at it equals chi-square quantiles (Viechtbauer 2007)."""
    from scipy.special import chdtri

    tail = (1 - conf_level) / 2
    low, high = (_solve(y, v, float(chdtri(y.size - 1, p))) for p in (tail, 1 - tail))
    return low, high


def _solve(y: F8, v: F8, wanted: float) -> float:
    """Return the tau squared at which Q has this value, 0 where it is smaller everywhere."""
    from scipy.optimize import brentq

    if spread(y, v, 0.0) <= wanted:
        return 0.0
    top = float(v.max())
    while spread(y, v, top) > wanted:
        top *= 4
    return float(brentq(lambda tau2: spread(y, v, tau2) - wanted, 0.0, top, xtol=1e-15, rtol=1e-14))


def _fixed(_y: F8, _v: F8) -> float:
    return 0.0


def _dersimonian_laird(y: F8, v: F8) -> float:
    w = 1 / v
    return float((spread(y, v, 0.0) - (y.size - 1)) / (w.sum() - (w**2).sum() / w.sum()))


def _hedges(y: F8, v: F8) -> float:
    return float(y.var(ddof=1) - v.mean())


def _hunter_schmidt(y: F8, v: F8) -> float:
    return float((spread(y, v, 0.0) - y.size) / (1 / v).sum())


def _sidik_jonkman(y: F8, v: F8) -> float:
    first = float(y.var())
    return first * spread(y, v, first) / (y.size - 1) if first else 0.0


def _paule_mandel(y: F8, v: F8) -> float:
    return _solve(y, v, y.size - 1.0)


def _restricted(y: F8, v: F8, tau2: float) -> float:
    """Return a step of Fisher scoring for the restricted likelihood."""
    w = 1 / (v + tau2)
    s1, s2, s3 = w.sum(), (w**2).sum(), (w**3).sum()
    trace, trace2 = s1 - s2 / s1, s2 - 2 * s3 / s1 + (s2 / s1) ** 2
    return float((((w * (y - middle(y, w))) ** 2).sum() - trace) / trace2)


def _full(y: F8, v: F8, tau2: float) -> float:
    """Return a step of Fisher scoring for the likelihood."""
    w = 1 / (v + tau2)
    return float((((w * (y - middle(y, w))) ** 2).sum() - w.sum()) / (w**2).sum())


def _scored(step: Callable[[F8, F8, float], float]) -> Callable[[F8, F8], float]:
    """Return the estimator that takes these steps from Hedges' value, halved where they would leave 0 behind."""

    def estimator(y: F8, v: F8) -> float:
        tau2, small = max(_hedges(y, v), 0.0), float(v.min())
        for _ in range(MOST):
            change = step(y, v, tau2)
            if tau2 + change < 0:
                if tau2 < 1e-6 * small and step(y, v, 0.0) <= 0:
                    return 0.0
                change = -tau2 / 2
            tau2 += change
            if abs(change) <= 1e-13 * (tau2 + small):
                return tau2
        raise NoValidAnswer("the likelihood of tau squared has no maximum that was found; use PM or DL")

    return estimator


_METHODS: dict[str, Callable[[F8, F8], float]] = {
    "REML": _scored(_restricted),
    "DL": _dersimonian_laird,
    "PM": _paule_mandel,
    "FE": _fixed,
    "ML": _scored(_full),
    "HE": _hedges,
    "HS": _hunter_schmidt,
    "SJ": _sidik_jonkman,
    "EB": _paule_mandel,
}


def log_likelihood(y: F8, v: F8, mean: float, tau2: float) -> float:
    """Return the normal log likelihood of estimates whose true effects have this mean and variance."""
    total = v + tau2
    return float(-0.5 * (np.log(2 * math.pi * total) + (y - mean) ** 2 / total).sum())
