# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Why an entry was posted: what about a claim is not as it was when its period was last closed.

``new`` decided by a record of the period itself · ``window_closed`` decided because time ran out · ``late_record`` by a
record that came after its period was closed · ``corrected_record`` · ``deleted_record`` · ``decision`` somebody decided
by hand · ``price`` or ``terms`` the contract was amended · ``cohort`` the verdict on all, or the shares in it, moved ·
``dispute`` and ``settled`` somebody contests, or no longer · ``moved`` from a barred period to one that is still paid.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from rwe.reimbursement.journal import BETWEEN
from rwe.reimbursement.target import ALL, COHORT, OPEN

REASONS = (
    "new",
    "window_closed",
    "late_record",
    "corrected_record",
    "deleted_record",
    "decision",
    "price",
    "terms",
    "cohort",
    "dispute",
    "settled",
    "moved",
)
FAILED = "failure"


@dataclass(frozen=True, slots=True)
class Since:
    """What is known to have happened since a ledger was last closed.

    Parameters
    ----------
    first
        Whether it never was.
    decided
        Persons, as text, on whom a manual decision was made or undone.
    amended
        ``price``, ``terms`` or nothing: what of the contract is another.
    fresh
        Ids of records of days after the last data cut: they are new, not late.
    """

    first: bool
    decided: Collection[str]
    amended: str | None
    fresh: pl.Series


def reasons(rows: pl.DataFrame, period: str, since: Since) -> pl.DataFrame:
    """Add ``reason`` to keys that changed.

    Parameters
    ----------
    rows
        Keys with ``posted`` (whether the claim was before), and each fact of the claim as it was (``_was``) and is
        (``_now``): ``outcome``, ``rule``, ``decided_on``, ``assessment``, ``doses``.
    """
    rows = rows.with_columns(_assessed(since.fresh), _dosed(since.fresh))
    decision = pl.col("person_id").is_in(sorted(since.decided))
    own = pl.coalesce(_first(period, since), pl.when(decision).then(pl.lit("decision")), _of_records())
    rows = rows.with_columns(own.alias("_own"))
    beside = pl.col("_own").drop_nulls().first().over("person_id", "course", "unit")
    amended = pl.lit(since.amended, pl.String)
    on_all = pl.when(pl.col("type").is_in(COHORT)).then(pl.lit("cohort"))
    found = pl.coalesce("_own", amended, on_all, beside, pl.lit("corrected_record"))
    return rows.with_columns(found.alias("reason")).drop("_own", "_assessed", "_dosed")


def _first(period: str, since: Since) -> pl.Expr:
    """Return why a claim is posted that never was."""
    late = (pl.col("period") != period) & ~pl.lit(since.first)
    by_record = (pl.col("rule_now") == FAILED) | pl.col("outcome_now").is_in([ALL, OPEN])
    timely = pl.when(by_record).then(pl.lit("new")).otherwise(pl.lit("window_closed"))
    decided = pl.col("person_id").is_in(sorted(since.decided))
    found = pl.when(decided).then(pl.lit("decision")).when(late).then(pl.lit("late_record")).otherwise(timely)
    return pl.when(~pl.col("posted")).then(found)


def _of_records() -> pl.Expr:
    """Return what became of the records behind a claim: of the assessment that decided, else of the doses."""
    moved = ~pl.col("outcome_now").eq_missing(pl.col("outcome_was")) | ~pl.col("decided_on_now").eq_missing(
        pl.col("decided_on_was")
    )
    lapsed = (pl.col("decided_on_now") > pl.col("decided_on_was")) & (pl.col("rule_now") != FAILED)
    lapsed |= (pl.col("outcome_was") == OPEN) & (pl.col("outcome_now") != OPEN)
    by_time = pl.when(lapsed & (pl.col("outcome_now") != ALL)).then(pl.lit("window_closed"))
    return pl.coalesce(pl.when(moved).then(pl.col("_assessed")), "_dosed", "_assessed", by_time)


def _assessed(fresh: pl.Series) -> pl.Expr:
    """Return how the deciding assessment differs; a failure that stands in the place of something else came late."""
    was, now = (pl.col(f"assessment_{end}").fill_null("") for end in ("was", "now"))
    failed_was, failed = ((pl.col(f"rule_{end}") == FAILED).fill_null(value=False) for end in ("was", "now"))
    return (
        pl.when(was == now)
        .then(None)
        .when(now.is_in(fresh.implode()))
        .then(pl.lit("new"))
        .when((was == "") | (failed & ~failed_was))
        .then(pl.lit("late_record"))
        .when((now == "") | (failed_was & ~failed))
        .then(pl.lit("deleted_record"))
        .otherwise(pl.lit("corrected_record"))
        .alias("_assessed")
    )


def _dosed(fresh: pl.Series) -> pl.Expr:
    """Return how the doses differ."""
    was, now = (pl.col(f"doses_{end}").fill_null("").str.split(BETWEEN) for end in ("was", "now"))
    gone, came = was.list.set_difference(now), now.list.set_difference(was)
    gone, came = (side.list.filter(pl.element() != "") for side in (gone, came))
    late = came.list.eval(~pl.element().is_in(fresh.implode())).list.any()
    found = (
        pl.when((gone.list.len() > 0) & (came.list.len() > 0))
        .then(pl.lit("corrected_record"))
        .when(gone.list.len() > 0)
        .then(pl.lit("deleted_record"))
        .when(late)
        .then(pl.lit("late_record"))
        .when(came.list.len() > 0)
        .then(pl.lit("new"))
    )
    return found.alias("_dosed")
