# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The day table of a cohort, wherever its rows are: a frame, a stream of batches, parts on many workers or sites.

Tables add up, so one pass, batches, threads, processes and sites give the same counts. Only the tables
travel; yet a table by day of a small cohort tells nearly what its rows tell, and goes only where they may.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import Parts, merge, run
from rwe.kernels._jit import I8
from rwe.kernels.days import DayTable, unweighted
from rwe.survival.clock import Clock, ClockName, continuous
from rwe.survival.counting import count
from rwe.survival.data import Levels, Response, levels, names, read, respond
from rwe.survival.roles import Roles
from rwe.survival.stream import batches, opened, streamed

EMPTY = np.empty(0, np.int64)  # the codes of rows, of which a table tells nothing
KINDS = pl.Enum(["censored", "failed", "entered"])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Follow-up of a cohort (or part of one) by stratum, group, cause and tick.

    Parameters
    ----------
    roles
        The columns it was folded from.
    clock
        What the ticks stand for; no ticks where there are no rows.
    days
        The table; its cells are (stratum * groups + group) * codes + code of the cause, where codes is 1
        without causes.
    group, strata, causes
        What the cells stand for; the levels tell nothing of rows.
    whole
        Whether all weights are whole numbers.
    dropped
        Rows of weight 0 that were left out.
    """

    roles: Roles
    clock: Clock
    days: DayTable
    group: Levels
    strata: Levels
    causes: tuple[Any, ...]
    whole: bool
    dropped: int

    @property
    def n_codes(self) -> int:
        """Cells of one group in one stratum."""
        return 1 if self.roles.cause is None else 1 + len(self.causes)

    @property
    def weighted(self) -> bool:
        """Whether rows carried weights."""
        return self.roles.weights is not None

    @property
    def persons_of_groups(self) -> I8:
        """Persons censored and failed in each group, shape (2, groups)."""
        shape = (2, self.strata.n, self.group.n, -1)
        return np.asarray(self.days.persons[:2].reshape(shape).sum(axis=(1, 3)), np.int64)

    def __add__(self, other: Tally) -> Tally:
        """Merge two parts of a cohort, also where some levels, causes or times occur in one of them only."""
        other.check(self.roles)
        group, groups = _union(self.group, other.group)
        strata, stratas = _union(self.strata, other.strata)
        causes, codes = _union_of_causes(self, other)
        clock, ticks = _union_of_clocks(self.clock, other.clock)
        n_codes = 1 if self.roles.cause is None else 1 + len(causes)
        placed = [
            part.days.placed(
                ((s[:, None, None] * group.n + g[None, :, None]) * n_codes + c[None, None, :]).ravel(),
                tick, strata.n * group.n * n_codes, clock.n,
            )
            for part, s, g, c, tick in zip((self, other), stratas, groups, codes, ticks, strict=True)
        ]  # fmt: skip
        whole, dropped = self.whole and other.whole, self.dropped + other.dropped
        return Tally(self.roles, clock, placed[0] + placed[1], group, strata, causes, whole, dropped)

    def check(self, roles: Roles) -> None:
        """Refuse a table that was folded from other columns than those asked for."""
        if self.roles != roles:
            raise DefinitionError(f"rows were counted by {self.roles.columns}, and asked for by {roles.columns}")

    def turned(self) -> Tally:
        """Return the table with censoring as the failure."""
        days = self.days
        turn = [1, 0, 2]
        return replace(self, days=DayTable(days.persons[turn], days.weights[turn], days.squares[turn]))

    def frame(self) -> pl.DataFrame:
        """Return the table as rows: levels, cause, time, kind (censored, failed, entered), persons, weight, square."""
        kind, cell, tick = index = np.nonzero(self.days.persons)
        stratum, group, code = np.unravel_index(cell, (self.strata.n, self.group.n, self.n_codes))
        sums = {"persons": self.days.persons[index], "weight": self.days.weights[index]}
        body = pl.DataFrame({"time": self.clock.times(tick), **sums, "square": self.days.squares[index]})
        words = [pl.Series("kind", KINDS.categories.gather(kind).to_list(), KINDS)]
        if self.roles.cause is not None:
            words.append(pl.Series("cause", [None, *self.causes]).gather(code))
        chosen = [
            part.frame[index] for part, index in ((self.group, group), (self.strata, stratum)) if part.frame.width
        ]
        clash = [c for part in chosen for c in part.columns if c in ("time", "kind", "cause", *sums, "square")]
        if clash:
            raise DefinitionError(f"column {clash} has the name of a column of counts: rename it before the analysis")
        return pl.concat([*chosen, pl.DataFrame(words), body], how="horizontal")

    def save(self, path: Path | str) -> None:
        """Write the table as a parquet file that `load` reads, on this machine or another."""
        about = {"roles": asdict(self.roles), "whole": self.whole, "dropped": self.dropped, "n": self.clock.n}
        self.frame().write_parquet(path, metadata={"rwe_tally": json.dumps(about)})

    @staticmethod
    def load(path: Path | str) -> Tally:
        """Read a table that `save` wrote.

        Raises
        ------
        DataError
            If the file is none.
        """
        about = json.loads(pl.read_parquet_metadata(path).get("rwe_tally", "null"))
        if about is None:
            raise DataError("the parquet file holds no table of counts by day")
        told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in about["roles"].items()}
        return _loaded(pl.read_parquet(path), Roles(**told), about)


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
    >>> kaplan_meier(Parts([north, south]), time="t", event="e").table["survival"].to_list()
    [0.75, 0.5, 0.25]
    """
    return gather(frame, Roles(time, event, cause, entry, names(by), names(strata), weights, clock))


def gather(frame: Any, roles: Roles) -> Tally:
    """Count rows wherever they are; see `tally`."""
    found = _gather(frame, roles)
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
        return merge(Tally.__add__, run(partial(_gather, roles=roles), frame.frames, executor=frame.executor))
    if not streamed(frame):
        return _fold(read(frame, roles.columns), roles)
    total = None
    for batch in batches(frame, roles.columns):
        part = _fold(batch, roles)
        total = part if total is None else total + part
    return _nothing(read(opened(frame), roles.columns), roles) if total is None else total


def _fold(frame: pl.DataFrame, roles: Roles) -> Tally:
    """Count the rows of one frame: the short way where columns are plain, else the long way, which checks aloud."""
    found = count(frame, roles)
    if found is not None:
        persons = found.persons.reshape(3, -1, found.persons.shape[4])
        group, strata = (Levels(part, EMPTY, max(1, part.height)) for part in (found.group, found.strata))
        clock = Clock(persons.shape[2])
        return Tally(roles, clock, unweighted(persons), group, strata, found.causes, whole=True, dropped=0)
    try:
        return from_response(respond(frame, **asdict(roles)), roles)
    except NoValidAnswer:
        return _nothing(frame, roles)


def _nothing(frame: pl.DataFrame, roles: Roles) -> Tally:
    """Return the table of no rows."""
    group, strata = (Levels(frame.select(c).clear(), EMPTY, 0 if c else 1) for c in (roles.by, roles.strata))
    zeros = unweighted(np.zeros((3, group.n * strata.n, 0), np.int64))
    clock = Clock(0) if roles.clock == "days" else Clock(0, np.empty(0))
    return Tally(roles, clock, zeros, group, strata, (), whole=True, dropped=frame.height)


def _union(a: Levels, b: Levels) -> tuple[Levels, list[I8]]:
    """Return the levels of two parts, and the place of the levels of each among them."""
    if a.frame.schema != b.frame.schema:
        raise DataError(f"columns {a.frame.columns} hold values of different types in different parts of the rows")
    if a.frame.equals(b.frame):
        return a, [np.arange(a.n), np.arange(b.n)]
    both = levels(pl.concat([a.frame, b.frame]), a.frame.columns)
    return replace(both, code=EMPTY), np.split(both.code, [a.n])


def _union_of_causes(a: Tally, b: Tally) -> tuple[tuple[Any, ...], list[I8]]:
    if len({type(cause) for cause in (*a.causes, *b.causes)}) > 1:
        raise DataError(f"column '{a.roles.cause}' holds values of different types in different parts of the rows")
    causes = tuple(sorted({*a.causes, *b.causes}))
    return causes, [np.array([0, *(1 + causes.index(c) for c in part.causes)]) for part in (a, b)]


def _union_of_clocks(a: Clock, b: Clock) -> tuple[Clock, list[I8]]:
    if a.ticks is None or b.ticks is None:
        return (a if a.n >= b.n else b), [np.arange(a.n), np.arange(b.n)]
    return continuous(a.ticks, b.ticks)


def _loaded(frame: pl.DataFrame, roles: Roles, about: dict[str, Any]) -> Tally:
    group, strata = levels(frame, roles.by), levels(frame, roles.strata)
    causes = () if roles.cause is None else tuple(frame["cause"].drop_nulls().unique().sort())
    clock, tick = Clock(about["n"]), frame["time"].to_numpy()
    if roles.clock != "days":
        clock, (tick,) = continuous(tick)
    code = np.array([0 if c is None else 1 + causes.index(c) for c in frame["cause"]]) if causes else 0
    n_codes = 1 if roles.cause is None else 1 + len(causes)
    cell = (strata.code * group.n + group.code) * n_codes + code
    kinds = []
    for column in ("persons", "weight", "square"):
        kinds.append(np.zeros((3, strata.n * group.n * n_codes, clock.n), frame[column].to_numpy().dtype))
        kinds[-1][frame["kind"].to_physical().to_numpy(), cell, tick] = frame[column].to_numpy()
    group, strata = replace(group, code=EMPTY), replace(strata, code=EMPTY)
    return Tally(roles, clock, DayTable(*kinds), group, strata, causes, about["whole"], about["dropped"])
