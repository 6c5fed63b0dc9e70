# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Open courses with their chances, and what their drawn fates bring back by all terms together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.reimbursement.chances import Chances
from rwe.reimbursement.followed import Reserved
from rwe.reimbursement.later import Step

DIGITS = 12  # the last bits of a float differ between machines; no money may hang on them
AT_ONCE = 4_000_000  # chances held at a time


@dataclass(frozen=True, slots=True)
class Open:
    """The open courses of one term, and what a curve says of them."""

    term: Reserved
    rows: pl.DataFrame
    chance: Chances

    def best(self) -> F8:
        """Return the best value of each chance."""
        return self._by_rule(self.chance.best(*self._days()))

    def drawn(self, n: int, seed: int) -> F8:
        """Return chances that the data allow, shape (n, courses)."""
        return self._by_rule(self.chance.drawn(*self._days(), n, seed))

    def _days(self) -> tuple[Any, Any]:
        return self.rows["since"].to_numpy(), self.rows["until"].to_numpy()

    def _by_rule(self, chance: F8) -> F8:
        return np.where(self.rows["by_rule"].to_numpy(), 1.0, chance)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Open courses in their seats, the terms in the order of the file, and how many futures are drawn.

    Parameters
    ----------
    parts, seats
        For each term that is reserved for, its open courses and the seat of each.
    steps
        All terms from the first of these on.
    n, draws, seed
        Seats, futures, and from where on.
    """

    parts: Sequence[Open]
    seats: Sequence[Any]
    steps: Sequence[Step]
    n: int
    draws: int
    seed: int

    def totals(self, chances: Callable[[int, int, int], F8], *, pooled: bool = True) -> F8:
        """Draw what comes back in all: by `chances` of a part, a number of draws and their block.

        A patient has one fate: who fails early fails under every term whose day lies later.
        """
        found: list[F8] = []
        for block, size in enumerate(_blocks(self.draws, self.n)):
            fate = np.random.default_rng([self.seed, block]).random((size, self.n))
            more = np.zeros((size, self.n + 1))
            for step in self.steps:
                more = step.after(more, pooled=pooled)
                if step.part is not None:
                    self._failed(step.part, fate, chances(step.part, size, block), more)
            found.append(more.sum(axis=1))
        return np.concatenate(found)

    def _failed(self, k: int, fate: F8, chance: F8, more: F8) -> None:
        """Add what a term brings back of those who fail under it."""
        part, seat = self.parts[k], self.seats[k]
        base, left = (part.rows[name].cast(pl.Float64).to_numpy() for name in ("base", "left"))
        lowered = np.where(part.rows["fixed"].to_numpy(), 0.0, more[:, seat])
        asked = float(part.term.share) * np.maximum(base - lowered, 0.0)
        more[:, seat] += (fate[:, seat] < chance) * np.minimum(asked, np.maximum(left - more[:, seat], 0.0))

    def pooled(self, best: Sequence[F8]) -> Fraction:
        """Return the share of what comes back by patient that terms on all patients do not bring back less."""
        if not any(step.pools for step in self.steps):
            return Fraction(1)
        alone = self.totals(lambda part, _size, _block: best[part], pooled=False).mean()
        return steady(self.totals(lambda part, _size, _block: best[part]).mean() / alone) if alone else Fraction(1)

    def by_seat(self) -> dict[int, list[tuple[int, int]]]:
        """Return for each seat its places: which part, and which row of it."""
        found: dict[int, list[tuple[int, int]]] = {}
        for k, seat in enumerate(self.seats):
            for row, place in enumerate(seat.tolist()):
                found.setdefault(place, []).append((k, row))
        return found

    def kept(self, seat: int, parts: Sequence[int]) -> list[Fraction]:
        """Return for each of the parts the share that terms up to the next of them do not bring back less."""
        found = [Fraction(1)] * len(parts)
        at = -1
        for step in self.steps:
            if at >= 0 and (kept := float(step.kept[seat])) != 1.0:
                found[at] *= steady(kept)
            if step.part in parts:
                at += 1
        return found


def steady(value: float) -> Fraction:
    """Return a float as the same fraction on every machine."""
    return Fraction(round(Decimal(repr(float(value))), DIGITS))


def _blocks(draws: int, n: int) -> list[int]:
    size = max(1, min(draws, AT_ONCE // max(n, 1)))
    return [min(size, draws - done) for done in range(0, draws, size)]
