# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`reserve`: what open patients may still bring back, by the chance of each to fail given how long it has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.reimbursement.chances import chances
from rwe.reimbursement.covariates import covariates
from rwe.reimbursement.drawn import Drawing, Open, steady
from rwe.reimbursement.followed import COURSE, Reserved, open_courses, patient_terms, reserved_terms
from rwe.reimbursement.later import not_drawn, steps
from rwe.reimbursement.money import half_up
from rwe.reimbursement.reserve_played import played
from rwe.reimbursement.reserved import Reserve, naive
from rwe.reimbursement.settlement import Settlement
from rwe.result import Result


def reserve(
    settlement: Settlement,
    curve: Any,
    *,
    as_of: date | None = None,
    people: Any = None,
    cause: Any = None,
    doses: Any = None,
    assessments: Any = None,
    evidence: Result | None = None,
    conf_level: float = 0.95,
    draws: int = 2000,
    seed: int = 1,
) -> Reserve:
    """Reserve for the courses that are still open: ``share * base * [1 - S(end | free until now)]``.

    What is reserved is the payback of the spend known on the day of the settlement; doses to come are the matter of
    `forecast`. Who is open under several terms is paid back what the earlier one left, and what terms further down
    the file bring back less for it is taken off: a term that looks at one patient brings back the same share of what
    is left, one on all patients is worked out anew for each drawn outcome. Where courses are open under other
    terms too (success fee, continuation, instalments) the futures of all open courses are settled by the terms
    themselves, from `doses` and `assessments`: what is still to be paid at a result is a reserve below 0. Without
    these records such terms stand as they were settled, and are named in ``left_out``.

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
    doses, assessments, evidence
        As they were settled, with ``record_id``.
    conf_level
        Of the interval for what is finally paid back: it holds the chance of each patient and the error of the curve.
    draws, seed
        Of the interval; of futures that are settled at most 400.

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
    if doses is not None and assessments is not None and not_drawn(settlement, reserved_terms(settlement.agreement)):
        how: dict[str, Any] = {"day": day, "people": people, "evidence": evidence}
        how |= {"conf_level": conf_level, "draws": draws, "seed": seed}
        return played(settlement, doses, assessments, curve, **how)
    terms = patient_terms(settlement)
    parts = [_asked(settlement, term, curve, day, people, cause) for term in terms]
    waiting = pl.concat([part.rows.select(COURSE) for part in parts]).unique(maintain_order=True)
    seats = [_seats(waiting, part.rows) for part in parts]
    drawing = Drawing(parts, seats, steps(settlement, terms, waiting), waiting.height, draws, seed)
    table = _table(settlement, drawing)
    room = float(settlement.gross - settlement.total)
    totals = np.clip(drawing.totals(lambda k, size, block: parts[k].drawn(size, seed + block)), 0.0, room)
    tails = np.quantile(totals, [(1 - conf_level) / 2, (1 + conf_level) / 2], method="inverted_cdf")
    low, high = (half_up(Fraction(float(tail)), settlement.agreement.rounding.quantum) for tail in tails)
    ids, open_else = tuple(term.id for term in terms), not_drawn(settlement, terms)
    return Reserve(
        settlement, day, table, naive(settlement, terms, table), low, high, conf_level, draws, seed, ids, open_else
    )


def _asked(settlement: Settlement, term: Reserved, curve: Any, day: date, people: Any, cause: Any) -> Open:
    own = curve.get(term.id) if isinstance(curve, Mapping) else curve
    if own is None:
        raise DefinitionError(f"no curve for term '{term.id}'")
    rows = open_courses(settlement, term, day).sort(COURSE)
    return Open(term, rows, chances(own, covariates(rows, people), cause))


def _seats(waiting: pl.DataFrame, rows: pl.DataFrame) -> Any:
    """Return the place of each course among all that are open under any term."""
    return rows.join(waiting.with_row_index("seat"), on=COURSE, how="left", maintain_order="left")["seat"].to_numpy()


def _table(settlement: Settlement, drawing: Drawing) -> pl.DataFrame:
    """Return the open courses of each term with their chance and their part of the reserve, rounded once."""
    quantum, parts = settlement.agreement.rounding.quantum, drawing.parts
    best = [part.best() for part in parts]
    pooled = drawing.pooled(best)
    owed = [[Decimal(0)] * part.rows.height for part in parts]
    for seat, held in drawing.by_seat().items():
        kept = drawing.kept(seat, [k for k, _ in held])
        stakes = [_stake(parts[k], row, best[k][row], share) for (k, row), share in zip(held, kept, strict=True)]
        amounts = expected(stakes)
        for (k, row), amount in zip(held, amounts, strict=True):
            owed[k][row] = half_up(amount * pooled, quantum)
    kind = settlement.lines.schema["amount"]
    made = [
        part.rows.with_columns(
            pl.lit(part.term.id).alias("term"), pl.Series("chance", values), pl.Series("reserve", money, dtype=kind)
        )
        for part, values, money in zip(parts, best, owed, strict=True)
    ]
    return pl.concat(made)


class Stake(NamedTuple):
    """What a course may bring back by one term.

    Parameters
    ----------
    share, base, chance
        The term pays back the share of the base with this chance.
    kept
        Share of what came back until then that the terms between this one and the next do not bring back less.
    left
        Where what came back before does not lower the base: all that is left of the course.
    """

    share: Fraction
    base: Fraction
    chance: Fraction
    kept: Fraction = Fraction(1)
    left: Fraction | None = None

    def amount(self, more: Fraction) -> Fraction:
        """Return what a failure brings back where `more` came back before."""
        nothing = Fraction(0)
        if self.left is None:
            return self.share * max(self.base - more, nothing)
        return min(self.share * self.base, max(self.left - more, nothing))


def _stake(part: Open, row: int, chance: float, kept: Fraction) -> Stake:
    base, left, fixed = (part.rows[name][row] for name in ("base", "left", "fixed"))
    return Stake(Fraction(part.term.share), Fraction(base), steady(chance), kept, Fraction(left) if fixed else None)


def expected(stakes: Sequence[Stake]) -> list[Fraction]:
    """Return the expected payback of one course under each of its terms, in their order.

    The fate of a course is one, so failures are nested by their chance.

    Examples
    --------
    >>> half, whole, hundred = Fraction(1, 2), Fraction(1), Fraction(100)
    >>> expected([Stake(half, hundred, Fraction(1, 4)), Stake(whole, hundred, half)])
    [Fraction(25, 2), Fraction(75, 2)]
    >>> expected([Stake(whole, hundred, Fraction(1, 4), kept=Fraction(9, 10))])
    [Fraction(45, 2)]
    """
    bounds = sorted({Fraction(0), *(stake.chance for stake in stakes)})
    found = [Fraction(0)] * len(stakes)
    for low, high in pairwise(bounds):
        more = Fraction(0)
        for k, stake in enumerate(stakes):
            amount = stake.amount(more) if stake.chance >= high else Fraction(0)
            found[k] += (high - low) * amount * prod(later.kept for later in stakes[k:])
            more = (more + amount) * stake.kept
    return found
