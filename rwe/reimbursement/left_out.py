# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What stands beside the entries of a close: doses that were not paid for, and what budgets and hospitals came to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from rwe.disclosure import protect
from rwe.reimbursement.book import Ledger
from rwe.reimbursement.closed import Closed
from rwe.reimbursement.export import heading
from rwe.reimbursement.pooled import ALL, policy_of
from rwe.reimbursement.settlement import Settlement
from rwe.result import Result, tidy

EXCLUDED, REJECTED = "excluded", "rejected"
DOSES = "doses_excluded"


def beside(settlement: Settlement) -> dict[str, pl.DataFrame]:
    """Return the tables of a settlement that are kept beside its entries, by name; those without rows are not."""
    found = {
        EXCLUDED: settlement.excluded.filter(pl.col("doses") > 0),
        REJECTED: settlement.rejected,
        "pools": settlement.pools,
        "sites": settlement.sites,
    }
    return {name: rows for name, rows in found.items() if rows.height}


def left_out(ledger: Ledger, closed: Closed) -> dict[str, pl.DataFrame]:
    """Return for the payer what stands beside the entries of a close, as text: numbers stay as they were written.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    named = heading(ledger, closed)
    return {name: ledger.beside(closed, name).select(*named, pl.all()) for name in closed.beside}


def left_out_for_company(ledger: Ledger, closed: Closed) -> pl.DataFrame:
    """Return how many doses were not paid for by then, by reason and term, as far as the release rules show it.

    Hospitals and budgets are not in it: what they come to from one close to the next may be one patient's.

    Returns
    -------
    DataFrame
        ``contract``, ``closed``, ``term`` (``all`` where no term is the reason), ``reason``, ``patients`` (rounded) and
        ``doses``; both are empty, and named in ``masked``, where they are of too few patients.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    contract, policy = ledger.agreement.contract, policy_of(ledger.agreement)
    rows = [row for name in (EXCLUDED, REJECTED) if name in closed.beside for row in _counts(ledger, closed, name)]
    shown = protect(Result(tidy(rows, analysis="settlement", population=contract.id)), policy).table
    doses = shown.select(term="stratum", reason="outcome", patients="n", doses="estimate", masked="masked")
    said = {"contract": contract.id, "closed": closed.period}
    tens = (pl.col("doses") / policy.rounding).round() * policy.rounding
    return doses.select(*(pl.lit(value).alias(name) for name, value in said.items()), pl.all()).with_columns(
        tens.cast(pl.Int64).alias("doses")
    )


def _counts(ledger: Ledger, closed: Closed, name: str) -> Iterator[dict[str, Any]]:
    """Yield by reason patients and doses; how many patients a reason left out is kept, not who."""
    rows = ledger.beside(closed, name)
    if name == EXCLUDED:
        found = rows.select(pl.lit(ALL), "reason", pl.col("patients", "doses").cast(pl.Int64))
    else:
        counts = [pl.col("person_id").n_unique().cast(pl.Int64), pl.len().cast(pl.Int64).alias("doses")]
        found = rows.group_by("term", "reason").agg(counts).sort("term", "reason")
    for term, reason, patients, doses in found.iter_rows():
        yield {"stratum": term, "outcome": reason, "estimand": DOSES, "n": patients, "estimate": float(doses)}
