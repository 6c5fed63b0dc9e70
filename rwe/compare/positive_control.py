# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic positive controls: a known effect injected into a negative one, so that error at an effect can be seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError, DefinitionError, NoValidAnswer


def positive_control(
    frame: Any, *, time: str, event: str, treated: str, ratio: float, seed: int, risk: str | None = None
) -> pl.DataFrame:
    """Return the rows with a hazard of the treated `ratio` times as high (Schuemie et al. 2018, PNAS 115:2571).

    More events are drawn among the treated from their own hazard, so that whatever confounds the negative control
    confounds the positive one as well.

    Parameters
    ----------
    frame
        One row a person of a negative control.
    time, event, treated
        Columns: days, event and treatment (0/1 or Boolean).
    ratio
        Hazard ratio to be injected, above 1: events can be added, not taken back.
    seed
        Of the draws.
    risk
        Column of relative hazards given measured covariates; the added events follow it.

    Returns
    -------
    DataFrame
        The rows with new `time` and `event` of the treated.

    Raises
    ------
    NoValidAnswer
        If the treated have fewer than 25 events: their hazard is not known well enough.
    """
    rows = people(frame)
    require(rows, [time, event, treated, *([risk] if risk else [])])
    if not 1 < ratio < math.inf:
        raise DefinitionError("ratio must be above 1: events can be added, not taken back")
    ours = rows[treated].cast(pl.Boolean).to_numpy()
    days, happened = rows[time].cast(pl.Float64).to_numpy()[ours], rows[event].cast(pl.Boolean).to_numpy()[ours]
    relative = rows[risk].cast(pl.Float64).to_numpy()[ours] if risk else np.ones(days.size)
    if not (np.isfinite(days).all() and (relative > 0).all()):
        raise DataError(f"column '{time}' or '{risk}' holds rows without a usable number among the treated")
    if happened.sum() < 25:
        raise NoValidAnswer(f"{int(happened.sum())} events of the treated: their hazard is not known; 25 are needed")
    at, cumulative = _hazard(days, happened, relative)
    needed = np.random.default_rng(seed).exponential(size=days.size) / (relative * (ratio - 1))
    place = np.searchsorted(cumulative, needed)
    drawn = np.append(at, np.inf)[place]
    earlier = drawn < days + ~happened  # on the last day an added event comes before the end of follow-up
    new_days, new_event = np.where(earlier, drawn, days), happened | earlier
    return _replaced(rows, ours, {time: new_days, event: new_event})


def _hazard(days: Any, happened: Any, relative: Any) -> tuple[Any, Any]:
    """Return days with events and Breslow's cumulative hazard of relative risk 1 on them."""
    order = np.argsort(days, kind="stable")
    at_risk = relative[order][::-1].cumsum()[::-1]
    at, first, _ = np.unique(days[order], return_index=True, return_counts=True)
    deaths = np.add.reduceat(happened[order].astype(float), first)
    some = deaths > 0
    return at[some], (deaths / at_risk[first])[some].cumsum()


def _replaced(rows: pl.DataFrame, ours: Any, new: dict[str, Any]) -> pl.DataFrame:
    columns = []
    for name, values in new.items():
        whole = rows[name].cast(pl.Float64).to_numpy().copy()
        whole[ours] = values
        columns.append(pl.Series(name, whole).cast(rows.schema[name]))
    return rows.with_columns(columns)
