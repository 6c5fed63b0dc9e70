# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rates made comparable by a standard: of its persons (direct), or beside its rates (indirect)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.rates import SCHEMA, Rates
from rwe.errors import DataError
from rwe.kernels._jit import F8
from rwe.survival.intervals import normal_quantile


def standardised_rate(
    n_event: Sequence[int],
    time: Sequence[float],
    standard: Sequence[float],
    *,
    rates: Sequence[float] | None = None,
    conf_level: float = 0.95,
) -> Rates:
    """Return the rate that a standard population would have, and where its rates are given the ratio to them.

    Rows `standardised_rate` with limits of the normal and of the gamma distribution (Fay & Feuer 1997, Stat Med 16:791:
    right also where strata have few events); `events_ratio` is events over those that the standard's rates expect,
    with exact limits (Garwood 1936).

    Parameters
    ----------
    n_event, time, standard
        By stratum: events, the time of all persons at risk, and persons of the standard population.
    rates
        By stratum: the rates of the standard, in the same unit of time.

    Raises
    ------
    DataError
        If strata do not match, a time is not above 0, a count below 0, or the standard or what it expects is nothing.

    Examples
    --------
    >>> found = standardised_rate([3, 20], [5000.0, 4000.0], [60, 40]).table
    >>> found["conf_type"].to_list(), round(found["estimate"][0], 6)
    (['normal', 'gamma'], 0.00236)
    """
    x, t, w = (np.asarray(values, np.float64) for values in (n_event, time, standard))
    _check(x, t, w)
    share = w / w.sum() / t
    rows = _direct(float(share @ x), float(share**2 @ x), float(share.max()), conf_level)
    if rates is not None:
        rows.append(_indirect(float(x.sum()), np.asarray(rates, np.float64), t, conf_level))
    return Rates(pl.DataFrame(rows, schema=SCHEMA), conf_level, int(x.sum()))


def _check(x: F8, t: F8, w: F8) -> None:
    if not x.size == t.size == w.size > 0:
        raise DataError(f"strata do not match: {x.size} counts, {t.size} times, {w.size} of the standard")
    if not ((x >= 0) & (x == np.floor(x))).all() or not ((t > 0) & np.isfinite(t)).all():
        raise DataError("a rate needs counts of at least 0 and times at risk above 0")
    if not ((w >= 0) & np.isfinite(w)).all() or not w.any():
        raise DataError("the standard needs persons, none below 0")


def _direct(rate: float, variance: float, most: float, conf_level: float) -> list[dict[str, Any]]:
    from scipy.special import gammaincinv

    tail, half = (1 - conf_level) / 2, normal_quantile(conf_level) * math.sqrt(variance)
    above, spread = rate + most, variance + most**2
    low = variance / rate * float(gammaincinv(rate**2 / variance, tail)) if rate else 0.0
    high = spread / above * float(gammaincinv(above**2 / spread, 1 - tail))
    same = {"estimand": "standardised_rate", "estimate": rate}
    normal = {"conf_low": rate - half, "conf_high": rate + half} if rate else {}
    return [
        {**same, "conf_type": "normal", **normal},
        {**same, "conf_type": "gamma", "conf_low": low, "conf_high": high},
    ]


def _indirect(events: float, rates: F8, t: F8, conf_level: float) -> dict[str, Any]:
    from scipy.special import gammaincinv

    if rates.size != t.size or not ((rates >= 0) & np.isfinite(rates)).all() or not rates.any():
        raise DataError(f"the standard needs a rate for each of {t.size} strata, none below 0 and not all 0")
    expected, tail = float(rates @ t), (1 - conf_level) / 2
    low = float(gammaincinv(events, tail)) / expected if events else 0.0
    high = float(gammaincinv(events + 1, 1 - tail)) / expected
    named = {"estimand": "events_ratio", "conf_type": "exact", "estimate": events / expected}
    return named | {"conf_low": low, "conf_high": high}
