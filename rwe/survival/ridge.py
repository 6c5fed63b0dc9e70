# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The ridge penalty of R ``coxph``, of rows held in memory or read anew at each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased
from rwe.survival.clock import ClockName
from rwe.survival.data import names, read
from rwe.survival.design import design
from rwe.survival.digits import refuse_vague
from rwe.survival.door import door
from rwe.survival.estimates import coefficients_of
from rwe.survival.intervals import normal_quantile
from rwe.survival.linear import solve
from rwe.survival.maximum import plain_hill
from rwe.survival.outcome import Outcome
from rwe.survival.partial import evaluate
from rwe.survival.penalised import Penalised, penalised
from rwe.survival.shrinkable import Shrinkable, held, unheld
from rwe.survival.spread import Spread
from rwe.survival.standard import rows
from rwe.survival.terms import columns_of, model_of


@door
def ridge(
    frame: Any,
    *,
    time: str,
    event: str,
    theta: float,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    scale: bool = False,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Penalised:
    """Fit a Cox model less theta / 2 times the squares of its coefficients, as R ``coxph(~ ridge(...))``.

    Parameters
    ----------
    frame, time, event, covariates, formula, entry, strata, weights, ties, reference, conf_level, clock
        As in `cox`: also files and `Parts`, read anew at each step; there is then no concordance.
    theta
        Size of the penalty; 0 is the plain model.
    scale
        Take the squares in units of the covariates' variance (divisor n - 1), so that the unit of a
        covariate does not matter. R does so by default; here it is said.

    Returns
    -------
    Penalised
        std_error is the root of the diagonal of the inverse H of information plus penalty (a posterior
        spread; limits and tests rest on it), sampling_error that of H information H (Gray 1992 J Am Stat
        Assoc 87:942).

    Raises
    ------
    DefinitionError
        If theta is negative or not finite, or as in `cox`.
    DataError, NoValidAnswer
        As in `cox`; aliased terms have an answer as soon as theta is positive.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 1], "x": [0, 1, 0, 1, 0, 0]})
    >>> sv.cox(frame, time="t", event="e", covariates=["x"]).coefficients["estimate"].round(3).to_list()
    [1.294]
    >>> ridge(frame, time="t", event="e", covariates=["x"], theta=1.0).coefficients["estimate"].round(3).to_list()
    [0.542]
    """
    if not (np.isfinite(theta) and theta >= 0):
        raise DefinitionError(f"theta is {theta}; write a number from 0")
    if ties not in ("efron", "breslow"):
        raise DefinitionError(f"ties '{ties}' is neither efron nor breslow")
    outcome = Outcome(time, event, entry, names(strata), weights, None, None, clock)
    of, spread = _cohort(frame, outcome, (covariates, formula), reference, ties, scale=scale)
    weight = theta * spread / of.scale**2
    terms = of.plan.names
    hill, start = _held(plain_hill(of.data), weight), np.zeros(len(terms))
    refuse_aliased(hill(start).curve, terms)
    return _at(of, climb(hill, start, terms), normal_quantile(conf_level), theta)


def _cohort(
    frame: Any, outcome: Outcome, asked: tuple[Sequence[str] | None, str | None],
    reference: Mapping[str, Any] | None, ties: str, *, scale: bool,
) -> tuple[Shrinkable, F8]:  # fmt: skip
    """Return the rows, and the variance of each term where squares are taken in units of it, else 1."""
    model, efron = model_of(*asked), ties == "efron"
    if found := unheld(frame, outcome, model, reference, efron=efron):
        if scale and outcome.weights:
            raise DefinitionError("scale=True with weights needs rows held in memory: collect the frame")
        ones = np.ones(found.scale.size)
        squares = found.data.found.moments.squares if isinstance(found.data, Spread) else ones
        return found, squares / max(found.n - 1, 1) if scale else ones
    table, response = outcome.read(read(frame, [*outcome.columns, *columns_of(model)]))
    plan = design(table, model, reference)
    x = plan.matrix(table)
    with np.errstate(over="ignore"):
        variance = x.var(axis=0, ddof=min(1, x.shape[0] - 1)) if scale else np.ones(x.shape[1])  # one row does not vary
    return held(response, rows(response, x, efron=efron), plan), np.asarray(variance, np.float64)


def _at(of: Shrinkable, top: Spot, z: float, theta: float) -> Penalised:
    """Return the model at the top of the penalised likelihood, with both its errors."""
    at, inverse = evaluate(of.data, top.beta), solve(top.curve, np.eye(top.beta.size))
    refuse_vague(at.error, top.curve)
    unit = np.outer(of.scale, of.scale)
    sampling, spread = inverse @ at.information @ inverse, inverse / unit
    table = coefficients_of(of.plan.names, top.beta / of.scale, spread, spread, robust=False, z=z)
    table = table.drop("robust_std_error")
    errors = pl.Series("sampling_error", np.sqrt(np.diag(sampling / unit)))
    df = float(np.trace(at.information @ inverse))
    return penalised(of, at, table.insert_column(3, errors), penalty=theta, df=df)


def _held(hill: Hill, weight: F8) -> Hill:
    """Return a likelihood less half the weighted squares of the coefficients."""

    def spot(beta: F8) -> Spot:
        at = hill(beta)
        value = at.value - float(weight @ beta**2) / 2
        return Spot(beta, value, at.slope - weight * beta, at.curve + np.diag(weight))

    return spot
