# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who was at risk in either arm when events happened, and how likely it was that the treated had so many of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, Flags


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """Moments with events, in order of time; each array has one value a moment.

    Parameters
    ----------
    time
        When.
    treated, control
        At risk of either arm.
    d_treated, d
        Events of the treated, and of both.
    """

    time: F8
    treated: F8
    control: F8
    d_treated: F8
    d: F8

    def score(self) -> tuple[F8, F8]:
        """Return observed less expected events of the treated and its hypergeometric variance, summed up to each."""
        n = self.treated + self.control
        mean = self.d * self.treated / n
        variance = mean * self.control / n * (n - self.d) / np.maximum(n - 1, 1)
        return (self.d_treated - mean).cumsum(), variance.cumsum()

    def log_likelihood(self, beta: F8) -> F8:
        """Return the log probability of what the treated had, summed up to each moment, at these log hazard ratios.

        Events of one moment follow Fisher's noncentral hypergeometric law: which of them came first does not matter.

        Returns
        -------
        array
            Shape (moments, log ratios).
        """
        steps = self.d_treated[:, None] * beta - np.log(self.control[:, None] + self.treated[:, None] * np.exp(beta))
        several = self.d > 1
        if several.any():
            steps[several] = self._tied(several, beta)
        return np.asarray(steps.cumsum(axis=0))

    def _tied(self, several: Flags, beta: F8) -> F8:
        from scipy.special import gammaln

        y1, y0, d, mine = (column[several, None] for column in (self.treated, self.control, self.d, self.d_treated))
        k = np.arange(int(d.max()) + 1)
        there = (k <= np.minimum(y1, d)) & (k >= d - y0)
        parts = (k, y1 - k, d - k, y0 - d + k)
        ways = np.where(there, -sum(gammaln(np.where(there, part, 0) + 1) for part in parts), -np.inf)
        own = np.take_along_axis(ways, mine.astype(np.int64), axis=1) + mine * beta
        terms = ways[:, :, None] + k[:, None] * beta
        top = terms.max(axis=1)
        return np.asarray(own - top - np.log(np.exp(terms - top[:, None]).sum(axis=1)))


def risk_sets(entry: F8, end: F8, event: Flags, treated: Flags, stratum: F8) -> RiskSets:
    """Count who was at risk, entry < t <= end, at each moment with events within each stratum."""
    parts = []
    for level in np.unique(stratum):
        here = stratum == level
        at = np.unique(end[here & event])
        counts = [at]
        for arm in (treated, ~treated):
            ours = here & arm
            counts.append(_from(end[ours], at) - _from(entry[ours], at))
        both = (end[here & event & treated], end[here & event])
        counts += [_from(days, at) - _from(days, at, side="right") for days in both]
        parts.append(np.stack(counts))
    found = np.concatenate(parts, axis=1)
    found = found[:, np.argsort(found[0], kind="stable")]
    both = (found[1] > 0) & (found[2] > 0)  # one arm alone tells nothing
    return RiskSets(*found[:, both].astype(np.float64))


def _from(values: F8, at: F8, side: str = "left") -> F8:
    """Return how many values lie at or after (``right``: after) each moment."""
    ordered = np.sort(values)
    place = np.searchsorted(ordered, at, "left" if side == "left" else "right")
    return np.asarray(values.size - place, np.float64)
