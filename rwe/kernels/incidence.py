# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cumulative incidence of competing causes from numbers by day, and its two variances.

Aalen & Johansen (1978) Scand J Stat 5:141. Variances: the infinitesimal jackknife (Efron & Tibshirani
1993, ch. 11), and the counting process one with the factor (Y - d) / (Y - 1) for ties (Aalen 1978, Ann
Stat 6:534; Gray 1988, Ann Stat 16:1141).

A row followed over (a, T] has on the incidence F of a cause, at a day t on which it is followed, the
influence w {B(t) - B(a) - v(a) (F(t) - F(a))}, where v is the influence of one who stays on log S and
B(t) sums S(s-) (v(s-) - 1 / Y(s)) dA(s) to t; later it is a constant plus (v(T) - v(a)) F(t), with what the
own failure adds. So it is a combination of B(t), F(t) and 1 whose coefficients change when the row
enters and leaves: the sum of squares over rows needs six running sums, not rows times days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, i8_in, integer, kernel


@kernel(i8_in, i8_in, f8_in, f8_in, f8_in, f8_in, f8_in, integer)
def squared_influence(unit: I8, day: I8, slope: F8, share: F8, level: F8, path: F8, curve: F8, n_days: int) -> F8:
    """Return by day the sum over units of (a path + b curve + c) squared.

    Parameters
    ----------
    unit, day
        Of each change of coefficients, sorted by unit and day.
    slope, share, level
        What the change adds to a, b and c of its unit.
    """
    change = np.zeros((6, n_days))
    a, b, c = 0.0, 0.0, 0.0
    for i in range(unit.size):
        if i > 0 and unit[i] != unit[i - 1]:
            a, b, c = 0.0, 0.0, 0.0
        for sign in (-1.0, 1.0):
            if sign > 0.0:
                a, b, c = a + slope[i], b + share[i], c + level[i]
            change[0, day[i]] += sign * a * a
            change[1, day[i]] += sign * b * b
            change[2, day[i]] += sign * c * c
            change[3, day[i]] += sign * 2.0 * a * b
            change[4, day[i]] += sign * 2.0 * a * c
            change[5, day[i]] += sign * 2.0 * b * c
    out = np.empty(n_days)
    aa, bb, cc, ab, ac, bc = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n_days):
        aa, bb, cc = aa + change[0, k], bb + change[1, k], cc + change[2, k]
        ab, ac, bc = ab + change[3, k], ac + change[4, k], bc + change[5, k]
        x, y = path[k], curve[k]
        out[k] = aa * x * x + bb * y * y + cc + ab * x * y + ac * x + bc * y
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Hazards:
    """Hazards of one group by day.

    Parameters
    ----------
    risk, events
        At risk, shape (days,), and failed, shape (causes, days): sums of weights.
    before, after
        Probability to have failed of no cause, before and after each day.
    jump
        Increments of the incidences, shape (causes, days).
    """

    risk: F8
    events: F8
    before: F8
    after: F8
    jump: F8

    @property
    def incidence(self) -> F8:
        """Cumulative incidences, shape (causes, days)."""
        return np.cumsum(self.jump, axis=1)


def hazards(n_risk: I8, n_event: I8, w_risk: F8, w_event: F8) -> Hazards:
    """Return hazards and incidences of one group.

    Parameters
    ----------
    n_risk, w_risk
        Persons at risk and their weight, shape (days,).
    n_event, w_event
        Persons failed and their weight, shape (causes, days).

    Notes
    -----
    Whether all who are at risk fail is asked of the persons, so that rounding in a sum of weights cannot keep the
    curve from reaching 0.
    """
    failed = n_event.sum(axis=0)
    safe = np.where(failed > 0, w_risk, 1.0)
    stays = np.where((failed > 0) & (failed == n_risk), 0.0, 1.0 - w_event.sum(axis=0) / safe)
    after = np.asarray(np.cumprod(stays), np.float64)
    before = np.concatenate([[1.0], after[:-1]])
    return Hazards(w_risk, w_event, before, after, before * w_event / safe)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """What the influence of a row on one incidence is made of, by day (index -1: 0, before day 0).

    Parameters
    ----------
    path, curve
        B and F of the module's formula.
    stay, fail
        Influence on log S of a unit of weight that stays, or fails on the day (both from day 0).
    own
        What a failure of this cause adds on its day.
    """

    path: F8
    curve: F8
    stay: F8
    fail: F8
    own: F8


def paths(at: Hazards, cause: int, scale: F8 | float = 1.0) -> Paths:
    """Return the paths of one cause; `scale` says what a jump on a day counts (1 for the incidence itself)."""
    alive = (at.events.sum(axis=0) > 0) & (at.after > 0)
    risk = np.where(at.risk > 0, at.risk, 1.0)
    failed = np.where(alive, at.events.sum(axis=0), 0.0)
    stay = np.cumsum(failed / (risk * np.where(alive, risk - failed, 1.0)))
    before = np.concatenate([[0.0], stay[:-1]])
    jump = at.jump[cause] * scale
    own = np.where(at.risk > 0, at.before * scale / risk, 0.0)
    found = Paths(np.cumsum(jump * (before - 1.0 / risk)), np.cumsum(jump), stay, before - alive / risk, own)
    return Paths(*(np.append(a, 0.0) for a in (found.path, found.curve, found.stay, found.fail, found.own)))


def changes(on: Paths, weight: F8, enter: I8, leave: I8, failed: F8, of_cause: F8) -> F8:
    """Return the coefficients of rows, shape (3, rows, 2): what their entry and their exit add to a, b and c.

    Parameters
    ----------
    enter, leave
        Day after which a row is at risk (-1: from the start), and its last day.
    failed, of_cause
        1 where the row fails on its last day, of any cause and of the cause of `on`; else 0.
    """
    begin, end = on.stay[enter], np.where(failed > 0, on.fail[leave], on.stay[leave])
    out = np.empty((3, weight.size, 2))
    out[0, :, 0], out[0, :, 1] = weight, -weight
    out[1, :, 0], out[1, :, 1] = -weight * begin, weight * end
    out[2, :, 0] = -weight * (on.path[enter] - begin * on.curve[enter])
    out[2, :, 1] = weight * (on.path[leave] + of_cause * on.own[leave] - end * on.curve[leave])
    return out


def counting_variance(at: Hazards, cause: int) -> F8:
    """Return by day the variance of an incidence after Aalen, ties as hypergeometric draws (Gray 1988)."""
    mine = at.events[cause]
    other = at.events.sum(axis=0) - mine
    curve = np.cumsum(at.jump[cause])
    left = np.divide(1.0, at.after, where=at.after > 0, out=np.zeros_like(curve))
    first = _spread(at, mine), 1.0 + curve * left
    second = np.where(at.after > 0, _spread(at, other), 0.0), curve * left
    squares, mixed, rest = (sum(s * u ** (2 - k) * left**k for s, u in (first, second)) for k in (0, 1, 2))
    out = np.cumsum(squares) - 2.0 * curve * np.cumsum(mixed) + curve**2 * np.cumsum(rest)
    return np.asarray(np.maximum(out, 0.0), np.float64)


def _spread(at: Hazards, events: F8) -> F8:
    risk = np.where(at.risk > 0, at.risk, 1.0)
    ties = np.where(events > 1, (risk - events) / np.where(risk > 1, risk - 1.0, 1.0), 1.0)
    return np.asarray(at.before**2 * ties * events / risk**2, np.float64)
