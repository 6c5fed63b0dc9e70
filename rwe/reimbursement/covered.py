# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which doses are paid for under the contract, in which course of treatment, and why the others are not."""

from __future__ import annotations

from datetime import date

import polars as pl

from rwe.errors import DataError
from rwe.reimbursement.order import in_order
from rwe.spec.agreement import Agreement
from rwe.spec.agreement_checks import last_paid_day

ALWAYS = ("after_as_of", "before_contract", "after_contract", "not_a_new_patient")
REASONS = (*ALWAYS, "other_indication", "refunded_by_partner", "free_of_charge", "trial", "credited")
DAY = pl.col("administered_on")


def covered(agreement: Agreement, doses: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return all doses (of `rwe.reimbursement.credits.credited`) with ``reason``, ``course`` and ``first_dose``.

    A dose that is paid for has the reason ``""``. `course` counts a patient's courses from 1 over all
    hospitals, because a person is one person wherever treated; assessment days count from `first_dose`.
    Doses of courses come first, in the order of person, day, record and units.

    Raises
    ------
    DataError
        If doses lie before a contract whose file refuses them.
    """
    frame = doses.with_columns(DAY.cast(pl.Date))
    frame = frame.with_columns(_reason(agreement, doses.columns, as_of).alias("reason"))
    _early(agreement, frame)
    treating = ["", "free_of_charge", "trial"] if agreement.doses.free_doses_start else [""]
    inside = _courses(agreement, in_order(frame.filter(pl.col("reason").is_in(treating))))
    inside = inside.with_columns(_not_begun(agreement, inside, frame).alias("reason"))
    outside = frame.filter(~pl.col("reason").is_in(treating))
    return pl.concat([inside, outside], how="diagonal")


def excluded(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``doses`` and ``patients`` that are not paid for, by ``reason``; the usual reasons zeros included."""
    counts = frame.group_by("reason").agg(
        pl.len().cast(pl.Int64).alias("doses"), pl.col("person_id").n_unique().cast(pl.Int64).alias("patients")
    )
    found = set(counts["reason"])
    reasons = pl.DataFrame({"reason": [reason for reason in REASONS if reason in found or reason in ALWAYS]})
    return reasons.join(counts, on="reason", how="left", maintain_order="left").fill_null(0)


def _reason(agreement: Agreement, columns: list[str], as_of: date) -> pl.Expr:
    contract = agreement.contract
    theirs = [partner.contract for partner in agreement.combination if partner.refunds == "other"]
    why = {
        "after_as_of": as_of < DAY,
        "credited": pl.col("credited"),
        "other_indication": pl.col("indication") != contract.indication if "indication" in columns else None,
        "before_contract": contract.start > DAY,
        "after_contract": last_paid_day(contract) < DAY,
        "refunded_by_partner": pl.col("partner").is_in(theirs) if "partner" in columns else None,
    }
    first = [pl.when(told).then(pl.lit(reason)) for reason, told in why.items() if told is not None]
    if "charge" in columns:
        first.append(pl.when(pl.col("charge") != "charged").then(pl.col("charge")))
    return pl.coalesce(*first, pl.lit(""))


def _early(agreement: Agreement, frame: pl.DataFrame) -> None:
    early = frame.filter(pl.col("reason") == "before_contract").height
    if early and agreement.doses.before_contract == "refused":
        contract = agreement.contract
        raise DataError(
            f"doses: {early} rows lie before {contract.start}, the start of contract '{contract.id}', which refuses "
            "them; correct the records or write doses.before_contract: excluded"
        )


def _courses(agreement: Agreement, frame: pl.DataFrame) -> pl.DataFrame:
    """Number the courses of sorted doses; a gap as long as the contract's begins another."""
    person, gap = pl.col("person_id"), agreement.index.rechallenge_gap_days
    new = (person != person.shift(1)).fill_null(value=True)
    again = (DAY - DAY.shift(1)).dt.total_days() >= gap if gap else pl.lit(value=False)
    frame = frame.with_columns(new.alias("_new"), (again.fill_null(value=False) & ~new).alias("_again"))
    breaks = pl.col("_again").cast(pl.Int64).cum_sum()
    before = pl.when("_new").then(breaks).forward_fill()
    first = pl.when(pl.col("_new") | pl.col("_again")).then(DAY).forward_fill()
    return frame.with_columns((breaks - before + 1).alias("course"), first.alias("first_dose")).drop("_new", "_again")


def _not_begun(agreement: Agreement, inside: pl.DataFrame, frame: pl.DataFrame) -> pl.Series:
    """Return the reason of each dose again, with that of treatments that were not begun under the contract."""
    index, contract = agreement.index, agreement.contract
    before = frame.filter(pl.col("reason") == "before_contract").group_by("person_id").agg(DAY.max().alias("earlier"))
    known = inside.select("person_id", "reason", "first_dose").join(
        before, "person_id", how="left", maintain_order="left"
    )
    since = (pl.col("first_dose") - pl.col("earlier")).dt.total_days()
    old = pl.col("earlier").is_not_null() if index.washout_days is None else since <= index.washout_days
    # the run-off pays for treatments begun under the contract, for no new ones
    why = pl.when(pl.col("first_dose") > contract.end).then(pl.lit("after_contract"))
    not_new = old.fill_null(value=False) & index.first_dose_in_window
    return known.select(
        why.when(not_new).then(pl.lit("not_a_new_patient")).otherwise("reason").alias("reason")
    ).to_series()
