# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Limits from the replicates of an estimate: percentile, basic and BCa (Davison & Hinkley 1997, chapter 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.resampling import Cells, Question

LOST = 0.05  # share of replicates without an answer above which limits would describe the others only


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Estimates, their replicates (replicates, estimates), and what acceleration is worked out from."""

    estimate: F8
    values: F8
    cells: Cells
    question: Question
    contrast: str | None

    def limits(self, interval: str, conf_level: float) -> tuple[F8, F8]:
        """Return the limits of each estimate; NaN where it, or too many replicates, have no answer."""
        tail = (1 - conf_level) / 2
        found = np.full((2, self.estimate.size), np.nan)
        skew = self._acceleration() if interval == "bca" else np.zeros(self.estimate.size)
        for j, estimate in enumerate(self.estimate):
            values = np.sort(self.values[~np.isnan(self.values[:, j]), j])
            if not np.isfinite(estimate) or values.size < (1 - LOST) * self.values.shape[0]:
                continue
            at = _moved(values, estimate, skew[j], tail) if interval == "bca" else (tail, 1 - tail)
            low, high = (_ordered(values, p) for p in at)
            found[:, j] = (2 * estimate - high, 2 * estimate - low) if interval == "basic" else (low, high)
        found[~np.isfinite(found)] = np.nan
        return found[0], found[1]

    def _acceleration(self) -> F8:
        """Return the skewness of the delete-one values (Davison & Hinkley 1997, Bootstrap Methods, section 5.3)."""
        left = contrasted(self.cells.leave_out(self.question), self.contrast)
        cube, square = np.zeros(left.shape[1]), np.zeros(left.shape[1])
        for first, end, n, _ in self.cells.pools:
            share = self.cells.mass[first:end, None]
            pull = (n - 1) * ((share * left[first:end]).sum(axis=0) / n - left[first:end])
            square += (share * pull**2).sum(axis=0) / float(n) ** 2
            cube += (share * pull**3).sum(axis=0) / float(n) ** 3
        with np.errstate(all="ignore"):
            return np.asarray(np.where(square > 0, cube / (6 * square**1.5), 0.0), np.float64)


def contrasted(values: F8, contrast: str | None) -> F8:
    """Return the values of groups (columns), or the contrast of the second group to the first."""
    if contrast is None:
        return values
    with np.errstate(all="ignore"):
        pair = values[:, 1] - values[:, 0] if contrast == "difference" else values[:, 1] / values[:, 0]
    return np.asarray(pair[:, None], np.float64)


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
