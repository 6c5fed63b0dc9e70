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
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.keyed_influence import add_products
from rwe.kernels.matrix import room, whole_gram
from rwe.survival.cells import FAILED
from rwe.survival.data import Response
from rwe.survival.linear import aliased, solve
from rwe.survival.occasions import PART
from rwe.survival.rows import total
from rwe.survival.subdistribution import Risks, Top

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
    cluster = np.empty(0, np.int64) if response.cluster is None else response.cluster
    by, failed = data.cells, (data.cells.kind == FAILED).astype(np.float64)
    table = np.hstack(_by_key(data, tables, _of_follow_up(response, data, best, tables, follow_up)))
    rows = (data.x, best.beta, data.weight, by.leave, by.enter, failed, best.hazard, table)

    def block(part: tuple[int, int]) -> F8:
        turned, square = room(q)
        add_products(*rows, cluster, *part, turned, square)
        return whole_gram(square, q)

    if response.cluster is None:
        found, units = total(run(block, cuts(data.n, PART))), data.n
    else:
        units = int(cluster.max()) + 1
        turned, sums = room(q)[0], np.zeros((units, q))
        add_products(*rows, cluster, 0, data.n, turned, sums)
        found = sums.T @ sums
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


def _tables(data: Risks, best: Top, days: I8) -> Tables:
    """Return by occasion and column: what others at risk take part in, those who fail besides, and what they add."""
    h, g, u, v, z = best.ties
    s1, e1 = best.at_risk[:, :-1], best.failing[:, :-1]
    upto = (data.days[:, None] <= days[None, :]).astype(np.float64)
    others = np.hstack([u[:, None] * s1 - v[:, None] * e1, -u[:, None] * upto])
    besides = np.hstack([z[:, None] * e1 - v[:, None] * s1, v[:, None] * upto])
    mean = (h[:, None] * s1 - (h - g)[:, None] * e1) / data.w_event[:, None]
    return others, besides, np.hstack([-mean, (h / data.w_event)[:, None] * upto])


def _by_key(data: Risks, tables: Tables, of_follow_up: tuple[F8, ...] | None) -> tuple[F8, F8]:
    """Return by key what a unit of weight adds, and what a unit of risk takes part in."""
    others, besides, adds = tables
    path = np.vstack([np.zeros(others.shape[1]), np.cumsum(others, axis=0)])
    kind, place = data.cells.kind, (data.cells.group, data.cells.day)
    failed, gain = kind == FAILED, np.zeros((kind.size, others.shape[1]))
    gain[failed] = adds[data.stop[failed] - 1]
    for k, part in enumerate(of_follow_up or ()):  # censored, failed, failed of another cause, entered
        here = kind == k
        gain[here] += part[place[0][here], place[1][here]]
    return gain, data.by_key(path, besides, data.ahead(others))


def _of_follow_up(response: Response, data: Risks, best: Top, tables: Tables, follow_up: str) -> tuple[F8, ...] | None:
    """Return what a unit of weight adds by kind of leaving, and takes by entry, each by group and day.

    Nothing where the probabilities to be followed are taken as known, or nobody fails of another cause.
    """
    if follow_up == "known" or not data.boost.size:
        return None
    found, n_groups, q = data.follow, data.keep.shape[0], tables[0].shape[1]
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
    return jump - path + lived, lived - failed, lived - failed, back + lived - path


def _exposure(response: Response, data: Risks, best: Top, tables: Tables, *, literal: bool) -> F8:
    """Return by group and day what hangs on the weights of those who failed of another cause by then.

    The derivative counts failures to the day and occasions after it; the formula as written counts failures before
    the day and occasions from it on.
    """
    p, n_days, n_groups = best.beta.size, response.n_days, data.keep.shape[0]
    sums = np.zeros((n_groups, n_days, p + 1))
    sums[data.cells.group[data.late], data.cells.day[data.late]] = data.boost[:, None] * best.late
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
