# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What of a close the payer gets, patient by patient, and what the company gets, in which no patient is to be found."""

from __future__ import annotations

from typing import Any

import polars as pl

from rwe.disclosure import protect
from rwe.reimbursement.book import Ledger
from rwe.reimbursement.closed import Closed
from rwe.reimbursement.journal import COLUMNS
from rwe.reimbursement.pooled import ALL, cell, moving, policy_of, pooled
from rwe.result import Result, tidy


def for_payer(ledger: Ledger, closed: Closed) -> pl.DataFrame:
    """Return the entries of a close, each with the contract, its currency and the period that was closed.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    return ledger.posted(closed).select(*heading(ledger, closed), *COLUMNS)


def heading(ledger: Ledger, closed: Closed) -> list[pl.Expr]:
    """Return the columns that tell, in each row of an export, whose close it is."""
    contract = ledger.agreement.contract
    said = {"contract": contract.id, "closed": closed.period, "as_of": str(closed.as_of), "currency": contract.currency}
    return [pl.lit(value).alias(name) for name, value in said.items()]


def for_company(ledger: Ledger, closed: Closed) -> pl.DataFrame:
    """Return what a close moves by term and reason, as far as the release rules and the agreement let it be shown.

    Reasons of few patients are told together (``other``), terms of few patients not at all: only the total is left.

    Returns
    -------
    DataFrame
        ``contract``, ``closed``, ``currency``, ``term``, ``reason``, ``patients`` (rounded) and ``payable``; both are
        empty, and named in ``masked``, where all that moved concerns too few.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    contract, scale = ledger.agreement.contract, ledger.scale
    policy = policy_of(ledger.agreement)
    rows = _cells(moving(ledger.posted(closed)), policy.threshold)
    shown = protect(Result(tidy(rows, analysis="settlement", population=contract.id)), policy).table
    counts, sums = (shown.filter(estimand=name) for name in ("patients", "payback"))
    money = sums.select(pl.col("estimate").round(scale).cast(pl.Decimal(38, scale)).alias("payable"), "masked")
    said = {"contract": contract.id, "closed": closed.period, "currency": contract.currency}
    cells = counts.select(term="stratum", reason="outcome", patients="n").hstack(money)
    return cells.select(*(pl.lit(value).alias(name) for name, value in said.items()), pl.all())


def _cells(entries: pl.DataFrame, threshold: int) -> list[dict[str, Any]]:
    """Return each term by reason where no term is of few patients, and all together."""
    terms = [(str(term), part) for (term,), part in entries.group_by("term", maintain_order=True)]
    rows: list[dict[str, Any]] = []
    if len(terms) > 1 and all(cell(part).patients > threshold for _, part in terms):
        for term, part in terms:
            rows += [row for one in (*pooled(part, threshold), cell(part)) for row in one.rows(stratum=term)]
    rows += [row for one in pooled(entries, threshold) for row in one.rows(stratum=ALL)]
    return [*rows, *cell(entries).rows(stratum=ALL)]
