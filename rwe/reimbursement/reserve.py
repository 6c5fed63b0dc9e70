# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`reserve`: what open patients may still bring back, by the chance of each to fail given how long it has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people as read_people
from rwe.compare.people import require
from rwe.errors import DataError, DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.chances import Chances, chances
from rwe.reimbursement.followed import COURSE, Reserved, open_courses, patient_terms
from rwe.reimbursement.money import half_up
from rwe.reimbursement.reserved import Reserve, naive
from rwe.reimbursement.settlement import Settlement

DIGITS = 12  # the last bits of a float differ between machines; no money may hang on them
AT_ONCE = 4_000_000  # chances held at a time


@dataclass(frozen=True, slots=True)
class _Open:
    """The open courses of one term, and what a curve says of them."""

    term: Reserved
    rows: pl.DataFrame
    chance: Chances

    def best(self) -> F8:
        return self._by_rule(self.chance.best(*self._days()))

    def drawn(self, n: int, seed: int) -> F8:
        return self._by_rule(self.chance.drawn(*self._days(), n, seed))

    def _days(self) -> tuple[Any, Any]:
        return self.rows["since"].to_numpy(), self.rows["until"].to_numpy()

    def _by_rule(self, chance: F8) -> F8:
        return np.where(self.rows["by_rule"].to_numpy(), 1.0, chance)


def reserve(
    settlement: Settlement,
    curve: Any,
    *,
    as_of: date | None = None,
    people: Any = None,
    cause: Any = None,
    conf_level: float = 0.95,
    draws: int = 2000,
    seed: int = 1,
) -> Reserve:
    """Reserve for the courses that are still open: ``share * base * [1 - S(end | free until now)]``.

    What is reserved is the payback of the spend known on the day of the settlement; doses to come are the matter of
    `forecast`. Terms that rest on the whole cohort are not reserved. Who is open under several terms is paid back
    what the earlier one left.

    Parameters
    ----------
    settlement
        With its open courses.
    curve
        Of failure as the contract counts it (`rwe.reimbursement.courses` gives the rows to estimate it from):
        anything `rwe.reimbursement.chances` takes, or one for each term by its id.
    as_of
        Last day on which a failure would be known; that of the settlement by default, earlier where records come
        in late.
    people
        ``person_id`` and covariates, for a Cox model.
    cause
        Which cause of an incidence curve is failure; its first by default.
    conf_level
        Of the interval for what is finally paid back: it holds the chance of each patient and the error of the curve.
    draws, seed
        Of the interval.

    Raises
    ------
    DefinitionError
        If no term judges patients, or the curve or an argument does not fit.
    NoValidAnswer
        If the curve ends before the last day on which a failure counts.
    """
    if not 0 < conf_level < 1 or draws < 100:
        raise DefinitionError("conf_level lies between 0 and 1, and draws are at least 100")
    day = settlement.as_of if as_of is None else as_of
    if day > settlement.as_of:
        raise DefinitionError(f"as_of {day} lies after the settlement's own {settlement.as_of}: settle again first")
    terms = patient_terms(settlement)
    parts = [_asked(settlement, term, curve, day, people, cause) for term in terms]
    waiting = pl.concat([part.rows.select(COURSE) for part in parts]).unique(maintain_order=True)
    seats = [_seats(waiting, part.rows) for part in parts]
    best = [part.best() for part in parts]
    table = _table(settlement, parts, seats, best)
    totals = _totals(parts, seats, waiting.height, draws, seed)
    tails = np.quantile(totals, [(1 - conf_level) / 2, (1 + conf_level) / 2], method="inverted_cdf")
    low, high = (half_up(Fraction(float(tail)), settlement.agreement.rounding.quantum) for tail in tails)
    return Reserve(settlement, day, table, naive(settlement, terms, table), low, high, conf_level, draws, seed)


def _asked(settlement: Settlement, term: Reserved, curve: Any, day: date, people: Any, cause: Any) -> _Open:
    own = curve.get(term.id) if isinstance(curve, Mapping) else curve
    if own is None:
        raise DefinitionError(f"no curve for term '{term.id}'")
    rows = open_courses(settlement, term, day).sort(COURSE)
    return _Open(term, rows, chances(own, _covariates(rows, people), cause))


def _covariates(rows: pl.DataFrame, people: Any) -> pl.DataFrame | None:
    if people is None:
        return None
    given = read_people(people)
    require(given, ["person_id"])
    if lost := rows.join(given, on="person_id", how="anti").height:
        raise DataError(f"people: {lost} of {rows.height} open courses have no row of covariates")
    if given["person_id"].n_unique() < given.height:
        raise DataError("people: one row a person is needed")
    return rows.select("person_id").join(given, on="person_id", how="left", maintain_order="left")


def _seats(waiting: pl.DataFrame, rows: pl.DataFrame) -> Any:
    """Return the place of each course among all that are open under any term."""
    return rows.join(waiting.with_row_index("seat"), on=COURSE, how="left", maintain_order="left")["seat"].to_numpy()


def _totals(parts: Sequence[_Open], seats: Sequence[Any], n: int, draws: int, seed: int) -> F8:
    """Draw what is paid back in all: a curve the data allow, then the fate of each patient under it.

    A patient has one fate: who fails early fails under every term whose day lies later.
    """
    found: list[F8] = []
    for block, size in enumerate(_blocks(draws, n)):
        fate = np.random.default_rng([seed, block]).random((size, n))
        paid = np.zeros((size, n))
        for part, seat in zip(parts, seats, strict=True):
            base = part.rows["base"].cast(pl.Float64).to_numpy()
            fails = fate[:, seat] < part.drawn(size, seed + block)
            paid[:, seat] += fails * float(part.term.share) * np.maximum(base - paid[:, seat], 0.0)
        found.append(paid.sum(axis=1))
    return np.concatenate(found)


def _blocks(draws: int, n: int) -> list[int]:
    size = max(1, min(draws, AT_ONCE // max(n, 1)))
    return [min(size, draws - done) for done in range(0, draws, size)]


def _table(settlement: Settlement, parts: Sequence[_Open], seats: Sequence[Any], best: Sequence[F8]) -> pl.DataFrame:
    """Return the open courses of each term with their chance and their part of the reserve, exactly rounded."""
    quantum = settlement.agreement.rounding.quantum
    chance = [[_steady(p) for p in values] for values in best]
    by_course: dict[int, list[tuple[int, int]]] = {}
    for k, seat in enumerate(seats):
        for row, place in enumerate(seat.tolist()):
            by_course.setdefault(place, []).append((k, row))
    base = [[Fraction(one) for one in part.rows["base"]] for part in parts]
    owed = [[Decimal(0)] * len(rows) for rows in base]
    for held in by_course.values():
        stakes = [(Fraction(parts[k].term.share), base[k][row], chance[k][row]) for k, row in held]
        for (k, row), amount in zip(held, expected(stakes), strict=True):
            owed[k][row] = half_up(amount, quantum)
    kind = settlement.lines.schema["amount"]
    made = [
        part.rows.with_columns(
            pl.lit(part.term.id).alias("term"), pl.Series("chance", values), pl.Series("reserve", money, dtype=kind)
        )
        for part, values, money in zip(parts, best, owed, strict=True)
    ]
    return pl.concat(made)


def expected(stakes: Sequence[tuple[Fraction, Fraction, Fraction]]) -> list[Fraction]:
    """Return the expected payback of one course under each of its terms, in their order.

    Parameters
    ----------
    stakes
        Share, base and chance of each term; the fate of a course is one, so failures are nested by their chance.

    Examples
    --------
    >>> expected([(Fraction(1, 2), Fraction(100), Fraction(1, 4)), (Fraction(1), Fraction(100), Fraction(1, 2))])
    [Fraction(25, 2), Fraction(75, 2)]
    """
    bounds = sorted({Fraction(0), *(chance for _, _, chance in stakes)})
    found = [Fraction(0)] * len(stakes)
    for low, high in pairwise(bounds):
        paid = Fraction(0)
        for k, (share, base, chance) in enumerate(stakes):
            amount = share * max(base - paid, Fraction(0)) if chance >= high else Fraction(0)
            found[k] += (high - low) * amount
            paid += amount
    return found


def _steady(chance: float) -> Fraction:
    return Fraction(round(Decimal(repr(float(chance))), DIGITS))
