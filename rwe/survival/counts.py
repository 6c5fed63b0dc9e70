# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The day table of a cohort with what its cells stand for; tables of parts add up, whatever occurs in each.

Only tables travel between workers or sites; yet a table by day of a small cohort tells nearly what its
rows tell, and goes only where they may.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.kernels._jit import I8
from rwe.kernels.days import DayTable
from rwe.survival.clock import Clock, continuous
from rwe.survival.levels import Levels, levels
from rwe.survival.roles import Roles
from rwe.survival.show import Shown, Story

EMPTY = np.empty(0, np.int64)  # the codes of rows, of which a table tells nothing
KINDS = pl.Enum(["censored", "failed", "entered"])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tally(Shown):
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

    def _story(self) -> Story:
        censored, failed = self.persons_of_groups
        table = self.group.spread(np.arange(self.group.n), {"n": censored + failed, "n_event": failed})
        notes = (f"{self.dropped} rows of weight 0 left out",) if self.dropped else ()
        return f"Follow-up counted by {', '.join(self.roles.columns)}", table, notes

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
