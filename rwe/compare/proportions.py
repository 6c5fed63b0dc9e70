# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Proportions: so many of so many (responders, patients with a toxicity) with limits that hold near 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story

Limits: TypeAlias = tuple[float, float]
ShareMethod: TypeAlias = Literal["wilson", "clopper_pearson", "wilson_cc", "wald", "agresti_coull", "jeffreys"]


@dataclass(frozen=True, slots=True, repr=False)
class Proportion(Shown):
    """So many of so many.

    Parameters
    ----------
    n_event, n
        Persons with the event, and all.
    estimate, conf_low, conf_high
        Their share with limits.
    p_value
        Exact two-sided test of the share asked for; None without one.
    """

    n_event: int
    n: int
    estimate: float
    conf_low: float
    conf_high: float
    p_value: float | None
    method: str
    conf_level: float
    against: float | None

    @property
    def table(self) -> pl.DataFrame:
        """One row: n, n_event, estimate, limits, p_value."""
        columns = ("n", "n_event", "estimate", "conf_low", "conf_high", "p_value")
        return pl.DataFrame({name: [getattr(self, name)] for name in columns}, schema_overrides={"p_value": pl.Float64})

    def to_result(self, *, population: str = "", outcome: str = "", group: str = "") -> Result:
        """Return the share in the long tidy form."""
        labels = {"population": population, "outcome": outcome, "group": group, "estimand": "proportion"}
        settings = {"conf_type": self.method, "conf_level": self.conf_level, "against": self.against}
        return Result(tidy(self.table, analysis="proportion", **labels), settings)

    def _story(self) -> Story:
        return f"Proportion ({self.method})", self.table, ()


def proportion(
    n_event: int, n: int, *, method: ShareMethod = "wilson", conf_level: float = 0.95, against: float | None = None
) -> Proportion:
    """Estimate a share with limits.

    Parameters
    ----------
    n_event, n
        Persons with the event, and all.
    method
        ``wilson`` (score; as R ``prop.test``, ``wilson_cc`` with its continuity correction), ``clopper_pearson``
        (exact, never too narrow), ``wald``, ``agresti_coull`` (not cut at 0 and 1), ``jeffreys`` (0 and 1 where
        none or all have the event; Brown, Cai & DasGupta 2001).
    against
        A share to be tested, for example that of the trial taken as fixed: exact binomial test.

    Raises
    ------
    NoValidAnswer
        If there is nobody.
    DataError
        If more have the event than there are, or fewer than none.

    Examples
    --------
    >>> found = proportion(7, 20)
    >>> round(found.conf_low, 4), round(found.conf_high, 4)
    (0.1812, 0.5671)
    """
    if n == 0:
        raise NoValidAnswer("nobody to take a share of")
    if not 0 <= n_event <= n:
        raise DataError(f"{n_event} events among {n} persons: count each person once")
    if method not in _METHODS:
        raise DefinitionError(f"method '{method}' is not one of {', '.join(_METHODS)}")
    if against is not None and not 0 <= against <= 1:
        raise DefinitionError("against is a share: from 0 to 1")
    low, high = _METHODS[method](n_event, n, conf_level)
    p_value = None if against is None else _exact_p(n_event, n, against)
    return Proportion(n_event, n, n_event / n, low, high, p_value, method, conf_level, against)


def wilson(x: float, n: int, conf_level: float) -> Limits:
    """Return the score limits of a share."""
    z2 = normal_quantile(conf_level) ** 2
    p = x / n
    middle, half = p + z2 / (2 * n), math.sqrt(z2 * p * (1 - p) / n + (z2 / (2 * n)) ** 2)
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    return 0.0 if x == 0 else low, 1.0 if x == n else high


def _scipy(kind: str) -> Callable[[int, int, float], Limits]:
    def limits(x: int, n: int, conf_level: float) -> Limits:
        from scipy.stats import binomtest

        found = binomtest(x, n).proportion_ci(conf_level, kind)
        return float(found.low), float(found.high)

    return limits


def _exact_p(x: int, n: int, share: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(x, n, share).pvalue)


def _wald(x: int, n: int, conf_level: float) -> Limits:
    p = x / n
    half = normal_quantile(conf_level) * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def _agresti_coull(x: int, n: int, conf_level: float) -> Limits:
    z = normal_quantile(conf_level)
    more = n + z**2
    p = (x + z**2 / 2) / more
    half = z * math.sqrt(p * (1 - p) / more)
    return p - half, p + half


def _jeffreys(x: int, n: int, conf_level: float) -> Limits:
    from scipy.special import betaincinv

    tail = (1 - conf_level) / 2
    low, high = (float(betaincinv(x + 0.5, n - x + 0.5, q)) for q in (tail, 1 - tail))
    return 0.0 if x == 0 else low, 1.0 if x == n else high


_METHODS: dict[str, Callable[[int, int, float], Limits]] = {
    "wilson": wilson,
    "clopper_pearson": _scipy("exact"),
    "wilson_cc": _scipy("wilsoncc"),
    "wald": _wald,
    "agresti_coull": _agresti_coull,
    "jeffreys": _jeffreys,
}
