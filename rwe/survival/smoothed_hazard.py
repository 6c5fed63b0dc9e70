# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hazard as observed, smoothed by a kernel that knows both ends of follow-up: what fitted hazards are laid over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.data import names, read, respond
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SmoothedHazard(Shown):
    """A smoothed hazard.

    Parameters
    ----------
    table
        time, hazard (per unit of time), conf_low, conf_high.
    bandwidth
        Half the width of the kernel, in units of time.
    conf_level
        Of the limits, each for its own time, on the log scale.
    """

    table: pl.DataFrame
    bandwidth: float
    conf_level: float

    def _story(self) -> Story:
        return f"Smoothed hazard, bandwidth {self.bandwidth:.4g}, {self.conf_level:.0%} limits", self.table, ()


@door
def smoothed_hazard(
    frame: Any,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    weights: str | None = None,
    bandwidth: float | None = None,
    points: int = 101,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> SmoothedHazard:
    """Smooth the steps of the Nelson-Aalen estimate (Müller & Wang 1994, Biometrics 50:61).

    Parameters
    ----------
    frame, time, event, entry, weights, clock
        As in `kaplan_meier`.
    bandwidth
        Half the width of the kernel; otherwise 2.34 standard deviations of the times of failure over the fifth
        root of their number, the rule for the kernel of Epanechnikov, and no more than half the time followed.
    points
        Times, evenly from 0 to the last failure.
    conf_level
        Level of the limits.

    Raises
    ------
    DefinitionError
        If the bandwidth is not above 0 and at most half the time to the last failure, or points are below 2.
    NoValidAnswer
        If fewer than two failures differ in time.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": range(1, 101), "e": 1})
    >>> found = smoothed_hazard(frame, time="t", event="e", bandwidth=20.0, points=11)
    >>> found.table["hazard"].round(4).to_list()[:3]
    [0.0084, 0.0107, 0.0125]
    """
    cells = read(frame, [time, event, *names(entry), *names(weights)])
    response = respond(cells, time=time, event=event, entry=entry, weights=weights, clock=clock)
    days = response.fold()
    failed = np.flatnonzero(days.n_event[0])
    at = np.asarray(response.clock.times(failed), np.float64)
    if failed.size < 2:
        raise NoValidAnswer("a hazard is smoothed over failures at two times at least")
    n, risk = days.n_event[0, failed], days.n_risk[0, failed]
    width = _rule(at, n) if bandwidth is None else float(bandwidth)
    if not 0 < width <= at[-1] / 2 or points < 2:
        raise DefinitionError("bandwidth lies above 0 and within half the time to the last failure; points from 2")
    grid = np.linspace(0.0, at[-1], points)
    weight = kernel_weights(grid, at, width, at[-1])
    hazard = np.maximum(weight @ (n / risk), 0.0)
    error = np.sqrt(weight**2 @ (n / risk**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(hazard > 0, np.exp(normal_quantile(conf_level) * error / hazard), np.nan)
    limits = {"conf_low": hazard / spread, "conf_high": hazard * spread}
    table = pl.DataFrame({"time": grid, "hazard": hazard, **limits}).fill_nan(None)
    return SmoothedHazard(table, width, conf_level)


def kernel_weights(grid: F8, at: F8, width: float, last: float) -> F8:
    """Return the weight of a failure at each of `at` for the hazard at each time of the grid, shape (grid, at).

    The kernel of Epanechnikov; within a bandwidth of an end its asymmetric form that leaves no bias of first order.
    """
    x = (grid[:, None] - at) / width
    left = np.clip(grid / width, 0.0, 1.0)[:, None]
    right = np.clip((last - grid) / width, 0.0, 1.0)[:, None]
    near = np.where(left < 1, left, right)
    x = np.where(left < 1, x, -x)
    bent = 12 / (1 + near) ** 4 * (x + 1) * (x * (1 - 2 * near) + (3 * near**2 - 2 * near + 1) / 2)
    return np.asarray(np.where((x >= -1) & (x <= near), bent, 0.0) / width, np.float64)


def _rule(at: F8, n: F8) -> float:
    total = n.sum()
    mean = n @ at / total
    spread = np.sqrt(n @ (at - mean) ** 2 / total)
    return float(min(2.34 * spread / total**0.2, at[-1] / 2))
