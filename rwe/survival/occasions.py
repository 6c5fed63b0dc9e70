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
from functools import cached_property
from operator import add

import numpy as np

from rwe.execute import cuts, merge, run
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.days import DayTable, fold
from rwe.kernels.keys import find_keys, look_up
from rwe.kernels.partial_likelihood import run_on
from rwe.survival.data import Response

NOBODY = np.empty(0, np.int32)
PART = 65_536  # rows of a part at least
SMALL = 1 << 16  # strata times days that are counted in a table of each part
TABLE = 4_000_000  # strata times days that are looked up in a table; more are searched


@dataclass(frozen=True, eq=False)  # no slots: what each step of a fit asks for is kept
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

    @cached_property
    def tied(self) -> I8:
        """Occasions whose failing are added up on their own, by slot."""
        return np.flatnonzero(self.slot >= 0)

    @property
    def nowhere(self) -> int:
        """Key of rows that are never at risk, or were from the start."""
        return self.n + self.tied.size

    def hazard(self, h: F8, g: F8) -> F8:
        """Return by key the hazard lived through: h by those who outlive an occasion, g by those who fail on it."""
        path = h[:, None].copy()
        run_on(path, self.opens)
        tied = self.tied
        return np.concatenate([path[:, 0], path[tied, 0] + (g - h)[tied], [0.0]])

    def keys(self, response: Response) -> tuple[I4, I4]:
        """Return the keys of rows: where they leave and, where any enter late, where they enter."""
        n, span, strata = response.time.size, response.n_days, response.strata
        opening = np.searchsorted(self.stratum, np.arange(strata.n + 1))
        table = np.empty(0, np.int32)
        if strata.n * span <= max(TABLE, n):
            here = np.zeros(strata.n * span, np.int32)
            here[self.stratum * span + self.day] = 1
            table = np.cumsum(here, dtype=np.int32)
        leave, enter = np.empty(n, np.int32), np.empty(response.late.size, np.int32)
        if table.size and not enter.size:
            found = self._leaving(table, opening, span)
            stratum = strata.code if strata.n > 1 else strata.code[:0]
            run(lambda b: look_up(stratum, response.time, response.event, found, *b, leave), cuts(n, PART))
            return leave, enter

        def part(bounds: tuple[int, int]) -> None:
            rows = (strata.code, response.time, response.entry, response.event)
            find_keys(*rows, table, self.day, opening, self.slot, span, self.nowhere, *bounds, leave, enter)

        run(part, cuts(n, PART))
        return leave, enter

    def _leaving(self, table: I4, opening: I8, span: int) -> I4:
        """Return the keys of rows that are at risk from the start, by stratum, failure and day of leaving."""
        upto = table.reshape(-1, span)
        seen = upto > opening[:-1, None]
        last = np.where(seen, upto - 1, 0)
        failing = np.where(self.slot[last] >= 0, self.n + self.slot[last], last)
        return np.ascontiguousarray(np.where(seen, np.stack([last, failing]), self.nowhere).swapaxes(0, 1), np.int32)


def occasions(response: Response, *, efron: bool) -> Occasions:
    """Return the days with failures, by stratum."""
    span, failed = response.n_days, response.event
    if response.strata.n * span <= SMALL:
        count, weight = _counted(response)
        occasion = np.flatnonzero(count)
        return numbered(*np.divmod(occasion, span), count[occasion], weight[occasion], efron=efron)
    key = response.time[failed] + (response.strata.code[failed] * span if response.strata.n > 1 else 0)
    if response.strata.n * span <= max(TABLE, failed.size):
        count = np.bincount(key)
        occasion = np.flatnonzero(count)
        n_event = count[occasion]
        w_event = n_event if response.weight is None else np.bincount(key, response.weight[failed])[occasion]
    else:
        occasion, first, n_event = np.unique(key, return_inverse=True, return_counts=True)
        w_event = n_event if response.weight is None else np.bincount(first, response.weight[failed])
    return numbered(*np.divmod(occasion, span), n_event, w_event, efron=efron)


def _counted(response: Response) -> tuple[I8, F8]:
    """Return failures and their weight by stratum and day, of every day; parts are counted at once."""

    def part(bounds: tuple[int, int]) -> DayTable:
        at, strata = slice(*bounds), response.strata
        weight = None if response.weight is None else response.weight[at]
        late = response.late[at] if response.late.size else np.full(bounds[1] - bounds[0], -1, np.int32)
        return fold(strata.code[at], response.time[at], response.event[at], late, weight, strata.n, response.n_days)

    found = merge(add, run(part, cuts(response.time.size, max(PART, -(-response.time.size // 16)))))
    return found.persons[1].ravel(), found.weights[1].ravel()


def numbered(stratum: I8, day: I8, n_event: I8, w_event: F8 | I8, *, efron: bool) -> Occasions:
    """Return occasions that stand in the order of stratum and day."""
    tied = efron & (n_event > 1)
    return Occasions(
        stratum=stratum,
        day=day,
        opens=np.diff(stratum, prepend=-1) > 0,
        n_event=n_event,
        w_event=w_event.astype(np.float64),
        slot=np.where(tied, np.cumsum(tied) - 1, -1),
        efron=efron,
    )
