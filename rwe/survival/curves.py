# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival and cumulative hazard of each group on every tick of the clock, and the questions asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.days import DayTable, at_risk
from rwe.kernels.product_limit import jackknife, product_limit
from rwe.survival.clock import Clock
from rwe.survival.counts import Tally
from rwe.survival.data import Response
from rwe.survival.gather import from_response, gather, gather_rows
from rwe.survival.intervals import survival_limits
from rwe.survival.roles import Roles

PLATEAU = float(np.sqrt(np.finfo(np.float64).eps))  # R's tolerance for "S equals 1 - q"


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Estimates by group and tick; each array has shape (groups, ticks).

    Parameters
    ----------
    clock
        What the ticks stand for.
    days
        The day table they come from.
    survival, var_log
        S(t) and the variance of log S(t), infinite where S is 0.
    hazard, var_hazard
        Cumulative hazard (Nelson-Aalen) and its variance.
    last
        Last tick followed in each group.
    weighted
        Whether rows carry weights.
    robust
        Whether variances come from the infinitesimal jackknife.
    rows
        The response, where that variance needs it.
    """

    clock: Clock
    days: DayTable
    survival: F8
    var_log: F8
    hazard: F8
    var_hazard: F8
    last: I8
    weighted: bool
    robust: bool
    rows: Response | None

    @property
    def daily(self) -> tuple[Any, Any, Any]:
        """Numbers at risk, failed and censored: sums of weights where rows are weighted, else persons."""
        days = self.days
        if self.weighted:
            return days.w_risk, days.w_event, days.w_censor
        return self.persons

    @property
    def persons(self) -> tuple[I8, I8, I8]:
        """Persons at risk, failed and censored."""
        return self.days.n_risk, self.days.n_event, self.days.n_censor


def asked_of(c: Curves, times: Any) -> tuple[I8, Any, Flags]:
    """Return every group with every time, and whether it is followed so far."""
    asked = c.clock.asked(times, "times")
    group, time = np.repeat(np.arange(c.last.size), asked.size), np.tile(asked, c.last.size)
    return group, time, c.clock.reached(c.last[group], time)


def counts_at(c: Curves, daily: tuple[Any, Any, Any], group: I8, time: Any) -> dict[str, Any]:
    """Return who is at risk just before each time, and who failed and was censored up to it."""
    n_risk, n_event, n_censor = daily
    before, upto = c.clock.next(time), np.minimum(c.clock.index(time), c.last[group])
    known = before <= c.last[group]
    columns = {"n_risk": n_risk[group, np.where(known, before, 0)] * known}
    columns["n_event"] = np.cumsum(n_event, axis=1)[group, upto]
    return columns | {"n_censor": np.cumsum(n_censor, axis=1)[group, upto]}


def robust_rule(response: Response, *, asked: bool | None) -> bool:
    """Return whether variances are robust: as asked, else as R where weights are not whole or rows are clustered."""
    if asked is False and response.cluster is not None:
        raise DefinitionError("clusters need the robust variance: leave out robust=False or cluster")
    return (response.cluster is not None or not response.whole) if asked is None else asked


def gathered(
    frame: Any, roles: Roles, cluster: str | None, *, robust: bool | None
) -> tuple[Tally, Response | None, bool]:
    """Count a cohort; return its table, its rows where the robust variance cannot do without, and if it is robust."""
    if cluster is None and (roles.entry is None or robust is False or not (robust or roles.weights)):
        found = gather(frame, roles)
        return found, None, not found.whole if robust is None else robust
    found, rows = gather_rows(frame, roles, cluster)
    return found, rows, robust_rule(rows, asked=robust)


def curves(response: Response, *, robust: bool) -> Curves:
    """Estimate the curves of each group of a response."""
    roles = Roles("time", "event", weights=None if response.weight is None else "weights")
    return curves_of(from_response(response, roles), response if robust else None, robust=robust)


def curves_of(found: Tally, rows: Response | None, *, robust: bool) -> Curves:
    """Estimate the curves of each group of a table, with the rows where robust variances need them."""
    days = found.days
    n_risk, w_risk = days.n_risk, days.w_risk
    out = np.empty((4, *n_risk.shape))
    for g in range(found.group.n):
        out[:, g] = product_limit(n_risk[g], days.n_event[g], w_risk[g], days.w_event[g])
    survival, var_log, _, var_hazard = out
    left = days.n_event + days.n_censor > 0
    last = left.shape[1] - 1 - np.argmax(left[:, ::-1], axis=1)
    c = Curves(found.clock, days, survival, var_log, out[2], var_hazard, last, found.weighted, robust, rows)
    for g in range(found.group.n if robust else 0):
        stay, fail = survival_influence(days.w_event[g], w_risk[g], survival[g])
        var_log[g] = np.where(survival[g] > 0, influence_variance(c, g, stay, fail), np.inf)
        var_hazard[g] = influence_variance(c, g, *_hazard_influence(days.w_event[g], w_risk[g]))
    return c


def survival_influence(w_event: F8, w_risk: F8, survival: F8, scale: F8 | float = 1.0) -> tuple[F8, F8]:
    """Return the influence of one unit of weight on log S.

    Parameters
    ----------
    scale
        What a jump of the influence on day k counts: 1 for log S itself, the area under the curve
        right of k for the restricted mean.

    Returns
    -------
    tuple of array
        By day: of a row still followed after it, and of a row that fails on it (both from day 0).
    """
    alive = (w_event > 0) & (survival > 0)
    w_risk = np.where(w_risk > 0, w_risk, 1.0)
    stay = np.cumsum(np.divide(scale * w_event, w_risk * (w_risk - w_event), where=alive, out=np.zeros_like(w_event)))
    before = np.concatenate([[0.0], stay[:-1]])
    return stay, before - np.where(alive, scale / w_risk, 0.0)


def _hazard_influence(w_event: F8, w_risk: F8) -> tuple[F8, F8]:
    w_risk = np.where(w_event > 0, w_risk, 1.0)
    stay = -np.cumsum(w_event / w_risk**2)
    return stay, stay + 1.0 / w_risk


def influence_variance(c: Curves, g: int, stay: F8, fail: F8) -> F8:
    """Return by day the sum of squared influences in a group: over clusters, or over rows where none are given.

    Rows that were followed from the start are alike when they leave alike, so sums of squared weights do.
    """
    if c.rows is None:
        censored, failed, _ = c.days.squares[:, g]
        gone = np.cumsum(failed * fail**2 + censored * stay**2)
        return np.asarray(gone + (at_risk(c.days.squares)[g] - failed - censored) * stay**2, np.float64)
    rows, member = c.rows, c.rows.group.code == g
    weight, time, entry, event = (a[member] for a in (rows.weights, rows.time, rows.entry, rows.event))
    begin = np.where(entry >= 0, stay[entry], 0.0)
    end = np.where(event, fail[time], stay[time])
    day = np.stack([np.maximum(entry, 0), time], axis=1).astype(np.int32).ravel()
    slope = np.stack([weight, -1.0 * weight], axis=1).ravel()
    level = np.stack([-1.0 * weight * begin, weight * end], axis=1).ravel()
    both = np.repeat(np.arange(time.size) if rows.cluster is None else rows.cluster[member], 2)
    if rows.cluster is not None:
        order = np.argsort(both * stay.size + day, kind="stable")
        both, day, slope, level = both[order], day[order], slope[order], level[order]
    return np.maximum(jackknife(both, day, slope, level, stay, stay.size), 0.0)


def quantile(values: F8, level: float, times: F8) -> float:
    """Return the time at which a falling curve reaches `level`; NaN where it does not.

    R's rule: where the curve equals the level on an interval, the middle of the interval, which ends
    at the next fall or else at the last time followed, which is the last of `times`.
    """
    reached = np.flatnonzero(values[: times.size] <= level + PLATEAU)
    if not reached.size:
        return np.nan
    first = int(reached[0])
    if values[first] < level - PLATEAU:
        return float(times[first])
    below = np.flatnonzero(values[: times.size] < level - PLATEAU)
    return float(times[first] + times[below[0] if below.size else -1]) / 2


def restricted_mean(c: Curves, tau: float) -> tuple[F8, F8]:
    """Return the mean time lived up to `tau` in each group, and its variance.

    Irwin (1949); variance by Greenwood's terms weighted with the squared area to their right, or by
    the infinitesimal jackknife where the curves are robust.

    Raises
    ------
    NoValidAnswer
        If a group is not followed to `tau` while its curve is above 0.
    """
    short = ~c.clock.reached(c.last, tau) & (c.survival[np.arange(c.last.size), c.last] > 0)
    if short.any():
        late = f"{int(short.sum())} of {short.size} groups"
        raise NoValidAnswer(f"tau = {tau} lies beyond the last follow-up of {late}: choose an earlier time")
    means, variances, widths = np.empty(c.last.size), np.empty(c.last.size), c.clock.widths(tau)
    for g in range(c.last.size):
        s = widths * c.survival[g]
        means[g] = s.sum()
        variances[g] = _mean_variance(c, g, np.cumsum(s[::-1])[::-1])
    return means, variances


def _mean_variance(c: Curves, g: int, area: F8) -> float:
    w_event, w_risk = c.days.w_event[g], c.days.w_risk[g]
    if not c.robust:
        return float(np.diff(survival_influence(w_event, w_risk, c.survival[g], area**2)[0], prepend=0.0).sum())
    stay, fail = survival_influence(w_event, w_risk, c.survival[g], area)
    if c.rows is None:
        censored, failed, _ = c.days.squares[:, g]
        return float(failed @ fail**2 + censored @ stay**2)
    rows, member = c.rows, c.rows.group.code == g
    time, entry, event = rows.time[member], rows.entry[member], rows.event[member]
    own = rows.weights[member] * (np.where(event, fail[time], stay[time]) - np.where(entry >= 0, stay[entry], 0.0))
    if rows.cluster is not None:
        own = np.bincount(rows.cluster[member], own)
    return float(own @ own)


def limits(survival: F8, var_log: F8, conf_level: float, conf_type: str) -> dict[str, F8]:
    """Return survival, its standard error and its limits as columns; NaN where S is 0."""
    low, high = survival_limits(survival, var_log, conf_level, conf_type)
    std_error = survival * np.sqrt(np.where(survival > 0, var_log, np.nan))
    return {"survival": survival, "std_error": std_error, "conf_low": low, "conf_high": high}
