# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hazards as M-splines from a frame, held back by a penalty that the rows choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rwe.survival.clock import ClockName
from rwe.survival.door import door
from rwe.survival.hazard_fit import Question, fitted
from rwe.survival.m_spline_family import flexible_hazard
from rwe.survival.parametric_model import Parametric

__all__ = ["m_spline"]


@door
def m_spline(
    frame: Any,
    *,
    time: str,
    event: str,
    knots: int = 7,
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
    """Fit a hazard that is a positive sum of cubic bumps, constant after the last failure.

    The model is that of Jackson (2023, BMC Med Res Methodol 23:282; R survextrap), fitted by penalised maximum
    likelihood where survextrap samples: a random walk holds neighbouring bumps together, as strongly as makes the rows
    most likely (marginal likelihood by Laplace's approximation, without covariates). Limits are those of the penalised
    fit; AIC counts the parameters that the penalty leaves free.

    Parameters
    ----------
    frame, time, event, entry, weights, cluster, robust, background, reference, conf_level, clock
        As in `parametric`.
    knots
        Inner knots, from 1 to 30, at equal shares of the times of failure: more than are needed, the penalty holds
        back the rest.
    covariates, formula
        As in `parametric`; they multiply the hazard.
    on
        Covariates of other parameters by name, which no penalty holds back.

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
    >>> frame = pl.DataFrame({"days": range(10, 410, 10), "died": [1, 1, 1, 0] * 10})
    >>> fit = m_spline(frame, time="days", event="died", knots=3)
    >>> fit.n_par < len(fit.coefficients)
    True
    """
    question = Question(
        time, event, entry, weights, cluster, background, covariates, formula, on or {}, reference, robust,
        conf_level, clock,
    )  # fmt: skip
    return fitted(frame, question, lambda follow: flexible_hazard(follow, knots))
