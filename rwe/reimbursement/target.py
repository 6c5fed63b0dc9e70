# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a settlement says that a ledger should hold when a period is closed: its decided lines, claim by claim."""

from __future__ import annotations

import polars as pl

from rwe.reimbursement.journal import BETWEEN, CLAIM, FACTS, KEY, balances
from rwe.reimbursement.period import last_month

OPEN, COHORT = "open", "all"  # outcomes of lines that nobody has decided yet, and of those that rest on the cohort
WITHDRAWN = "withdrawn"  # outcome of an entry whose line is no more
SEEN = ("outcome", "rule", "decided_on", "assessment", "doses")  # facts that reasons are read from


def cohort_terms(*frames: pl.DataFrame) -> list[str]:
    """Return the terms that rest on the cohort, as lines or entries tell."""
    found = pl.concat([frame.filter(pl.col("outcome") == COHORT).select("term") for frame in frames])
    return sorted(found["term"].unique())


def stated(lines: pl.DataFrame, period: str, every: str, on_all: list[str]) -> pl.DataFrame:
    """Return all lines as a ledger names them: `journal.KEY`, ``amount``, `journal.FACTS`, ``due``.

    ``due`` says that a line counts when `period` is closed: it was decided by the end of it, or is of a term that rests
    on the cohort, whose verdict is that of the period being closed.
    """
    absent = [pl.lit(value).alias(name) for name, value in _ABSENT.items() if name not in lines.columns]
    lines = lines.with_columns(absent).with_columns(
        pl.col("person_id").cast(pl.String),
        pl.col("doses").list.join(BETWEEN),
        pl.col("site_id").cast(pl.String).fill_null(""),
        pl.col("version").cast(pl.Int64),
        _gathered(period, on_all),
    )
    ended = [name for name in lines["period"].unique() if last_month(name, every) <= last_month(period, every)]
    due = pl.col("period").is_in(ended) & (pl.col("outcome") != OPEN)
    facts = [pl.col(name).last() for name in FACTS]
    merged = lines.group_by(*KEY, due.alias("due"), maintain_order=True)
    return merged.agg(pl.col("amount").sum(), *facts)


_ABSENT = {"site_id": "", "version": None}


def _gathered(period: str, on_all: list[str]) -> pl.Expr:
    return pl.when(pl.col("term").is_in(on_all)).then(pl.lit(period)).otherwise("period").alias("period")


def standing(entries: pl.DataFrame, period: str, on_all: list[str]) -> pl.DataFrame:
    """Return what the keys of a ledger stand at, with what rests on the cohort gathered in the period being closed.

    Its verdict is made anew at each close, so the difference from all that was posted belongs to this one.
    """
    return balances(entries.with_columns(_gathered(period, on_all)))


def now(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the newest facts of each claim, decided or not."""
    return _newest(lines.sort("period"))


def before(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the facts of each claim as they were last posted; what a close withdrew gives way to what it posted."""
    return _newest(entries.sort("close", pl.col("outcome") != WITHDRAWN, maintain_order=True))


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(CLAIM, maintain_order=True).agg(pl.col(name).last() for name in SEEN)
