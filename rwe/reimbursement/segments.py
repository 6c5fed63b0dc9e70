# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of neighbouring rows: sums over each, and exact splits of an amount among the rows or runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.reimbursement.atoms import INT, divided, integers, largest, least, one, portion, where

ROW = np.uint32  # how polars numbers rows
Rows = np.ndarray[Any, np.dtype[np.uint32]]
NARROW = 2**62  # sums below it are made in 64 bits


@dataclass(frozen=True, slots=True)
class Segments:
    """Runs of rows that belong together.

    Parameters
    ----------
    last
        For each run, the number of its last row.
    """

    last: pl.Series

    @classmethod
    def where(cls, begins: pl.Series) -> Segments:
        """Return the runs that begin where `begins` is true; its first row must be."""
        first = np.flatnonzero(begins.to_numpy())
        return cls(pl.Series(np.append(first[1:] - 1, begins.len() - 1 if first.size else []).astype(ROW)))

    @property
    def first(self) -> pl.Series:
        """Return for each run the number of its first row."""
        return pl.Series(self._first())

    @property
    def of(self) -> pl.Series:
        """Return for each row the number of its run, from 0; made anew, because it is as long as the rows."""
        return pl.Series(np.repeat(np.arange(len(self), dtype=ROW), self._lengths()))

    def __len__(self) -> int:
        return self.last.len()

    def _first(self) -> Rows:
        first: Rows = np.append(0, self.last.to_numpy()[:-1] + 1)[: len(self)].astype(ROW)
        return first

    def _lengths(self) -> Rows:
        return self.last.to_numpy() - self._first() + ROW(1)

    def sum(self, values: pl.Series) -> pl.Series:
        """Return the sum of whole numbers over each run."""
        if self._fit(values):
            return pl.Series(np.add.reduceat(values.cast(pl.Int64).to_numpy(), self._first())).cast(INT)
        upto = values.cast(INT).cum_sum()[self.last]
        return upto - before(upto)

    def running(self, values: pl.Series) -> pl.Series:
        """Return for each row the sum of its run up to and with it."""
        if self._fit(values):
            upto = np.cumsum(values.cast(pl.Int64).to_numpy())  # may wrap, and what is taken off wraps alike
            earlier = np.append(0, upto[self.last.to_numpy()[:-1]])
            return pl.Series(upto - np.repeat(earlier, self._lengths())).cast(INT)
        wide = values.cast(INT).cum_sum()
        return wide - before(wide[self.last])[self.of]

    def _fit(self, values: pl.Series) -> bool:
        """Return whether the sums of all runs are small."""
        least, most = values.min(), values.max()
        if not isinstance(least, int) or not isinstance(most, int):
            return False
        return max(-least, most) * int(self._lengths().max()) < NARROW

    def spread(self, amount: pl.Series, wanted: pl.Series) -> pl.Series:
        """Split each run's `amount` among its rows in proportion to `wanted`; the parts sum to it.

        Each row gets what brings the running total to the whole atoms that its run's part up to there
        comes to: no row gets more than it wanted, and each is within an atom of its exact part.
        """
        upto, of = self.running(wanted), self.of
        whole = upto[self.last]
        if (amount == whole).all():
            return integers(wanted)
        paying = amount != 0
        if paying.all():
            return self.steps(portion(amount[of], upto, whole[of]))
        rows = pl.Series(np.flatnonzero(paying[of].to_numpy()).astype(ROW))
        of = of[rows]
        found = portion(amount[of], upto[rows], whole[of])
        if largest(found) >= NARROW:
            return self.steps(one(0).new_from_index(0, upto.len()).scatter(rows, found))
        reached = np.zeros(upto.len(), np.int64)
        reached[rows.to_numpy()] = found.cast(pl.Int64).to_numpy()
        return self.steps(pl.Series(reached))

    def steps(self, running: pl.Series) -> pl.Series:
        """Return what each row adds to a running sum of its run."""
        if largest(running) >= NARROW:
            return running - before(running).scatter(self._first(), 0)
        sums, first = running.cast(pl.Int64).to_numpy(), self._first()
        found = np.diff(sums, prepend=0)
        found[first] = sums[first]
        return pl.Series(found)


def before(sums: pl.Series) -> pl.Series:
    """Return for each row the sum of the row before it, 0 for the first."""
    return pl.concat([pl.Series([0], dtype=INT), sums.head(-1)], rechunk=True).head(sums.len())


def changes(values: pl.Series) -> pl.Series:
    """Return where a value differs from the one before; true on the first row."""
    same = values.slice(1) != values.slice(0, max(0, values.len() - 1))
    return pl.Series(np.append(True, same.to_numpy())[: values.len()])


def hamilton(total: int, wanted: pl.Series, room: pl.Series) -> pl.Series:
    """Split `total` among the rows in proportion to `wanted`, none above its `room`.

    Each part is rounded down; what is left goes one each to the largest remainders, the earlier row
    first among equals (Hamilton's method), and further to rows with room where that is not enough.
    """
    rows = wanted.len()
    parts, over = divided(wanted, *(one(number).new_from_index(0, rows) for number in (total, int(wanted.sum()))))
    parts = parts.zip_with(parts < room, integers(room))
    if not (left := total - int(parts.sum())):
        return parts
    order = over.to_frame("r").with_row_index("i").sort("r", descending=True, maintain_order=True)["i"]
    found, most = parts[order], room[order]
    for spare in (where(most > found, one(1)), None):  # one each, then up to the room
        spare = most - found if spare is None else spare
        more = least(spare, one(left) - before(spare.cum_sum()))
        found, left = found + more, left - int(more.sum())
    return parts.scatter(order, found)
