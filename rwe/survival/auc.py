# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How well a score tells those who fail by a time from those who live beyond it, with censoring weighed out.

Cumulative cases, dynamic controls: Uno et al. (2007) J Am Stat Assoc 102:527; Hung & Chiang (2010) Can J Stat
38:8. Variance from the influence of rows: Blanche et al. (2013) Stat Med 32:5381, as R riskRegression ``Score``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.columns import numeric
from rwe.survival.data import read
from rwe.survival.door import door
from rwe.survival.ipcw import Followed, followed, moments, predicted
from rwe.survival.model import Cox
from rwe.survival.scored import Scored, error_of, limited


class TimeDependentAuc(Scored):
    """Areas under the curve of sensitivity over false alarms, by time.

    Parameters
    ----------
    table
        One row a time: time, n_case (failed by then), n_control (followed beyond), auc, std_error, conf_low,
        conf_high.
    n, n_event
        Rows and events used.
    conf_level
        Level of the limits.
    """

    __slots__ = ()
    _title, _analysis, _score = "Time-dependent AUC", "time_dependent_auc", "auc"


@door
def time_dependent_auc(
    frame: Any,
    *,
    time: str,
    event: str,
    at: int | float | Sequence[float],
    score: str | None = None,
    survival: str | Sequence[str] | None = None,
    model: Cox | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> TimeDependentAuc:
    """Return the probability that who fails by a time has the higher risk than who lives beyond it.

    Parameters
    ----------
    frame, time, event, clock
        As in `kaplan_meier`; all rows are followed from the start. Censoring is taken as independent of all else.
    at
        Times.
    score, survival, model
        One of: a column of risk scores (higher means earlier failure); columns of predicted survival, one a time;
        a Cox model that predicts it. Equal risks count half.

    Raises
    ------
    DefinitionError
        If a column is missing, or columns and times do not go together.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If at a time nobody has failed, or nobody is followed beyond it.

    Examples
    --------
    >>> import polars as pl
    >>> from rwe import survival as sv
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 0, 1], "risk": [0.9, 0.2, 0.4, 0.1]})
    >>> sv.time_dependent_auc(frame, time="t", event="e", score="risk", at=2).table["auc"][0]
    0.75
    """
    rows = followed(frame, time=time, event=event, clock=clock)
    times, ticks = moments(rows, at)
    if early := int((ticks < rows.time[rows.event].min(initial=np.iinfo(np.int64).max)).sum()):
        raise NoValidAnswer(f"nobody has failed by {early} of {times.size} times of `at`: choose later ones")
    if score is not None and survival is None and model is None:
        risk = np.tile(numeric(read(frame, [score])[score]).cast(pl.Float64).to_numpy()[:, None], times.size)
    elif score is None:
        risk = 1 - predicted(frame, survival, model, times, rows.time.size)
    else:
        raise DefinitionError("give score, survival or model, one of them")
    found = np.array([_area(rows, int(tick), risk[:, k]) for k, tick in enumerate(ticks)])
    area, error = found[:, 0], found[:, 1]
    table = pl.DataFrame(
        {
            "time": times,
            "n_case": [int((rows.event & (rows.time <= tick)).sum()) for tick in ticks],
            "n_control": [int((rows.time > tick).sum()) for tick in ticks],
            "auc": area,
            **limited(area, error, conf_level),
        }
    )
    return TimeDependentAuc(table, rows.time.size, int(rows.event.sum()), conf_level)


def _area(rows: Followed, tick: int, risk: F8) -> tuple[float, float]:
    """Return the area at one time, and its standard error."""
    case, control = rows.weights(tick)
    rank = np.unique(risk, return_inverse=True)[1]
    cases, controls = np.bincount(rank, case), np.bincount(rank, control)
    below = (np.cumsum(controls) - controls / 2)[rank]  # controls of lower risk, and half of those of the same
    above = (cases.sum() - np.cumsum(cases) + cases / 2)[rank]
    pairs = case.sum() * control.sum()
    area = float(case @ below / pairs)
    of_case, of_control = case * (below - area * control.sum()), control * (above - area * case.sum())
    through = rows.through_weights(of_case, np.zeros(risk.size), tick)  # the weights of controls cancel
    influence = (of_case + of_control + through) / pairs * risk.size
    return area, error_of(influence)
