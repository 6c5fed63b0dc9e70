# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a bootstrap draws from: cells of equal rows, the units they belong to, the pools units are drawn in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.errors import DataError
from rwe.execute import run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.resample import answer, left_out, replicates, tabulate
from rwe.survival.counts import Tally
from rwe.survival.data import Response

BLOCK = 16  # replicates a thread takes at once
CHEAP = 24  # rows that are drawn in the time of one binomial number
KEYS = ["pool", "cluster", "group", "leave", "enter", "status", "weight"]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A statistic of one group, in the terms of the kernel (`rwe.kernels.resample.answer`).

    Parameters
    ----------
    ask
        Statistic; last tick that counts; tick that follow-up must reach.
    tick, width
        Time of each tick, and what of the time up to the horizon it lasts.
    level
        Survival that a quantile asks for.
    """

    ask: I8
    tick: F8
    width: F8
    level: float


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows folded for resampling.

    Parameters
    ----------
    mass
        Rows of each unit; 1 where units are clusters.
    pools
        Units and rows of each pool (see `rwe.kernels.resample.replicates`).
    of_row
        Unit of each row of the pools that are drawn row by row.
    cells, weight
        The cells in the order of their units, and the weight that one draw of the unit brings.
    n_groups
        Number of groups.
    """

    mass: I8
    pools: I8
    of_row: I4
    cells: I8
    weight: F8
    n_groups: int

    def estimate(self, q: Question) -> F8:
        """Return the statistic of each group in the rows themselves."""
        table = np.empty((4, self.n_groups * q.tick.size))
        tabulate(self.cells, self.weight, self.mass, table)
        found = [answer(table, g, q.tick.size, q.tick, q.width, q.ask, q.level) for g in range(self.n_groups)]
        return np.array(found, np.float64)

    def draw(self, q: Question, n: int, seed: int) -> F8:
        """Return the statistic of each group in `n` replicates, shape (replicates, groups)."""

        def block(first: int) -> F8:
            end = min(first + BLOCK, n)
            return replicates(
                first, end, seed, self.mass, self.pools, self.of_row, self.cells, self.weight,
                self.n_groups, q.tick, q.width, q.ask, q.level,
            )  # fmt: skip

        return np.concatenate(run(block, range(0, n, BLOCK)))

    def leave_out(self, q: Question) -> F8:
        """Return the statistic of each group without one row (or cluster) of each unit, shape (units, groups)."""

        def block(first: int) -> F8:
            end = min(first + 64 * BLOCK, self.mass.size)
            return left_out(
                first, end, self.mass, self.cells, self.weight, self.n_groups, q.tick, q.width, q.ask, q.level
            )

        return np.concatenate(run(block, range(0, self.mass.size, 64 * BLOCK)))


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """A statistic of cells, by group or as the contrast of the second group to the first."""

    cells: Cells
    question: Question
    contrast: str | None

    def estimate(self) -> F8:
        """Return the statistic in the rows themselves."""
        return self._contrasted(self.cells.estimate(self.question)[None, :]).ravel()

    def draw(self, n: int, seed: int) -> F8:
        """Return the statistic in `n` replicates."""
        return self._contrasted(self.cells.draw(self.question, n, seed))

    def acceleration(self) -> F8:
        """Return the skewness of the delete-one values (Davison & Hinkley 1997, Bootstrap Methods, section 5.3)."""
        left = self._contrasted(self.cells.leave_out(self.question))
        cube, square = np.zeros(left.shape[1]), np.zeros(left.shape[1])
        with np.errstate(all="ignore"):  # a median not reached is infinite and has no acceleration
            for first, end, n, _ in self.cells.pools:
                share = self.cells.mass[first:end, None]
                pull = (n - 1) * ((share * left[first:end]).sum(axis=0) / n - left[first:end])
                square += (share * pull**2).sum(axis=0) / float(n) ** 2
                cube += (share * pull**3).sum(axis=0) / float(n) ** 3
            return np.asarray(np.where(square > 0, cube / (6 * square**1.5), 0.0), np.float64)

    def _contrasted(self, values: F8) -> F8:
        if self.contrast is None:
            return values
        with np.errstate(all="ignore"):
            pair = values[:, 1] - values[:, 0] if self.contrast == "difference" else values[:, 1] / values[:, 0]
        return np.asarray(pair[:, None], np.float64)


def cells_of(rows: Response | Tally, wanted: int, days: int) -> Cells:
    """Fold rows, or what was counted of them, for resampling within groups and strata.

    Parameters
    ----------
    wanted
        Code of the cause of interest, or 0.
    days
        Ticks that matter; what happens on the last of them or later is told as censored on the last, unless
        follow-up is no longer than that.
    """
    found = _counted(rows, wanted) if isinstance(rows, Tally) else _listed(rows, wanted)
    if days < rows.clock.n:
        late = pl.col("leave") >= days - 1
        found = found.with_columns(
            leave=pl.col("leave").clip(upper_bound=days - 1),
            enter=pl.col("enter").clip(upper_bound=days - 2),
            status=pl.when(late).then(0).otherwise("status"),
        )
    found = found.group_by(KEYS).agg(pl.col("mass").sum()).sort(KEYS)
    return _cells(found, rows.group.n, days, clustered=isinstance(rows, Response) and rows.cluster is not None)


def _cells(found: pl.DataFrame, n_groups: int, days: int, *, clustered: bool) -> Cells:
    unit_keys = ["pool", "cluster"] if clustered else KEYS
    unit = found.select(pl.struct(unit_keys).rle_id().cast(pl.Int64))[unit_keys[0]].to_numpy()
    mass, weight = found["mass"].to_numpy(), found["weight"].to_numpy()
    if clustered:
        weight, mass = weight * mass, np.ones(int(unit[-1]) + 1, np.int64)
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    pools, of_row = _layout(found["pool"].to_numpy()[first], mass)
    group, leave, enter = (found[c].to_numpy() for c in ("group", "leave", "enter"))
    place = (group * days + leave, np.where(enter >= 0, group * days + enter, -1), found["status"].to_numpy())
    return Cells(mass, pools, of_row, np.ascontiguousarray(np.stack([unit, *place])), weight, n_groups)


def _pools(response: Response) -> I8:
    """Return the pool of each row: rows within group and stratum, clusters within group where none spans groups."""
    fine = np.asarray(response.strata.code * response.group.n + response.group.code, np.int64)
    if response.cluster is None or not _spans(response.cluster, fine):
        return fine
    if n := _spans(response.cluster, response.strata.code):
        raise DataError(f"{n} clusters lie in more than one stratum: clusters are drawn whole, within strata")
    return response.strata.code


def _spans(cluster: I8, pool: I8) -> int:
    """Return how many clusters have rows in more than one pool."""
    low, high = np.full(cluster.max() + 1, pool.max()), np.zeros(cluster.max() + 1, np.int64)
    np.minimum.at(low, cluster, pool)
    np.maximum.at(high, cluster, pool)
    return int((high > low).sum())


def _counted(rows: Tally, wanted: int) -> pl.DataFrame:
    """Return cells of rows that carry no weight and enter at the start; status 2 is the cause of interest."""
    persons = rows.days.persons[:2]
    failed, cell, leave = np.nonzero(persons)
    pool, code = np.divmod(cell, rows.n_codes)
    columns = {"pool": pool, "group": pool % rows.group.n, "leave": leave}
    columns["status"] = np.where(failed == 1, 1 + ((code == wanted) & (wanted > 0)), 0)
    frame = pl.DataFrame(columns | {"mass": persons[failed, cell, leave]})
    return frame.with_columns(cluster=pl.lit(0), enter=pl.lit(-1), weight=pl.lit(1.0)).cast(
        dict.fromkeys(["cluster", "enter"], pl.Int64)
    )


def _listed(rows: Response, wanted: int) -> pl.DataFrame:
    pool = _pools(rows)
    status = rows.event.astype(np.int64)
    if rows.cause is not None and wanted:
        status += rows.cause == wanted
    cluster = np.zeros(pool.size, np.int64) if rows.cluster is None else rows.cluster
    columns = {"pool": pool, "cluster": cluster, "group": rows.group.code, "status": status}
    columns |= {"leave": rows.time.astype(np.int64), "enter": rows.entry.astype(np.int64)}
    return pl.DataFrame(columns | {"weight": rows.weights, "mass": np.ones(pool.size, np.int64)})


def _layout(pool: I8, mass: I8) -> tuple[I8, I4]:
    """Return the pools over the units, and the unit of each row of those that are drawn row by row."""
    first = np.flatnonzero(np.diff(pool, prepend=-1))
    end, rows = np.append(first[1:], pool.size), np.add.reduceat(mass, first)
    one_by_one = rows < CHEAP * (end - first)
    place = np.where(one_by_one, np.cumsum(np.where(one_by_one, rows, 0)) - rows, -1)
    units = [
        np.repeat(np.arange(a, b), mass[a:b]) for a, b, by_row in zip(first, end, one_by_one, strict=True) if by_row
    ]
    of_row = np.concatenate([np.empty(0, np.int64), *units]).astype(np.int32)
    return np.ascontiguousarray(np.column_stack([first, end, rows, place])), of_row
