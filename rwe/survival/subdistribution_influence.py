# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Influence of each row on a subdistribution model: through its own risk, and through the estimated follow-up.

Lin & Wei (1989) J Am Stat Assoc 84:1074; the second part is the term of Fine & Gray (1999) J Am Stat Assoc
94:496 for the censoring distribution: who is censored (or enters late, Geskus 2011) changes the weights with which
competing failures stay at risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.execute import run
from rwe.kernels._jit import F8, I8
from rwe.kernels.keyed_influence import add_squares, row_influence
from rwe.kernels.matrix import predictor, room, whole_gram
from rwe.survival.data import Response
from rwe.survival.linear import aliased, solve
from rwe.survival.subdistribution import NOBODY, Risks, Top

Tables: TypeAlias = tuple[F8, F8, F8]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums of products of influences, summed within clusters first.

    Parameters
    ----------
    score
        Of the score, shape (terms, terms).
    baseline
        Of the cumulative baseline hazard at the times asked for, at fixed coefficients, shape (times, times).
    both
        Of score and baseline, shape (terms, times).
    units
        Number of rows, or of clusters.
    """

    score: F8
    baseline: F8
    both: F8
    units: int


def moments(response: Response, data: Risks, best: Top, days: I8, *, follow_up: str) -> Moments:
    """Return the moments of the influences on the score and on the baseline hazard at `days`.

    Parameters
    ----------
    follow_up
        ``known``: the probabilities to be followed are taken as known. ``exact``: the derivative by the weight of a
        row; ``literal``: the formula of Fine and Gray with its ties as R ``cmprsk::crr`` has them.
    """
    tables = _tables(data, best, days)
    p, q = best.beta.size, best.beta.size + days.size
    n_days = response.n_days
    of_leaving, of_entering = _of_follow_up(response, data, best, tables, follow_up)
    place, none = data.groups * n_days, of_entering.shape[0] - 1
    left = np.where(data.kind > 0, none, 0) + place + response.time
    came = np.where(response.entry >= 0, place + response.entry, none) if data.enter.size else NOBODY
    left, came = (left, came) if none else (np.zeros_like(left), np.zeros_like(came))
    drift, gain = _by_key(data, tables)
    keys = data.leave, data.enter, best.hazard, drift, gain
    more = left.astype(np.int32), came.astype(np.int32), of_leaving, of_entering
    n_clusters = 0 if response.cluster is None else int(response.cluster.max()) + 1

    def block(part: tuple[int, int]) -> F8:
        first, last = part
        risk = data.weight[first:last] * np.exp(predictor(data.x[first:last], best.beta))
        out = np.empty((last - first, q))
        row_influence(data.x, risk, data.weight, data.event, *keys, *more, first, last, out)
        return _square(out) if response.cluster is None else _sum(out, response.cluster[first:last], n_clusters)

    parts = run(block, data.parts())
    found = sum(parts[1:], parts[0])
    units = n_clusters or data.weight.size
    found = found if response.cluster is None else _square(found)
    return Moments(found[:p, :p], found[p:, p:], found[:p, p:], units)


def sandwich(found: Moments, information: F8) -> F8:
    """Return the variance of the coefficients.

    Raises
    ------
    NoValidAnswer
        If there are too few clusters.
    """
    model = solve(information, np.eye(information.shape[0]))
    variance = np.asarray(model @ found.score @ model, np.float64)
    if aliased(variance) or (np.diag(variance) < 1e-12 * np.diag(model)).any():
        raise NoValidAnswer(f"{found.units} clusters are too few for a robust variance of {model.shape[0]} terms")
    return variance


def _square(rows: F8) -> F8:
    turned, out = room(rows.shape[1])
    add_squares(rows, turned, out)
    return whole_gram(out, rows.shape[1])


def _sum(rows: F8, cluster: I8, n: int) -> F8:
    return np.column_stack([np.bincount(cluster, column, n) for column in rows.T])


def _tables(data: Risks, best: Top, days: I8) -> Tables:
    """Return by occasion and column: what others at risk take part in, those who fail besides, and what they add."""
    h, g, u, v, z = best.ties
    s1, e1 = best.at_risk[:, :-1], best.failing[:, :-1]
    upto = (data.days[:, None] <= days[None, :]).astype(np.float64)
    others = np.hstack([u[:, None] * s1 - v[:, None] * e1, -u[:, None] * upto])
    besides = np.hstack([z[:, None] * e1 - v[:, None] * s1, v[:, None] * upto])
    mean = (h[:, None] * s1 - (h - g)[:, None] * e1) / data.w_event[:, None]
    return others, besides, np.hstack([-mean, (h / data.w_event)[:, None] * upto])


def _by_key(data: Risks, tables: Tables) -> tuple[F8, F8]:
    others, besides, adds = tables
    path = np.vstack([np.zeros(others.shape[1]), np.cumsum(others, axis=0)])
    n, gain = data.days.size, np.zeros((data.n_keys, others.shape[1]))
    gain[n + 1 : 2 * n + 1] = adds
    return data.by_key(path, besides, data.ahead(others)), gain


def _of_follow_up(response: Response, data: Risks, best: Top, tables: Tables, follow_up: str) -> tuple[F8, F8]:
    """Return what a unit of weight adds by (censored or not, group, day of leaving), and takes by day of entry."""
    q = tables[0].shape[1]
    if follow_up == "known" or not data.boost.size:
        return np.zeros((1, q)), np.zeros((1, q))
    found, n_groups = data.follow, data.keep.shape[0]
    exact = _exposure(response, data, best, tables, literal=False)
    if follow_up == "literal":
        jump = _over(_exposure(response, data, best, tables, literal=True), found.censor_risk)
    else:
        jump = _over(exact, found.censor_risk * (1.0 - found.censoring))
    path = np.cumsum(jump * found.censoring[:, :, None], axis=1)
    before = np.concatenate([np.zeros((n_groups, 1, q)), path[:, :-1]], axis=1)
    failed = path if follow_up == "literal" else before  # at risk of censoring on the day itself, or not
    back = _over(exact, found.entry_risk * (1.0 - found.entry))
    lived = np.cumsum(back * found.entry[:, :, None], axis=1)
    lived = np.concatenate([np.zeros((n_groups, 1, q)), lived[:, :-1]], axis=1)
    of_leaving = np.concatenate([jump - path + lived, lived - failed]).reshape(-1, q)
    of_entering = (back + lived - path).reshape(-1, q)
    return np.ascontiguousarray(of_leaving), np.vstack([of_entering, np.zeros((1, q))])


def _exposure(response: Response, data: Risks, best: Top, tables: Tables, *, literal: bool) -> F8:
    """Return by group and day what hangs on the weights of those who failed of another cause by then.

    The derivative counts failures to the day and occasions after it; the formula as written counts failures before
    the day and occasions from it on.
    """
    p, n_days, n_groups = best.beta.size, response.n_days, data.keep.shape[0]
    sums = np.zeros((n_groups, n_days, p + 1))
    sums[data.late_group, data.late_day] = data.boost[:, None] * best.late
    failed = np.cumsum(sums, axis=1)
    if literal:
        failed = np.concatenate([np.zeros((n_groups, 1, p + 1)), failed[:, :-1]], axis=1)
    after = np.searchsorted(data.days, np.arange(n_days), side="left" if literal else "right")
    hazard, drift = data.ahead(best.ties[0])[:, after], data.ahead(tables[0])[:, after]
    out = -failed[:, :, p:] * drift
    out[:, :, :p] += failed[:, :, :p] * hazard[:, :, None]
    return out


def _over(part: F8, whole: F8) -> F8:
    shape = np.broadcast_to(whole[:, :, None], part.shape)
    return np.divide(part, shape, where=shape > 0, out=np.zeros_like(part))
