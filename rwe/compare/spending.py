# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Group-sequential boundaries: how far a statistic must go at each of several looks, the error being spent on the way.

Armitage, McPherson & Rowe (1969) integrate the statistic that has not crossed yet from look to look; Lan & DeMets
(1983, Biometrika 70:659) say how much error a look may spend, whatever the number of looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.intervals import normal_quantile, two_sided

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]
FAR = 9.0  # standard deviations beyond which nothing is left
FINE, COARSE, PANEL = 3200, 320, 16  # nodes of the integral: as many as the step between two looks asks for


def boundaries(rates: Sequence[float], *, alpha: float = 0.025, kind: Spending = "obrien_fleming") -> list[float]:
    """Return the critical values of a one-sided test at these shares of the planned information.

    Parameters
    ----------
    rates
        Information at each look over the planned one, rising, at most 1.
    alpha
        One-sided error over all looks; a two-sided test at twice this crosses on either side.
    kind
        ``obrien_fleming``: 2 - 2 Phi(z / sqrt(t)) is spent up to t; ``pocock``: alpha log(1 + (e - 1) t).

    Examples
    --------
    >>> [round(value, 3) for value in boundaries([0.5, 1.0])]
    [2.963, 1.969]
    """
    given = [float(rate) for rate in rates]
    if not given or any(b <= a for a, b in zip([0.0, *given], given, strict=False)) or given[-1] > 1:
        raise DefinitionError("rates are shares of the planned information: above 0, rising, at most 1")
    if kind not in _SPENT or not 0 < alpha < 0.5:
        raise DefinitionError("kind is obrien_fleming or pocock, alpha a one-sided error below 0.5")
    spent = [0.0, *(_SPENT[kind](rate, alpha) for rate in given)]
    found: list[float] = []
    place, weight, before = np.zeros(1), np.ones(1), 0.0  # what has not crossed: places and their mass
    for i, rate in enumerate(given):
        step = math.sqrt(rate - before)
        critical = _critical(place, weight, step, math.sqrt(rate), spent[i + 1] - spent[i])
        found.append(critical)
        if i + 1 < len(given):
            place, weight = _carried(place, weight, step, rate, critical, math.sqrt(given[i + 1] - rate))
        before = rate
    return found


def _obrien_fleming(rate: float, alpha: float) -> float:
    return two_sided(normal_quantile(1 - alpha) / math.sqrt(rate))


def _pocock(rate: float, alpha: float) -> float:
    return alpha * math.log(1 + (math.e - 1) * rate)


_SPENT: dict[str, Callable[[float, float], float]] = {"obrien_fleming": _obrien_fleming, "pocock": _pocock}


def _critical(place: F8, weight: F8, step: float, deviation: float, error: float) -> float:
    """Return the value at which the statistic crosses with the probability that this look may spend."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def left(z: float) -> float:
        return float(weight @ ndtr((place - z * deviation) / step)) - error

    return FAR if left(FAR) > 0 else float(brentq(left, -FAR, FAR, xtol=1e-12))


def _carried(place: F8, weight: F8, step: float, rate: float, critical: float, following: float) -> tuple[F8, F8]:
    """Return places and mass of what has not crossed at this look, fine enough for the step to the next."""
    low, high = -FAR * math.sqrt(rate), critical * math.sqrt(rate)
    n = math.ceil(min(max(COARSE, 6 * (high - low) / min(step, following)), FINE) / PANEL)
    nodes, share = np.polynomial.legendre.leggauss(PANEL)
    width = (high - low) / n
    at = (low + width * (np.arange(n)[:, None] + (nodes + 1) / 2)).ravel()
    density = np.exp(-0.5 * ((at[:, None] - place) / step) ** 2) @ weight / (step * math.sqrt(2 * math.pi))
    return at, density * np.tile(share, n) * width / 2
