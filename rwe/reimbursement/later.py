# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms further down the file: what more comes back by one term leaves less for those after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.reimbursement.followed import COURSE, Reserved
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.terms_cohort import CohortTerm, payback_of


@dataclass(frozen=True, slots=True)
class Pool:
    """What a term on all patients settles together, and how much of it lies on each seat."""

    settlement: Settlement
    term: CohortTerm
    balance: Fraction
    units: Fraction
    held: F8
    share: F8

    def less(self, more: F8) -> F8:
        """Return by how much less the term brings back of each seat, of which `more` came back before it.

        A seat whose money came all back takes its units along, at the price of the pool; any other keeps them.
        """
        mine, balance = more * self.share, float(self.balance)
        gone = np.where(mine >= self.held * (1 - 1e-9), mine, 0.0).sum(axis=1) / balance
        before = self._rates(np.array([balance]), np.zeros(1))
        after = self._rates(balance - mine.sum(axis=1), np.clip(gone, 0.0, 1.0))
        return np.asarray(before[:, None] * self.held - after[:, None] * (self.held - mine), np.float64)

    def _rates(self, balances: F8, gone: F8) -> F8:
        """Return the share of each balance that comes back, of units of which a share is gone."""
        agreement, verdict = self.settlement.agreement, self.settlement.verdicts.get(self.term.id)
        sold = [self.units * (1 - Fraction(share)) for share in gone.tolist()]
        asked = [
            float(payback_of(agreement, self.term, Fraction(left), units, verdict)) / left if left > 0 else 0.0
            for left, units in zip(balances.tolist(), sold, strict=True)
        ]
        return np.asarray(np.clip(asked, 0.0, 1.0), np.float64)


@dataclass(frozen=True, slots=True)
class Step:
    """One term in the order of the file; the last seat stands for all courses that are not open.

    Parameters
    ----------
    part
        Its place among the terms that are reserved for, None for any other.
    kept
        Of what came back more of a seat before, the share that this term does not bring back less.
    pools
        Of a term on all patients.
    """

    part: int | None
    kept: F8
    pools: tuple[Pool, ...] = ()

    def after(self, more: F8, *, pooled: bool) -> F8:
        """Return what came back more of each seat, net of what this term brings back less."""
        if not self.pools:
            return np.asarray(more * self.kept, np.float64)
        return np.asarray(more - sum(pool.less(more) for pool in self.pools), np.float64) if pooled else more


def steps(settlement: Settlement, terms: Sequence[Reserved], waiting: pl.DataFrame) -> list[Step]:
    """Return the terms from the first that is reserved for on; seats are the courses of `waiting`, and all others."""
    place = {term.id: k for k, term in enumerate(terms)}
    found: list[Step] = []
    for term, left, took in _books(settlement, waiting):
        if term.id in place or found:
            kept = 1 - np.clip(np.divide(took, left, out=np.zeros_like(left), where=left > 0), 0.0, 1.0)
            pools = _pools(settlement, term, waiting, left) if isinstance(term, get_args(CohortTerm)) else ()
            found.append(Step(place.get(term.id), np.ones_like(kept) if pools else kept, tuple(pools)))
    return found


def not_drawn(settlement: Settlement, terms: Sequence[Reserved]) -> tuple[str, ...]:
    """Return the terms with open courses that are not reserved for."""
    opened = set(settlement.lines.filter(pl.col("outcome") == "open")["term"].unique()) - {term.id for term in terms}
    return tuple(term.id for term in settlement.agreement.terms if term.id in opened)


def _books(settlement: Settlement, waiting: pl.DataFrame) -> Iterator[tuple[Any, F8, F8]]:
    """Yield each term with what was left of each seat before it, and what it took."""
    costs = settlement.lines.group_by(COURSE).agg(pl.col("spend").max())  # some term's line holds the whole course
    left = _by_seat(waiting, costs, settlement.gross)
    for term in settlement.agreement.terms:
        mine = settlement.lines.filter(pl.col("term") == term.id)
        took = _by_seat(waiting, mine.group_by(COURSE).agg(pl.col("amount").sum()), mine["amount"].sum())
        yield term, left, took
        left = np.maximum(left - took, 0.0)


def _by_seat(waiting: pl.DataFrame, amounts: pl.DataFrame, whole: Any) -> F8:
    """Return the amount of each course in its seat, and the rest of the whole in the last one."""
    mine = waiting.join(amounts, on=COURSE, how="left", maintain_order="left")[amounts.columns[-1]]
    seats = mine.cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.append(seats, max(float(whole) - seats.sum(), 0.0))


def _pools(settlement: Settlement, term: CohortTerm, waiting: pl.DataFrame, left: F8) -> Iterator[Pool]:
    """Yield the pools of which something comes back; of the others no less can."""
    lines = settlement.lines.filter(pl.col("term") == term.id)
    for name, spend, units in settlement.pools.filter(pl.col("term") == term.id, pl.col("payback") > 0).select(
        "pool", "spend", "units"
    ).iter_rows():  # fmt: skip
        held = left
        if name != "contract":
            mine = lines.filter(pl.col("decided_on").dt.year() == int(name))
            held = _by_seat(waiting, mine.group_by(COURSE).agg(pl.col("base").sum()), spend)
        share = np.divide(held, left, out=np.zeros_like(left), where=left > 0)
        yield Pool(settlement, term, Fraction(spend), Fraction(units), held, np.clip(share, 0.0, 1.0))
