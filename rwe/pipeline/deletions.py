# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows deleted at the source: all its keys beside those that landed, in memory that grows by eight bytes a key.

Of the source's keys only hashes are kept, under a seed drawn anew each time: two keys that by chance share a hash
can only keep a row, and the next comparison draws another seed. Those that landed are read a part at a time.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.errors import DataError
from rwe.store import Table
from rwe.store.rows import META, latest

DELETIONS = "deletions"
PART = 1_000_000


@dataclass
class Allowance:
    """How many rows an extraction may delete, over all its streams, beyond what their sites allow; it is used up."""

    rows: int = 0
    used: int = 0

    def take(self, rows: int) -> bool:
        """Use so much of it, if there is so much."""
        if self.used + rows > self.rows:
            return False
        self.used += rows
        return True


def delete_gone(table: Table, keys: Iterable[pl.Series], *, share: float, allowance: Allowance) -> int:
    """Delete the rows whose keys the source holds no more, in a commit of their own; return how many.

    Parameters
    ----------
    table
        A landing table.
    keys
        Every key that the source holds now, in pages.
    share
        The largest share of the current rows that may go at once.
    allowance
        What may go though it is more, because a person said so.

    Raises
    ------
    DataError
        If more would go: a half-empty source must not empty a table.
    """
    if not table.commit:
        return 0
    seed = secrets.randbits(63)
    held = np.sort(np.concatenate([np.empty(0, np.uint64), *(page.hash(seed).to_numpy() for page in keys)]))
    stood, gone = 0, [pl.Series("_key", [], pl.String())]
    for current in _current(table):
        stood += current.len()
        hashes = current.hash(seed).to_numpy()
        place = np.minimum(np.searchsorted(held, hashes), max(held.size - 1, 0))
        missing = held[place] != hashes if held.size else np.ones(hashes.size, np.bool_)
        gone.append(current.filter(pl.Series(missing)))
    lost = pl.concat(gone)
    if lost.len() > share * stood and not allowance.take(lost.len()):
        more = f"; {allowance.used} of those allowed went to other streams" if allowance.used else ""
        raise DataError(
            f"{table.name}: {lost.len()} of {stood} rows are at the source no more, over {100 * share:g}% at once"
            f"{more}; if that is right, run rwe extract --compare-keys --allow-deletions {lost.len()}"
        )
    if not lost.is_empty():
        _delete(table, lost)
    return lost.len()


def _current(table: Table) -> Iterator[pl.Series]:
    """Yield the current keys, each once, in parts that fit in memory."""
    rows = table.rows().select("_key", "_commit", "_op")
    parts = math.ceil(sum(seal.rows for seal in table.seals()) / PART)
    for part in range(parts):
        mine = rows.filter(pl.col("_key").hash(0) % parts == part)
        yield latest(mine).select(pl.col("_key").unique()).collect()["_key"]


def _delete(table: Table, lost: pl.Series) -> None:
    """Append the last state of these keys, marked as deleted; nobody is erased between the two."""
    of = pl.LazyFrame({"_key": lost})
    with table.appending() as opened:
        ends = latest(table.rows().join(of, on="_key", how="semi")).unique("_key").collect()
        said = ends.drop([name for name in META if name != "_key"])
        batch = hashlib.sha256("\0".join([table.name, str(table.commit), *lost.sort()]).encode()).hexdigest()[:32]
        opened.append(said.with_columns(pl.lit("delete").alias("_op")), batch=batch, kind=DELETIONS)
