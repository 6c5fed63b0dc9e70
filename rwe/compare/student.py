# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An estimate with its error: limits, statistic and p-value under the normal law or Student's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rwe.survival.intervals import normal_quantile, two_sided


@dataclass(frozen=True, slots=True)
class Tested:
    """Limits and test of one estimate; ``df`` is infinite under the normal law."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    df: float


def inferred(estimate: float, std_error: float, conf_level: float, df: float = math.inf) -> Tested:
    """Return limits and the two-sided test of no effect.

    Examples
    --------
    >>> found = inferred(0.0, 1.0, 0.95)
    >>> round(found.conf_high, 4), found.p_value
    (1.96, 1.0)
    """
    half = quantile(conf_level, df) * std_error
    statistic = estimate / std_error if std_error > 0 else math.nan
    return Tested(estimate, std_error, estimate - half, estimate + half, statistic, tail(statistic, df), df)


def quantile(conf_level: float, df: float = math.inf) -> float:
    """Return the distance within which a standard variable lies with probability `conf_level`."""
    normal = normal_quantile(conf_level)
    if math.isinf(df):
        return normal
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + conf_level / 2))


def tail(statistic: float, df: float = math.inf) -> float:
    """Return the two-sided p-value."""
    if math.isinf(df):
        return two_sided(statistic)
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(statistic)))
