# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A small store for faults to be made in, and what anybody who reads it is told, as one fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from rwe.ports import Cursor
from rwe.store import Store, Table
from rwe.store.erase import Traces
from rwe.store.seal import forget

LANDING, MODEL = "invented/landing/visit", "invented/cdm/visit"
WHO: Traces = {"person_token": ["p1"], "person_id": [1]}


def visits(n: int, note: str = "") -> pl.DataFrame:
    """Return rows of three people, as a landing table keeps them."""
    rows = {"_key": [str(i) for i in range(n)], "person_token": [f"p{i % 3}" for i in range(n)]}
    return pl.DataFrame({**rows, "note": [f"{note}{i}" for i in range(n)], "score": [i / 3 for i in range(n)]})


def model(n: int, note: str = "") -> pl.DataFrame:
    """Return the same rows as a table of the common model keeps them: by bucket."""
    rows = {"_key": [str(i) for i in range(n)], "person_id": [i % 3 for i in range(n)]}
    return pl.DataFrame({**rows, "bucket": [i % 3 for i in range(n)], "note": [f"{note}{i}" for i in range(n)]})


def tables(root: Path) -> dict[str, Table]:
    """Return the two tables of a store."""
    store = Store(root, patience=30)
    return {"landing": store.table(LANDING), "model": store.table(MODEL, partition_by="bucket")}


def begin(table: Table) -> None:
    """Land a first commit."""
    frame, cursor = (model(40), None) if table.partition_by else (visits(40), Cursor("2026-01-01", "39"))
    table.append(frame, batch="1", cursor=cursor)


def go_on(table: Table) -> None:
    """Land a second commit, of new and corrected rows."""
    frame = model(60, "x").tail(30) if table.partition_by else visits(60, "x").tail(30)
    table.append(frame, batch="2", cursor=None if table.partition_by else Cursor("2026-01-02", "59"))


def fingerprint(table: Table) -> str:
    """Return a hash over all that the table tells: rows as of each commit, cursor, batches.

    Raises
    ------
    RweError
        What a reader would be told instead.
    """
    forget()
    seals = table.seals()
    digest = hashlib.sha256(repr([(seal.commit, seal.batch, seal.cursor) for seal in seals]).encode())
    for commit in range(1, len(seals) + 1):
        rows = table.current(as_of=commit).sort("_key", "_commit").collect()
        digest.update(rows.write_csv().encode())
    return digest.hexdigest()


def files(folder: Path) -> list[Path]:
    """Return the files under a folder that hold anything."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def restore(folder: Path, whole: Mapping[Path, bytes]) -> None:
    """Put every file back as it was, and take away what came."""
    for path in set(files(folder)) - set(whole):
        path.unlink()
    for path, content in whole.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
