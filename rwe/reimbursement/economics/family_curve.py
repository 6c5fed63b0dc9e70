# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves of a family of distributions: from a published table of parameters, or from a fit, drawn by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.family import Family
from rwe.survival.parametric import FAMILIES
from rwe.survival.parametric_model import Parametric

TINY = 1e-300  # a time that stands for 0
CELLS = 1 << 17  # survival probabilities worked on at once


@dataclass(frozen=True, slots=True, eq=False)
class FamilyCurve:
    """Survival under a family.

    Parameters
    ----------
    family
        The family.
    links
        Its parameters, each on its link.
    drawn
        Gives draws of the links from a number and a seed, shape (draws, parameters).
    unit
        Days of a unit of its time.
    """

    family: Family
    links: F8
    drawn: Callable[[int, int], F8]
    unit: float = 1.0

    def survival_at(self, days: Any) -> F8:
        """Return survival on these days."""
        found: F8 = self._survival(self._times(days), self.links[None])[0]
        return found

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return survival for draws of the parameters, shape (n, days)."""
        some = self.some(days, n, seed)
        size = max(CELLS // np.size(days), 1)
        found: F8 = np.concatenate([some(slice(low, min(low + size, n))) for low in range(0, n, size)])
        return found

    def some(self, days: Any, n: int, seed: int) -> Callable[[slice], F8]:
        """Return what gives some of the rows of `survival_draws`, so that they need not be there all at once."""
        times, links = self._times(days), self.drawn(n, seed)
        return lambda part: self._survival(times, links[part])

    def _times(self, days: Any) -> F8:
        return np.maximum(np.atleast_1d(np.asarray(days, np.float64)) / self.unit, TINY)

    def _survival(self, times: F8, links: F8) -> F8:
        form = FORMS.get(self.family.name)
        with np.errstate(all="ignore"):
            if form is not None:
                return np.asarray(form(np.log(times), *links.T[:, :, None]), np.float64)
            rows = np.repeat(links, times.size, axis=0)
            hazard = self.family.cumulative(np.tile(times, len(links)), rows)
            return np.asarray(np.exp(-hazard).reshape(len(links), times.size), np.float64)


def _weibull(log_times: F8, shape: F8, scale: F8) -> F8:
    return _of_log(np.exp(shape) * log_times - np.exp(shape) * scale)


def _weibull_hazards(log_times: F8, shape: F8, scale: F8) -> F8:
    return _of_log(np.exp(shape) * log_times + scale)


def _exponential(log_times: F8, rate: F8) -> F8:
    return _of_log(log_times + rate)


def _logistic(log_times: F8, shape: F8, scale: F8) -> F8:
    return np.asarray(special.expit(np.exp(shape) * (scale - log_times)), np.float64)


def _normal(log_times: F8, mean: F8, deviation: F8) -> F8:
    return np.asarray(special.ndtr((mean - log_times) * np.exp(-deviation)), np.float64)


def _of_log(log_hazard: F8) -> F8:
    """Return survival from the logarithm of the cumulative hazard, in its place."""
    np.exp(log_hazard, out=log_hazard)
    np.negative(log_hazard, out=log_hazard)
    return np.asarray(np.exp(log_hazard, out=log_hazard), np.float64)


# a family's own terms bring derivatives that thousands of draws do not need
FORMS: Mapping[str, Callable[..., F8]] = {
    "exp": _exponential,
    "weibull": _weibull,
    "weibull_ph": _weibull_hazards,
    "llogis": _logistic,
    "lnorm": _normal,
}


def fitted_curve(fit: Parametric, unit: float = 1.0) -> FamilyCurve:
    """Return the curve of a fit without covariates, in days."""
    if any(design is not None for design in fit.designs):
        raise DefinitionError("the fit has covariates: give `fit.curve(rows)`")
    return FamilyCurve(fit.family, fit.coefficients["estimate"].to_numpy(), fit.draws, unit)


def published_curve(
    family: str, parameters: Mapping[str, float], covariance: Any = None, unit: float = 1.0
) -> FamilyCurve:
    """Return a curve from published parameters.

    Parameters
    ----------
    family
        A name of `rwe.survival.parametric`.
    parameters
        By name, as R's flexsurv prints them (not on their links).
    covariance
        Of the parameters on their links (logarithms of those above 0), in the family's order; without it the curve is
        taken as certain.
    unit
        Days of a unit of its time.

    Raises
    ------
    DefinitionError
        If the family, a parameter or the covariance cannot be.
    """
    if family not in FAMILIES:
        raise DefinitionError(f"family '{family}' is not one of {', '.join(FAMILIES)}")
    asked = FAMILIES[family].parameters
    if set(parameters) != {one.name for one in asked}:
        raise DefinitionError(f"{family} has the parameters {', '.join(one.name for one in asked)}")
    if low := [one.name for one in asked if one.link == "log" and not parameters[one.name] > 0]:
        raise DefinitionError(f"{family}: {', '.join(low)} must be above 0")
    links = np.array([np.log(parameters[p.name]) if p.link == "log" else parameters[p.name] for p in asked])
    spread = np.zeros((links.size, links.size)) if covariance is None else np.asarray(covariance, np.float64)
    if spread.shape != (links.size, links.size) or not np.allclose(spread, spread.T):
        raise DefinitionError(f"covariance of {family}: {links.size} rows of {links.size}, the same both ways")
    value, vector = np.linalg.eigh(spread)
    if value.min() < -1e-9 * max(value.max(), 1.0):
        raise DefinitionError(f"covariance of {family}: no parameters have such errors")

    def drawn(n: int, seed: int) -> F8:
        free = np.random.default_rng(seed).standard_normal((n, links.size))
        return np.asarray(links + (free * np.sqrt(np.maximum(value, 0.0))) @ vector.T, np.float64)

    return FamilyCurve(FAMILIES[family], links, drawn, unit)
