# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that let the uncensored speak for the censored, and what estimating them adds to an influence.

Inverse probability of censoring (Robins & Rotnitzky 1992), with the Kaplan-Meier curve G of censoring: who
failed by t counts 1 / G(T-), who is followed beyond it 1 / G(t). Failures of a day go before its censorings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.survival.clock import Clock, ClockName
from rwe.survival.columns import numeric, refuse
from rwe.survival.data import read, respond
from rwe.survival.model import Cox


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Follow-up from the start, and the curve of censoring by tick.

    Parameters
    ----------
    time, event
        Last tick of each row, and whether it failed then.
    before, upto
        G(t-) and G(t) by tick.
    at_risk, hazard
        Rows at risk on each tick, and the share of them censored on it.
    clock
        What the ticks stand for.
    """

    time: I8
    event: Flags
    before: F8
    upto: F8
    at_risk: F8
    hazard: F8
    clock: Clock

    def weights(self, tick: int) -> tuple[F8, F8]:
        """Return by row the weight as one who failed by `tick`, and as one followed beyond it."""
        failed = np.where(self.event & (self.time <= tick), 1 / self.before[self.time], 0.0)
        return failed, np.where(self.time > tick, 1 / self.upto[tick], 0.0)

    def through_weights(self, failed: F8, beyond: F8, tick: int) -> F8:
        """Return the influence of each row on a sum through the weights in it.

        Parameters
        ----------
        failed, beyond
            What each row puts into the sum as one who failed by `tick`, and as one followed beyond it.

        Notes
        -----
        G is the exponential of minus the integral of dN / Y over censorings; its influence is the martingale
        of censoring over Y, as Blanche et al. (2013) Stat Med 32:5381 have it.
        """
        of_failed = np.bincount(self.time, failed, self.hazard.size)
        rest = beyond.sum() + of_failed.sum() - np.cumsum(of_failed)  # who uses G beyond each tick
        rest[tick + 1 :] = 0.0
        share = np.divide(rest, self.at_risk, where=self.at_risk > 0, out=np.zeros_like(rest))
        path = np.cumsum(share * self.hazard)[self.time]
        return np.asarray(np.where(self.event, 0.0, share[self.time]) - path, np.float64)


def followed(frame: Any, *, time: str, event: str, clock: ClockName) -> Followed:
    """Validate follow-up and estimate the curve of censoring."""
    response = respond(read(frame, [time, event]), time=time, event=event, clock=clock)
    ticks = response.time.astype(np.int64)
    failed = np.bincount(ticks[response.event], minlength=response.n_days)
    left = np.bincount(ticks[~response.event], minlength=response.n_days)
    at_risk = ticks.size - np.concatenate([[0], np.cumsum(failed + left)[:-1]])
    upto = np.cumprod(1 - np.divide(left, at_risk - failed, where=left > 0, out=np.zeros(left.size)))
    hazard = np.divide(left, at_risk, where=left > 0, out=np.zeros(left.size))
    before = np.concatenate([[1.0], upto[:-1]])
    return Followed(ticks, response.event, before, upto, at_risk.astype(np.float64), hazard, response.clock)


def moments(rows: Followed, at: Any) -> tuple[Any, I8]:
    """Return the times asked for, and their ticks.

    Raises
    ------
    NoValidAnswer
        If nobody is followed beyond a time: the weights of those who would be are then not known.
    """
    times = rows.clock.asked(at, "at")
    ticks = rows.clock.index(times)
    if late := int((ticks >= rows.time.max()).sum()):
        raise NoValidAnswer(f"nobody is followed beyond {late} of {times.size} times of `at`: choose earlier ones")
    return times, ticks


def predicted(frame: Any, survival: str | Sequence[str] | None, model: Cox | None, at: Any, n: int) -> F8:
    """Return the survival predicted for each row at each time, shape (rows, times).

    Raises
    ------
    DefinitionError
        If not one of columns and model is given, or not one column a time.
    DataError
        If a prediction is no probability.
    NoValidAnswer
        If the model has no prediction for a time.
    """
    if (survival is None) == (model is None):
        raise DefinitionError("give survival (one column a time) or model (a Cox model), one of them")
    if model is not None:
        table = model.predict_survival(frame, at.tolist())
        if unknown := table["survival"].null_count():
            raise NoValidAnswer(
                f"the model was not followed as far as {unknown} of {table.height} predictions: ask earlier"
            )
        return table["survival"].to_numpy().reshape(n, -1)
    columns = [survival] if isinstance(survival, str) else list(survival or ())
    if len(columns) != at.size:
        raise DefinitionError(
            f"{len(columns)} columns of survival for {at.size} times: give one a time, in their order"
        )
    found = read(frame, columns)
    for column in columns:
        values = numeric(found[column])
        refuse(
            int(((values < 0) | (values > 1)).sum()), n, column, "are not probabilities", "give survival within 0 and 1"
        )
    return found.select(pl.col(columns).cast(pl.Float64)).to_numpy()
