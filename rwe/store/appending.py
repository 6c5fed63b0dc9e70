# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Appending`: appends to one table, one after another, while its lock is held.

What the first append had to find out (the seals, and from the second on the keys) the later ones know, so that
bringing in a source takes time in proportion to its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.chain import Growing
from rwe.ports import Cursor
from rwe.store import delta_log
from rwe.store.as_of import current, scan
from rwe.store.commit import write_files
from rwe.store.key_file import EVERY, keep, recalled
from rwe.store.keys import MOST, Keys, key_hashes
from rwe.store.rows import News, check_same, hashed, news, schema_of, type_names, whole_news
from rwe.store.seal import Seal, seal_log, verify, write_seal

if TYPE_CHECKING:
    from rwe.store.table import Table


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of the rows of one append: received = landed + unchanged.

    `corrected` of the rows landed say something else of a key that stood; `deleted` counts keys that were
    current and are no longer; `commit` is None where nothing was new.
    """

    received: int
    landed: int
    unchanged: int
    commit: int | None
    deleted: int = 0
    corrected: int = 0


class Appending:
    """A table whose lock is held; made by `Table.appending`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: _Known | None = None
        self._log = Growing(seal_log(table.folder))

    def append(
        self, frame: pl.DataFrame, *, batch: str, cursor: Cursor | None = None, kind: str = "rows", whole: bool = False
    ) -> Landed:
        """Append as `Table.append` does."""
        table, names = self._table, type_names(frame, self._table.name)
        if cursor and table.partition_by:
            raise ValueError(f"{table.name}: a table that is split by a column keeps no cursor")
        known, self._known = self._known or _Known(table.ready(names)), None  # nothing, if this append fails
        known.asked = None
        check_same(known.seals[0].schema, names, table.name)
        sent = not whole and batch in known.batches
        new = News(frame.clear(), 0, frame.height, 0) if sent else self._news(hashed(frame), known, whole=whole)
        moved = not sent and frame.height > 0 and cursor not in (None, last_cursor(known.seals))
        commit = None
        if moved or not new.rows.is_empty():
            commit = len(known.seals)
            seal = Seal(commit, kind, batch, cursor, new.rows.height, (), anew=new.anew)
            known.take(self._commit(new.rows, seal, known.seals[0]), new.rows["_key"])
        self._known = known
        return Landed(frame.height, new.landed, new.unchanged, commit, new.deleted, new.corrected)

    def _commit(self, rows: pl.DataFrame, seal: Seal, made: Seal) -> Seal:
        """Write rows and seal as one commit; `made` is the seal that made the table."""
        folder, split = self._table.folder, made.partition_by
        marks = [pl.lit(seal.commit, pl.Int64).alias("_commit"), pl.lit(seal.batch).alias("_batch")]
        stored = rows.with_columns(marks).select(list(schema_of(made.schema)))
        done = replace(seal, files=write_files(folder, stored, seal.commit, split))
        return write_seal(self._log, done, delta_log.commit(folder, done, split))

    def _news(self, rows: pl.DataFrame, known: _Known, *, whole: bool) -> News:
        plain = not whole and bool((rows["_op"] == "upsert").all())
        if plain and known.keys is None and known.many:
            self._recall(known)
        if plain and known.all_new(rows["_key"]):
            return News(rows, rows.height, 0, 0, anew=True)
        verify(self._table.folder, known.seals)
        if known.keys is None and known.looked:
            known.learn(scan(self._table.folder, known.seals))
            if plain and known.all_new(rows["_key"]):
                return News(rows, rows.height, 0, 0, anew=True)
        known.looked = True
        if whole:
            return whole_news(rows, current(self._table.folder, known.seals))
        return news(rows, scan(self._table.folder, known.seals))

    def _recall(self, known: _Known) -> None:
        """Learn the keys from what is kept of them and the commits since; keep them anew where those are many."""
        folder, was = self._table.folder, recalled(self._table.folder)
        since, hashes = known.seals[was.through + 1 :], []
        verify(folder, since)
        for part in scan(folder, [known.seals[0], *since]).select("_key").collect_batches(chunk_size=1 << 18):
            hashes.append(key_hashes(part["_key"]))
            was.keys.put(hashes[-1])
        known.keys = was.keys
        if len(since) >= EVERY:
            keep(folder, self._log, was, hashes, known.seals[-1].commit)


@dataclass(slots=True)
class _Known:
    """What is known of a table while its lock is held.

    `looked` says that an append had to look into it, `asked` are the hashes of the keys that this append asked for.
    """

    seals: list[Seal]
    keys: Keys | None = None
    looked: bool = False
    batches: set[str] = field(default_factory=set)
    asked: npt.NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        self.batches = {seal.batch for seal in self.seals}
        if not any(seal.rows for seal in self.seals):
            self.keys = Keys()

    @property
    def many(self) -> bool:
        """Whether the commits are so many that their keys are worth keeping, and the keys not too many."""
        return len(self.seals) > EVERY and sum(seal.rows for seal in self.seals) <= MOST

    def all_new(self, keys: pl.Series) -> bool:
        if self.keys is None or self.keys.full:
            return False
        self.asked = key_hashes(keys)
        return not self.keys.meet(self.asked)

    def learn(self, rows: pl.LazyFrame) -> None:
        self.keys = Keys()
        for part in rows.select("_key").collect_batches(chunk_size=1 << 18):
            self.keys.add(part["_key"])

    def take(self, seal: Seal, keys: pl.Series) -> None:
        """Know a commit and its keys."""
        self.seals.append(seal)
        self.batches.add(seal.batch)
        if self.keys:
            self.keys.put(self.asked if seal.anew and self.asked is not None else key_hashes(keys))


def last_cursor(seals: list[Seal]) -> Cursor | None:
    """Return the cursor of the newest commit that has one."""
    return next((seal.cursor for seal in reversed(seals) if seal.cursor), None)
