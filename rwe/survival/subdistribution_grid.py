# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a model of the subdistribution knows of a cohort without its covariates: who is at risk when, with what weight.

An *occasion* is a day with failures of the cause. Competing failures stay at risk on later ones with the probability
to be followed until then (Fine & Gray 1999 J Am Stat Assoc 94:496; late entry after Geskus 2011 Biometrics 67:39).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.follow import Follow, follow
from rwe.kernels.partial_likelihood import add_rows, tie_sums
from rwe.survival.cells import ENTERED, FAILED, NOWHERE, OTHER, Cells
from rwe.survival.clock import Clock


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Occasions, and the cells whose rows meet them; a table by key has a row a cell.

    Parameters
    ----------
    cells
        Who leaves and enters together; the key of a row is its cell.
    clock
        What the days stand for; the last is the last that anybody is followed.
    stop
        Of each cell: the occasions up to its day.
    days, n_event, w_event
        Of the occasions: day, failures, their weight.
    boost
        Of each cell of competing failures: what their weight is divided by to be 1 on their own day.
    follow, keep
        The probabilities to be followed, and these on each occasion, shape (groups, occasions).
    efron
        Whether ties are handled after Efron, otherwise Breslow.
    """

    cells: Cells
    clock: Clock
    stop: I8
    days: I8
    n_event: I8
    w_event: F8
    boost: F8
    follow: Follow
    keep: F8
    efron: bool

    @property
    def late(self) -> I8:
        """Cells of competing failures."""
        return np.flatnonzero(self.cells.kind == OTHER)

    def by_key(self, own: F8, failing: F8, late: F8) -> F8:
        """Return a table by key.

        Parameters
        ----------
        own
            To before each occasion, shape (occasions + 1, ...).
        failing
            What those who fail on an occasion have besides, shape (occasions, ...).
        late
            By group, what competing failures still meet from each occasion on, shape (groups, occasions + 1, ...).
        """
        out, failed, gone = own[self.stop], self.cells.kind == FAILED, self.late
        out[failed] += failing[self.stop[failed] - 1]
        boost = self.boost.reshape(-1, *[1] * (own.ndim - 1))
        out[gone] += boost * late[self.cells.group[gone], self.stop[gone]]
        return out

    def ahead(self, values: F8) -> F8:
        """Return by group the sum of values times the kept weight from each occasion on."""
        kept = self.keep.reshape(*self.keep.shape, *[1] * (values.ndim - 1)) * values
        back = np.cumsum(kept[:, ::-1], axis=1)[:, ::-1]
        return np.concatenate([back, np.zeros((back.shape[0], 1, *values.shape[1:]))], axis=1)

    def risk_sets(self, table: F8) -> tuple[F8, F8]:
        """Return the sums over those at risk and those who fail on each occasion, from the sums by key."""
        n, by, late = self.days.size, self.cells, self.late
        failed = by.kind == FAILED
        own, failing = np.zeros((n + 1, table.shape[1])), np.zeros((n, table.shape[1]))
        add_rows(self.stop, table, own)
        add_rows(self.stop[failed] - 1, table[failed], failing)
        stay = np.zeros((self.keep.shape[0], n + 1, table.shape[1]))
        add_rows(
            by.group[late] * (n + 1) + self.stop[late],
            self.boost[:, None] * table[late],
            stay.reshape(-1, table.shape[1]),
        )
        after = np.cumsum(own[::-1], axis=0)[::-1][1:]
        return after + np.einsum("ck,ckj->kj", self.keep, np.cumsum(stay, axis=1)[:, :n]), failing

    def ties(self, at_risk: F8, failing: F8) -> tuple[F8, float]:
        """Return h, g, u, v, z of `tie_sums`, and what the risk sets add to the log likelihood."""
        found = tie_sums(self.n_event, self.w_event, at_risk.copy(), failing.copy(), float(self.efron))
        return found[:5], -float(found[5].sum())

    def lived(self, h: F8, g: F8) -> F8:
        """Return the hazard by key: h of each occasion by those who outlive it, g by those who fail on it."""
        return self.by_key(np.concatenate([[0.0], np.cumsum(h)]), g - h, self.ahead(h))

    def hazard_at_0(self) -> F8:
        """Return the hazard by key where no covariate has an effect, from weights alone."""
        table = np.where(self.cells.kind < ENTERED, self.cells.weight, -self.cells.weight)
        at_risk, failing = self.risk_sets(table[:, None])
        ties, _ = self.ties(at_risk[:, 0], failing[:, 0])
        return self.lived(ties[0], ties[1])


def grid(found: Cells, clock: Clock, *, efron: bool, failures_first: bool) -> Grid:
    """Estimate the follow-up, and find occasions and keys.

    Raises
    ------
    NoValidAnswer
        If the weight of a competing failure is not known: all who were followed left before others entered.
    """
    seen = follow(np.stack([found.table(k) for k in range(3)]), found.table(ENTERED), failures_first=failures_first)
    late, failed = found.kind == OTHER, found.kind == FAILED
    group, day = found.group[late], found.day[late]
    _refuse_unknown(seen, group, day)
    n_event = np.bincount(found.day[failed], found.persons[failed], found.span).astype(np.int64)
    w_event = np.bincount(found.day[failed], found.weight[failed], found.span).astype(np.float64)
    days = np.flatnonzero(n_event)
    stop = np.where(found.kind == NOWHERE, 0, np.searchsorted(days, found.day, side="right"))
    return Grid(
        cells=found, clock=clock, stop=stop, days=days, n_event=n_event[days], w_event=w_event[days],
        boost=1.0 / seen.keep[group, day], follow=seen, keep=seen.keep[:, days], efron=efron,
    )  # fmt: skip


def _refuse_unknown(found: Follow, group: I8, day: I8) -> None:
    n_groups, n_days = found.keep.shape
    first = np.full(n_groups, n_days)
    np.minimum.at(first, group, day)
    opens = np.logical_or.reduce((found.entry >= 1.0) & (np.arange(n_days) >= first[:, None]), axis=1)
    lost = (found.keep[group, day] <= 0) | opens[group]
    if lost.any():
        raise NoValidAnswer(
            f"the weight of the competing failures of {int(lost.sum())} days is not known: the risk set runs empty "
            "before others enter; start the clock where enough are at risk"
        )
