# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From doses to accounts: courses of treatment inside the contract, each with its exact cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError
from rwe.reimbursement.money import half_up, net_price
from rwe.spec.agreement import Agreement
from rwe.spec.agreement_checks import last_paid_day

REASONS = ("after_as_of", "before_contract", "after_contract", "not_a_new_patient")


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


def accounts(agreement: Agreement, doses: Any, as_of: date) -> tuple[list[Account], pl.DataFrame]:
    """Return the accounts in the order of their patients, and the doses excluded by reason.

    Parameters
    ----------
    doses
        ``person_id``, ``administered_on`` (date), ``units`` (Decimal, integer or exact text) and,
        where known, ``record_id``.

    Returns
    -------
    accounts, excluded
        `excluded` has ``reason``, ``doses`` and ``patients`` for every reason, zeros included.
    """
    sorted_out = _sort_out(agreement, _checked(people(doses)), as_of)
    excluded = _excluded(sorted_out)
    kept = sorted_out.filter(pl.col("reason") == "").sort("person_id", "administered_on", "record_id", "units")
    groups = kept.group_by("person_id", "course", maintain_order=True).agg("administered_on", "units", "record_id")
    price = {day: net_price(agreement, day) for day in kept["administered_on"].unique()}
    return [_account(price, agreement.rounding.quantum, *row) for row in groups.iter_rows()], excluded


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the doses with units as exact text, or say what is wrong with them."""
    require(frame, ["person_id", "administered_on", "units"])
    if frame.schema["administered_on"] != pl.Date and frame.height:
        raise DataError("doses: 'administered_on' must hold plain dates")
    if frame.schema["units"].is_float():
        raise DataError("doses: 'units' are floating point; give Decimal or exact text, because money rests on them")
    if "record_id" not in frame.columns:
        frame = frame.with_columns(record_id=pl.lit(""))
    frame = frame.select("person_id", "administered_on", pl.col("units", "record_id").cast(pl.String))
    if empty := [name for name in frame.columns if frame[name].null_count()]:
        raise DataError(f"doses: {empty} hold missing values")
    if odd := sum(_units(text) is None for text in frame["units"].unique()):
        raise DataError(f"doses: 'units' hold {odd} different values that are not numbers >= 0")
    named = frame.filter(pl.col("record_id") != "")["record_id"]
    if twice := named.len() - named.n_unique():
        raise DataError(f"doses: 'record_id' repeats in {twice} rows; one record is paid for once")
    return frame


def _units(text: str) -> Fraction | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() and number >= 0 else None


def _sort_out(agreement: Agreement, frame: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Add ``course`` to the doses that are paid for and ``reason`` to those that are not."""
    contract, index = agreement.contract, agreement.index
    day = pl.col("administered_on").cast(pl.Date)
    reason = (
        pl.when(day > as_of)
        .then(pl.lit("after_as_of"))
        .when(day < contract.start)
        .then(pl.lit("before_contract"))
        .when(day > last_paid_day(contract))
        .then(pl.lit("after_contract"))
        .otherwise(pl.lit(""))
    )
    frame = frame.with_columns(day, reason.alias("reason"))
    inside = pl.col("reason") == ""
    gap = (day - day.shift(1).over("person_id")).dt.total_days()
    again = (gap >= index.rechallenge_gap_days) if index.rechallenge_gap_days else pl.lit(value=False)
    frame = frame.sort("person_id", "reason", "administered_on").with_columns(
        (inside & again.fill_null(value=False)).cast(pl.Int64).cum_sum().over("person_id").alias("course") + 1,
        day.filter(pl.col("reason") == "before_contract").max().over("person_id").alias("earlier"),
    )
    first = day.filter(inside).min().over("person_id", "course")
    # the run-off pays for treatments begun under the contract, for no new ones
    run_off = inside & (first > contract.end).fill_null(value=False)
    since = (first - pl.col("earlier")).dt.total_days()
    old = pl.col("earlier").is_not_null() if index.washout_days is None else since <= index.washout_days
    not_new = inside & old.fill_null(value=False) & index.first_dose_in_window
    excluded = pl.when(run_off).then(pl.lit("after_contract")).when(not_new).then(pl.lit("not_a_new_patient"))
    return frame.with_columns(excluded.otherwise("reason").alias("reason"))


def _excluded(frame: pl.DataFrame) -> pl.DataFrame:
    counts = frame.group_by("reason").agg(
        pl.len().cast(pl.Int64).alias("doses"), pl.col("person_id").n_unique().cast(pl.Int64).alias("patients")
    )
    return pl.DataFrame({"reason": REASONS}).join(counts, on="reason", how="left", maintain_order="left").fill_null(0)


def _account(
    price: Mapping[date, Fraction],
    quantum: Decimal,
    person: Any,
    course: int,
    days: list[date],
    units: list[str],
    records: list[str],
) -> Account:
    gross = tuple(Fraction(Decimal(n)) * price[day] for n, day in zip(units, days, strict=True))
    spend = half_up(sum(gross, Fraction(0)), quantum)
    return Account(person, course, days[0], tuple(days), gross, tuple(records), spend, spend)
