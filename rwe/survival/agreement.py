# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of rows by the order of their scores and of their failures, counted and weighted by the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.concordance import count_pairs
from rwe.survival.columns import APART
from rwe.survival.data import Response

COUNTS = ("concordant", "discordant", "tied_x", "tied_y", "tied_xy")


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Pairs of rows by the order of their scores and failures.

    Parameters
    ----------
    counts
        By stratum: the five counts of `COUNTS`, shape (strata, 5).
    estimate, std_error
        Concordance and its standard error; NaN where there is no pair to compare.
    """

    counts: F8
    estimate: float
    std_error: float


def ranks(score: Any) -> tuple[I8, Any]:
    """Return the rows by score, and whether each place has another score than the one before."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    return order, np.concatenate([[True], ordered[1:] != ordered[:-1]])


def occasions(response: Response) -> tuple[I8, I8]:
    """Return from which occasion (time with failures in a stratum) and up to which each row is at risk."""
    key = response.strata.code * response.n_days + response.time
    times = np.unique(key[response.event])
    start = np.searchsorted(times, key - response.time + response.entry, side="right")
    return start, np.searchsorted(times, key, side="right")


def agreement(
    response: Response,
    start: I8,
    stop: I8,
    rank: tuple[I8, Any],
    *,
    weighting: str = "harrell",
    tau: float | None = None,
) -> Agreement:
    """Count the pairs of a response, and estimate the concordance.

    Parameters
    ----------
    start, stop
        Occasions on which each row is at risk.
    rank
        As from `ranks`.
    """
    weight, own = response.weights, np.flatnonzero(response.event)
    at, n = stop[own] - 1, int(stop.max())
    stratum, tick, w_event, squared = np.zeros(n, np.int64), np.zeros(n, np.int64), *_sums(at, weight[own], n)
    stratum[at], tick[at] = response.strata.code[own], response.time[own]
    last = stop - response.event
    after = np.cumsum(np.bincount(start, weight, n + 1) - np.bincount(last, weight, n + 1))[:n]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = _factor(response, stratum, tick, w_event, after, weighting)
    if not np.isfinite(factor).all():
        raise NoValidAnswer(APART)
    if tau is not None:
        factor = np.where(response.clock.times(tick) > tau, 0.0, factor)
    failed = np.concatenate([[0.0], np.cumsum(w_event * factor)])
    pairs, part = np.zeros((n, 4)), np.zeros((weight.size, 2))
    count_pairs(*rank, start, stop, response.event, weight, after, factor, failed, pairs, part)
    tied = np.maximum((w_event**2 - squared) / 2 * factor - pairs[:, 3], 0.0)
    counts = np.zeros((response.strata.n, 5))
    np.add.at(counts, stratum, np.column_stack([pairs[:, :3], tied, pairs[:, 3]]))
    return _estimate(response, counts, part)


def _sums(at: I8, weight: F8, n: int) -> tuple[F8, F8]:
    return np.bincount(at, weight, n).astype(np.float64), np.bincount(at, weight**2, n).astype(np.float64)


def _estimate(response: Response, counts: F8, part: F8) -> Agreement:
    concordant, discordant, tied = counts.sum(axis=0)[:3]
    comparable = concordant + discordant + tied
    if not comparable > 0:
        return Agreement(counts, np.nan, np.nan)
    somers = (concordant - discordant) / comparable
    influence = response.weights * (part[:, 0] - somers * part[:, 1]) / comparable
    if response.cluster is not None:
        influence = np.bincount(response.cluster, influence)
    return Agreement(counts, float(somers + 1) / 2, float(np.sqrt(influence @ influence)) / 2)


def _factor(response: Response, stratum: I8, tick: I8, w_event: F8, after: F8, weighting: str) -> F8:
    """Return what a pair counts on each occasion."""
    if weighting == "harrell":
        return np.ones(tick.size)
    at_risk = after + w_event
    if weighting == "I":
        return np.asarray(1 / at_risk, np.float64)
    opens = np.flatnonzero(np.diff(stratum, prepend=-1))
    total = np.bincount(response.strata.code, response.weights)[stratum]
    alive = before(1 - w_event / at_risk, opens)
    if weighting == "S":
        return np.asarray(total * alive / at_risk, np.float64)
    # S(t-) G(t-) = Y(t) / n where failures go before censorings and all are followed from the start
    kept = at_risk / (total * alive)
    return np.asarray(1 / kept**2 if weighting == "uno" else total * alive / (kept * at_risk), np.float64)


def before(share: F8, opens: I8) -> F8:
    """Return the product of the shares before each occasion, within strata that begin at `opens`."""
    out = np.ones(share.size)
    for first, end in zip(opens, [*opens[1:], share.size][: opens.size], strict=True):
        out[first + 1 : end] = np.cumprod(share[first : end - 1])
    return out
