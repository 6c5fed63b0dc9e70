# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who was erased, by reference only, and rows that are theirs: a hospital may send them again, they do not land."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from rwe.chain import Chain
from rwe.store import Store

TOKENS = ("person_token", "national_token")
NOTE = "erasing.json"  # in a store: what is being erased
LINKS = "links/person"  # the table that says which rows of which hospitals are one person's


def barred(store: Store, key: bytes) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return what takes the rows of erased people out of pseudonymised rows, before they land."""
    known = references_of(store.root)
    return partial(_without, references=known, key=key) if known else lambda rows: rows


def _without(rows: pl.DataFrame, *, references: frozenset[str], key: bytes) -> pl.DataFrame:
    for name in set(TOKENS) & set(rows.columns):
        tokens = rows[name].drop_nulls().unique()
        out = [token for token in tokens if reference(key, token) in references]
        rows = rows.filter(~pl.col(name).is_in(out).fill_null(value=False)) if out else rows
    return rows


def stopped(home: Path) -> bool:
    """Tell whether an erasure was stopped half-way, or is going on."""
    note = home / "store" / NOTE
    return note.exists() or draft(note).exists()


def draft(note: Path) -> Path:
    """Return the file that a note is written to before it has its name."""
    return note.with_suffix(".draft")


def reference(key: bytes, token: str) -> str:
    """Return what stands for a token where nothing of the person may; the key is needed to make it again."""
    return hmac.digest(key, f"erased\x00{token}".encode(), "sha256")[:16].hex()


def chain_of(root: Path) -> Chain:
    """Return the log of erasures of a store."""
    return Chain(root / "erased.jsonl")


def references_of(root: Path) -> frozenset[str]:
    """Return the references of everybody who was erased from a store."""
    return frozenset(one for entry in chain_of(root).entries() for one in entry.payload.get("references", ()))
