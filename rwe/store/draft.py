# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Draft`: one commit whose rows come in parts, from one thread or several; its files stand before it is sealed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from rwe.store import delta_log
from rwe.store.as_of import current
from rwe.store.commit import write_files
from rwe.store.rows import check_same, hashed, schema_of, type_names, whole_news
from rwe.store.seal import Seal, SealedFile, seal_log, verify, write_seal

if TYPE_CHECKING:
    from rwe.store.table import Table


@dataclass(slots=True)
class Draft:
    """A commit on its way to a table whose lock is held; made by `Table.draft`.

    Parameters
    ----------
    batch, kind
        For the seal.
    """

    table: Table
    batch: str
    kind: str
    _seals: list[Seal] = field(default_factory=list)
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _files: list[SealedFile] = field(default_factory=list)

    def whole(self, rows: pl.DataFrame, by: str, places: Iterable[int]) -> None:
        """Put rows that are all there is in these places of the table: what else stands there is deleted.

        Parameters
        ----------
        rows
            With ``_key`` and the column `by`.
        by
            A column that never changes for a key.
        places
            Values of it.

        Raises
        ------
        DataError
            If the columns are not those of the table.
        """
        self._open(rows, read=True)
        rows = hashed(rows)
        if self._filled:
            stands = current(self.table.folder, self._seals).filter(pl.col(by).is_in(list(places)))
            rows = whole_news(rows, stands).rows
        self._write(rows)

    def news(self, rows: pl.DataFrame) -> None:
        """Put rows with ``_op`` that are known to say something new.

        Raises
        ------
        DataError
            If the columns are not those of the table.
        """
        self._open(rows, read=False)
        self._write(hashed(rows))

    @property
    def _filled(self) -> bool:
        return any(seal.rows for seal in self._seals)

    def _open(self, rows: pl.DataFrame, *, read: bool) -> None:
        """Make the table if it is not there; what it holds is held against its seals if it will be `read`."""
        names = type_names(rows, self.table.name)
        with self._opening:
            if not self._seals:
                seals = self.table.ready(names)
                if read:
                    verify(self.table.folder, seals)
                self._seals = seals
        check_same(self._seals[0].schema, names, self.table.name)

    def _write(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        made, commit = self._seals[0], len(self._seals)
        marks = [pl.lit(commit, pl.Int64).alias("_commit"), pl.lit(self.batch).alias("_batch")]
        stored = rows.with_columns(marks).select(list(schema_of(made.schema)))
        self._files += write_files(self.table.folder, stored, commit, made.partition_by)

    def seal(self) -> None:
        """Make the commit, unless there is nothing new."""
        if not self._files:
            return
        folder, made, rows = self.table.folder, self._seals[0], sum(file.rows for file in self._files)
        seal = Seal(len(self._seals), self.kind, self.batch, None, rows, self._in_order(), anew=not self._filled)
        write_seal(seal_log(folder), seal, delta_log.commit(folder, seal, made.partition_by))

    def _in_order(self) -> tuple[SealedFile, ...]:
        """Return the files by place, whichever thread wrote them first."""
        return tuple(sorted(self._files, key=lambda file: file.path))
