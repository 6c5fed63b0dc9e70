# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From doses to accounts: courses of treatment inside the contract, each with its exact cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from rwe.reimbursement.covered import covered, excluded
from rwe.reimbursement.money import half_up, net_price
from rwe.spec.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Account:
    """One course of treatment of one patient.

    Parameters
    ----------
    person_id, course
        Whose, and which: a re-challenge after the contract's gap is the next course.
    first_dose
        The day from which assessment days count.
    days, left, records
        For each dose: its day, what of its exact cost no term has paid back, record id.
    spend
        Cost of the course, in rounded money.
    payable
        What of it may still be paid back.
    """

    person_id: Any
    course: int
    first_dose: date
    days: tuple[date, ...]
    left: tuple[Fraction, ...]
    records: tuple[str, ...]
    spend: Decimal
    payable: Decimal

    @property
    def balance(self) -> Fraction:
        """Exact cost that no term has paid back."""
        return sum(self.left, Fraction(0))

    def pay(self, wanted: Sequence[Fraction], amount: Decimal) -> Account:
        """Return the account after `amount` was paid back on the doses, in proportion to `wanted`."""
        if not amount:
            return self
        whole = sum(wanted, Fraction(0))
        ratio = Fraction(amount) / whole if whole else Fraction(0)
        left = tuple(max(Fraction(0), have - part * ratio) for have, part in zip(self.left, wanted, strict=True))
        return replace(self, left=left, payable=self.payable - amount)


def accounts(agreement: Agreement, doses: pl.DataFrame, as_of: date) -> tuple[list[Account], pl.DataFrame]:
    """Return the accounts in the order of their patients, and the doses excluded by reason.

    Parameters
    ----------
    doses
        The doses as `rwe.reimbursement.given` checked them.

    Returns
    -------
    accounts, excluded
        `excluded` has ``reason``, ``doses`` and ``patients`` for every reason, zeros included.
    """
    sorted_out = covered(agreement, doses, as_of)
    kept = sorted_out.filter(pl.col("reason") == "")
    groups = kept.group_by("person_id", "course", "first_dose", maintain_order=True)
    rows = groups.agg("administered_on", "units", "record_id").iter_rows()
    price = {day: net_price(agreement, day) for day in kept["administered_on"].unique()}
    return [_account(price, agreement.rounding.quantum, *row) for row in rows], excluded(sorted_out)


def _account(
    price: Mapping[date, Fraction],
    quantum: Decimal,
    person: Any,
    course: int,
    first_dose: date,
    days: list[date],
    units: list[str],
    records: list[str],
) -> Account:
    gross = tuple(Fraction(Decimal(n)) * price[day] for n, day in zip(units, days, strict=True))
    spend = half_up(sum(gross, Fraction(0)), quantum)
    return Account(person, course, first_dose, tuple(days), gross, tuple(records), spend, spend)
