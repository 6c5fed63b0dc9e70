# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Regression of a cumulative incidence on covariates through its subdistribution hazard (Fine & Gray 1999)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.survival.clock import ClockName
from rwe.survival.columns import never_censored
from rwe.survival.data import Response, names, read, respond
from rwe.survival.design import Design, columns_of, design
from rwe.survival.estimates import coefficients_of
from rwe.survival.gray_test import number_of
from rwe.survival.intervals import chi_square_tail, normal_quantile
from rwe.survival.linear import solve
from rwe.survival.standard import matrix_of, refuse_units
from rwe.survival.subdistribution import Risks, maximise, risks
from rwe.survival.subdistribution_influence import moments, sandwich
from rwe.survival.subdistribution_model import FineGray, follow_up

VARIANCES = ("sandwich", "known_weights", "model")
CENSORING_TIES = ("failures_at_risk", "failures_first")
__all__ = ["FineGray", "fine_gray"]


def fine_gray(
    frame: Any,
    *,
    time: str,
    cause: str,
    of: Any = 1,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    censor_strata: str | Sequence[str] | None = None,
    ties: Literal["breslow", "efron"] = "breslow",
    censoring_ties: Literal["failures_at_risk", "failures_first"] = "failures_at_risk",
    variance: Literal["sandwich", "known_weights", "model"] = "sandwich",
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> FineGray:
    """Fit a proportional subdistribution hazards model, as R ``cmprsk::crr`` and ``survival::finegray``.

    Parameters
    ----------
    frame, time, cause, clock
        As in `cumulative_incidence`; one row a person.
    of
        The cause of interest.
    covariates, formula, reference, conf_level
        As in `cox`.
    entry
        Column of late entry; competing failures are then weighted for entry too (Geskus 2011).
    weights
        Column of weights, used in the censoring distribution as well; rows of weight 0 are left out and counted.
    cluster
        Column that tells which rows belong together.
    censor_strata
        Columns whose levels have censoring (and entry) distributions of their own.
    ties
        breslow (default, as ``crr``) or efron.
    censoring_ties
        Who is at risk of censoring on a day: failures_at_risk counts those who fail on it (as ``crr``),
        failures_first does not (as ``finegray``).
    variance
        sandwich: with the part due to the estimated weights (with failures_at_risk the formula of Fine and Gray as
        ``crr`` has it, with failures_first the derivative by the weight of a row); known_weights: without it, as
        ``coxph`` after ``finegray``; model: the inverse information, which is too small or too large.

    Raises
    ------
    DefinitionError
        If a column is missing, or the formula or an argument is wrong.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If nobody fails of the cause, terms are aliased or have no finite estimate (they are named), there are too
        few clusters, or a risk set runs empty before others enter.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6], "why": [1, 2, 1, 1, 0, 1], "x": [0, 1, 1, 0, 1, 0]})
    >>> fine_gray(frame, time="days", cause="why", covariates=["x"]).n_competing
    1
    """
    if (covariates is None) == (formula is None) or not (covariates or formula):
        raise DefinitionError("give covariates (a list of columns) or formula, one of them")
    _choices(ties, censoring_ties, variance)
    model = formula if formula is not None else list(names(covariates))
    columns = [time, cause, *names(entry), *names(weights), *names(cluster), *names(censor_strata)]
    table = read(frame, [*columns, *columns_of(model)])
    response = respond(
        table,
        time=time, cause=cause, entry=entry, strata=names(censor_strata), weights=weights, cluster=cluster, clock=clock,
    )  # fmt: skip
    if variance == "model" and (response.weight is not None or response.cluster is not None):
        raise DefinitionError("weights and clusters need a robust variance: sandwich or known_weights")
    table = table.filter(response.kept)
    plan, code = design(table, model, reference), number_of(response, of)
    first = censoring_ties == "failures_first"
    data = risks(response, code, matrix_of(plan, table), efron=ties == "efron", failures_first=first)
    refuse_units(data.scale, plan.names)
    return _fitted(
        response, data, plan, of=of, ties=ties, censoring_ties=censoring_ties, variance=variance, conf_level=conf_level
    )


def _fitted(
    response: Response, data: Risks, plan: Design, *,
    of: Any, ties: str, censoring_ties: str, variance: str, conf_level: float,
) -> FineGray:  # fmt: skip
    """Return the model at the top of the likelihood with the variance asked for."""
    null, best = maximise(data, plan.names)
    own, none = solve(best.information, np.eye(best.beta.size)), np.empty(0, np.int64)
    found = own
    if variance != "model":
        sums = moments(response, data, best, none, follow_up=follow_up(variance, censoring_ties))
        found = sandwich(sums, best.information)
    unit, z = np.outer(data.scale, data.scale), normal_quantile(conf_level)
    wald = float(best.beta @ solve(found, best.beta))
    tests = {"test": ["wald"], "statistic": [wald], "df": [best.beta.size]}
    return FineGray(
        coefficients=coefficients_of(
            plan.names, best.beta / data.scale, own / unit, found / unit, robust=variance != "model", z=z
        ),
        covariance=found / unit,
        loglik=best.loglik,
        loglik_null=null.loglik,
        tests=pl.DataFrame(tests | {"p_value": [chi_square_tail(wald, best.beta.size)]}),
        n=data.n,
        n_event=int(data.n_event.sum()),
        n_competing=int(data.cells.persons[data.late].sum()),
        of=of, ties=ties, censoring_ties=censoring_ties, variance=variance, conf_level=conf_level,
        notes=_notes(response),
        design=plan,
        _response=replace(response, kept=np.empty(0, np.bool_)), _data=data, _best=best,
    )  # fmt: skip


def _notes(response: Response) -> tuple[str, ...]:
    dropped = (f"{response.dropped} rows of weight 0 left out",) if response.dropped else ()
    return dropped + never_censored(response.causes, int((~response.event).sum()))


def _choices(ties: str, censoring_ties: str, variance: str) -> None:
    asked = {"ties": (ties, ("breslow", "efron")), "censoring_ties": (censoring_ties, CENSORING_TIES)}
    for name, (value, known) in (asked | {"variance": (variance, VARIANCES)}).items():
        if value not in known:
            raise DefinitionError(f"{name} '{value}' is not one of {', '.join(known)}")
