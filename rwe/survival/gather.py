# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Count a cohort by day wherever its rows are: a frame, a stream of batches, parts on many workers or sites.

Tables add up, so one pass, batches, threads, processes and sites give the same counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer
from rwe.execute import Parts, merge, run
from rwe.kernels.days import unweighted
from rwe.survival.broken import Whole, attempt, looked_through
from rwe.survival.clock import Clock, ClockName
from rwe.survival.columns import refuse_alone
from rwe.survival.counting import count
from rwe.survival.counts import EMPTY, Tally
from rwe.survival.data import Response, names, read, respond
from rwe.survival.door import door
from rwe.survival.levels import Levels
from rwe.survival.roles import Roles
from rwe.survival.stream import batches, opened, streamed


@door
def tally(
    frame: Any,
    *,
    time: str,
    event: str | None = None,
    cause: str | None = None,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    clock: ClockName = "days",
) -> Tally:
    """Count a cohort by day, so that estimators can be finished elsewhere, or from several sites at once.

    Parameters
    ----------
    frame
        A data frame, a lazy frame or the path of a parquet file (read in batches), `rwe.execute.Parts`
        of these, or a `Tally`.
    time, event, cause, entry, by, strata, weights, clock
        As in `kaplan_meier` and `cumulative_incidence`.

    Raises
    ------
    DefinitionError
        If a column is missing, or parts were counted by different columns.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are no rows.

    Examples
    --------
    >>> from rwe.execute import Parts
    >>> north = tally(pl.DataFrame({"t": [2, 4], "e": [1, 0]}), time="t", event="e")
    >>> south = tally(pl.DataFrame({"t": [3, 4], "e": [1, 1]}), time="t", event="e")
    >>> sv.kaplan_meier(Parts([north, south]), time="t", event="e").table["survival"].to_list()
    [0.75, 0.5, 0.25]
    """
    return _some(_gather(frame, Roles(time, event, cause, entry, names(by), names(strata), weights, clock)))


def gather(frame: Any, roles: Roles) -> Tally:
    """Count all rows of a cohort wherever they are; see `tally`, whose rows may be a part of one."""
    found = _some(_gather(frame, roles))
    refuse_weights(found)
    return found


def refuse_weights(found: Tally) -> None:
    """Refuse a cohort in which the weight of one row hides all the others."""
    if found.roles.weights is not None:
        n, total, square = (float(t[:2].sum()) for t in (found.days.persons, found.days.weights, found.days.squares))
        refuse_alone(found.roles.weights, int(n), total, square)


def _some(found: Tally) -> Tally:
    if not found.days.persons[:2].any():
        raise NoValidAnswer("no rows are left to analyse" + (": all weights are 0" if found.dropped else ""))
    return found


def gather_rows(frame: Any, roles: Roles, cluster: str | None) -> tuple[Tally, Response]:
    """Count a cohort held in one frame, and keep its validated rows.

    Raises
    ------
    DefinitionError
        If the rows lie in parts, or were counted already.
    """
    if isinstance(frame, Parts | Tally):
        raise DefinitionError(
            "clusters, and robust variances here, need all rows in one frame, not in parts or counted"
        )
    columns = roles.columns if cluster is None else [*roles.columns, cluster]
    rows = respond(read(opened(frame), columns), cluster=cluster, **asdict(roles))
    return from_response(rows, roles), rows


def from_response(response: Response, roles: Roles) -> Tally:
    """Fold validated rows."""
    n_codes = 1 if response.cause is None else 1 + len(response.causes)
    cell = (response.strata.code * response.group.n + response.group.code) * n_codes
    days = response.fold(cell if response.cause is None else cell + response.cause, _cells(response, n_codes))
    group, strata = (replace(part, code=EMPTY) for part in (response.group, response.strata))
    return Tally(roles, response.clock, days, group, strata, response.causes, response.whole, response.dropped)


def _cells(response: Response, n_codes: int) -> int:
    return response.strata.n * response.group.n * n_codes


def _gather(frame: Any, roles: Roles) -> Tally:
    if isinstance(frame, Tally):
        frame.check(roles)
        return frame
    if isinstance(frame, Parts):
        if not frame.frames:
            raise NoValidAnswer("no rows are left to analyse: there are no parts")
        found = run(partial(attempt, partial(_gather, roles=roles)), frame.frames, executor=frame.executor)
        return merge(Tally.__add__, whole(roles).sound(found, _rows))
    if not streamed(frame):
        return _fold(read(frame, roles.columns), roles)
    read_in: Iterator[Tally | BrokenRows] = (
        attempt(partial(_fold, roles=roles), batch) for batch in batches(frame, roles.columns)
    )
    total = None
    for part in whole(roles).sound(read_in, _rows):
        total = part if total is None else total + part
    return nothing(read(opened(frame), roles.columns), roles) if total is None else total


def whole(roles: Roles) -> Whole:
    """Return how the faults of parts are told of the whole."""
    status = roles.event if roles.event is not None else str(roles.cause)
    levels = (*roles.by, *roles.strata)
    return looked_through(roles.time, status, entry=roles.entry, weights=roles.weights, levels=levels)


def _rows(found: Tally) -> tuple[int, int]:
    return int(found.days.persons[:2].sum()), found.dropped


def _fold(frame: pl.DataFrame, roles: Roles) -> Tally:
    """Count the rows of one frame: the short way where columns are plain, else the long way, which checks aloud."""
    found = count(frame, roles)
    if found is not None:
        persons = found.persons.reshape(3, -1, found.persons.shape[4])
        group, strata = (Levels(part, EMPTY, max(1, part.height)) for part in (found.group, found.strata))
        clock = Clock(persons.shape[2])
        return Tally(roles, clock, unweighted(persons), group, strata, found.causes, whole=True, dropped=0)
    try:
        return from_response(respond(frame, **asdict(roles), part=True), roles)
    except NoValidAnswer:
        return nothing(frame, roles)


def nothing(frame: pl.DataFrame, roles: Roles) -> Tally:
    """Return the table of no rows."""
    group, strata = (Levels(frame.select(c).clear(), EMPTY, 0 if c else 1) for c in (roles.by, roles.strata))
    zeros = unweighted(np.zeros((3, group.n * strata.n, 0), np.int64))
    clock = Clock(0) if roles.clock == "days" else Clock(0, np.empty(0))
    return Tally(roles, clock, zeros, group, strata, (), whole=True, dropped=frame.height)
