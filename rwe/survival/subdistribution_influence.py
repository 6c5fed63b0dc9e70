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
from rwe.kernels._jit import F8, I8
from rwe.survival.cells import FAILED
from rwe.survival.linear import aliased, solve
from rwe.survival.subdistribution import Cohort, Top
from rwe.survival.subdistribution_grid import Grid

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


def moments(data: Cohort, best: Top, days: I8, *, follow_up: str) -> Moments:
    """Return the moments of the influences on the score and on the baseline hazard at `days`, from one read.

    Parameters
    ----------
    follow_up
        ``known``: the probabilities to be followed are taken as known. ``exact``: the derivative by the weight of a
        row; ``literal``: the formula of Fine and Gray with its ties as R ``cmprsk::crr`` has them.
    """
    p, grid = best.beta.size, data.grid
    tables = _tables(grid, best, days)
    table = np.hstack(_by_key(grid, tables, _of_follow_up(grid, best, tables, follow_up)))
    found = data.products(best.beta, best.hazard, (grid.cells.kind == FAILED).astype(np.float64), table)
    return Moments(found[:p, :p], found[p:, p:], found[:p, p:], data.units)


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


def _tables(grid: Grid, best: Top, days: I8) -> Tables:
    """Return by occasion and column: what others at risk take part in, those who fail besides, and what they add."""
    h, g, u, v, z = best.ties
    s1, e1 = best.at_risk[:, :-1], best.failing[:, :-1]
    upto = (grid.days[:, None] <= days[None, :]).astype(np.float64)
    others = np.hstack([u[:, None] * s1 - v[:, None] * e1, -u[:, None] * upto])
    besides = np.hstack([z[:, None] * e1 - v[:, None] * s1, v[:, None] * upto])
    mean = (h[:, None] * s1 - (h - g)[:, None] * e1) / grid.w_event[:, None]
    return others, besides, np.hstack([-mean, (h / grid.w_event)[:, None] * upto])


def _by_key(grid: Grid, tables: Tables, of_follow_up: tuple[F8, ...] | None) -> tuple[F8, F8]:
    """Return by key what a unit of weight adds, and what a unit of risk takes part in."""
    others, besides, adds = tables
    path = np.vstack([np.zeros(others.shape[1]), np.cumsum(others, axis=0)])
    kind, place = grid.cells.kind, (grid.cells.group, grid.cells.day)
    failed, gain = kind == FAILED, np.zeros((kind.size, others.shape[1]))
    gain[failed] = adds[grid.stop[failed] - 1]
    for k, part in enumerate(of_follow_up or ()):  # censored, failed, failed of another cause, entered
        here = kind == k
        gain[here] += part[place[0][here], place[1][here]]
    return gain, grid.by_key(path, besides, grid.ahead(others))


def _of_follow_up(grid: Grid, best: Top, tables: Tables, follow_up: str) -> tuple[F8, ...] | None:
    """Return what a unit of weight adds by kind of leaving, and takes by entry, each by group and day.

    Nothing where the probabilities to be followed are taken as known, or nobody fails of another cause.
    """
    if follow_up == "known" or not grid.boost.size:
        return None
    found, n_groups, q = grid.follow, grid.keep.shape[0], tables[0].shape[1]
    exact = _exposure(grid, best, tables, literal=False)
    if follow_up == "literal":
        jump = _over(_exposure(grid, best, tables, literal=True), found.censor_risk)
    else:
        jump = _over(exact, found.censor_risk * (1.0 - found.censoring))
    path = np.cumsum(jump * found.censoring[:, :, None], axis=1)
    before = np.concatenate([np.zeros((n_groups, 1, q)), path[:, :-1]], axis=1)
    failed = path if follow_up == "literal" else before  # at risk of censoring on the day itself, or not
    back = _over(exact, found.entry_risk * (1.0 - found.entry))
    lived = np.cumsum(back * found.entry[:, :, None], axis=1)
    lived = np.concatenate([np.zeros((n_groups, 1, q)), lived[:, :-1]], axis=1)
    return jump - path + lived, lived - failed, lived - failed, back + lived - path


def _exposure(grid: Grid, best: Top, tables: Tables, *, literal: bool) -> F8:
    """Return by group and day what hangs on the weights of those who failed of another cause by then.

    The derivative counts failures to the day and occasions after it; the formula as written counts failures before
    the day and occasions from it on.
    """
    p, n_days, n_groups = best.beta.size, grid.cells.span, grid.keep.shape[0]
    sums = np.zeros((n_groups, n_days, p + 1))
    sums[grid.cells.group[grid.late], grid.cells.day[grid.late]] = grid.boost[:, None] * best.late
    failed = np.cumsum(sums, axis=1)
    if literal:
        failed = np.concatenate([np.zeros((n_groups, 1, p + 1)), failed[:, :-1]], axis=1)
    after = np.searchsorted(grid.days, np.arange(n_days), side="left" if literal else "right")
    hazard, drift = grid.ahead(best.ties[0])[:, after], grid.ahead(tables[0])[:, after]
    out = -failed[:, :, p:] * drift
    out[:, :, :p] += failed[:, :, :p] * hazard[:, :, None]
    return out


def _over(part: F8, whole: F8) -> F8:
    shape = np.broadcast_to(whole[:, :, None], part.shape)
    return np.divide(part, shape, where=shape > 0, out=np.zeros_like(part))
