# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How likely a person is to be still under observation on a day: entered by then, and not yet censored.

Product-limit estimates of the time of censoring, and in reversed time of the time of entry (Geskus 2011,
Biometrics 67:39). A competing failure stays in later risk sets with the ratio of two such probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8


@dataclass(frozen=True, slots=True, eq=False)
class Follow:
    """Being under observation, by group and day; each array has shape (groups, days).

    Parameters
    ----------
    keep
        Probability just before the day, up to a factor of the group.
    censoring, censor_risk
        Hazard of censoring on the day, and the weight at risk of it.
    entry, entry_risk
        Hazard of entry in reversed time, and the weight at risk of it.
    """

    keep: F8
    censoring: F8
    censor_risk: F8
    entry: F8
    entry_risk: F8


def follow(left: F8, entered: F8, *, failures_first: bool) -> Follow:
    """Return the probabilities from the weights of those who leave and enter.

    Parameters
    ----------
    left
        Censored, failed of the cause and of another, shape (3, groups, days).
    entered
        Entered late on the day, that is, at risk from the next one, shape (groups, days).
    failures_first
        Whether those who fail on a day are no longer at risk of censoring on it.
    """
    gone = left.sum(axis=0)
    risk = np.cumsum((gone - entered)[:, ::-1], axis=1)[:, ::-1]
    censor_risk = risk - gone + left[0] if failures_first else risk
    entry_risk = risk - gone + entered  # followed on the next day
    censoring, entry = (np.clip(_ratio(*pair), 0.0, 1.0) for pair in ((left[0], censor_risk), (entered, entry_risk)))
    grows = np.where(entry < 1.0, 1.0 - entry, 1.0)  # nobody was there before: no ratio reaches over that day
    keep = np.cumprod((1.0 - censoring) / grows, axis=1)[:, :-1]
    keep = np.hstack([np.ones((risk.shape[0], 1)), keep])
    seen = np.cumsum(gone[:, ::-1], axis=1)[:, ::-1] > 0  # after its last day nobody of a group is followed
    return Follow(np.where(seen, keep, 0.0), censoring, censor_risk, entry, entry_risk)


def _ratio(part: F8, whole: F8) -> F8:
    return np.divide(part, whole, where=part > 0, out=np.zeros_like(whole))
