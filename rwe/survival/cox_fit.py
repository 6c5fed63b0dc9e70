# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Cox model at the top of its likelihood, of rows held in memory or read anew at each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.execute import Parts
from rwe.kernels._jit import F8
from rwe.survival.ascent import Spot
from rwe.survival.baseline import Hazard, hazard_of, last_followed
from rwe.survival.clock import Clock
from rwe.survival.column_rows import ColumnRows, beside, column_rows
from rwe.survival.curves import robust_rule
from rwe.survival.data import Response, names, read
from rwe.survival.design import Design, design
from rwe.survival.digits import refuse_idle
from rwe.survival.estimates import Tests, coefficients_of
from rwe.survival.fitted import Fitted
from rwe.survival.intervals import normal_quantile
from rwe.survival.levels import Levels
from rwe.survival.likelihoods import Ties, likelihood
from rwe.survival.linear import solve
from rwe.survival.maximum import maximise, plain_hill
from rwe.survival.model import Cox
from rwe.survival.outcome import Outcome
from rwe.survival.partial import Cohort, Point
from rwe.survival.profile import Profile
from rwe.survival.robust import robust_variance, sandwich
from rwe.survival.rows import MANY, Rows
from rwe.survival.spread import spread
from rwe.survival.standard import matrix_of, refuse_units, rows
from rwe.survival.stream import streamed
from rwe.survival.stretches import stretches
from rwe.survival.survey import DAY, designed
from rwe.survival.terms import columns_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for beside the columns."""

    outcome: Outcome
    model: str | Sequence[str]
    reference: Mapping[str, Any] | None
    ties: Ties
    penalty: Literal["firth"] | None
    robust: bool | None
    conf_level: float


def fitted(frame: Any, asked: Asked, person: str | None = None) -> Cox:
    """Fit the rows of a frame in memory, of a file, or of parts in several places."""
    if isinstance(frame, Parts) or streamed(frame):
        return unheld(frame if isinstance(frame, Parts) else Parts([frame]), asked, person)
    return held(frame, asked, person)


def held(frame: Any, asked: Asked, person: str | None) -> Cox:
    """Fit a frame in memory."""
    outcome, cluster = asked.outcome, asked.outcome.cluster
    table = read(frame, [*outcome.columns, *names(person), *columns_of(asked.model)])
    table, response = outcome.read(table)
    kind = likelihood(response, ties=asked.ties, penalty=asked.penalty, robust=asked.robust)
    plan = design(table, asked.model, asked.reference)
    data = _rows_of(asked, response, plan, table)
    refuse_units(data.scale, plan.names)
    null, best = maximise(data, plan.names) if isinstance(data, ColumnRows) else kind.maximise(data, plan.names)
    refuse_idle(best.information, best.at_risk, best.occasions.w_event, plan.names)
    model = solve(best.information, np.eye(best.beta.size))
    robust = robust_rule(response, asked=asked.robust)
    variance = robust_variance(response.cluster, beside(data), best, model) if robust else model
    top = Spot(best.beta, best.loglik, best.score, best.information)
    profile = Profile(
        plain_hill(data) if isinstance(data, ColumnRows) else kind.hill(data), top, plan.names, kind.steps, data.scale
    )
    unit = np.outer(data.scale, data.scale)
    held = Fitted(response, data, best, plan, model / unit, asked.ties, table[cluster] if cluster else None)
    strata = Levels(response.strata.frame, np.empty(0, np.int64), response.strata.n)
    hazard = hazard_of(best, data.scale, last_followed(response), response.clock)
    notes = _weightless(response.dropped) + (stretches(response, table[person]) if person else ())
    where = _Where(plan, data.mean, data.scale, strata, hazard, data.leave.size, notes)
    return _said(asked, where, (data, null, best), model, variance, robust=robust, profile=profile, fitted=held)


def _rows_of(asked: Asked, response: Response, plan: Design, table: pl.DataFrame) -> Rows | ColumnRows:
    """Return the rows of the model; many are read where their columns lie."""
    known, efron = asked.outcome.known(table), asked.ties == "efron"
    if response.time.size < MANY or asked.penalty or asked.ties == "exact":
        few = rows(response, matrix_of(plan, table), efron=efron, offset=known, own=True)
        few.x[few.leave == few.occasions.nowhere] = 0.0  # no failure meets these rows: their risk may be beyond numbers
        return few
    found = column_rows(response, plan.values(table, look=not response.event.any()), efron=efron, offset=known)
    if not np.isfinite(found.mean).all():
        plan.values(table)  # names the column
    return found


def unheld(parts: Parts, asked: Asked, person: str | None) -> Cox:
    """Fit rows that are read anew at each step."""
    outcome = asked.outcome
    if person or outcome.cluster or asked.penalty or asked.ties == "exact" or outcome.clock != "days":
        raise DefinitionError(
            "person, cluster, penalty, ties='exact' and a continuous clock need rows held in memory: collect the frame"
        )
    if asked.ties not in ("efron", "breslow"):
        raise DefinitionError(f"ties '{asked.ties}' is not one of efron, breslow, exact")
    plan = designed(parts.frames, asked.model, asked.reference)
    cohort = spread(parts.frames, parts.executor, outcome, plan, efron=asked.ties == "efron")
    refuse_units(cohort.model.scale, plan.names)
    null, best = maximise(cohort, plan.names)
    refuse_idle(best.information, best.at_risk, best.occasions.w_event, plan.names)
    found, scale = cohort.found, cohort.model.scale
    model = solve(best.information, np.eye(best.beta.size))
    robust = not found.whole if asked.robust is None else asked.robust
    variance = sandwich(cohort.squares(best), model, found.n) if robust else model
    last = found.last.sort(outcome.strata) if outcome.strata else found.last
    days = last[DAY].to_numpy().astype(np.int64)
    hazard = hazard_of(best, scale, days, Clock(cohort.model.n_days))
    where = _Where(plan, cohort.model.mean, scale, cohort.model.strata, hazard, found.n, _weightless(found.dropped))
    return _said(asked, where, (cohort, null, best), model, variance, robust=robust, profile=None, fitted=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Where:
    """What a result says of its cohort."""

    plan: Design
    mean: F8
    scale: F8
    strata: Levels
    hazard: Hazard
    n: int
    notes: tuple[str, ...]


def _said(
    asked: Asked,
    of: _Where,
    points: tuple[Cohort, Point, Point],
    model: F8,
    variance: F8,
    *,
    robust: bool,
    profile: Profile | None,
    fitted: Fitted | None,
) -> Cox:
    """Return the result of a fit in the units of the data."""
    (data, null, best), unit, z = points, np.outer(of.scale, of.scale), normal_quantile(asked.conf_level)
    found = coefficients_of(of.plan.names, best.beta / of.scale, model / unit, variance / unit, robust=robust, z=z)
    return Cox(
        coefficients=profile.table(found, z) if profile and asked.penalty else found,
        covariance=variance / unit,
        loglik=best.loglik,
        loglik_null=null.loglik,
        n=of.n,
        n_event=int(best.occasions.n_event.sum()),
        ties=asked.ties,
        penalty=asked.penalty,
        robust=robust,
        conf_level=asked.conf_level,
        notes=of.notes,
        design=of.plan,
        _mean=of.mean,
        _strata=of.strata,
        _hazard=of.hazard,
        _profile=profile,
        _fitted=fitted,
        _tests=Tests(data, null, best, variance, robust=robust, penalised=asked.penalty is not None),
        _offset=asked.outcome.offset,
    )


def _weightless(dropped: int) -> tuple[str, ...]:
    return (f"{dropped} rows of weight 0 left out",) if dropped else ()
