# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The journal of a settlement ledger: one row an entry, whose four accounts sum to zero; same rows, same bytes.

``payable`` is what the company owes, ``disputed`` what somebody contests, ``barred`` what belongs to a period too old
to be paid still, ``spending`` what the payer's spending falls by: always the three others with the opposite sign.
"""

from __future__ import annotations

import hashlib
import io

import polars as pl

from rwe.errors import RweError

CLAIM = ("person_id", "course", "term")
KEY = (*CLAIM, "period", "site_id")
ACCOUNTS = ("payable", "disputed", "barred", "spending")
MONEY = ("spend", "base", *ACCOUNTS)
FACTS = ("type", "outcome", "rule", "decided_on", "spend", "base", "assessment", "doses", "version")
COLUMNS = (*KEY, "reason", *ACCOUNTS, *FACTS)
BETWEEN = " "  # ids of records have no spaces


def schema(scale: int) -> dict[str, pl.DataType]:
    """Return the columns of a journal for money of so many decimals; ids of persons are text."""
    types: dict[str, pl.DataType] = {"course": pl.Int64(), "version": pl.Int64()}
    types |= {"decided_on": pl.Date()} | dict.fromkeys(MONEY, pl.Decimal(38, scale))
    return {name: types.get(name, pl.String()) for name in COLUMNS}


def to_bytes(entries: pl.DataFrame) -> bytes:
    """Return a journal as csv."""
    out = io.BytesIO()
    entries.write_csv(out)
    return out.getvalue()


def digest(rows: pl.DataFrame) -> str:
    """Return the hash of a table's bytes."""
    return hashlib.sha256(to_bytes(rows)).hexdigest()


def as_text(data: bytes) -> pl.DataFrame:
    """Return a table that `to_bytes` wrote, all of it as text."""
    return pl.read_csv(data, infer_schema=False)


def from_bytes(data: bytes, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return the journal that `to_bytes` wrote."""
    return pl.read_csv(data, schema=columns, empty_string_is_null=False)


def balanced(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries if each of them balances.

    Raises
    ------
    RweError
        If one does not.
    """
    if odd := entries.filter(pl.sum_horizontal(ACCOUNTS) != 0).height:
        raise RweError(f"{odd} entries of a settlement do not balance; this is a fault of the engine")
    return entries


def balances(entries: pl.DataFrame) -> pl.DataFrame:
    """Return what each key stands at: its accounts, and the facts of its newest entry."""
    sums = [pl.col(name).sum() for name in ACCOUNTS]
    facts = [pl.col(name).last() for name in FACTS]
    return entries.group_by(KEY, maintain_order=True).agg(*sums, *facts)
