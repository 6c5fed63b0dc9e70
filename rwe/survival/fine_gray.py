# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Regression of a cumulative incidence on covariates through its subdistribution hazard (Fine & Gray 1999)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.execute import Parts
from rwe.kernels._jit import I8
from rwe.survival.cells import FAILED, OTHER
from rwe.survival.clock import ClockName
from rwe.survival.columns import never_censored
from rwe.survival.data import names, read, respond
from rwe.survival.design import Design, design
from rwe.survival.digits import refuse_idle
from rwe.survival.door import door
from rwe.survival.estimates import coefficients_of
from rwe.survival.gray_test import number_of
from rwe.survival.intervals import chi_square_tail, normal_quantile
from rwe.survival.linear import solve
from rwe.survival.roles import Roles
from rwe.survival.standard import refuse_units
from rwe.survival.stream import streamed
from rwe.survival.subdistribution import Cohort
from rwe.survival.subdistribution_influence import moments, sandwich
from rwe.survival.subdistribution_maximum import maximise
from rwe.survival.subdistribution_model import FineGray, follow_up
from rwe.survival.subdistribution_rows import held_risks
from rwe.survival.subdistribution_spread import spread_risks
from rwe.survival.survey import designed
from rwe.survival.terms import columns_of, model_of

VARIANCES = ("sandwich", "known_weights", "model")
CENSORING_TIES = ("failures_at_risk", "failures_first")
__all__ = ["FineGray", "fine_gray"]


@door
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
    frame
        Any frame that narwhals takes, held in memory; a polars lazy frame or the path of a parquet file, read in
        batches at each step and never held; or `rwe.execute.Parts`, read where they are. Where rows are not held
        there are no clusters and no errors of predicted incidences, and times are days.
    time, cause, clock
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
        Columns whose levels have censoring (and entry) distributions of their own; after the last day followed in a
        level its competing failures are no longer at risk, as in ``crr``.
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
    model = model_of(covariates, formula)
    asked = _Asked(of, ties, censoring_ties, variance, reference, conf_level)
    asked.check(robust=weights is not None or cluster is not None)
    roles = Roles(time, None, cause, entry, (), names(censor_strata), weights, clock)
    if not isinstance(frame, Parts) and not streamed(frame):
        return _held(frame, roles, cluster, model, asked)
    if cluster is not None or clock != "days":
        raise DefinitionError("cluster and a continuous clock need rows held in memory: collect the frame")
    return _unheld(frame if isinstance(frame, Parts) else Parts([frame]), roles, model, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for beside the columns."""

    of: Any
    ties: str
    censoring_ties: str
    variance: str
    reference: Mapping[str, Any] | None
    conf_level: float

    @property
    def likelihood(self) -> dict[str, bool]:
        """How ties are handled."""
        return {"efron": self.ties == "efron", "failures_first": self.censoring_ties == "failures_first"}

    def check(self, *, robust: bool) -> None:
        """Refuse words that mean nothing, and a variance that is not right for weights and clusters (`robust`)."""
        known = {"ties": ("breslow", "efron"), "censoring_ties": CENSORING_TIES, "variance": VARIANCES}
        for name, words in known.items():
            if (value := getattr(self, name)) not in words:
                raise DefinitionError(f"{name} '{value}' is not one of {', '.join(words)}")
        if robust and self.variance == "model":
            raise DefinitionError("weights and clusters need a robust variance: sandwich or known_weights")


def _held(frame: Any, roles: Roles, cluster: str | None, model: str | Sequence[str], asked: _Asked) -> FineGray:
    """Fit a frame in memory."""
    table = read(frame, [*roles.columns, *names(cluster), *columns_of(model)])
    response = respond(table, cluster=cluster, **asdict(roles))
    table = table.filter(response.kept) if response.dropped else table
    plan, code = design(table, model, asked.reference), number_of(response, asked.of)
    data = held_risks(response, code, plan, table, **asked.likelihood)
    notes = _notes(response.dropped, response.causes, data)
    return _fitted(data, plan, asked, notes, held=data)


def _unheld(parts: Parts, roles: Roles, model: str | Sequence[str], asked: _Asked) -> FineGray:
    """Fit rows that are read anew at each step."""
    plan = designed(parts.frames, model, asked.reference)
    data = spread_risks(parts.frames, parts.executor, roles, asked.of, plan, **asked.likelihood)
    notes = _notes(data.found.dropped, data.found.causes, data)
    return _fitted(data, plan, asked, notes, held=None)


def _fitted(data: Cohort, plan: Design, asked: _Asked, notes: tuple[str, ...], *, held: Cohort | None) -> FineGray:
    """Return the model at the top of the likelihood with the variance asked for."""
    refuse_units(data.scale, plan.names)
    null, best = maximise(data, plan.names)
    refuse_idle(best.information, best.at_risk, data.grid.w_event, plan.names)
    own, robust = solve(best.information, np.eye(best.beta.size)), asked.variance != "model"
    found = own
    if robust:
        how = follow_up(asked.variance, asked.censoring_ties)
        found = sandwich(moments(data, best, np.empty(0, np.int64), follow_up=how), best.information)
    unit, z = np.outer(data.scale, data.scale), normal_quantile(asked.conf_level)
    wald = float(best.beta @ solve(found, best.beta))
    tests = {"test": ["wald"], "statistic": [wald], "df": [best.beta.size]}
    persons = _persons(data)
    return FineGray(
        coefficients=coefficients_of(plan.names, best.beta / data.scale, own / unit, found / unit, robust=robust, z=z),
        covariance=found / unit,
        loglik=best.loglik,
        loglik_null=null.loglik,
        tests=pl.DataFrame(tests | {"p_value": [chi_square_tail(wald, best.beta.size)]}),
        n=int(persons[:3].sum()),
        n_event=int(persons[FAILED]),
        n_competing=int(persons[OTHER]),
        of=asked.of, ties=asked.ties, censoring_ties=asked.censoring_ties, variance=asked.variance,
        conf_level=asked.conf_level,
        notes=notes,
        design=plan,
        _mean=data.mean, _scale=data.scale, _grid=data.grid, _best=best, _held=held,
    )  # fmt: skip


def _persons(data: Cohort) -> I8:
    """Return the number of rows by kind: censored, failed of the cause, of another."""
    return np.bincount(data.grid.cells.kind, data.grid.cells.persons, 3).astype(np.int64)


def _notes(dropped: int, causes: tuple[Any, ...], data: Cohort) -> tuple[str, ...]:
    weightless = (f"{dropped} rows of weight 0 left out",) if dropped else ()
    return weightless + never_censored(causes, int(_persons(data)[0]))
