# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Several models as one curve: their weighted mean, its error that within models and that between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.survival.curve import Curve
from rwe.survival.door import door


@dataclass(frozen=True, slots=True, eq=False)
class AveragedCurve:
    """The weighted mean of curves.

    Parameters
    ----------
    weights
        Of each curve, adding up to 1.
    """

    weights: tuple[float, ...]
    _parts: tuple[Curve, ...] = field(repr=False)

    def survival_at(self, days: Any) -> F8:
        """Return mean survival on these days."""
        return np.asarray(sum(w * p.survival_at(days) for w, p in zip(self.weights, self._parts, strict=True)))

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return survival in `n` draws: each of one model, chosen by weight, with a draw of its parameters."""
        chosen = drawn_models(self.weights, n, seed)
        out = np.empty((n, np.atleast_1d(days).size))
        for k, part in enumerate(self._parts):
            if rows := int((chosen == k).sum()):
                out[chosen == k] = part.survival_draws(days, rows, seed + k + 1)
        return out


@door
def averaged(curves: Sequence[Curve], weights: Sequence[float]) -> AveragedCurve:
    """Return the weighted mean of curves, for example of models by `aic_weights` or by experts' belief.

    Parameters
    ----------
    curves
        Fits or curves made of them.
    weights
        One a curve, from 0; they are divided by their sum.

    Raises
    ------
    DefinitionError
        If weights are negative, not finite, all 0, or not as many as curves.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [100, 200, 400, 800], "e": [1, 1, 1, 0]})
    >>> fits = [sv.parametric(frame, time="t", event="e", family=name) for name in ("exp", "weibull")]
    >>> averaged(fits, sv.aic_weights([fit.aic for fit in fits])).survival_at([500]).round(2).tolist()
    [0.37]
    """
    given = np.asarray(weights, np.float64)
    if len(curves) != given.size or not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
        raise DefinitionError("give one weight from 0 for each curve, not all of them 0")
    return AveragedCurve(tuple((given / given.sum()).tolist()), tuple(curves))


def drawn_models(weights: Sequence[float], n: int, seed: int) -> I8:
    """Return which of the models each of `n` draws is of."""
    return np.random.default_rng(seed).choice(len(weights), size=n, p=list(weights))


@door
def aic_weights(aic: Sequence[float]) -> F8:
    """Return Akaike weights of models of the same rows: exp(-difference to the best / 2), adding up to 1.

    Parameters
    ----------
    aic
        Of each model.

    Examples
    --------
    >>> aic_weights([100.0, 102.0]).round(3).tolist()
    [0.731, 0.269]
    """
    relative = np.exp(-0.5 * (np.asarray(aic, np.float64) - np.min(aic)))
    return np.asarray(relative / relative.sum(), np.float64)
