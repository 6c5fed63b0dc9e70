# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far predicted survival lies from what happened: the Brier score, with censoring weighed out.

Graf et al. (1999) Stat Med 18:2529; Gerds & Schumacher (2006) Biom J 48:1029. Variance from the influence of
rows, that on the weights included, as R riskRegression ``Score``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.door import door
from rwe.survival.ipcw import Followed, followed, moments, predicted
from rwe.survival.kaplan_meier import kaplan_meier
from rwe.survival.model import Cox
from rwe.survival.scored import Scored, error_of, limited


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BrierScore(Scored):
    """Brier scores of predicted survival.

    Parameters
    ----------
    table
        One row a time: time, brier, std_error, conf_low, conf_high; reference, reference_std_error (of the
        Kaplan-Meier curve of all rows, which knows no one from another) and explained (1 - brier / reference; null
        where the reference is 0, because nobody has failed yet and there is nothing to explain).
    n, n_event
        Rows and events used.
    conf_level
        Level of the limits.
    integrated, integrated_std_error
        Mean of the score from the first to the last time by the trapezoid rule; None with one time.
    """

    integrated: float | None
    integrated_std_error: float | None

    _title, _analysis, _score = "Brier score", "brier_score", "brier"

    def _overall(self) -> list[dict[str, Any]]:
        if self.integrated is None:
            return []
        named = {"estimand": "integrated_brier", "estimate": self.integrated}
        return [named | {"std_error": self.integrated_std_error}]


@door
def brier_score(
    frame: Any,
    *,
    time: str,
    event: str,
    at: int | float | Sequence[float],
    survival: str | Sequence[str] | None = None,
    model: Cox | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> BrierScore:
    """Score predicted survival against what happened, 0 for perfect; 0.25 for saying one half to everybody.

    Parameters
    ----------
    frame, time, event, clock
        As in `kaplan_meier`; all rows are followed from the start. Censoring is taken as independent of all else.
    at
        Times of the predictions.
    survival, model
        Columns of predicted survival, one a time, or a Cox model that predicts it. A model scored on the rows it
        was fitted to looks better than it is.

    Raises
    ------
    DefinitionError
        If a column is missing, or columns and times do not go together.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If nobody is followed beyond a time.

    Examples
    --------
    >>> import polars as pl
    >>> from rwe import survival as sv
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 0, 1], "s2": [0.2, 0.4, 0.9, 0.8]})
    >>> round(sv.brier_score(frame, time="t", event="e", survival="s2", at=2).table["brier"][0], 4)
    0.0625
    """
    rows = followed(frame, time=time, event=event, clock=clock)
    times, ticks = moments(rows, at)
    says = predicted(frame, survival, model, times, rows.time.size)
    nobody = kaplan_meier(frame, time=time, event=event, clock=clock).at(times.tolist())["survival"].to_numpy()
    own = [_score(rows, int(tick), says[:, k]) for k, tick in enumerate(ticks)]
    null = [_score(rows, int(tick), np.full(rows.time.size, nobody[k])) for k, tick in enumerate(ticks)]
    (brier, error), (reference, null_error) = (_table(scores) for scores in (own, null))
    table = pl.DataFrame(
        {
            "time": times,
            "brier": brier,
            **limited(brier, error, conf_level),
            "reference": reference,
            "reference_std_error": null_error,
            "explained": 1 - np.divide(brier, reference, where=reference > 0, out=np.full(brier.size, np.nan)),
        },
        nan_to_null=True,
    )
    return BrierScore(table, rows.time.size, int(rows.event.sum()), conf_level, *_integrated(times, own))


def _score(rows: Followed, tick: int, survival: F8) -> tuple[float, F8]:
    """Return the score at one time, and the influence of each row on it."""
    failed, beyond = rows.weights(tick)
    failed, beyond = failed * survival**2, beyond * (1 - survival) ** 2
    score = float((failed + beyond).mean())
    return score, failed + beyond - score + rows.through_weights(failed, beyond, tick)


def _table(scores: list[tuple[float, F8]]) -> tuple[F8, F8]:
    return np.array([score for score, _ in scores]), np.array([error_of(influence) for _, influence in scores])


def _integrated(times: F8, scores: list[tuple[float, F8]]) -> tuple[float | None, float | None]:
    order = np.argsort(times)
    width = np.diff(times[order].astype(np.float64))
    if not width.sum() > 0:
        return None, None
    share = (np.append(width, 0.0) + np.append(0.0, width)) / (2 * width.sum())
    influence = np.sum([share[k] * scores[j][1] for k, j in enumerate(order)], axis=0)
    return float(sum(share[k] * scores[j][0] for k, j in enumerate(order))), error_of(influence)
