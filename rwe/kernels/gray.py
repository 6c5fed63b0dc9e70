# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gray's comparison of cumulative incidences between groups, within one stratum (Gray 1988, Ann Stat 16:1141).

Group k has R_k(t) = Y_k(t) (1 - F_k(t-)) / S_k(t-) at risk of the cause: those who failed of another cause stay,
as far as they would have been followed. The score compares events with those expected from the pooled
subdistribution; its variance follows the martingales of both kinds of failure. Ties are draws without
replacement, as in the variance of the incidence itself.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8


def gray(n_risk: I8, n_cause: I8, n_other: I8, rho: float) -> tuple[F8, F8, F8, F8]:
    """Return observed and expected events by group, the score and its covariance.

    Parameters
    ----------
    n_risk, n_cause, n_other
        Persons at risk, failed of the cause and of another, shape (groups, days).
    rho
        Power of 1 - F(t-), the pooled incidence, with which a day counts.
    """
    here = n_risk > 0
    risk = np.where(here, n_risk, 1).astype(np.float64)
    before, after, curve_before = _curves(n_risk, n_cause, n_other, risk)
    ratio = np.where(here, n_risk / np.where(before > 0, before, 1.0), 0.0)  # Y / S(t-)
    pool, events = ratio.sum(axis=0), n_cause.sum(axis=0)
    safe = np.where(events > 0, pool, 1.0)
    curve = np.cumsum(events / safe)
    start = np.concatenate([[0.0], curve[:-1]])
    weight = np.where(events > 0, np.maximum(1.0 - start, 0.0), 1.0) ** rho
    at_risk = ratio * (1.0 - curve_before)
    share = at_risk / np.where(events > 0, at_risk.sum(axis=0), 1.0)
    observed, expected = (weight * n_cause).sum(axis=1), (weight * events * share).sum(axis=1)

    own = _own(ratio, pool, weight)
    with_hazard = np.cumsum(own * np.where(events > 0, events / (safe * np.where(start < 1, 1.0 - start, 1.0)), 0.0), 2)
    ahead = with_hazard[:, :, -1:] - with_hazard
    rest = np.divide(1.0 - curve, after, where=after > 0, out=np.zeros_like(after))
    ties = _without_replacement(events, pool * before)
    spread = np.where(here, ties * before * events / (safe * risk), 0.0)
    first = (own + (1.0 - rest) * ahead) * np.sqrt(spread)
    ties = _without_replacement(n_other, risk)
    spread = np.where(after > 0, ties * before**2 * n_other / risk**2, 0.0)
    second = rest * ahead * np.sqrt(spread)
    variance = sum(np.einsum("ikt,jkt->ij", part, part) for part in (first, second))
    return observed, expected, observed - expected, np.asarray(variance, np.float64)


def _curves(n_risk: I8, n_cause: I8, n_other: I8, risk: F8) -> tuple[F8, F8, F8]:
    """Return S before and after each day and the incidence before it, by group."""
    failed = n_cause + n_other
    first = np.ones((n_risk.shape[0], 1))
    stays = np.where(failed == n_risk, np.where(failed > 0, 0.0, 1.0), 1.0 - failed / risk)
    after = np.asarray(np.cumprod(stays, axis=1), np.float64)
    before: F8 = np.concatenate([first, after[:, :-1]], axis=1)
    curve: F8 = np.cumsum(before * n_cause / risk, axis=1)
    return before, after, np.concatenate([0.0 * first, curve[:, :-1]], axis=1)


def _own(ratio: F8, pool: F8, weight: F8) -> F8:
    """Return what a failure in group k adds to the score of group i, shape (groups i, groups k, days)."""
    same = np.eye(ratio.shape[0])[:, :, None]
    part = ratio / np.where(pool > 0, pool, 1.0)
    present = (ratio > 0)[None, :, :]
    return np.asarray(np.where(present, weight * ratio[:, None, :] * (same - part[None, :, :]), 0.0), np.float64)


def _without_replacement(events: I8, pool: F8) -> F8:
    """Return the share of the variance that ties leave."""
    fewer = np.where(pool > 1, pool - 1.0, 1.0)
    return np.asarray(np.where(events > 1, np.maximum(1.0 - (events - 1) / fewer, 0.0), 1.0), np.float64)
