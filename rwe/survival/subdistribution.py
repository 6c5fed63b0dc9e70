# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The partial likelihood of a subdistribution hazard: competing failures stay at risk with falling weights.

Fine & Gray (1999) J Am Stat Assoc 94:496; late entry after Geskus (2011) Biometrics 67:39. An *occasion* is a day
with failures of the cause. A step reads the rows once; what it adds up and looks up goes by `cells`. The hazard that
weighs the information is that of the step before, scaled so that the expected failures are those observed; value,
score and second moments are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.follow import Follow, follow
from rwe.kernels.matrix import room, whole_gram
from rwe.kernels.partial_likelihood import tie_sums
from rwe.kernels.risk_pass import risk_pass
from rwe.survival.approach import CLOSE
from rwe.survival.ascent import Spot, climb, refuse_aliased, spent
from rwe.survival.cells import ENTERED, FAILED, NOWHERE, OTHER, Cells, cells
from rwe.survival.data import Response
from rwe.survival.digits import refuse_vague, score_error
from rwe.survival.linear import solve
from rwe.survival.maximum import LAG
from rwe.survival.occasions import NOBODY, PART
from rwe.survival.rows import NONE, total
from rwe.survival.standard import on_scale

STEPS = 40
STILL = 1e-9  # a step of this many standard errors is none


@dataclass(frozen=True, slots=True, eq=False)
class Risks:
    """Rows with standardised covariates, and the occasions on which they are at risk.

    Parameters
    ----------
    x, mean, scale
        Covariates less their mean, in units of their standard deviation, shape (rows, terms).
    weight
        Of each row; empty where each counts once.
    cells
        Who leaves and enters together; the key of a row is its cell.
    stop
        Of each cell: the occasions up to its day.
    days, n_event, w_event, x_event
        Of the occasions: day, failures, their weight; and their summed covariates.
    boost
        Of each cell of competing failures: what their weight is divided by to be 1 on their own day.
    follow, keep
        The probabilities to be followed, and these on each occasion, shape (groups, occasions).
    efron
        Whether ties are handled after Efron, otherwise Breslow.
    """

    x: F8
    mean: F8
    scale: F8
    weight: F8
    cells: Cells
    stop: I8
    days: I8
    n_event: I8
    w_event: F8
    x_event: F8
    boost: F8
    follow: Follow
    keep: F8
    efron: bool

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.x.shape[0])

    @property
    def late(self) -> I8:
        """Cells of competing failures."""
        return np.flatnonzero(self.cells.kind == OTHER)

    def by_key(self, own: F8, failing: F8, late: F8) -> F8:
        """Return a table by key.

        Parameters
        ----------
        own
            To before each occasion, shape (occasions + 1, ...).
        failing
            What those who fail on an occasion have besides, shape (occasions, ...).
        late
            By group, what competing failures still meet from each occasion on, shape (groups, occasions + 1, ...).
        """
        out, failed, gone = own[self.stop], self.cells.kind == FAILED, self.late
        out[failed] += failing[self.stop[failed] - 1]
        boost = self.boost.reshape(-1, *[1] * (own.ndim - 1))
        out[gone] += boost * late[self.cells.group[gone], self.stop[gone]]
        return out

    def ahead(self, values: F8) -> F8:
        """Return by group the sum of values times the kept weight from each occasion on."""
        kept = self.keep.reshape(*self.keep.shape, *[1] * (values.ndim - 1)) * values
        back = np.cumsum(kept[:, ::-1], axis=1)[:, ::-1]
        return np.concatenate([back, np.zeros((back.shape[0], 1, *values.shape[1:]))], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The partial likelihood at one value of the coefficients.

    Parameters
    ----------
    beta
        Coefficients of the standardised covariates.
    loglik, score, information
        Value, gradient and negative second derivative.
    at_risk, failing
        Sums of r x by occasion over those at risk and those who fail (the sum of r last).
    ties
        Rows h, g, u, v, z of `tie_sums`.
    late
        Sums of r x by key of competing failures (the sum of r last).
    hazard
        By key, what a row has lived through.
    error
        Rounding error of the score that late entries leave.
    """

    beta: F8
    loglik: float
    score: F8
    information: F8
    at_risk: F8
    failing: F8
    ties: F8
    late: F8
    hazard: F8
    error: float


def risks(response: Response, code: int, x: F8, *, efron: bool, failures_first: bool) -> Risks:
    """Standardise the covariates in place, estimate the follow-up, and find occasions and keys.

    Raises
    ------
    NoValidAnswer
        If the weight of a competing failure is not known: all who were followed left before others entered.
    """
    assert response.cause is not None
    found, span, n_groups = cells(response, code), response.n_days, response.strata.n
    entered, left = found.table(ENTERED, n_groups, span), [found.table(k, n_groups, span) for k in range(3)]
    seen = follow(np.stack(left), entered, failures_first=failures_first)
    late, failed = found.kind == OTHER, found.kind == FAILED
    group, day = found.group[late], found.day[late]
    _refuse_unknown(seen, group, day)
    weight = NONE if response.weight is None else response.weight
    mean, scale, x_event = on_scale(x, weight, response.cause == code)
    n_event = np.bincount(found.day[failed], found.persons[failed], span).astype(np.int64)
    days = np.flatnonzero(n_event)
    stop = np.where(found.kind == NOWHERE, 0, np.searchsorted(days, found.day, side="right"))
    return Risks(
        x=x, mean=mean, scale=scale, weight=weight, cells=found, stop=stop, days=days, n_event=n_event[days],
        w_event=np.bincount(found.day[failed], found.weight[failed], span)[days].astype(np.float64), x_event=x_event,
        boost=1.0 / seen.keep[group, day], follow=seen, keep=seen.keep[:, days], efron=efron,
    )  # fmt: skip


def _refuse_unknown(found: Follow, group: I8, day: I8) -> None:
    n_groups, n_days = found.keep.shape
    first = np.full(n_groups, n_days)
    np.minimum.at(first, group, day)
    opens = np.logical_or.reduce((found.entry >= 1.0) & (np.arange(n_days) >= first[:, None]), axis=1)
    lost = (found.keep[group, day] <= 0) | opens[group]
    if lost.any():
        raise NoValidAnswer(
            f"the weight of the competing failures of {int(lost.sum())} days is not known: the risk set runs empty "
            "before others enter; start the clock where enough are at risk"
        )


def evaluate(data: Risks, beta: F8, hazard: F8) -> Top:
    """Evaluate with one read; the information is exact where `hazard` is that of `beta`."""
    parts = run(lambda part: _read(data, beta, hazard, part), cuts(data.n, PART))
    table, gram = total([part[0] for part in parts]), total([part[1] for part in parts])
    lived = sum(part[2] for part in parts)
    at_risk, failing = _risk_sets(data, table)
    ties, loglik = _ties(data, at_risk[:, -1], failing[:, -1])
    h, g, u, v, z = ties
    s1, e1 = at_risk[:, :-1], failing[:, :-1]
    mixed = np.einsum("k,ki,kj->ij", v, s1, e1)
    second = np.einsum("k,ki,kj->ij", u, s1, s1) - mixed - mixed.T + np.einsum("k,ki,kj->ij", z, e1, e1)
    scale = data.w_event.sum() / lived if lived > 0 else 1.0
    risk = at_risk[:, -1].copy()
    error = score_error(risk, data.w_event, np.arange(risk.size) == 0) if data.cells.enter.size else 0.0
    return Top(
        beta=beta,
        loglik=float(data.x_event @ beta) + loglik if error < np.inf else np.nan,
        score=data.x_event - np.einsum("k,kj->j", h, s1) - np.einsum("k,kj->j", g - h, e1),
        information=gram * scale - second,
        at_risk=at_risk,
        failing=failing,
        ties=ties,
        late=table[data.late],
        hazard=_lived(data, h, g),
        error=error,
    )


def _read(data: Risks, beta: F8, hazard: F8, part: tuple[int, int]) -> tuple[F8, F8, float]:
    p, by = beta.size, data.cells
    table, (turned, square) = np.zeros((by.n, p + 1)), room(p)
    rows = (data.x, beta, NONE, data.weight, by.leave, by.enter, hazard, NOBODY)
    lived = risk_pass(*rows, *part, 0, NONE, table, turned, square)
    return table, whole_gram(square, p), lived


def _risk_sets(data: Risks, table: F8) -> tuple[F8, F8]:
    """Return the sums over those at risk and those who fail on each occasion, from the sums by key."""
    n, by, late = data.days.size, data.cells, data.late
    failed = by.kind == FAILED
    own, failing = np.zeros((n + 1, table.shape[1])), np.zeros((n, table.shape[1]))
    np.add.at(own, data.stop, table)
    np.add.at(failing, data.stop[failed] - 1, table[failed])
    stay = np.zeros((data.keep.shape[0], n + 1, table.shape[1]))
    np.add.at(stay, (by.group[late], data.stop[late]), data.boost[:, None] * table[late])
    after = np.cumsum(own[::-1], axis=0)[::-1][1:]
    return after + np.einsum("ck,ckj->kj", data.keep, np.cumsum(stay, axis=1)[:, :n]), failing


def _ties(data: Risks, at_risk: F8, failing: F8) -> tuple[F8, float]:
    found = tie_sums(data.n_event, data.w_event, at_risk.copy(), failing.copy(), float(data.efron))
    return found[:5], -float(found[5].sum())


def _lived(data: Risks, h: F8, g: F8) -> F8:
    return data.by_key(np.concatenate([[0.0], np.cumsum(h)]), g - h, data.ahead(h))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def maximise(data: Risks, terms: tuple[str, ...]) -> tuple[Top, Top]:
    """Return the partial likelihood at 0 and at its maximum (Newton-Raphson with halved steps).

    A step that leads nowhere may be the fault of the hazard of the step before, with which the information is weighed:
    the hill is then climbed again by reads that owe nothing to it.

    Raises
    ------
    NoValidAnswer
        If a term is a combination of others or constant among those at risk, or has no finite maximum.
    """
    null = evaluate(data, np.zeros(len(terms)), _hazard_at_0(data))
    refuse_aliased(null.information, terms)
    best = _quickly(data, null)
    if best is None:
        best = exactly(data, climb(lambda beta: _spot(exactly(data, beta)), null.beta, terms).beta)
    refuse_vague(best.error, best.information)
    return null, best


def _quickly(data: Risks, null: Top) -> Top | None:
    """Return the maximum by one read a step; None where a step leads nowhere."""
    lag = min(LAG * float(data.n_event.sum()) ** 2, CLOSE)
    now, step = null, solve(null.information, null.score)
    for _ in range(STEPS):
        ahead = _forward(data, now, step)
        if ahead is None or spent(ahead[0].information, null.information):
            return None
        now, moved = ahead
        step, way = solve(now.information, now.score), moved @ now.information @ moved
        if way < STILL**2 or (way < lag**2 and step @ now.score < STILL**2):
            return replace(now, beta=now.beta + step)
    return None


def exactly(data: Risks, beta: F8) -> Top:
    """Evaluate with two reads, the first for the hazard of these coefficients."""
    return evaluate(data, beta, evaluate(data, beta, np.zeros(data.cells.n)).hazard)


def _spot(at: Top) -> Spot:
    return Spot(at.beta, at.loglik, at.score, at.information)


def _hazard_at_0(data: Risks) -> F8:
    """Return the hazard where no covariate has an effect, from weights alone."""
    table = np.where(data.cells.kind < ENTERED, data.cells.weight, -data.cells.weight)
    at_risk, failing = _risk_sets(data, table[:, None])
    ties, _ = _ties(data, at_risk[:, 0], failing[:, 0])
    return _lived(data, ties[0], ties[1])


def _forward(data: Risks, now: Top, step: F8) -> tuple[Top, F8] | None:
    """Take a step, halved until the likelihood does not fall; None where no step serves."""
    for _ in range(30):
        new = evaluate(data, now.beta + step, now.hazard)
        if np.isfinite(new.loglik) and new.loglik >= now.loglik - 1e-9 * abs(now.loglik):
            return new, step
        step = step / 2
    return None
