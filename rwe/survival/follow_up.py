# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Median follow-up by the reverse Kaplan-Meier curve: censoring is the event, failure ends the wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.curves import gathered
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.intervals import ConfType
from rwe.survival.kaplan_meier import KaplanMeier, from_tally
from rwe.survival.roles import Roles
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FollowUp(Shown):
    """How long persons were followed.

    Parameters
    ----------
    table
        One row a group: the columns of ``by``, then n (persons), n_censor, time (median, days),
        conf_low, conf_high. Null: the median is not reached.
    curve
        The curve of still being followed.
    """

    table: pl.DataFrame
    curve: KaplanMeier
    _labels: tuple[str, ...]

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the medians in the long tidy form."""
        rows = self.table.select(
            pl.Series("group", self._labels, pl.String),
            "n",
            "conf_low",
            "conf_high",
            n_event="n_censor",
            estimate="time",
        )
        labels = {"population": population, "outcome": outcome, "estimand": "follow_up_median"}
        settings = {"conf_level": self.curve.conf_level, "conf_type": self.curve.conf_type}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _story(self) -> Story:
        return "Median follow-up, reverse Kaplan-Meier", self.table, ()


@door
def median_follow_up(
    frame: Any,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    clock: ClockName = "days",
) -> FollowUp:
    """Estimate the median follow-up by group (Schemper & Smith 1996, Control Clin Trials 17:343).

    Arguments and errors are those of `kaplan_meier`. The days of failure and of censoring are read as
    R reads ``Surv(time, 1 - event)``: on one day, the end of observation precedes the failure.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [3, 5, 5, 8], "died": [1, 0, 0, 0]})
    >>> median_follow_up(frame, time="days", event="died").table["time"].to_list()
    [5.0]
    """
    roles = Roles(time, event, entry=entry, by=names(by), weights=weights, clock=clock)
    found, rows, robust = gathered(frame, roles, None, robust=None)
    turned = None if rows is None else replace(rows, event=np.logical_not(rows.event))
    curve = from_tally(found.turned(), turned, conf_level=conf_level, conf_type=conf_type, robust=robust)
    n_censor, median = found.days.n_censor.sum(axis=1), curve.quantile(0.5)
    columns = {"n": n_censor + found.days.n_event.sum(axis=1), "n_censor": n_censor}
    columns |= {c: median[c] for c in ("time", "conf_low", "conf_high")}
    return FollowUp(found.group.spread(np.arange(found.group.n), columns), curve, tuple(found.group.labels()))
