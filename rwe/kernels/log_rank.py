# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Observed and expected events of groups within strata, weighted by day, from their day table.

Mantel (1966) Cancer Chemother Rep 50:163; Tarone & Ware (1977) Biometrika 64:156; Harrington & Fleming
(1982) Biometrika 69:553. Influence of a row on the score: Lin & Wei (1989) J Am Stat Assoc 84:1074.
Variance under weights that are given, not drawn: Xie & Liu (2005) Stat Med 24:3089. Plain array
arithmetic: the table is small whatever the cohort, so there is nothing to compile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.days import DayTable


@dataclass(frozen=True, slots=True, eq=False)
class Daily:
    """What happens to the groups of each stratum on each day; 0 on days without events.

    Parameters
    ----------
    events, share
        Weight that fails, and share of the risk set, shape (strata, groups, days).
    w_risk, event, jump
        Weight at risk, weight that fails and increment of the pooled hazard, shape (strata, days).
    spread
        Of persons that fail among those at risk, the hypergeometric factor d (n - d) / (n (n - 1)).
    square
        Sum of squared weights at risk, shape (strata, groups, days).
    """

    events: F8
    share: F8
    w_risk: F8
    event: F8
    jump: F8
    spread: F8
    square: F8


def daily(days: DayTable, squares: DayTable, n_groups: int) -> Daily:
    """Return the days of a table whose cells are stratum * n_groups + group.

    `squares` is the table of the same rows with squared weights.
    """
    shape = (-1, n_groups, days.persons.shape[2])
    events, risk = days.w_event.reshape(shape), days.w_risk.reshape(shape)
    d, n = days.n_event.reshape(shape).sum(axis=1), days.n_risk.reshape(shape).sum(axis=1)
    failed, pooled = d > 0, risk.sum(axis=1)
    safe = np.where(failed, pooled, 1.0)
    return Daily(
        events=events,
        share=np.where(failed[:, None, :], risk / safe[:, None, :], 0.0),
        w_risk=pooled,
        event=events.sum(axis=1),
        jump=np.where(failed, np.where(d == n, 1.0, events.sum(axis=1) / safe), 0.0),
        spread=np.where(n > 1, d * (n - d) / np.maximum(n * (n - 1.0), 1.0), 0.0),
        square=squares.w_risk.reshape(shape),
    )


def pooled_survival(jump: F8) -> F8:
    """Return the pooled survival just before each day (Kaplan-Meier), shape (strata, days)."""
    after = np.cumprod(1.0 - jump, axis=1)
    return np.concatenate([np.ones((jump.shape[0], 1)), after[:, :-1]], axis=1)


def shrunk_survival(d: Daily) -> F8:
    """Return the survival estimate of Peto & Peto (1972): one person more is at risk, none reaches 0."""
    return np.asarray(np.cumprod(1.0 - d.event / (d.w_risk + 1.0), axis=1), np.float64)


def observed(d: Daily, factor: F8) -> F8:
    """Return the events of each group, weighted by day."""
    return np.asarray(np.einsum("sd,sgd->g", factor, d.events), np.float64)


def expected(d: Daily, factor: F8) -> F8:
    """Return the events each group would have were the hazards equal."""
    return np.asarray(np.einsum("sd,sgd->g", factor * d.event, d.share), np.float64)


def permutation_variance(d: Daily, factor: F8, other: F8) -> F8:
    """Return the covariance of observed - expected under two weights of days, shape (groups, groups).

    The sum over those at risk of w^2 (own group - p)(own group - p)', times the hypergeometric factor:
    without weights the log-rank variance, with them that of Xie & Liu.
    """
    f = factor * other * d.spread
    cross = -np.einsum("sd,sgd,shd->gh", f, d.square, d.share)
    total = np.einsum("sd,sgd,shd->gh", f * d.square.sum(axis=1), d.share, d.share)
    own = np.diag(np.einsum("sd,sgd->g", f, d.square))
    return np.asarray(own + cross + cross.T + total, np.float64)


def influence(d: Daily, factor: F8, stratum: I8, group: I8, leave: I4, enter: I4, event: Flags) -> F8:
    """Return the influence of each row on each group's observed - expected, shape (rows, groups)."""
    hazard = factor * d.jump
    own, shared = np.cumsum(hazard, axis=1), np.cumsum(hazard[:, None, :] * d.share, axis=2)
    late = enter >= 0
    out = shared[stratum, :, leave] - np.where(late[:, None], shared[stratum, :, enter], 0.0)
    member = np.eye(d.share.shape[1])[group]
    out -= member * (own[stratum, leave] - np.where(late, own[stratum, enter], 0.0))[:, None]
    fails = np.where(event, factor[stratum, leave], 0.0)
    return np.asarray(out + fails[:, None] * (member - d.share[stratum, :, leave]), np.float64)
