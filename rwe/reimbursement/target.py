# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a settlement says that a ledger should hold when a period is closed: its decided lines, claim by claim."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from rwe.reimbursement.journal import BETWEEN, CLAIM, FACTS, KEY, balances
from rwe.reimbursement.period import last_month

OPEN, ALL = "open", "all"  # outcomes of lines that nobody has decided yet, and of those that judge no course
WITHDRAWN = "withdrawn"  # outcome of an entry whose line is no more
COHORT = ("outcome_guarantee", "expenditure_cap", "price_volume", "clawback")  # types of terms that rest on everybody
SEEN = ("outcome", "rule", "decided_on", "assessment", "doses")  # facts that reasons are read from
SCOPE = (*CLAIM, "unit")  # what is compared and barred as one


@dataclass(frozen=True, slots=True)
class Terms:
    """How the terms of an agreement are told apart by a ledger.

    Parameters
    ----------
    cohort
        Those that rest on everybody: the verdict is made anew at each close, so all of it is of the period closed.
    by_dose
        Those that judge no course: each period has its own line, of its doses. A line of the others is the whole
        course's, and moves with the day that decides.
    """

    cohort: list[str]
    by_dose: list[str]

    @classmethod
    def of(cls, *frames: pl.DataFrame) -> Terms:
        """Return what lines and entries tell."""
        found = pl.concat([frame.filter(pl.col("outcome") == ALL).select("term", "type") for frame in frames]).unique()
        cohort = pl.col("type").is_in(COHORT)
        return cls(*(sorted(found.filter(which)["term"].unique()) for which in (cohort, ~cohort)))

    def period(self, closing: str) -> pl.Expr:
        """Return the period that a line or an entry counts in."""
        return pl.when(pl.col("term").is_in(self.cohort)).then(pl.lit(closing)).otherwise("period").alias("period")

    def unit(self) -> pl.Expr:
        """Return the period where it is a matter of its own, else nothing."""
        return pl.when(pl.col("term").is_in(self.by_dose)).then("period").otherwise(pl.lit("")).alias("unit")


def stated(lines: pl.DataFrame, period: str, every: str, terms: Terms, posted: pl.DataFrame) -> pl.DataFrame:
    """Return all lines as a ledger names them: `journal.KEY`, ``amount``, `journal.FACTS`, ``due``.

    ``due`` says that a line counts when `period` is closed: it was decided by the end of it, is of a term that rests on
    everybody, or holds money back until it is decided (success fees, instalments). What is held back stays in the
    period in which it was first posted, else it is of the one being closed.
    """
    absent = [pl.lit(value).alias(name) for name, value in _ABSENT.items() if name not in lines.columns]
    lines = lines.with_columns(absent).with_columns(
        pl.col("person_id").cast(pl.String),
        pl.col("doses").list.join(BETWEEN),
        pl.col("site_id").cast(pl.String).fill_null(""),
        pl.col("version").cast(pl.Int64),
        terms.period(period),
    )
    held = (pl.col("outcome") == OPEN) & (pl.col("amount") != Decimal(0))
    lines = lines.join(_since(posted), on=CLAIM, how="left", maintain_order="left").with_columns(
        pl.when(held).then(pl.coalesce("_since", pl.lit(period))).otherwise("period").alias("period")
    )
    ended = [name for name in lines["period"].unique() if last_month(name, every) <= last_month(period, every)]
    due = held | (pl.col("period").is_in(ended) & (pl.col("outcome") != OPEN))
    facts = [pl.col(name).last() for name in FACTS]
    merged = lines.group_by(*KEY, due.alias("due"), maintain_order=True)
    return merged.agg(pl.col("amount").sum(), *facts)


def _since(posted: pl.DataFrame) -> pl.DataFrame:
    """Return the last period in which money of each claim stands."""
    stands = balances(posted).filter(pl.col("spending") != Decimal(0))
    return stands.group_by(CLAIM).agg(pl.col("period").max().alias("_since"))


_ABSENT = {"site_id": "", "version": None}


def standing(entries: pl.DataFrame, period: str, terms: Terms) -> pl.DataFrame:
    """Return what the keys of a ledger stand at when a period is closed."""
    return balances(entries.with_columns(terms.period(period)))


def now(lines: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Return the newest facts of each matter, decided or not."""
    return _newest(lines.sort("period"), terms)


def before(entries: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Return the facts of each matter as they were last posted; what a close withdrew gives way to what it posted."""
    return _newest(entries.sort("close", pl.col("outcome") != WITHDRAWN, maintain_order=True), terms)


def _newest(rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    facts = [pl.col(name).last() for name in SEEN]
    return rows.with_columns(terms.unit()).group_by(SCOPE, maintain_order=True).agg(facts)
