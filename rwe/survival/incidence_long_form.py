# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Incidence curves in the long tidy form that dossiers, tracking and disclosure read; stratum is the cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.kernels._jit import I8
from rwe.result import Result, tidy
from rwe.survival.levels import text

if TYPE_CHECKING:
    from rwe.survival.cumulative_incidence import CumulativeIncidence


def long_form(
    found: CumulativeIncidence,
    words: dict[str, str],
    milestones: Sequence[int],
    at_risk: Sequence[int],
    tau: int | None,
) -> Result:
    """Return the curves, the events of each cause, and what is asked for on given days."""
    of = found._found.counts
    group, cause = (a.ravel() for a in np.indices(found._found.incidence.shape[:2]))
    events = of.n_leave.sum(axis=2)[group, cause + 1]
    parts = [_steps(found), _part(found, "count", group, cause, {"n": events})]
    if milestones:
        parts.append(_on_days(found, "milestone", milestones, _drop(found.at(milestones), "incidence")))
    if at_risk:
        parts.append(_on_days(found, "at_risk", at_risk, {}))
    if tau is not None:
        persons = {"time": tau, "n": of.n_leave.sum(axis=(1, 2))[group], "n_event": events}
        parts.append(_part(found, "time_lost", group, cause, persons | _drop(found.time_lost(tau), "time_lost")))
    table = pl.concat([tidy(part, analysis="competing_risks", **words) for part in parts])
    settings = {"conf_level": found.conf_level, "conf_type": found.conf_type, "variance": found.variance}
    return Result(table, settings | {"notes": list(found.notes)})


def _steps(found: CumulativeIncidence) -> pl.DataFrame:
    of = found._found.counts
    group, cause, day = of.steps()
    counts = {"time": day, "n": of.n_risk[group, day], "n_event": np.cumsum(of.n_leave, axis=2)[group, cause + 1, day]}
    return _part(found, "cumulative_incidence", group, cause, counts | _drop(found.table, "incidence"))


def _on_days(found: CumulativeIncidence, estimand: str, days: Sequence[int], values: dict[str, Any]) -> pl.DataFrame:
    """Return values on given days with the persons at risk on each and failed of each cause so far."""
    group, cause, time, _, _ = found._asked(days)
    persons = found._persons(group, cause, time)
    columns = {"time": time, "n": persons["n_risk"], "n_event": persons["n_event"]}
    return _part(found, estimand, group, cause, columns | values)


def _part(found: CumulativeIncidence, estimand: str, group: I8, cause: I8, columns: dict[str, Any]) -> pl.DataFrame:
    groups, causes = found._groups.labels(), [text(name) for name in found.causes]
    labels = {"group": [groups[g] for g in group], "stratum": [causes[c] for c in cause]}
    return pl.DataFrame({"estimand": [estimand] * len(group), **labels, **columns}, nan_to_null=True)


def _drop(frame: pl.DataFrame, estimate: str) -> dict[str, Any]:
    return {"estimate": frame[estimate]} | {name: frame[name] for name in ("std_error", "conf_low", "conf_high")}
