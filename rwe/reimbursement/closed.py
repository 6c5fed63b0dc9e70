# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Closed`: one close of a period, as its line in the log of a ledger tells it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from rwe.chain import Entry
from rwe.spec.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Closed:
    """One close, as its line in the log tells it.

    Parameters
    ----------
    number
        Its line in the log.
    period, as_of
        What was closed, from the records of which data cut.
    rows, sha256, file
        Its entries: how many, the hash of their bytes, and the file that holds them.
    moved
        What it moved on each account.
    digests
        Hashes of the contract's ``price`` and ``terms``, which tell an amendment.
    made_of
        What the settlement was made of: commits of landing and common model, definitions.
    beside
        Of the tables kept beside its entries (`rwe.reimbursement.left_out`) by name ``file`` and ``sha256``.
    """

    number: int
    utc: str
    period: str
    as_of: date
    rows: int
    sha256: str
    file: str
    moved: Mapping[str, Decimal]
    digests: Mapping[str, str]
    made_of: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, line: Entry) -> Closed:
        """Return the close that a line tells."""
        said = line.payload
        return cls(
            number=line.seq,
            utc=line.utc,
            period=said["period"],
            as_of=date.fromisoformat(said["as_of"]),
            rows=said["rows"],
            sha256=said["sha256"],
            file=said["file"],
            moved={name: Decimal(amount) for name, amount in said["moved"].items()},
            digests=said["digests"],
            made_of=said["made_of"],
            beside=said.get("beside", {}),
        )


def digests_of(agreement: Agreement) -> dict[str, str]:
    """Return hashes of what a contract pays by, and of its terms."""
    priced = agreement.model_dump_json(include={"price": True, "contract": {"fx", "currency"}})
    terms = agreement.model_dump_json(exclude={"price": True, "contract": {"fx"}, "title": True, "note": True})
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (("price", priced), ("terms", terms))}
