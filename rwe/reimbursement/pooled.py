# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reasons of so few patients that they may not be told, told together: a masked sum beside its total is no secret."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from rwe.disclosure import Policy
from rwe.reimbursement.journal import ACCOUNTS
from rwe.spec.agreement import Agreement

OTHER, ALL = "other", "all"


class Cell(NamedTuple):
    """What some reasons come to: who moved (persons counted once), and by how much what is payable did."""

    reason: str
    patients: int
    payable: Decimal

    def rows(self, **labels: str) -> list[dict[str, Any]]:
        """Return the cell as estimates."""
        row = {**labels, "outcome": self.reason, "n": self.patients}
        patients = {**row, "estimand": "patients", "estimate": float(self.patients)}
        return [patients, {**row, "estimand": "payback", "estimate": float(self.payable)}]


def policy_of(agreement: Agreement) -> Policy:
    """Return the release rules: the agreement may ask for a larger smallest cell, never for a smaller."""
    return Policy(threshold=max(Policy().threshold, agreement.privacy.min_cell - 1))


def moving(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries that move money."""
    return entries.filter(pl.any_horizontal(pl.col(name) != Decimal(0) for name in ACCOUNTS))


def cell(part: pl.DataFrame, reason: str = ALL) -> Cell:
    """Return what some entries come to."""
    return Cell(reason, part["person_id"].n_unique(), sum(part["payable"], Decimal(0)))


def pooled(entries: pl.DataFrame, threshold: int) -> list[Cell]:
    """Return a cell for each reason of more than `threshold` patients, and one for all others together.

    Where the others are too few as well, the smallest of the rest goes with them; none is left where all are too few.
    """
    parts = sorted(
        ((str(reason), part) for (reason,), part in entries.group_by("reason")),
        key=lambda item: (item[1]["person_id"].n_unique(), item[0]),
    )
    few: list[pl.DataFrame] = []
    while parts and (
        parts[0][1]["person_id"].n_unique() <= threshold
        or (few and pl.concat(few)["person_id"].n_unique() <= threshold)
    ):
        few.append(parts.pop(0)[1])
    cells = [cell(part, reason) for reason, part in parts]
    other = [cell(pl.concat(few), OTHER)] if few else []
    return [one for one in [*cells, *other] if one.patients > threshold]
