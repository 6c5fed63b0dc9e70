# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pointwise limits of a survival probability on the scales people use, and normal and chi-square tails.

The formulas are those of R ``survfit`` (its ``conf.type``); ours is the log-log scale by default.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8

ConfType: TypeAlias = Literal["log-log", "log", "plain", "logit", "arcsin"]
CONF_TYPES = ("log-log", "log", "plain", "logit", "arcsin")


def normal_quantile(conf_level: float) -> float:
    """Return z such that a normal variable lies within z of its mean with probability `conf_level`."""
    if not 0 < conf_level < 1:
        raise DefinitionError(f"conf_level is {conf_level}; write a probability such as 0.95")
    return NormalDist().inv_cdf(0.5 + conf_level / 2)


def two_sided(z: float) -> float:
    """Return the two-sided p-value of a standard normal statistic."""
    from scipy.special import ndtr  # scipy costs more to load than a curve to estimate

    return float(2 * ndtr(-abs(z)))


def chi_square_tail(statistic: float, df: int) -> float:
    """Return the upper tail of a chi-square variable."""
    from scipy.special import chdtrc

    return float(chdtrc(df, statistic))


def survival_limits(survival: F8, var_log: F8, conf_level: float, conf_type: str) -> tuple[F8, F8]:
    """Return limits of S(t) within [0, 1].

    Parameters
    ----------
    survival, var_log
        S(t) and the variance of log S(t); the latter is infinite where S is 0.
    conf_type
        Scale on which the limits are symmetric: log-log, log, plain, logit or arcsin.

    Returns
    -------
    tuple of array
        NaN where S is 0 (no limits can be estimated), 1 where S is 1.
    """
    if conf_type not in CONF_TYPES:
        raise DefinitionError(f"conf_type '{conf_type}' is not one of {', '.join(CONF_TYPES)}")
    z = normal_quantile(conf_level)
    with np.errstate(all="ignore"):
        low, high = _SCALES[conf_type](survival, z * np.sqrt(var_log))
    low, high = np.where(survival >= 1, 1.0, low), np.where(survival >= 1, 1.0, high)
    return np.where(survival <= 0, np.nan, low), np.where(survival <= 0, np.nan, high)


def share_limits(name: str, share: F8, variance: F8, conf_level: float, conf_type: str) -> dict[str, F8]:
    """Return shares of persons (failed of a cause, in a state) under this name, with errors and limits, as columns."""
    low, high = survival_limits(share, variance / np.where(share > 0, share, 1.0) ** 2, conf_level, conf_type)
    error = np.where(np.isnan(share), np.nan, np.sqrt(np.maximum(variance, 0.0)))
    return {name: share, "std_error": error, "conf_low": low, "conf_high": high}


def _log_log(s: F8, half: F8) -> tuple[F8, F8]:
    middle, half = np.log(-np.log(s)), half / np.abs(np.log(s))
    return np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))


def _log(s: F8, half: F8) -> tuple[F8, F8]:
    return s * np.exp(-half), np.minimum(s * np.exp(half), 1.0)


def _plain(s: F8, half: F8) -> tuple[F8, F8]:
    return np.maximum(s - s * half, 0.0), np.minimum(s + s * half, 1.0)


def _logit(s: F8, half: F8) -> tuple[F8, F8]:
    middle, half = np.log(s / (1 - s)), half / (1 - s)
    return 1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle))


def _arcsin(s: F8, half: F8) -> tuple[F8, F8]:
    middle, half = np.arcsin(np.sqrt(s)), 0.5 * half * np.sqrt(s / (1 - s))
    return np.sin(np.maximum(middle - half, 0.0)) ** 2, np.sin(np.minimum(middle + half, np.pi / 2)) ** 2


_SCALES = {"log-log": _log_log, "log": _log, "plain": _plain, "logit": _logit, "arcsin": _arcsin}
