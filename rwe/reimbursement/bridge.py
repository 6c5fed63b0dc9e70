# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`bridge`: from what stood after one close to what stands after the next, each cent with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from rwe.reimbursement.book import Ledger
from rwe.reimbursement.journal import ACCOUNTS
from rwe.reimbursement.pooled import ALL, cell, moving, policy_of, pooled
from rwe.reimbursement.reasons import REASONS
from rwe.result import Result, tidy

HELD = ("payable", "disputed", "barred")


@dataclass(frozen=True, slots=True)
class Bridge:
    """How a ledger came to what it holds.

    Parameters
    ----------
    ledger
        Whose bridge it is.
    entries
        Its entries that moved money, with ``closed``, the period that was being closed.
    steps
        One row a close and reason, in their order: ``closed``, ``reason``, ``entries``, ``patients``, and by how much
        each account moved.
    stands
        One row a close: ``closed``, and for ``payable``, ``disputed`` and ``barred`` what each stood at before
        (``_before``) and after it.
    """

    ledger: Ledger
    entries: pl.DataFrame
    steps: pl.DataFrame
    stands: pl.DataFrame

    def to_result(self) -> Result:
        """Return the bridge as estimates: by close (``group``) and reason (``outcome``), and what stood after it.

        What concerns few patients is told together with more: reasons as ``other``, a close with the next one
        (``2025-Q1 2025-Q2``), because a sum that is left out can be told from those beside it.
        """
        return Result(tidy(self._rows(), analysis="bridge", population=self.ledger.agreement.contract.id))

    def _rows(self) -> Iterator[dict[str, Any]]:
        threshold = policy_of(self.ledger.agreement).threshold
        for group, moved, so_far in self._groups(threshold):
            for one in (*pooled(moved, threshold), cell(moved)):
                yield from one.rows(group=group)
            for name in HELD:
                held = so_far.group_by("person_id").agg(pl.col(name).sum()).filter(pl.col(name) != Decimal(0))
                row = {"group": group, "outcome": ALL, "n": held.height, "estimand": f"{name}_after"}
                yield {**row, "estimate": float(sum(held[name], Decimal(0)))}

    def _groups(self, threshold: int) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
        """Yield closes that moved enough patients, alone or with those before them; what a last few moved waits."""
        waiting: list[str] = []
        seen: list[str] = []
        for name in self.stands["closed"]:
            waiting.append(name)
            seen.append(name)
            moved = self.entries.filter(pl.col("closed").is_in(waiting))
            if moved["person_id"].n_unique() > threshold:
                yield " ".join(waiting), moved, self.entries.filter(pl.col("closed").is_in(seen))
                waiting = []


def bridge(ledger: Ledger) -> Bridge:
    """Return the bridge over all closes of a ledger; entries that moved no money are not part of it.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    periods = {one.number: one.period for one in ledger.closes()}
    names = pl.DataFrame(list(periods.items()), schema={"close": pl.Int64, "closed": pl.String}, orient="row")
    entries = moving(ledger.entries()).join(names, on="close", maintain_order="left")
    order = {reason: place for place, reason in enumerate(REASONS)}
    place = pl.col("reason").replace_strict(order, return_dtype=pl.Int64)
    sums = [pl.col(name).sum() for name in ACCOUNTS]
    counts = [pl.len().cast(pl.Int64).alias("entries"), pl.col("person_id").n_unique().cast(pl.Int64).alias("patients")]
    steps = entries.group_by("close", "closed", "reason").agg(*counts, *sums).sort("close", place).drop("close")
    moved = names.join(entries.group_by("close").agg(sums), on="close", how="left", maintain_order="left")
    moved = moved.with_columns(pl.col(name).fill_null(Decimal(0)) for name in HELD)
    stands = moved.select(
        "closed",
        *((pl.col(name).cum_sum() - pl.col(name)).alias(f"{name}_before") for name in HELD),
        *(pl.col(name).cum_sum() for name in HELD),
    )
    return Bridge(ledger, entries, steps, stands)
