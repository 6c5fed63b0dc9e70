# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Limits from the replicates of an estimate: percentile, basic and BCa (Davison & Hinkley 1997, chapter 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8

Interval: TypeAlias = Literal["percentile", "basic", "bca"]
INTERVALS = ("percentile", "basic", "bca")
LOST = 0.05  # share of replicates without an answer above which limits would describe the others only


class Source(Protocol):
    """What replicates are drawn from."""

    def estimate(self) -> F8:
        """Return the estimates in the rows themselves."""
        ...

    def draw(self, n: int, seed: int) -> F8:
        """Return `n` replicates, shape (replicates, estimates); NaN where one has no answer."""
        ...

    def acceleration(self) -> F8:
        """Return how fast the error of each estimate grows with its value (Efron 1987)."""
        ...


From = TypeVar("From", bound=Source)


@dataclass(frozen=True, slots=True, eq=False)
class Distribution(Generic[From]):
    """Estimates, their replicates (replicates, estimates), and what they were drawn from."""

    estimate: F8
    values: F8
    source: From

    @property
    def n(self) -> int:
        """Number of replicates."""
        return int(self.values.shape[0])

    @property
    def lost(self) -> int:
        """Number of replicates in which an estimate has no answer."""
        return int((~np.isfinite(self.values)).any(axis=1).sum())

    def columns(self, interval: str, conf_level: float) -> dict[str, F8]:
        """Return estimate, std_error, bias and limits; NaN where there is none."""
        low, high = self.limits(interval, conf_level)
        known = (~np.isnan(self.values)).sum(axis=0)
        with np.errstate(all="ignore"):
            mean = np.nansum(self.values, axis=0) / known
            error = np.sqrt(np.nansum((self.values - mean) ** 2, axis=0) / (known - 1))
            bias = mean - self.estimate
        error[(known < 2) | ~np.isfinite(mean)] = np.nan  # infinite: a median that some replicates do not reach
        return {"estimate": self.estimate, "std_error": error, "bias": bias, "conf_low": low, "conf_high": high}

    def long(self, shown: pl.DataFrame) -> pl.DataFrame:
        """Return one row a replicate and estimate: the columns that name the estimate, replicate, value."""
        n, of = self.values.shape
        value = np.where(np.isfinite(self.values), self.values, np.nan).ravel()
        body = pl.DataFrame({"replicate": np.repeat(np.arange(n), of), "value": value}, nan_to_null=True)
        return shown[np.tile(np.arange(of), n)].hstack(body) if shown.width else body

    def limits(self, interval: str, conf_level: float) -> tuple[F8, F8]:
        """Return the limits of each estimate; NaN where it, or too many replicates, have no answer."""
        tail = (1 - conf_level) / 2
        found = np.full((2, self.estimate.size), np.nan)
        skew = self.source.acceleration() if interval == "bca" else np.zeros(self.estimate.size)
        for j, estimate in enumerate(self.estimate):
            values = np.sort(self.values[~np.isnan(self.values[:, j]), j])
            if not np.isfinite(estimate) or values.size < (1 - LOST) * self.values.shape[0]:
                continue
            at = _moved(values, estimate, skew[j], tail) if interval == "bca" else (tail, 1 - tail)
            low, high = (_ordered(values, p) for p in at)
            found[:, j] = (2 * estimate - high, 2 * estimate - low) if interval == "basic" else (low, high)
        found[~np.isfinite(found)] = np.nan
        return found[0], found[1]


def distribution(source: From, replicates: int, seed: int) -> Distribution[From]:
    """Draw replicates."""
    return Distribution(source.estimate(), source.draw(replicates, seed), source)


def refuse_draws(interval: str, replicates: int, seed: int, conf_level: float) -> None:
    """Refuse what no bootstrap can be asked for.

    Raises
    ------
    DefinitionError
        If an argument is wrong.
    """
    refuse_other("interval", interval, INTERVALS)
    if replicates < 2 or seed < 0:
        raise DefinitionError("replicates is a whole number from 2, seed one from 0")
    if not 0 < conf_level < 1:
        raise DefinitionError("conf_level lies between 0 and 1")


def refuse_other(name: str, value: Any, allowed: Iterable[Any]) -> None:
    """Refuse a value that is not among those allowed.

    Raises
    ------
    DefinitionError
        If it is not.
    """
    if value not in (known := list(allowed)):
        raise DefinitionError(f"{name} '{value}' is not one of {', '.join(map(str, known))}")


def _moved(values: F8, estimate: float, skew: float, tail: float) -> tuple[float, float]:
    """Return the shares of replicates below the BCa limits."""
    from scipy.special import ndtr, ndtri

    z0 = ndtri(((values < estimate).sum() + (values == estimate).sum() / 2) / values.size)
    z = z0 + ndtri(np.array([tail, 1 - tail]))
    low, high = ndtr(z0 + z / (1 - skew * z))
    return float(low), float(high)


def _ordered(values: F8, share: float) -> float:
    """Return the quantile at (n + 1) share of sorted values; beyond the extremes, and among the infinite, NaN."""
    place = (values.size + 1) * share - 1
    if not 0 <= place <= values.size - 1:
        return float("nan")
    below, above = values[int(np.floor(place))], values[int(np.ceil(place))]
    return float(below if below == above else below + (above - below) * (place - np.floor(place)))
