# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Occasions of a Cox model: days with failures within one stratum, and the keys by which rows meet them.

Occasions are numbered by stratum, then day. A row is at risk on the occasions from `start` up to, not
including, `stop`, so that strata, late entry and repeated stretches of follow-up need no code of their own. The
key of a row that leaves is its last occasion; rows that fail together (Efron) have keys behind the
occasions; the last key is that of rows never at risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.partial_likelihood import run_on

NOBODY = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Occasions:
    """Days with failures, by stratum.

    Parameters
    ----------
    stratum, day
        Of each occasion.
    opens
        Whether an occasion is the first of its stratum.
    n_event, w_event
        Failures on each occasion, and their weight.
    slot
        Where the failing of an occasion are added up, from 0; -1 where they need no sums of their own.
    efron
        Whether ties are handled after Efron, otherwise Breslow.
    """

    stratum: I8
    day: I8
    opens: Flags
    n_event: I8
    w_event: F8
    slot: I8
    efron: bool

    @property
    def n(self) -> int:
        """Number of occasions."""
        return self.day.size

    @property
    def tied(self) -> I8:
        """Occasions whose failing are added up on their own, by slot."""
        return np.flatnonzero(self.slot >= 0)

    @property
    def nowhere(self) -> int:
        """Key of rows that are never at risk, or were from the start."""
        return self.n + int((self.slot >= 0).sum())

    def hazard(self, h: F8, g: F8) -> F8:
        """Return by key the hazard lived through: h by those who outlive an occasion, g by those who fail on it."""
        path = h[:, None].copy()
        run_on(path, self.opens)
        tied = self.tied
        return np.concatenate([path[:, 0], path[tied, 0] + (g - h)[tied], [0.0]])

    def keys(self, key: I8, day: I4, entry: I4, event: Flags, span: int) -> tuple[I4, I4]:
        """Return the keys of rows of stratum and day `key` = stratum * span + day."""
        mine = self.stratum * span + self.day
        last = np.searchsorted(mine, key, side="right")
        first = np.searchsorted(self.stratum * span, key - day)
        leave = np.where(last > first, last - 1, self.nowhere)
        failing = event & (self.slot[np.minimum(leave, self.n - 1)] >= 0)
        leave[failing] = self.n + self.slot[leave[failing]]
        if not (entry >= 0).any():
            return leave.astype(np.int32), NOBODY
        before = np.searchsorted(mine, key - day + entry, side="right")
        enter = np.where(before > first, before - 1, self.nowhere)
        unseen = before >= last
        leave[unseen] = enter[unseen] = self.nowhere
        return leave.astype(np.int32), enter.astype(np.int32)


def occasions(key: I8, weight: F8 | None, span: int, *, efron: bool) -> Occasions:
    """Return the days with failures, from stratum and day (stratum * span + day) of those who fail."""
    occasion, first = np.unique(key, return_inverse=True)
    stratum, day = np.divmod(occasion, span)
    n_event = np.bincount(first)
    tied = efron & (n_event > 1)
    return Occasions(
        stratum=stratum,
        day=day,
        opens=np.diff(stratum, prepend=-1) > 0,
        n_event=n_event,
        w_event=np.bincount(first, weight).astype(np.float64),
        slot=np.where(tied, np.cumsum(tied) - 1, -1),
        efron=efron,
    )
