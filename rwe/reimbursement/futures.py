# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Futures of the patients there are and are to come: in each a day of failure, and the records that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.chances import OfCox, OfIncidence, chances
from rwe.reimbursement.covariates import covariates
from rwe.reimbursement.evidence import guarantees, shown
from rwe.reimbursement.invent import DOSE, SIGHT, assessments_of, doses_of, fails_by
from rwe.reimbursement.settle import settle_apart
from rwe.reimbursement.ways import Way, failed
from rwe.result import Result
from rwe.spec.agreement import Agreement
from rwe.spec.design import Dosing

ROWS = 400_000  # patients settled at once
NEW = 1_000_000  # ids of a future kept for patients to come


@dataclass(frozen=True, slots=True)
class Drawn:
    """A way to fail with its draws: survival by day, and each followed course's relative risk where it has its own."""

    way: Way
    survival: F8
    risk: F8 | None


@dataclass(frozen=True, slots=True)
class Future:
    """What becomes of one future; ids of persons tell futures apart.

    Parameters
    ----------
    number
        Which one.
    doses, sights
        To be settled.
    old
        Persons who are there already.
    failing
        Of everybody the first dose and the day of failure, where a guarantee rests on it.
    """

    number: int
    doses: pl.DataFrame
    sights: pl.DataFrame
    old: pl.DataFrame
    failing: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Ahead:
    """What all futures share.

    Parameters
    ----------
    agreement, doses, assessments
        What is settled: terms that can be foreseen, records known on the day `as_of`.
    people
        Courses of which something may come back, as `rwe.reimbursement.ways.followed` has them.
    courses
        All courses that are settled in a future, with what is known of their failures.
    until
        Last day that matters.
    dosing, arrivals
        How patients are treated from now on, and how many begin a day.
    drawn
        The ways to fail.
    seed
        From which all futures follow.
    """

    agreement: Agreement
    doses: pl.DataFrame
    assessments: pl.DataFrame
    people: pl.DataFrame
    courses: pl.DataFrame
    as_of: date
    until: date
    dosing: Dosing | None
    arrivals: float
    drawn: Sequence[Drawn]
    seed: int

    @property
    def stride(self) -> int:
        """How far the ids of one future lie from those of the next."""
        return self.courses.height + NEW

    def future(self, simulation: int) -> Future:
        """Draw one."""
        rng = np.random.default_rng([self.seed, simulation])
        first = simulation * self.stride
        ids = self.courses.select("person_id").unique(maintain_order=True)
        ids = ids.with_columns(new=pl.int_range(pl.len(), dtype=pl.Int64) + first)
        flags = [one.way.event for one in self.drawn]
        old = self.people.join(ids, on="person_id", maintain_order="left")
        old = old.select("first", "after", "treated", *flags, person_id="new")
        people = pl.concat([old, self._arrived(rng, first + ids.height)])
        fate = rng.random(people.height)
        like = np.concatenate([np.arange(old.height), rng.integers(0, old.height, people.height - old.height)])
        failing = [_failing(people, one, simulation, fate, like) for one in self.drawn]
        sights = [self.assessments.join(ids, on="person_id").select("assessed_on", "outcome", person_id="new")]
        sights += [self._seen(one.way, part) for one, part in zip(self.drawn, failing, strict=True)]
        return Future(
            simulation,
            pl.concat(self._dosed(people, failing, ids, simulation)),
            pl.concat([part.select(SIGHT) for part in sights]),
            ids.select(person_id="new", old=pl.lit(value=True)),
            self._fates(failing, ids),
        )

    def lines(self, futures: Sequence[Future], as_of: date, evidence: Mapping[int, Result | None]) -> pl.DataFrame:
        """Return the lines of futures as they are settled on a day: amounts as numbers, ``simulation``, ``old``."""
        doses, sights, old = (
            pl.concat([getattr(future, name) for future in futures]) for name in ("doses", "sights", "old")
        )
        settled, _ = settle_apart(self.agreement, doses, sights, as_of=as_of, apart=self.stride, evidence=evidence)
        return settled.join(old, on="person_id", how="left").with_columns(
            pl.col("amount").cast(pl.Float64), simulation=pl.col("person_id") // self.stride
        )

    def evidence(self, futures: Sequence[Future], as_of: date) -> dict[int, Result | None]:
        """Return by future what its guarantees see on a day: who has begun by then, and who of them has failed."""
        terms = guarantees(self.agreement)
        if not terms:
            return {}
        found = {}
        for future in futures:
            begun = future.failing.filter(pl.col("first") <= as_of)
            known = pl.min_horizontal((pl.lit(as_of) - pl.col("first")).dt.total_days(), "lost")
            gone = pl.col("fails") <= known
            rows = begun.select(
                event=gone.cast(pl.Int64), time=pl.when(gone).then("fails").otherwise(known).cast(pl.Int64)
            )
            found[future.number] = shown(terms, rows)
        return found

    def _dosed(
        self, people: pl.DataFrame, failing: Sequence[pl.DataFrame], ids: pl.DataFrame, simulation: int
    ) -> list[pl.DataFrame]:
        """Return the doses there are, and those to come of who is treated and has not failed."""
        known = self.doses.join(ids, on="person_id").select(
            "administered_on", "units", person_id="new", record_id=pl.format("{} {}", pl.lit(simulation), "record_id")
        )
        doses = [known.select(DOSE).with_columns(pl.col("units").cast(pl.String))]
        if self.dosing is not None:
            first = pl.min_horizontal([one["fails"] for one in failing])
            treated = people.with_columns(fails=first).filter("treated")
            doses.append(doses_of(treated, self.dosing).filter(pl.col("administered_on") <= self.until))
        return doses

    def _seen(self, way: Way, failing: pl.DataFrame) -> pl.DataFrame:
        """Return what the assessments to come of a way's terms say of those who may still fail in it."""
        terms = tuple(term for term in self.agreement.terms if term.id in way.terms)
        asking = self.agreement.model_copy(update={"terms": terms})
        return assessments_of(failing.filter(way.event), asking, way.event, self.until)

    def _fates(self, failing: Sequence[pl.DataFrame], ids: pl.DataFrame) -> pl.DataFrame:
        """Return for all courses the day of failure on which guarantees rest: known, drawn, or infinite."""
        resting = {term.id for term in guarantees(self.agreement)}
        mine = [k for k, one in enumerate(self.drawn) if resting & {*one.way.terms}]
        if not mine:
            return pl.DataFrame()
        way, drawn = self.drawn[mine[0]].way, failing[mine[0]].filter(self.drawn[mine[0]].way.event)
        known = self.courses.filter(course=1).join(ids, on="person_id")
        gone = known.select("first", "lost", person_id="new", fails=pl.col(failed(way)).cast(pl.Float64))
        gone = gone.filter(pl.col("fails").is_not_null() | pl.col("lost").is_not_null())
        kept = ["person_id", "first", "fails", "lost"]
        coming = (
            drawn.unique("person_id", keep="first")
            .join(gone, on="person_id", how="anti")
            .with_columns(pl.col("fails").ceil(), lost=pl.lit(None, pl.Int64))
        )
        return pl.concat([gone.with_columns(pl.col("fails").fill_null(np.inf)).select(kept), coming.select(kept)])

    def _arrived(self, rng: np.random.Generator, first: int) -> pl.DataFrame:
        """Return the patients who begin after the day of the settlement, evenly over the periods ahead."""
        days = (self.until - self.as_of).days
        n = int(rng.poisson(self.arrivals * days))
        begin = pl.Series("day", rng.integers(1, days + 1, n) if n else [], dtype=pl.Int64)
        frame = pl.DataFrame({"day": begin}).with_columns(
            first=pl.lit(self.as_of) + pl.duration(days="day"), person_id=pl.int_range(pl.len(), dtype=pl.Int64) + first
        )
        may = [pl.lit(value=True).alias(one.way.event) for one in self.drawn]
        begun = [pl.lit(-1, pl.Int64).alias("after"), pl.lit(value=True).alias("treated")]
        return frame.select("first", *begun, *may, "person_id")


def _failing(people: pl.DataFrame, drawn: Drawn, simulation: int, fate: F8, like: F8) -> pl.DataFrame:
    """Return the day of failure of each patient; infinity for who cannot fail in this way any more.

    Under a hazard r times that of the curve who survives with chance u does so on the curve with chance u**(1/r);
    `like` is the followed course whose risk each patient has.
    """
    if drawn.risk is not None:
        fate = -np.expm1(np.log1p(-fate) / drawn.risk[simulation, like])
    fails = fails_by(drawn.survival[simulation], people["after"].clip(0).to_numpy(), fate)
    may = people[drawn.way.event].to_numpy()
    return people.with_columns(pl.Series("fails", np.where(may, fails, np.inf)), delay=pl.lit(0, pl.Int64))


def drawn_of(way: Way, mine: pl.DataFrame, people: Any, until: date, n: int, seed: int) -> Drawn:
    """Return draws of a way's survival on the days from 0 to the last one known that matters."""
    chance = chances(way.curve, covariates(mine, people))
    if isinstance(chance, OfIncidence) and chance.n_event.shape[1] > 1:
        raise DefinitionError("a forecast takes survival curves: Kaplan-Meier, a fitted family or a Cox model")
    longest = max((until - first).days for first in mine["first"])
    days = np.arange(chance.known(longest) + 1)
    if isinstance(chance, OfCox):
        return Drawn(way, *chance.paths(days, n, seed))
    survival = 1 - chance.drawn(np.zeros(days.size, np.int64), days, n, seed)
    return Drawn(way, np.asarray(survival, np.float64), None)


def blocks(simulations: int, patients: int) -> Iterator[range]:
    """Return the futures that are settled together."""
    size = max(1, ROWS // max(patients, 1))
    return (range(first, min(first + size, simulations)) for first in range(0, simulations, size))
