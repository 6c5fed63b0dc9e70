# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The exact partial likelihood: time is discrete, and those who fail on a day are a subset of those at risk.

Cox (1972) J R Stat Soc B 34:187, section 6, as R ``coxph(ties = "exact")``; conditional logistic regression
is this model with one failure day a stratum.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from rwe.errors import DefinitionError
from rwe.execute import merge, run
from rwe.kernels._jit import F8
from rwe.kernels.matrix import predictor
from rwe.kernels.subsets import subset_sums
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased
from rwe.survival.data import Response
from rwe.survival.partial import Point, evaluate
from rwe.survival.rows import Rows

BLOCK = 32  # occasions a part: fixed, so that sums have the same bits on any number of threads


def refuse_exact(response: Response, *, robust: bool | None) -> None:
    """Refuse what the exact likelihood has no answer to."""
    if response.weight is not None:
        raise DefinitionError("ties='exact' takes no weights: a fraction of a row cannot be one of those who fail")
    if response.cluster is not None or robust:
        raise DefinitionError("ties='exact' has no robust variance: take ties='efron' for clusters or robust=True")


def exact_hill(data: Rows) -> Hill:
    """Return the exact partial likelihood as a function of the (standardised) coefficients."""
    return partial(_spot, data)


def maximise_exact(data: Rows, names: tuple[str, ...]) -> tuple[Point, Point]:
    """Return the exact partial likelihood at 0 and at its maximum; sums of risk sets as Breslow's."""
    hill = exact_hill(data)
    null = hill(np.zeros(data.x.shape[1]))
    refuse_aliased(null.curve, names)
    return _point(data, null), _point(data, climb(hill, null.beta, names))


@np.errstate(over="ignore", invalid="ignore")
def _spot(data: Rows, beta: F8) -> Spot:
    eta = predictor(data.x, beta)
    size, start, stop = data.n_event.size, data.start, data.stop
    parts = [(first, min(first + BLOCK, size)) for first in range(0, size, BLOCK)]
    sums = merge(np.add, run(lambda part: subset_sums(data.x, eta, start, stop, data.n_event, *part), parts))
    lower = sums[1:, 1:]
    curve = lower + lower.T - np.diag(np.diag(lower))
    return Spot(beta, float(data.x_event @ beta - sums[0, 0]), data.x_event - sums[0, 1:], curve)


def _point(data: Rows, spot: Spot) -> Point:
    return replace(evaluate(data, spot.beta), loglik=spot.value, score=spot.slope, information=spot.curve)
