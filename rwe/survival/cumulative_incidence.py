# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cumulative incidence of competing causes, estimated from counts or from rows (Aalen & Johansen 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.survival.causes import Incidences, incidences
from rwe.survival.clock import ClockName
from rwe.survival.columns import never_censored
from rwe.survival.data import Response, names
from rwe.survival.door import door
from rwe.survival.gather import gather, gather_rows
from rwe.survival.incidence_curves import CumulativeIncidence
from rwe.survival.intervals import ConfType, share_limits
from rwe.survival.roles import Roles

__all__ = ["CumulativeIncidence", "cumulative_incidence"]


@door
def cumulative_incidence(
    frame: Any,
    *,
    time: str,
    cause: str,
    by: str | Sequence[str] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    variance: Literal["jackknife", "aalen"] = "jackknife",
    clock: ClockName = "days",
) -> CumulativeIncidence:
    """Estimate the probability to have failed of each of several causes by a time (Aalen & Johansen 1978).

    Ties are exact: all causes of a day act on the same risk set.

    Parameters
    ----------
    frame, time, by, entry, weights, cluster, conf_level, conf_type, clock
        As in `kaplan_meier`.
    cause
        Column of the cause of failure: whole numbers, 0 is censored; or words, "censored" is.
    variance
        jackknife: the infinitesimal jackknife, as R ``survfit``, right under weights and clusters. aalen: that of
        the counting process with Gray's factor for ties, as R ``cmprsk::cuminc``, for independent persons.

    Raises
    ------
    DefinitionError
        If a column is missing or an argument is not one of those allowed.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are no rows, or nobody fails.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [1, 2, 2, 3, 3, 4, 5], "why": [1, 1, 2, 2, 0, 1, 0]})
    >>> cumulative_incidence(frame, time="days", cause="why").at(5)["incidence"].round(4).to_list()
    [0.5, 0.2857]
    """
    roles = Roles(time, cause=cause, entry=entry, by=names(by), weights=weights, clock=clock)
    rows: Response | None
    if entry is None and cluster is None:
        counted, rows = gather(frame, roles), None
    else:
        counted, rows = gather_rows(frame, roles, cluster)
    found = incidences(counted, rows, variance)
    of = found.counts
    g, c, day = of.steps()
    n_risk, n_leave = (of.w_risk, of.w_leave) if found.weighted else (of.n_risk, of.n_leave)
    numbers = {"n_risk": n_risk[g, day], "n_event": n_leave[g, c + 1, day], "n_censor": n_leave[g, 0, day]}
    values = share_limits("incidence", found.incidence[g, c, day], found.variance[g, c, day], conf_level, conf_type)
    head = {"cause": pl.Series(counted.causes).gather(c), "time": found.clock.times(day)}
    table = counted.group.spread(g, head | numbers | values)
    notes = _notes(counted.dropped, found) + never_censored(counted.causes, int(found.counts.n_leave[:, 0].sum()))
    return CumulativeIncidence(table, conf_level, conf_type, variance, counted.causes, notes, counted.group, found)


def _notes(dropped: int, found: Incidences) -> tuple[str, ...]:
    notes = [f"{dropped} rows of weight 0 left out"] if dropped else []
    of = found.counts
    failed = of.n_leave[:, 1:].sum(axis=1)
    early = ((failed == of.n_risk) & (failed > 0) & (np.arange(failed.shape[1]) < found.last[:, None])).any(axis=1)
    if early.any():
        notes.append(
            f"the risk set runs empty early in {int(early.sum())} of {early.size} groups: incidences stay as they are "
            "although others enter later; start the clock where enough are at risk"
        )
    return tuple(notes)
