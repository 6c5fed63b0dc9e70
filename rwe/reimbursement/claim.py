# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Claim`: what one term asks back on the runs of a block's doses, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import polars as pl

from rwe.reimbursement.atoms import Scale, narrow, rounded, where
from rwe.reimbursement.ledger import Block
from rwe.reimbursement.segments import Segments
from rwe.spec.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Said:
    """What lines say: a word where it is the same on all of them, else one a line.

    Parameters
    ----------
    due_on
        The day whose period a line is of, where it is another than that of the decision.
    """

    outcome: pl.Series | str
    rule: pl.Series | str
    reason: pl.Series | str
    decided_on: pl.Series
    assessment: pl.Series | str = ""
    due_on: pl.Series | None = None


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
        What each line says beside its money.
    kept
        Which lines are written; None for all.
    units
        Parts of each dose's units that come back where a line is asked back whole; None for all of doses in reach.
    """

    runs: Segments
    reach: pl.Series
    base: pl.Series
    owed: pl.Series
    said: Said
    kept: pl.Series | None = None
    units: pl.Series | None = None

    def give_back(self, block: Block, quantum: int) -> None:
        """Count out the units of lines that are asked back whole; who asks for less lowers a price, not the volume."""
        whole = (self.owed > 0) & (self.owed >= rounded(self.base, 1, quantum))
        if whole.any():
            units = where(self.reach > 0, block.sold) if self.units is None else self.units
            block.sold = narrow(block.sold - where(whole[self.runs.of], units))


class Words:
    """Columns that say one word on every row; those of a word share their memory in all blocks and lines."""

    def __init__(self) -> None:
        self._made: dict[str, pl.Series] = {}

    def column(self, word: str, rows: int) -> pl.Series:
        """Return so many rows of a word."""
        made = self._made.get(word)
        if made is None or made.len() < rows:
            made = self._made[word] = pl.Series([word]).new_from_index(0, 1 << rows.bit_length())
        return made.head(rows)


@dataclass(frozen=True, slots=True)
class Case:
    """What terms need to know beside the ledger.

    Parameters
    ----------
    assessments
        As `rwe.reimbursement.given.given_assessments` checked them.
    words
        The words of this settlement.
    apart
        Where many cohorts are settled side by side, the ids that each may use: persons 0 up to this number belong to
        cohort 0, those from there to cohort 1. 0 where all persons are one cohort.
    """

    agreement: Agreement
    scale: Scale
    as_of: date
    assessments: pl.DataFrame
    words: Words = field(default_factory=Words)
    apart: int = 0

    def cohort_of(self, person: pl.Series) -> pl.Series:
        """Return the cohort of each person."""
        return person // self.apart if self.apart else pl.Series([0]).new_from_index(0, person.len())


def on_doses(
    case: Case, block: Block, reach: pl.Series, share: Fraction, rule: str, units: pl.Series | None = None
) -> Claim:
    """Return the claim of a term that looks at doses alone: a line for each course and period with doses in reach."""
    runs = block.by(case.agreement.settlement.every)
    base = runs.sum(reach)
    said = Said("all", rule, rule, block.doses["day"][runs.last])
    return Claim(runs, reach, base, rounded(base, share, case.scale.quantum), said, base > 0, units)
