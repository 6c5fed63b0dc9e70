# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A cohort with competing risks whose rows are not held: counted by cause and day in the first read, then added up.

What the whole must say (who is at risk when, with what probability to be followed) is made from the counts; it
travels to the places with the coefficients, and sums by cell come back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from operator import add
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, NoValidAnswer
from rwe.execute import cuts, merge, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.columns import standardise
from rwe.survival.broken import attempt
from rwe.survival.cells import CHANGED, NO_CAUSE, Cells, cells_of_counts, places
from rwe.survival.counts import Tally
from rwe.survival.data import Response, respond
from rwe.survival.design import Design
from rwe.survival.gather import from_response, nothing, refuse_weights, whole
from rwe.survival.gray_test import number_of
from rwe.survival.levels import Levels
from rwe.survival.occasions import PART
from rwe.survival.roles import Roles
from rwe.survival.rows import NONE, Sums
from rwe.survival.spread import everywhere
from rwe.survival.standard import matrix_of
from rwe.survival.stream import batches
from rwe.survival.subdistribution_grid import Grid, grid
from rwe.survival.subdistribution_rows import RiskRows
from rwe.survival.survey import BATCH, Moments, moments_in, placed

NO_CLUSTERS: I8 = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What the first read finds; parts add up.

    Parameters
    ----------
    tally
        Rows by stratum, cause and day.
    moments
        Of the covariates, failures being those of the cause of interest; None where there are no rows.
    """

    tally: Tally
    moments: Moments | None

    def __add__(self, other: Counted) -> Counted:
        """Merge two parts of a cohort."""
        both = [part for part in (self.moments, other.moments) if part is not None]
        return Counted(self.tally + other.tally, merge(add, both) if both else None)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What each place must know to make rows of its frame.

    Parameters
    ----------
    roles, of, plan
        Columns of the response, the cause of interest, and terms.
    strata, cells
        Of the whole cohort.
    mean, scale
        What is taken off the covariates, and their unit.
    """

    roles: Roles
    of: Any
    plan: Design
    strata: Levels
    cells: Cells
    mean: F8
    scale: F8

    def rows(self, frame: Any) -> Iterator[RiskRows]:
        """Yield the rows of a frame, a batch at a time, their covariates on the scale of the whole."""
        for batch, response in _responses(frame, self.roles, self.plan):
            if response is not None:
                yield self._rows(batch, response)

    def _rows(self, frame: pl.DataFrame, response: Response) -> RiskRows:
        if response.n_days > self.cells.span:
            raise DataError(CHANGED)
        response = placed(response, frame, self.strata, self.cells.span)
        leave, enter = places(response, _code(response, self.of))
        self.cells.number(leave, enter)
        x, weight = matrix_of(self.plan, frame), NONE if response.weight is None else response.weight
        run(lambda b: standardise(x, weight, self.mean, self.scale, response.event, *b), cuts(frame.height, PART))
        return RiskRows(x, weight, leave, enter, NO_CLUSTERS)


@dataclass(frozen=True, slots=True, eq=False)
class SpreadRisks:
    """A cohort in one or more places.

    Parameters
    ----------
    frames, executor
        Frames, lazy frames or paths, and what works on them; None: one after the other, with the threads of this
        process.
    place, grid, found
        What is known from the first read.
    """

    frames: Sequence[Any]
    executor: Executor | None
    place: Place
    grid: Grid
    found: Tally
    x_event: F8

    @property
    def mean(self) -> F8:
        """What is taken off the covariates."""
        return self.place.mean

    @property
    def scale(self) -> F8:
        """Unit of the covariates."""
        return self.place.scale

    @property
    def units(self) -> int:
        """Number of rows."""
        return int(self.found.days.persons[:2].sum())

    def sums(self, beta: F8, hazard: F8) -> Sums:
        """Read the rows once, wherever they are."""
        return merge(add, everywhere(partial(_sums, self.place, beta, hazard), self.frames, self.executor))

    def products(self, beta: F8, hazard: F8, failed: F8, table: F8) -> F8:
        """Return the products of the influences of rows, added up wherever they are."""
        read = partial(_products, self.place, beta, hazard, failed, table)
        return merge(np.add, everywhere(read, self.frames, self.executor))


def spread_risks(
    frames: Sequence[Any], executor: Executor | None, roles: Roles, of: Any, plan: Design, *,
    efron: bool, failures_first: bool,
) -> SpreadRisks:  # fmt: skip
    """Read the cohort for the first time.

    Raises
    ------
    DefinitionError
        If nobody fails of the cause.
    NoValidAnswer
        If there are no rows; see also `grid`.
    """
    there = everywhere(partial(attempt, partial(_counted, roles, of, plan)), frames, executor)
    found = _joined(whole(roles).sound(there, _rows_of))
    if found is None or found.moments is None:
        raise NoValidAnswer("no rows are left to analyse" + (": all weights are 0" if found else ""))
    tally, moments = found.tally, found.moments
    refuse_weights(tally)
    by_cause = cells_of_counts(tally, number_of(tally, of))
    when = grid(by_cause, tally.clock, efron=efron, failures_first=failures_first)
    place = Place(roles, of, plan, tally.strata, by_cause, moments.mean, moments.scale)
    return SpreadRisks(frames, executor, place, when, tally, np.asarray(moments.event_sum / moments.scale))


def _responses(frame: Any, roles: Roles, plan: Design) -> Iterator[tuple[pl.DataFrame, Response | None]]:
    """Yield batches with the rows that count, and their response; None where there are no such rows."""
    for batch in batches(frame, [*roles.columns, *plan.columns], BATCH):
        yield _response(batch, roles)


def _response(batch: pl.DataFrame, roles: Roles) -> tuple[pl.DataFrame, Response | None]:
    try:
        response = respond(batch, **asdict(roles), part=True)
    except NoValidAnswer:
        return batch, None
    return batch.filter(response.kept) if response.dropped else batch, response


def _code(response: Response, of: Any) -> int:
    return response.causes.index(of) + 1 if of in response.causes else NO_CAUSE


def _counted(roles: Roles, of: Any, plan: Design, frame: Any) -> Counted | None:
    look = partial(attempt, partial(_counts, roles, of, plan))
    read = (look(batch) for batch in batches(frame, [*roles.columns, *plan.columns], BATCH) if batch.height)
    return _joined(whole(roles).sound(read, _rows_of))


def _joined(parts: Iterable[Counted | None]) -> Counted | None:
    found = [part for part in parts if part is not None]
    return merge(add, found) if found else None


def _rows_of(found: Counted | None) -> tuple[int, int]:
    return (0, 0) if found is None else (int(found.tally.days.persons[:2].sum()), found.tally.dropped)


def _counts(roles: Roles, of: Any, plan: Design, batch: pl.DataFrame) -> Counted:
    frame, response = _response(batch, roles)
    if response is None:
        return Counted(nothing(frame, roles), None)
    failed = replace(response, event=np.asarray(response.cause) == _code(response, of))
    return Counted(from_response(response, roles), moments_in(failed, plan.values(frame)))


def _sums(place: Place, beta: F8, hazard: F8, frame: Any) -> Sums:
    empty = Sums(np.zeros((hazard.size, beta.size + 1)), np.zeros((beta.size, beta.size)), 0.0)
    return merge(add, itertools.chain([empty], (rows.sums(beta, hazard) for rows in place.rows(frame))))


def _products(place: Place, beta: F8, hazard: F8, failed: F8, table: F8, frame: Any) -> F8:
    q = table.shape[1] // 2
    found = (rows.products(beta, hazard, failed, table) for rows in place.rows(frame))
    return merge(np.add, itertools.chain([np.zeros((q, q))], found))
