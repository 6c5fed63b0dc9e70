# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves in the long tidy form that dossiers, tracking and disclosure read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.result import Result, tidy
from rwe.survival.curves import limits

if TYPE_CHECKING:
    from rwe.survival.kaplan_meier import KaplanMeier


def long_form(
    km: KaplanMeier, words: dict[str, str], milestones: Sequence[int], at_risk: Sequence[int], tau: int | None
) -> Result:
    """Return the estimates of the curves, and those asked for on given days."""
    days, every = km._curves.days, np.arange(km._curves.last.size)
    whom = {"n": (days.n_event + days.n_censor).sum(axis=1), "n_event": days.n_event.sum(axis=1)}
    parts = [
        _steps(km),
        _part(km, every, "events", whom),
        _part(km, every, "median", whom | _drop(km.quantile(0.5), time="estimate")),
    ]
    if milestones:
        part = _drop(km.at(milestones), survival="estimate") | _drop(km.at_risk(milestones), n_risk="n")
        parts.append(_part(km, np.repeat(every, len(milestones)), "milestone", part))
    if at_risk:
        parts.append(_part(km, np.repeat(every, len(at_risk)), "at_risk", _drop(km.at_risk(at_risk), n_risk="n")))
    if tau is not None:
        parts.append(_part(km, every, "rmst", whom | _drop(km.rmst(tau), tau="time", rmst="estimate")))
    return Result(pl.concat([tidy(p, analysis="survival", **words) for p in parts]), _settings(km))


def _steps(km: KaplanMeier) -> pl.DataFrame:
    c = km._curves
    index = np.nonzero(c.days.n_event + c.days.n_censor)
    counts = {"n": c.days.n_risk[index], "n_event": np.cumsum(c.days.n_event, axis=1)[index]}
    found = limits(c.survival[index], c.var_log[index], km.conf_level, km.conf_type)
    found["estimate"] = found.pop("survival")
    return _part(km, index[0], "survival", {"time": index[1], **counts, **found})


def _settings(km: KaplanMeier) -> dict[str, Any]:
    variance = "infinitesimal jackknife" if km.robust else "Greenwood"
    settings = {"conf_level": km.conf_level, "conf_type": km.conf_type, "variance": variance}
    return settings | {"notes": list(km.notes)}


def _drop(frame: pl.DataFrame, **rename: str) -> dict[str, pl.Series]:
    wanted = ("time", "n_event", "std_error", "conf_low", "conf_high", *rename)
    return {rename.get(c, c): frame[c] for c in frame.columns if c in wanted}


def _part(km: KaplanMeier, group: Any, estimand: str, columns: dict[str, Any]) -> pl.DataFrame:
    group_names = pl.Series("group", [km.labels[g] for g in group], pl.String)
    return pl.DataFrame(columns, nan_to_null=True).with_columns(group_names, pl.lit(estimand).alias("estimand"))
