# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which doses are paid for under the contract, in which course of treatment, and why the others are not."""

from __future__ import annotations

from datetime import date

import polars as pl

from rwe.reimbursement.odd import odd, refuse
from rwe.reimbursement.order import in_order
from rwe.spec.agreement import Agreement
from rwe.spec.agreement_checks import last_paid_day

ALWAYS = ("after_as_of", "before_contract", "after_contract", "not_a_new_patient")
REASONS = (*ALWAYS, "other_indication", "refunded_by_partner", "free_of_charge", "trial", "credited")
REASON = pl.Enum(["", *REASONS])
NOT_TAKEN = ("after_as_of", "credited", "other_indication")  # doses that are no treatment as far as the contract knows
USED = ("charge", "indication", "partner", "credited")  # no more, once the reason is known
DAY = pl.col("administered_on")


def covered(agreement: Agreement, doses: pl.DataFrame, as_of: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the doses that are paid for with ``course`` and ``first_dose``, and how many are not, by reason.

    `course` counts a patient's courses from 1 over all hospitals, because a person is one person wherever
    treated; assessment days count from `first_dose`. Doses stand in the order of person, day, record, units.

    Parameters
    ----------
    doses
        As `rwe.reimbursement.credits.credited` returns them.

    Returns
    -------
    paid, excluded
        `excluded` has ``reason``, ``doses`` and ``patients``; the usual reasons zeros included.

    Raises
    ------
    OddRecords
        If doses lie before a contract whose file does not exclude them.
    """
    frame = doses.with_columns(DAY.cast(pl.Date))
    frame = frame.with_columns(_reason(agreement, doses.columns, as_of).alias("reason")).drop(USED, strict=False)
    _early(agreement, frame)
    treating = ["", "free_of_charge", "trial"] if agreement.doses.free_doses_start else [""]
    treated = frame["reason"].is_in(pl.Series(treating, dtype=REASON).implode())
    inside = _courses(agreement, in_order(_only(frame, treated)))
    inside = inside.with_columns(_not_begun(agreement, inside, frame).alias("reason"))
    told = [part.select("person_id", "reason") for part in (inside, frame.filter(~treated))]
    return _only(inside, inside["reason"] == "").drop("reason"), _excluded(pl.concat(told))


def _only(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Return the rows, without a copy where they are all."""
    return frame if rows.all() else frame.filter(rows)


def _excluded(told: pl.DataFrame) -> pl.DataFrame:
    counts = told.filter(pl.col("reason") != "").group_by(pl.col("reason").cast(pl.String))
    counted = counts.agg(
        pl.len().cast(pl.Int64).alias("doses"), pl.col("person_id").n_unique().cast(pl.Int64).alias("patients")
    )
    found = set(counted["reason"])
    reasons = pl.DataFrame({"reason": [reason for reason in REASONS if reason in found or reason in ALWAYS]})
    return reasons.join(counted, on="reason", how="left", maintain_order="left").fill_null(0)


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
    first = [pl.when(told).then(pl.lit(reason, REASON)) for reason, told in why.items() if told is not None]
    if "charge" in columns:
        first.append(pl.when(pl.col("charge") != "charged").then(pl.col("charge").cast(REASON, strict=False)))
    return pl.coalesce(*first, pl.lit("", REASON))


def _early(agreement: Agreement, frame: pl.DataFrame) -> None:
    if agreement.doses.before_contract == "refused":
        contract = agreement.contract
        said = (
            f"{{n}} rows lie before {contract.start}, the start of contract '{contract.id}'; correct the records, or "
            "write doses.before_contract: excluded in the agreement where the product was in use before"
        )
        early = frame["reason"] == "before_contract"
        refuse(odd(frame, early, "doses", "before_contract", "administered_on", said))


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
    earlier = frame.filter(pl.col("reason") == "before_contract")["person_id"].unique()
    if earlier.is_empty() and not (inside["first_dose"] > contract.end).any():
        return inside["reason"]
    known = inside.select("person_id", "reason", "first_dose").join(
        _new_from(agreement, frame, earlier), "person_id", how="left", maintain_order="left"
    )
    old = pl.col("first_dose") < pl.col("new_from")
    # the run-off pays for treatments begun under the contract, for no new ones
    why = pl.when(pl.col("first_dose") > contract.end).then(pl.lit("after_contract", REASON))
    not_new = old.fill_null(value=False) & index.first_dose_in_window
    return known.select(
        why.when(not_new).then(pl.lit("not_a_new_patient", REASON)).otherwise("reason").alias("reason")
    ).to_series()


def _new_from(agreement: Agreement, frame: pl.DataFrame, earlier: pl.Series) -> pl.DataFrame:
    """Return for who had the product before the contract the first dose after a pause that makes them new.

    Every dose ends a pause, whoever paid for it, as every dose before the contract counts.
    """
    contract, washout = agreement.contract, agreement.index.washout_days
    taken = pl.col("reason").is_in(pl.Series(NOT_TAKEN, dtype=REASON).implode()).not_()
    theirs = frame.filter(pl.col("person_id").is_in(earlier.implode()) & taken).sort("person_id", DAY)
    ended = pl.lit(value=False) if washout is None else (DAY.diff().dt.total_days() > washout).fill_null(value=False)
    new = DAY.filter(ended, contract.start <= DAY).min().fill_null(date.max).alias("new_from")
    return theirs.group_by("person_id").agg(new)
