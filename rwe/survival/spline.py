# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Royston-Parmar models from a frame, as R flexsurvspline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rwe.survival.clock import ClockName
from rwe.survival.door import door
from rwe.survival.hazard_fit import Question, fitted
from rwe.survival.parametric_model import Parametric
from rwe.survival.royston_parmar import Scale, royston_parmar

__all__ = ["spline"]


@door
def spline(
    frame: Any,
    *,
    time: str,
    event: str,
    knots: int = 2,
    scale: Scale = "hazard",
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    on: Mapping[str, str | Sequence[str]] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    background: str | None = None,
    robust: bool | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Parametric:
    """Fit a natural cubic spline of log time to a transform of survival (Royston & Parmar 2002, Stat Med 21:2175).

    Parameters
    ----------
    frame, time, event, entry, weights, cluster, robust, background, reference, conf_level, clock
        As in `parametric`.
    knots
        Inner knots, from 0 to 9, at equal shares of the log times of failure; the outer ones at the first and the last
        of them. Rows count once for the knots, whatever they weigh.
    scale
        What the spline is: ``hazard`` (log cumulative hazard; covariates multiply hazards), ``odds`` (log odds of
        failure; covariates multiply odds), ``normal`` (probit of failure).
    covariates, formula
        As in `parametric`; they move gamma0.
    on
        Covariates of other gammas: their effect then changes with time.

    Raises
    ------
    DefinitionError
        If a column is missing, or an argument is wrong.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If failures are at too few different times for the knots, or there is no finite maximum.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [30, 50, 80, 130, 210, 340, 500], "died": [1, 1, 1, 1, 0, 1, 1]})
    >>> fit = spline(frame, time="days", event="died", knots=0)
    >>> weibull = sv.parametric(frame, time="days", event="died", family="weibull")
    >>> round(fit.loglik - weibull.loglik, 9)
    0.0
    """
    question = Question(
        time, event, entry, weights, cluster, background, covariates, formula, on or {}, reference, robust,
        conf_level, clock,
    )  # fmt: skip
    return fitted(frame, question, lambda follow: royston_parmar(follow, knots, scale))
