# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Claim`: what one term asks back on the runs of a block's doses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import polars as pl

from rwe.reimbursement.atoms import Scale, narrow, rounded, where
from rwe.reimbursement.ledger import Block
from rwe.reimbursement.segments import Segments
from rwe.spec.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Claim:
    """What a term asks back of a block.

    Parameters
    ----------
    runs
        The doses of each line.
    reach
        Atoms of each dose that the term could pay back.
    base
        Sum of `reach` over each line.
    owed
        Quanta it asks back on each line, before it is seen what is left.
    said
        For each line ``outcome``, ``rule``, ``reason``, ``decided_on`` and ``assessment``.
    kept
        Which lines are written; None for all.
    units
        Parts of each dose's units that come back where a line is asked back whole; None for all of doses in reach.
    """

    runs: Segments
    reach: pl.Series
    base: pl.Series
    owed: pl.Series
    said: pl.DataFrame
    kept: pl.Series | None = None
    units: pl.Series | None = None

    def give_back(self, block: Block, quantum: int) -> None:
        """Count out the units of lines that are asked back whole; who asks for less lowers a price, not the volume."""
        whole = (self.owed > 0) & (self.owed >= rounded(self.base, 1, quantum))
        if whole.any():
            units = where(self.reach > 0, block.sold) if self.units is None else self.units
            block.sold = narrow(block.sold - where(whole.gather(self.runs.of), units))


@dataclass(frozen=True, slots=True)
class Case:
    """What terms need to know beside the ledger.

    Parameters
    ----------
    assessments
        As `rwe.reimbursement.given.given_assessments` checked them.
    """

    agreement: Agreement
    scale: Scale
    as_of: date
    assessments: pl.DataFrame


def on_doses(
    case: Case, block: Block, reach: pl.Series, share: Fraction, rule: str, units: pl.Series | None = None
) -> Claim:
    """Return the claim of a term that looks at doses alone: a line for each course and period with doses in reach."""
    runs = block.by(case.agreement.settlement.every)
    base = runs.sum(reach)
    said = pl.DataFrame({"decided_on": block.doses["day"].gather(runs.last)}).select(
        outcome=pl.lit("all"), rule=pl.lit(rule), reason=pl.lit(rule), decided_on="decided_on", assessment=pl.lit("")
    )
    return Claim(runs, reach, base, rounded(base, share, case.scale.quantum), said, base > 0, units)
