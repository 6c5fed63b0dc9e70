# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves, estimated from a cohort or from its counts by day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rwe.survival.clock import ClockName
from rwe.survival.counts import Tally
from rwe.survival.curves import Curves, curves_of, gathered, limits
from rwe.survival.data import Response, names
from rwe.survival.door import door
from rwe.survival.intervals import ConfType
from rwe.survival.roles import Roles
from rwe.survival.survival_curves import KaplanMeier, Times

__all__ = ["KaplanMeier", "Times", "from_tally", "kaplan_meier"]


@door
def kaplan_meier(
    frame: Any,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    robust: bool | None = None,
    clock: ClockName = "days",
) -> KaplanMeier:
    """Estimate survival curves (Kaplan & Meier 1958), as R ``survfit`` with log-log limits.

    Parameters
    ----------
    frame
        Any data frame that narwhals takes, one row a person (or a stretch of a person's follow-up); a
        polars lazy frame or the path of a parquet file is read in batches. Also `rwe.execute.Parts` of
        these, or a `Tally`.
    time, event
        Columns of the last day followed (whole days from day 0) and of failure on it (0 or 1).
    entry
        Column of the day after which a row is at risk (late entry); from the start without it.
    by
        Columns that split the rows into groups.
    weights
        Column of weights; rows of weight 0 are left out.
    cluster
        Column that tells which rows belong together, for the robust variance.
    conf_level, conf_type
        Level and scale of the limits: log-log, log, plain, logit or arcsin.
    robust
        Take variances from the infinitesimal jackknife. By default, as R: where weights are not whole
        numbers or clusters are given; Greenwood's formula elsewhere.
    clock
        ``days``: times are whole days. ``continuous``: times are any numbers from 0, in any unit; those
        that differ by rounding only are tied.

    Raises
    ------
    DefinitionError
        If a column is missing or an argument is not one of those allowed.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are no rows.

    Examples
    --------
    >>> import polars as pl
    >>> km = kaplan_meier(pl.DataFrame({"days": [3, 5, 5, 8], "died": [1, 1, 0, 0]}), time="days", event="died")
    >>> km.table["survival"].to_list()
    [0.75, 0.5, 0.5]
    """
    roles = Roles(time, event, entry=entry, by=names(by), weights=weights, clock=clock)
    found, rows, robust = gathered(frame, roles, cluster, robust=robust)
    return from_tally(found, rows, conf_level=conf_level, conf_type=conf_type, robust=robust)


def from_tally(found: Tally, rows: Response | None, *, conf_level: float, conf_type: str, robust: bool) -> KaplanMeier:
    """Estimate the curves of a counted cohort."""
    c = curves_of(found, rows, robust=robust)
    group, day = np.nonzero(c.days.n_event + c.days.n_censor)
    n_risk, n_event, n_censor = (kind[group, day] for kind in c.daily)
    counts = {"time": c.clock.times(day), "n_risk": n_risk, "n_event": n_event, "n_censor": n_censor}
    columns = counts | limits(c.survival[group, day], c.var_log[group, day], conf_level, conf_type)
    table = found.group.spread(group, columns)
    return KaplanMeier(table, conf_level, conf_type, robust, _notes(found, c), found.group, c)


def _notes(found: Tally, c: Curves) -> tuple[str, ...]:
    notes = [f"{found.dropped} rows of weight 0 left out"] if found.dropped else []
    early = ((c.survival == 0) & (c.days.n_risk > c.days.n_event)).any(axis=1)
    if early.any():
        notes.append(
            f"the risk set runs empty early in {int(early.sum())} of {early.size} groups: survival stays 0 although "
            "others enter later; start the clock where enough are at risk"
        )
    return tuple(notes)
