# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of neighbouring rows: sums over each, and exact splits of an amount among the rows or runs."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rwe.reimbursement.atoms import INT, integers, portion, remainder


@dataclass(frozen=True, slots=True)
class Segments:
    """Runs of rows that belong together.

    Parameters
    ----------
    of
        For each row, the number of its run, from 0.
    last
        For each run, the number of its last row.
    """

    of: pl.Series
    last: pl.Series

    @classmethod
    def where(cls, begins: pl.Series) -> Segments:
        """Return the runs that begin where `begins` is true; its first row must be."""
        first = begins.arg_true()
        last = first.shift(-1, fill_value=begins.len()) - 1
        return cls((begins.cum_sum() - 1).cast(pl.UInt32), last)

    @property
    def first(self) -> pl.Series:
        """Return for each run the number of its first row."""
        return (self.last + 1).shift(1, fill_value=0)

    def __len__(self) -> int:
        return self.last.len()

    def sum(self, values: pl.Series) -> pl.Series:
        """Return the sum of whole numbers over each run."""
        upto = values.cast(INT).cum_sum().gather(self.last)
        return upto - upto.shift(1, fill_value=0)

    def running(self, values: pl.Series) -> pl.Series:
        """Return for each row the sum of its run up to and with it."""
        upto = values.cast(INT).cum_sum()
        before = upto.gather(self.last).shift(1, fill_value=0)
        return upto - before.gather(self.of)

    def spread(self, amount: pl.Series, wanted: pl.Series) -> pl.Series:
        """Split each run's `amount` among its rows in proportion to `wanted`; the parts sum to it.

        Each row gets what brings the running total to the whole atoms that its run's part up to there
        comes to: no row gets more than it wanted, and each is within an atom of its exact part.
        """
        upto = self.running(wanted)
        whole = upto.gather(self.last).gather(self.of)
        if (amount == whole.gather(self.last)).all():
            return integers(wanted)
        reached = portion(amount.gather(self.of), upto, whole)
        return self.steps(reached)

    def steps(self, running: pl.Series) -> pl.Series:
        """Return what each row adds to a running sum of its run."""
        frame = pl.DataFrame({"upto": running, "begins": changes(self.of)})
        before = pl.when("begins").then(pl.lit(0, INT)).otherwise(pl.col("upto").shift(1))
        return frame.select(x=pl.col("upto") - before)["x"]


def changes(values: pl.Series) -> pl.Series:
    """Return where a value differs from the one before; true on the first row."""
    return (values != values.shift(1)).fill_null(value=True)


def hamilton(total: int, wanted: pl.Series, room: pl.Series) -> pl.Series:
    """Split `total` among the rows in proportion to `wanted`, none above its `room`.

    Each part is rounded down; what is left goes one each to the largest remainders, the earlier row
    first among equals (Hamilton's method), and further to rows with room where that is not enough.
    """
    whole = pl.repeat(int(wanted.sum()), wanted.len(), dtype=INT, eager=True)
    split = (wanted, pl.repeat(total, wanted.len(), dtype=INT, eager=True), whole)
    frame = pl.DataFrame({"m": integers(room), "q": portion(*split), "r": remainder(*split)}).with_row_index("i")
    frame = frame.with_columns(q=pl.min_horizontal("q", "m")).sort("r", "i", descending=[True, False])
    for most in (pl.lit(1, INT), pl.col("m")):  # one each, then up to the room
        spare = pl.min_horizontal(pl.col("m") - pl.col("q"), most)
        left = pl.lit(total, INT) - pl.col("q").sum() - (spare.cum_sum() - spare)
        frame = frame.with_columns(q=pl.col("q") + pl.max_horizontal(pl.lit(0, INT), pl.min_horizontal(spare, left)))
    return frame.sort("i")["q"]
