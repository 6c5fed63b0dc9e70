# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Cox cohort whose rows are not held: each step reads batches, in one place or in several, and adds up.

What travels between the places is the coefficients and the hazard one way, sums by occasion the other way; with
places as strata the sums of each are its own, and the fit is that of the pooled rows stratified by place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from operator import add
from typing import Any, TypeVar

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import merge, run
from rwe.kernels._jit import F8
from rwe.survival.baseline import strata_of
from rwe.survival.broken import attempt
from rwe.survival.column_rows import ColumnRows, Leads
from rwe.survival.columns import refuse_alone
from rwe.survival.design import Design
from rwe.survival.levels import Levels
from rwe.survival.occasions import Occasions, numbered
from rwe.survival.outcome import Outcome
from rwe.survival.partial import Point
from rwe.survival.robust import squares
from rwe.survival.rows import ENOUGH, NONE, Rows, Sums
from rwe.survival.stream import batches
from rwe.survival.survey import (
    BATCH,
    DAY,
    EVENTS,
    WEIGHT,
    Survey,
    joined,
    placed,
    rows_of,
    strata_levels,
    survey,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What each place must know to make rows of its frame.

    Parameters
    ----------
    outcome, plan
        Columns of the response, and terms.
    strata, n_days
        Of the whole cohort.
    mean, scale
        What is taken off the covariates, and their unit.
    occasions
        Days with failures of the whole cohort.
    """

    outcome: Outcome
    plan: Design
    strata: Levels
    n_days: int
    mean: F8
    scale: F8
    occasions: Occasions

    def rows(self, batch: pl.DataFrame, *, bare: bool = False) -> ColumnRows:
        """Return the rows of a batch, its covariates on the scale of the whole; none of them where `bare`."""
        frame, response = self.outcome.read(batch, part=True)
        response = placed(response, frame, self.strata, self.n_days)
        weight = NONE if response.weight is None else response.weight
        columns = () if bare else tuple(self.plan.values(frame))
        where = (*self.occasions.keys(response), weight, self.outcome.known(frame), np.zeros(len(columns)), 0.0)
        return ColumnRows(columns, self.mean, self.scale, *where, self.occasions, response)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A cohort in one or more places.

    Parameters
    ----------
    frames
        Frames, lazy frames or paths.
    executor
        What works on them; None: one after the other, each with the threads of this process.
    model, found
        What is known from the first read.
    """

    frames: Sequence[Any]
    executor: Executor | None
    model: Model
    found: Survey

    @property
    def occasions(self) -> Occasions:
        """Days with failures."""
        return self.model.occasions

    @property
    def terms(self) -> int:
        """Number of covariates."""
        return self.model.mean.size

    @property
    def x_event(self) -> F8:
        """Weighted sum of the covariates of those who fail."""
        return np.asarray(self.found.moments.event_sum / self.model.scale, np.float64)

    @property
    def offset_event(self) -> float:
        """Weighted sum of the offsets of those who fail."""
        return self.found.offset_event

    def weigh(self) -> F8:
        """Return the weights by key."""
        return merge(np.add, everywhere(partial(_weigh, self.model), self.frames, self.executor))

    def sums(self, beta: F8, hazard: F8, *, gram: bool) -> Sums:
        """Read the rows once, wherever they are."""
        read = partial(_sums, self.model, beta, hazard, gram=gram)
        return merge(add, everywhere(read, self.frames, self.executor))

    @property
    def n_days(self) -> int:
        """Days from 0 to the last exit, both counted."""
        return self.model.n_days

    def unchanged(self) -> bool:
        """Return whether the rows still are what the first read saw; reads them once."""
        look = partial(_survey, self.model.outcome, self.model.plan, sample=False)
        now = joined(everywhere(look, self.frames, self.executor))
        fields = ("weight", "mean", "squares", "event_weight", "event_sum")
        return isinstance(now, Survey) and all(
            np.array_equal(getattr(now.moments, f), getattr(self.found.moments, f)) for f in fields
        )

    def leads(self, beta: F8, hazard: F8) -> Leads:
        """Read the rows once for the value and the slope alone, wherever they are."""
        return merge(add, everywhere(partial(_leads, self.model, beta, hazard), self.frames, self.executor))

    def sample(self) -> Rows | None:
        """Return rows kept from the first read."""
        if self.found.sample.height < ENOUGH * self.terms:
            return None
        rows = self.model.rows(self.found.sample).rows
        return rows.only(np.arange(rows.leave.size, dtype=np.int32))

    def squares(self, best: Point) -> F8:
        """Return the sum of the squared influences of rows."""
        return merge(np.add, everywhere(partial(_squares, self.model, best), self.frames, self.executor))


def spread(frames: Sequence[Any], executor: Executor | None, outcome: Outcome, plan: Design, *, efron: bool) -> Spread:
    """Read the cohort for the first time.

    Raises
    ------
    NoValidAnswer
        If there are no rows or no events.
    """
    look = partial(attempt, partial(_survey, outcome, plan, sample=executor is None))
    found = joined(outcome.whole.sound(everywhere(look, frames, executor), rows_of))
    if isinstance(found, int):
        raise NoValidAnswer("no rows are left to analyse" + (": all weights are 0" if found else ""))
    refuse_alone(outcome.weights or "", found.n, found.moments.weight, found.square)
    if not found.failures.height:
        raise NoValidAnswer("there are no events: a Cox model has no answer")
    strata = strata_levels(found, outcome.strata)
    code = strata_of(found.failures, strata)
    failures = found.failures.with_columns(_code=pl.Series(code)).sort("_code", DAY)
    day, n_event, w_event = (failures[column].to_numpy() for column in (DAY, EVENTS, WEIGHT))
    when = numbered(failures["_code"].to_numpy(), day, n_event, w_event, efron=efron)
    n_days = int(np.max(found.last[DAY].to_numpy())) + 1
    model = Model(outcome, plan, strata, n_days, found.moments.mean, found.moments.scale, when)
    return Spread(frames, executor, model, found)


def everywhere(read: Callable[[Any], Answer], frames: Sequence[Any], executor: Executor | None) -> list[Answer]:
    """Return the answer of each place, in their order."""
    return [read(frame) for frame in frames] if executor is None else run(read, frames, executor=executor)


def _survey(outcome: Outcome, plan: Design, frame: Any, *, sample: bool) -> Survey | int:
    return survey(frame, outcome, plan, sample=sample)


def _each(model: Model, use: Callable[[ColumnRows], Answer], frame: Any, *, bare: bool = False) -> Iterator[Answer]:
    """Yield what is made of each batch; a batch is let go before the next is read, so that one is held at a time."""
    columns = model.outcome.columns + ([] if bare else list(model.plan.columns))
    made = map(partial(_used, model, use, bare=bare), batches(frame, columns, BATCH))
    return (one for one in made if one is not None)


def _used(model: Model, use: Callable[[ColumnRows], Answer], batch: pl.DataFrame, *, bare: bool) -> Answer | None:
    try:
        rows = model.rows(batch, bare=bare)
    except NoValidAnswer:  # a batch of rows of weight 0
        return None
    return use(rows)


def _sums(model: Model, beta: F8, hazard: F8, frame: Any, *, gram: bool) -> Sums:
    p = beta.size
    empty = Sums(np.zeros((model.occasions.nowhere + 1, p + 1)), np.zeros((p, p) if gram else (0, 0)), 0.0)
    found = _each(model, lambda rows: rows.sums(beta, hazard, gram=gram), frame)
    return merge(add, itertools.chain([empty], found))


def _leads(model: Model, beta: F8, hazard: F8, frame: Any) -> Leads:
    empty = Leads(np.zeros(model.occasions.nowhere + 1), np.zeros(beta.size))
    return merge(add, itertools.chain([empty], _each(model, lambda rows: rows.leads(beta, hazard), frame)))


def _weigh(model: Model, frame: Any) -> F8:
    found = _each(model, ColumnRows.weigh, frame, bare=True)
    return merge(np.add, itertools.chain([np.zeros(model.occasions.nowhere + 1)], found))


def _squares(model: Model, best: Point, frame: Any) -> F8:
    p = best.beta.size
    found = _each(model, lambda rows: squares(None, rows.rows, best), frame)
    return merge(np.add, itertools.chain([np.zeros((p, p))], found))
