# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Observed and expected events of groups within strata, from their day table.

Mantel (1966) Cancer Chemother Rep 50:163; Harrington & Fleming (1982) Biometrika 69:553. Influence of
a row on the score: Lin & Wei (1989) J Am Stat Assoc 84:1074. Plain array arithmetic: the table is small
whatever the cohort, so there is nothing to compile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.days import DayTable


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over strata and days.

    Parameters
    ----------
    observed, expected, variance
        By group (variance: group by group, hypergeometric), weighted by the weight of the day.
    share
        Share of each group in the risk set, shape (strata, groups, days).
    factor, jump
        Weight of each day and increment of its pooled hazard, shape (strata, days).
    """

    observed: F8
    expected: F8
    variance: F8
    share: F8
    factor: F8
    jump: F8


def sums(days: DayTable, n_groups: int, rho: float) -> Sums:
    """Sum a day table whose cells are stratum * n_groups + group."""
    shape = (-1, n_groups, days.persons.shape[2])
    events, risk = days.w_event.reshape(shape), days.w_risk.reshape(shape)
    failed = days.n_event.reshape(shape).sum(axis=1) > 0
    event, pooled = events.sum(axis=1), risk.sum(axis=1)
    safe = np.where(failed, pooled, 1.0)
    jump = np.where(failed, event / safe, 0.0)
    factor = _pooled_survival(jump) ** rho
    share = np.where(failed[:, None, :], risk / safe[:, None, :], 0.0)
    spread = np.where(
        failed & (pooled > 1), factor**2 * event * (safe - event) / np.where(pooled > 1, pooled - 1, 1), 0.0
    )
    between = np.einsum("sd,sgd,shd->gh", spread, share, share)
    return Sums(
        observed=np.einsum("sd,sgd->g", factor, events),
        expected=np.einsum("sd,sgd->g", factor * event, share),
        variance=np.diag(np.einsum("sd,sgd->g", spread, share)) - between,
        share=share,
        factor=factor,
        jump=jump,
    )


def influence(found: Sums, stratum: I8, group: I8, leave: I4, enter: I4, event: Flags) -> F8:
    """Return the influence of each row on each group's observed - expected, shape (rows, groups)."""
    n_groups = found.share.shape[1]
    own = np.cumsum(found.factor * found.jump, axis=1)
    shared = np.cumsum((found.factor * found.jump)[:, None, :] * found.share, axis=2)
    late = enter >= 0
    out = shared[stratum, :, leave] - np.where(late[:, None], shared[stratum, :, enter], 0.0)
    member = np.eye(n_groups)[group]
    out -= member * (own[stratum, leave] - np.where(late, own[stratum, enter], 0.0))[:, None]
    fails = np.where(event, found.factor[stratum, leave], 0.0)
    return np.asarray(out + fails[:, None] * (member - found.share[stratum, :, leave]), np.float64)


def _pooled_survival(jump: F8) -> F8:
    """Return the pooled survival just before each day."""
    after = np.cumprod(1.0 - jump, axis=1)
    return np.concatenate([np.ones((jump.shape[0], 1)), after[:, :-1]], axis=1)
