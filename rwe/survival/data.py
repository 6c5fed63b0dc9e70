# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one response under every estimator: follow-up in whole days or in numbers, validated once, refused by name.

Convention: a row is at risk on day t when entry < t <= time; failures precede censorings of the same
day; without an entry column a row is followed from the start, so that a failure on day 0 counts. On a
continuous clock the days are the distinct times, counted from 0 (`rwe.survival.clock`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.days import DayTable, fold
from rwe.survival.clock import CLOCKS, Clock, continuous
from rwe.survival.columns import apart, causes_of, days_of, events_of, moments_of, refuse, refuse_alone, weights_of
from rwe.survival.frames import no_frame, reading
from rwe.survival.levels import Levels, levels


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Validated follow-up of persons, one entry a row.

    Parameters
    ----------
    clock
        What the ticks of `time` and `entry` stand for: days, or the distinct times.
    time, late
        Last tick followed and tick after which the row is at risk (-1: from the start); `late` is empty where all are
        at risk from the start.
    event
        Whether the row failed on its last tick.
    cause, causes
        Number of the cause of failure from 1 (0: censored), and the name of each cause; None and no
        names where failures are of one kind.
    weight
        Positive weight of each row, or None where each counts once.
    group, strata
        Levels of the columns that split and stratify.
    cluster
        Code of the cluster (often the person) of each row, or None where rows are independent.
    kept
        Which rows of the frame these are: rows of weight 0 are left out.
    """

    clock: Clock
    time: I4
    late: I4
    event: Flags
    cause: I8 | None
    causes: tuple[Any, ...]
    weight: F8 | None
    group: Levels
    strata: Levels
    cluster: I8 | None
    kept: Flags

    @property
    def entry(self) -> I4:
        """Tick after which each row is at risk; -1: from the start."""
        return self.late if self.late.size else np.full(self.time.size, -1, np.int32)

    @property
    def n_days(self) -> int:
        """Ticks from 0 to the last exit, both counted."""
        return self.clock.n

    @property
    def dropped(self) -> int:
        """Rows left out because their weight is 0."""
        return int(self.kept.size - self.kept.sum())

    @property
    def weights(self) -> F8:
        """Weight of each row; ones where rows carry none."""
        return np.ones(self.time.size) if self.weight is None else self.weight

    @property
    def whole(self) -> bool:
        """Whether the weights are whole numbers, that is, may stand for copies of rows."""
        return self.weight is None or bool((self.weight == np.floor(self.weight)).all())

    def fold(self, cell: I8 | None = None, n_cells: int | None = None) -> DayTable:
        """Fold the rows into their day table, by group unless told otherwise."""
        cell, n_cells = (self.group.code, self.group.n) if cell is None or n_cells is None else (cell, n_cells)
        return fold(cell, self.time, self.event, self.entry, self.weight, n_cells, self.n_days)


def names(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return column names given as one name, several or none."""
    return () if columns is None else (columns,) if isinstance(columns, str) else tuple(columns)


def read(frame: Any, columns: Sequence[str], *, why: str = "") -> pl.DataFrame:
    """Return these columns of any frame that narwhals takes, as polars; `why` says what needs them in one frame.

    Raises
    ------
    DefinitionError
        If it is no frame, or a column is missing.
    """
    if isinstance(frame, pl.DataFrame) and set(columns) <= set(frame.columns):
        return pl.DataFrame([frame[column] for column in dict.fromkeys(columns)])
    chosen = choose(frame, columns, why=why)
    with reading(columns):
        found: pl.DataFrame = chosen.collect("polars").to_native()
    return found


def choose(frame: Any, columns: Sequence[str], *, why: str = "") -> Any:
    """Return these columns of any frame that narwhals takes, as its lazy frame."""
    import narwhals as nw  # a polars frame held in memory does without

    try:
        lazy = nw.from_native(frame).lazy()
    except TypeError:
        raise DefinitionError(no_frame(frame, why)) from None
    with reading(columns):
        there = lazy.collect_schema().names()
    if missing := [c for c in columns if c not in there]:
        import difflib  # a first curve does without

        near = {c: difflib.get_close_matches(c, there, n=1) for c in missing}
        hints = [f"'{c}'" + (f" (did you mean '{near[c][0]}'?)" if near[c] else "") for c in missing]
        raise DefinitionError(f"the frame has no column {', '.join(hints)}")
    return lazy.select(list(dict.fromkeys(columns)))


def respond(
    frame: pl.DataFrame,
    *,
    time: str,
    event: str | None = None,
    cause: str | None = None,
    entry: str | None = None,
    by: Sequence[str] = (),
    strata: Sequence[str] = (),
    weights: str | None = None,
    cluster: str | None = None,
    clock: str = "days",
    part: bool = False,
) -> Response:
    """Validate the response columns of a frame.

    Parameters
    ----------
    event, cause
        One of them: failed or not (0 and 1), or the cause of failure (whole numbers, 0 is censored; or
        words, "censored" is, in this spelling; every other word is a cause).
    clock
        ``days``: times are whole days. ``continuous``: times are any finite numbers from 0, tied where
        they are equal to rounding.
    part
        The rows are some of a cohort; who adds up the parts looks at their weights together.

    Raises
    ------
    DefinitionError
        If both or neither of `event` and `cause` are given, or the clock is unknown.
    DataError
        If rows break the contract of a column: the message names column, rule and number of rows.
    NoValidAnswer
        If no row is left.
    """
    apart(time, event, cause, entry)
    if (event is None) == (cause is None):
        raise DefinitionError("give the column of failures as event, or that of their causes as cause, and not both")
    weight = None if weights is None else weights_of(frame[weights])
    kept = np.ones(frame.height, np.bool_) if weight is None else weight > 0
    if not kept.any():
        raise NoValidAnswer("no rows are left to analyse" + (": all weights are 0" if frame.height else ""))
    if weight is not None and not part:
        refuse_alone(str(weights), int(kept.sum()), float(weight.sum()), float(weight @ weight))
    frame = frame.filter(kept) if not kept.all() else frame
    ticking, leave, enter = _ticks(frame, time, entry, clock)
    code, causes = (None, ()) if cause is None else causes_of(frame[cause])
    return Response(
        clock=ticking,
        time=leave,
        late=enter,
        event=events_of(frame[event]) if event is not None else np.asarray(code) > 0,
        cause=code,
        causes=causes,
        weight=None if weight is None else np.ascontiguousarray(weight[kept]),
        group=levels(frame, by),
        strata=levels(frame, strata),
        cluster=None if cluster is None else levels(frame, [cluster]).code,
        kept=kept,
    )


def _ticks(frame: pl.DataFrame, time: str, entry: str | None, clock: str) -> tuple[Clock, I4, I4]:
    """Return the clock, and the ticks of leaving and entering."""
    if clock not in CLOCKS:
        raise DefinitionError(f"clock '{clock}' is not one of {', '.join(CLOCKS)}")
    given = [frame[column] for column in (time, entry) if column is not None]
    if clock == "days":
        days = [days_of(column) for column in given]
        ticking = Clock(int(days[0].max()) + 1)
    else:
        ticking, ticks = continuous(*(moments_of(column) for column in given))
        days = [np.ascontiguousarray(tick, np.int32) for tick in ticks]
    if entry is None:
        return ticking, days[0], np.empty(0, np.int32)
    leave, enter = days
    refuse(int((enter >= leave).sum()), frame.height, f"{time}' and '{entry}", "leave on or before the day they enter")
    return ticking, leave, enter
