# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The survival curve of some persons under a fitted family, drawn with the error of its coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.kernels._jit import F8
from rwe.survival.parametric_prediction import Places, average


@dataclass(frozen=True, slots=True, eq=False)
class FittedCurve:
    """A curve (`rwe.survival.curve.Curve`): the average of the survival of the rows it was asked for."""

    _places: Places
    _draws: Callable[[int, int], F8]

    def survival_at(self, days: Any) -> F8:
        """Return survival at these times."""
        times = np.atleast_1d(np.asarray(days, np.float64))
        return average(self._places, times, self._places.beta[None, :]).ravel()

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return survival for `n` draws of the coefficients from their normal approximation, shape (n, times).

        Of a spline a few draws may fall where a cumulative hazard cannot: there survival stays what it was.
        """
        times = np.atleast_1d(np.asarray(days, np.float64))
        drawn, order = average(self._places, times, self._draws(n, seed)), np.argsort(times, kind="stable")
        drawn[:, order] = np.minimum.accumulate(drawn[:, order], axis=1)
        return drawn
