# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The entries of a close: by how much each account moves so that a ledger holds what the settlement now says.

A difference on a period too old to be paid goes to the account ``barred``. Where a course is judged anew in a period
that is still paid (a failure whose date was corrected, a later instalment) and what was posted in the old one goes,
nothing of it stays barred: it is a matter of the new period, and nothing is paid twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from rwe.reimbursement.journal import ACCOUNTS, COLUMNS, FACTS, KEY, balanced
from rwe.reimbursement.period import older
from rwe.reimbursement.reasons import Since, reasons
from rwe.reimbursement.target import SCOPE, SEEN, WITHDRAWN, Terms, before, now, standing, stated
from rwe.spec.agreement import Agreement

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Held:
    """Claims that somebody disputes: a person's, of one term or course or of all (None)."""

    person: str
    term: str | None = None
    course: int | None = None

    def claims(self) -> pl.Expr:
        """Return which rows it holds."""
        mine = pl.col("person_id") == self.person
        if self.term is not None:
            mine &= pl.col("term") == self.term
        return mine & (pl.col("course") == self.course) if self.course is not None else mine


def difference(
    agreement: Agreement,
    posted: pl.DataFrame,
    lines: pl.DataFrame,
    period: str,
    held: tuple[Held, ...],
    since: Since,
) -> pl.DataFrame:
    """Return the entries that closing a period posts.

    Parameters
    ----------
    posted
        All entries before (`journal.COLUMNS`, and ``close``, the number of the close that posted it).
    lines
        `Settlement.lines`.
    held
        What is disputed.
    since
        What is known to have happened since the last close.
    """
    schedule, terms = agreement.settlement, Terms.of(posted, lines)
    said = stated(lines, period, schedule.every, terms, posted)
    rows = _beside(standing(posted, period, terms), said.filter("due").drop("due")).with_columns(terms.unit())
    quarters = None if since.first else schedule.restate_back_quarters
    late = [name for name in rows["period"].unique() if older(name, period, schedule.every, quarters)]
    changed = _changed(_moves(rows, pl.col("period").is_in(late), held))
    told = reasons(_known(changed, before(posted, terms), now(said, terms)), period, since)
    order = {term.id: place for place, term in enumerate(agreement.terms)}
    place = pl.col("term").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    entries = told.with_columns(_moved_only()).sort(place, "term", *KEY)
    return balanced(entries.select(COLUMNS))


def _beside(was: pl.DataFrame, target: pl.DataFrame) -> pl.DataFrame:
    """Return each key once, with what it stands at (``payable_was``, ...), and what it should hold (``amount``)."""
    was = was.rename({name: f"{name}_was" for name in (*ACCOUNTS, *FACTS)})
    rows = target.join(was, on=KEY, how="full", coalesce=True)
    money = [pl.col(name).fill_null(ZERO) for name in ("amount", *(f"{name}_was" for name in ACCOUNTS))]
    return rows.with_columns(*money, there=pl.col("outcome").is_not_null(), stood=pl.col("outcome_was").is_not_null())


def _moves(rows: pl.DataFrame, late: pl.Expr, held: tuple[Held, ...]) -> pl.DataFrame:
    """Add by how much each account moves; the four sum to zero."""
    disputed = pl.any_horizontal(*(one.claims() for one in held), pl.lit(value=False))
    rows = rows.with_columns(late.alias("_late"), spending=-(pl.col("amount") + pl.col("spending_was")), _held=disputed)
    rows = rows.with_columns(barred=pl.when("_late").then(-pl.col("spending")).otherwise(ZERO) + _relief())
    rest = pl.col("amount") - pl.col("barred_was") - pl.col("barred")
    return rows.with_columns(
        payable=pl.when("_held").then(ZERO).otherwise(rest) - pl.col("payable_was"),
        disputed=pl.when("_held").then(rest).otherwise(ZERO) - pl.col("disputed_was"),
    )


def _relief() -> pl.Expr:
    """Return what leaves the barred account because the same matter is now decided in a period that is paid."""
    barred = (pl.when("_late").then(-pl.col("spending")).otherwise(ZERO) + pl.col("barred_was")).sum().over(SCOPE)
    anew = (pl.col("there") & ~pl.col("_late")).any().over(SCOPE)
    last = pl.when("_late").then("period").max().over(SCOPE)
    # of keys of one period (hospitals of a course) the first in order bears it
    first = pl.col("site_id").rank("ordinal").over(*SCOPE, "period") == 1
    bears = (anew & pl.col("_late") & (pl.col("period") == last) & first).fill_null(value=False)
    return pl.when(bears).then(-barred).otherwise(ZERO)


def _changed(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the keys whose money or facts differ from what was posted; what is gone keeps its last facts."""
    moved = pl.any_horizontal(pl.col(name) != ZERO for name in ACCOUNTS)
    told = pl.any_horizontal(~pl.col(name).eq_missing(pl.col(f"{name}_was")) for name in SEEN)
    gone = pl.col("outcome_was") != WITHDRAWN
    rows = rows.filter(moved | pl.when("there").then(told).otherwise(gone))
    facts = [pl.when("there").then(name).otherwise(f"{name}_was").alias(name) for name in FACTS]
    return rows.with_columns(facts).with_columns(
        pl.when("there").then("outcome").otherwise(pl.lit(WITHDRAWN)).alias("outcome")
    )


def _known(rows: pl.DataFrame, was: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Put beside each key its matter as it was when last posted and as it is now."""
    was = was.rename({name: f"{name}_was" for name in SEEN}).with_columns(posted=pl.lit(value=True))
    facts = facts.rename({name: f"{name}_now" for name in SEEN})
    rows = rows.drop(f"{name}_was" for name in SEEN).join(was, on=SCOPE, how="left", maintain_order="left")
    # a further line of a course of which nothing else moves is no change of what was posted
    others = pl.col("spending").abs().sum().over(SCOPE) - pl.col("spending").abs()
    known = pl.col("posted").fill_null(value=False) & (pl.col("stood") | (others != ZERO))
    return rows.join(facts, on=SCOPE, how="left", maintain_order="left").with_columns(posted=known)


def _moved_only() -> pl.Expr:
    """Return the reason, or what moved between accounts where the claim itself is as it was."""
    still = pl.col("spending") == ZERO
    contested = pl.when("_held").then(pl.lit("dispute")).otherwise(pl.lit("settled"))
    found = pl.when(still & (pl.col("disputed") != ZERO)).then(contested)
    return found.when(still & (pl.col("barred") != ZERO)).then(pl.lit("moved")).otherwise("reason").alias("reason")
