# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the log-rank family share: the days, the weights of days, the variance of the scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.kernels.log_rank import Daily, daily, influence, permutation_variance, pooled_survival, shrunk_survival
from rwe.survival.counts import Tally
from rwe.survival.data import Response
from rwe.survival.gather import gather, gather_rows
from rwe.survival.roles import Roles


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Groups compared day by day within strata.

    Parameters
    ----------
    table, rows
        The counted cohort, and its rows where the variance needs them.
    daily
        Its numbers by stratum, group and day.
    rule
        ``hypergeometric`` for rows that count once; for weighted or clustered rows ``robust`` or ``xie_liu``.
    """

    table: Tally
    rows: Response | None
    daily: Daily
    rule: str

    def covariance(self, factor: F8, other: F8) -> F8:
        """Return the covariance of the groups' observed - expected under two weights of days."""
        if self.rule != "robust" or self.rows is None:
            return permutation_variance(self.daily, factor, other)
        own = self.influence(factor, self.rows)
        return np.asarray(own.T @ (own if other is factor else self.influence(other, self.rows)), np.float64)

    def influence(self, factor: F8, r: Response) -> F8:
        """Return the influence of each row (cluster, where given) on observed - expected of each group."""
        own = influence(self.daily, factor, r.strata.code, r.group.code, r.time, r.entry, r.event)
        own *= r.weights[:, None]
        if r.cluster is None:
            return own
        return np.stack([np.bincount(r.cluster, own[:, g]) for g in range(own.shape[1])], axis=1)


def scores(frame: Any, roles: Roles, cluster: str | None, *, rule: str) -> Scores:
    """Count a cohort and return its groups compared day by day.

    Raises
    ------
    DefinitionError
        If the rule of the variance is none of those allowed, or does not fit the rows.
    NoValidAnswer
        If there are no events.
    """
    if rule not in ("robust", "xie_liu"):
        raise DefinitionError(f"variance '{rule}' is neither robust nor xie_liu")
    if rule == "xie_liu" and (roles.weights is None or cluster is not None):
        raise DefinitionError("variance 'xie_liu' is for weighted rows without clusters")
    plain, rows = roles.weights is None and cluster is None, None
    if plain or rule == "xie_liu":
        table = gather(frame, roles)
    else:
        table, rows = gather_rows(frame, roles, cluster)
    if not table.days.n_event.any():
        raise NoValidAnswer("there are no events: the groups cannot be compared")
    squares = replace(table.days, weights=table.days.squares)
    rule = "hypergeometric" if plain else rule
    return Scores(table, rows, daily(table.days, squares, table.group.n), rule)


def day_weights(days: Daily, kind: str, rho: float = 0.0, gamma: float = 0.0, *, whole: bool = True) -> F8:
    """Return what each day counts, shape (strata, days).

    Raises
    ------
    DefinitionError
        If the kind is none of those allowed, or its powers or the weights of the rows do not fit it.
    """
    if kind == "fleming_harrington":
        return fleming_harrington(days, rho, gamma)
    if rho or gamma:
        raise DefinitionError(f"rho and gamma belong to fleming_harrington, not to {kind}")
    if kind in ("gehan", "tarone_ware"):
        return days.w_risk if kind == "gehan" else np.sqrt(days.w_risk)
    if kind not in ("peto_peto", "modified_peto_peto"):
        allowed = "fleming_harrington, gehan, tarone_ware, peto_peto, modified_peto_peto"
        raise DefinitionError(f"day_weights '{kind}' is not one of {allowed}")
    if not whole:
        raise DefinitionError(f"{kind} adds one person to those at risk: it needs weights that count persons")
    return shrunk_survival(days) * (days.w_risk / (days.w_risk + 1.0) if kind == "modified_peto_peto" else 1.0)


def fleming_harrington(days: Daily, rho: float, gamma: float) -> F8:
    """Return S^rho (1 - S)^gamma of the pooled survival just before each day.

    Raises
    ------
    DefinitionError
        If a power is negative or not finite: the weight would be infinite where S is 0 or 1.
    """
    if not (0 <= rho < np.inf and 0 <= gamma < np.inf):
        raise DefinitionError("rho and gamma are powers of the pooled survival: finite and not negative")
    before = pooled_survival(days.jump)
    return np.asarray(before**rho * (1.0 - before) ** gamma, np.float64)
