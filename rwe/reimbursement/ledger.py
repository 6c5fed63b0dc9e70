# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger while it is settled: what of each dose's cost and units no term has paid back, in blocks of patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from rwe.reimbursement.atoms import (
    INT,
    Scale,
    fits,
    integers,
    largest,
    least,
    narrow,
    one,
    rounded,
    scale_of,
    where,
)
from rwe.reimbursement.money import net_price
from rwe.reimbursement.period import MONTHS
from rwe.reimbursement.schemes import due_parts, observed_price
from rwe.reimbursement.segments import Segments, changes
from rwe.spec.agreement import Agreement
from rwe.spec.agreement_cohort import OutcomePrice
from rwe.spec.agreement_patient import Instalments

ROWS = 300_000  # doses of a block: few enough that what a term works out is small beside the records
KEPT = ("record_id", "site_id", "version")


@dataclass
class Block:
    """Some patients' doses and courses, whole.

    Parameters
    ----------
    doses
        In order of person, course and day: ``day``, ``units`` (parts), ``price`` (row in `prices`),
        ``record_id`` and where known ``site_id``, ``version``.
    courses
        ``person_id``, ``course``, ``first_dose``.
    prices
        Atoms that a part of a unit costs.
    by_course
        The courses as runs of the doses.
    left
        Atoms of each dose's cost that no term has paid back.
    spend, payable
        Cost of each course in quanta, and what of it may still be paid back.
    sold
        Parts of each dose's units that have not come back whole: what counts as volume, and over which a price is.
    runs
        The runs that `by` found, kept for the next term.
    """

    doses: pl.DataFrame
    courses: pl.DataFrame
    prices: pl.Series
    by_course: Segments
    left: pl.Series
    spend: pl.Series
    payable: pl.Series
    sold: pl.Series
    runs: dict[str, Segments] = field(default_factory=dict)

    @property
    def course(self) -> pl.Series:
        """Return for each dose the row of its course."""
        return self.by_course.of

    @property
    def by_person(self) -> Segments:
        """Return the patients as runs of the doses."""
        return Segments.where(changes(self.courses["person_id"][self.course]))

    def by(self, every: str) -> Segments:
        """Return the courses in each year, quarter or month as runs of the doses."""
        if every not in self.runs:
            period = period_number(self.doses["day"], every)
            self.runs[every] = Segments.where(changes(self.course) | changes(period))
        return self.runs[every]

    def price(self, rows: pl.Series) -> pl.Series:
        """Return the atoms that a part of a unit costs in some of the doses."""
        return self.prices[self.doses["price"][rows].cast(pl.UInt32)]

    def cost(self, runs: Segments, quantum: int) -> pl.Series:
        """Return the cost of each run in quanta; the runs of a course sum to its cost."""
        if runs is self.by_course:
            return self.spend
        of_course = Segments.where(changes(self.course[runs.last]))
        cost = runs.sum(cost_of(self.doses, self.prices))
        return of_course.steps(rounded(of_course.running(cost), 1, quantum))

    @property
    def days(self) -> pl.Series:
        """Return for each dose the days since the first of its course."""
        return self.doses["day"].cast(pl.Int32) - self.courses["first_dose"].cast(pl.Int32)[self.course]

    def pay(
        self, runs: Segments, reach: pl.Series, base: pl.Series, owed: pl.Series, quantum: int
    ) -> tuple[pl.Series, pl.Series]:
        """Pay `owed` quanta back on each run, as far as its course has money left, on the doses in reach.

        Parameters
        ----------
        base
            Sum of `reach` over each run.

        Returns
        -------
        amount, paid
            Quanta paid back on each run, and atoms taken off each dose.
        """
        if not largest(owed):
            return owed, where(reach < 0, reach)
        course = self.course[runs.last]
        of_course = Segments.where(changes(course))
        room = self.payable[course] + owed - of_course.running(owed)
        amount = least(owed, room)
        paid = runs.spread(least(amount * one(quantum), base), reach)
        self.left = narrow(self.left - paid)
        self.payable = self.payable - of_course.sum(amount)
        return amount, paid


@dataclass(frozen=True)
class Ledger:
    """All blocks, and the scale in which their money is counted."""

    scale: Scale
    blocks: tuple[Block, ...]

    @property
    def courses(self) -> pl.DataFrame:
        """Return the courses of all blocks, in their order."""
        return pl.concat([block.courses for block in self.blocks])

    def parts(self, of_courses: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the rows of each block of a frame that has one a course."""
        at = 0
        for block in self.blocks:
            yield of_courses.slice(at, block.courses.height)
            at += block.courses.height

    def gross(self) -> int:
        """Return the cost of all courses in quanta."""
        return sum(int(block.spend.sum()) for block in self.blocks)


def ledger_of(agreement: Agreement, doses: pl.DataFrame, unit: int) -> Ledger:
    """Return the ledger of doses that are paid for, before any term.

    Parameters
    ----------
    doses
        As `rwe.reimbursement.covered.covered` returns those with the reason ``""``.
    unit
        Parts of one unit of the product.
    """
    prices = [net_price(agreement, price.start) for price in agreement.price]
    of_parts = [part for term in agreement.terms if isinstance(term, Instalments) for part in due_parts(term)]
    by_outcome = [observed_price(term) for term in agreement.terms if isinstance(term, OutcomePrice)]
    scale = scale_of([*prices, *by_outcome], of_parts, unit, agreement.rounding.quantum)
    atoms = pl.Series([scale.price(price) for price in prices], dtype=INT)
    fits(largest(doses["units"]) * largest(atoms) * max(1, doses.height), "the cost of all doses")
    starts = pl.Series([price.start for price in agreement.price])
    return Ledger(scale, tuple(on_cores(lambda part: _block(part, starts, atoms, scale), _parts(doses))))


def _block(doses: pl.DataFrame, starts: pl.Series, atoms: pl.Series, scale: Scale) -> Block:
    begins = changes(doses["person_id"]) | changes(doses["course"])
    runs = Segments.where(begins)
    courses = doses.select("person_id", "course", "first_dose")[runs.first]
    kept = [name for name in KEPT if name in doses.columns]
    rows = doses.select(pl.col("administered_on").alias("day"), "units", *kept)
    at = np.searchsorted(starts.cast(pl.Int32).to_numpy(), rows["day"].cast(pl.Int32).to_numpy(), "right") - 1
    rows = rows.hstack([pl.Series("price", at.astype(np.min_scalar_type(starts.len())))])
    left = narrow(cost_of(rows, atoms))
    spend = rounded(runs.sum(left), 1, scale.quantum)
    return Block(rows, courses, atoms, runs, left, spend, spend, rows["units"])


def cost_of(doses: pl.DataFrame, prices: pl.Series) -> pl.Series:
    """Return the atoms that each dose costs."""
    return integers(doses["units"]) * prices[doses["price"].cast(pl.UInt32)]


def _parts(doses: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the doses in parts that end with a patient."""
    starts = changes(doses["person_id"]).arg_true()
    at, whole = 0, False
    while not whole:  # a settlement without doses has one block without rows
        following = starts.search_sorted(at + ROWS)
        whole = following == starts.len()
        end = doses.height if whole else starts[following]
        yield doses.slice(at, end - at)
        at = end


def on_cores(work: Callable[..., Any], *columns: Iterable[Any]) -> list[Any]:
    """Return what work makes of each block, in their order; the blocks share nothing, so cores may take one each."""
    rows = list(zip(*columns, strict=True))
    if len(rows) < 2:
        return [work(*row) for row in rows]
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return [*pool.map(lambda row: work(*row), rows)]


def period_number(days: pl.Series, every: str) -> pl.Series:
    """Return a number for the settlement period of each day that rises with time."""
    day = days.cast(pl.Int32).to_numpy()
    if not day.size:
        return pl.Series(day)
    months = np.arange(day.min(), day.max() + 1).astype("M8[D]").astype("M8[M]").astype(np.int32)
    return pl.Series((months // MONTHS[every])[day - day.min()])
