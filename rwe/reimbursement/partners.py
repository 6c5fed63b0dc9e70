# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which doses were given together with a product that has a contract of its own."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from rwe.spec.agreement import Agreement
from rwe.spec.agreement_parts import Partner


class HasTables(Protocol):
    """The common model, as far as doses need it."""

    def table(self, name: str) -> pl.LazyFrame:
        """Return one table of the common model."""
        ...


def with_partners(cdm: HasTables, agreement: Agreement, doses: pl.DataFrame) -> pl.DataFrame:
    """Return `doses` with ``partner``: the contract of what was given within its days before or after, ``""`` for none.

    Of several partners one that refunds the combination comes first, then the order of the file.
    """
    if not agreement.combination:
        return doses
    found = doses.sort("administered_on").with_row_index("_row")
    by_refund = sorted(agreement.combination, key=lambda partner: partner.refunds != "other")
    named = [_beside(cdm, partner, found).alias(str(i)) for i, partner in enumerate(by_refund)]
    partner = pl.DataFrame(named).select(pl.coalesce(pl.all(), pl.lit(""))).to_series()
    return found.with_columns(partner.alias("partner")).drop("_row")


def _beside(cdm: HasTables, partner: Partner, doses: pl.DataFrame) -> pl.Series:
    theirs = cdm.table("drug_exposure").filter(pl.col("drug_concept_id").is_in(partner.concepts))
    given = theirs.select("person_id", pl.col("drug_exposure_start_date").alias("given_on")).collect().sort("given_on")
    nearest = doses.join_asof(
        given,
        left_on="administered_on",
        right_on="given_on",
        by="person_id",
        strategy="nearest",
        tolerance=f"{partner.within_days}d",
        check_sortedness=False,
    )
    together = pl.when(pl.col("given_on").is_not_null()).then(pl.lit(partner.contract))
    return nearest.sort("_row").select(together).to_series()
