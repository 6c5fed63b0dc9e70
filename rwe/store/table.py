# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Table`: append rows with their cursor in one sealed commit, read them as of any commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rwe.chain import on_disk
from rwe.errors import Busy, MachineError, TornStore
from rwe.ports import Cursor
from rwe.store import delta_log
from rwe.store.appending import Appending, Landed, last_cursor
from rwe.store.as_of import commit_at, current, scan, up_to
from rwe.store.draft import Draft
from rwe.store.erase import Erased, Traces, erase, traces
from rwe.store.lock import locked
from rwe.store.opening import look, settle, settled, sweep
from rwe.store.seal import Seal, erasing, read_seals, scrub, seal_log, verify, write_seal

if TYPE_CHECKING:
    from rwe.store.store import Store


@dataclass(frozen=True, slots=True)
class Table:
    """One append-only table.

    Rows have a text column ``_key``. A row is never changed in place: what is said anew about a key
    is appended, and the newest commit wins. ``_commit`` says which commit brought a row. `partition_by`
    is the column by which the table is split into files when it is made; a table stays split as it was made.
    """

    store: Store
    name: str
    partition_by: str | None = None

    @property
    def folder(self) -> Path:
        """Where it is on disk."""
        return self.store.root / self.name

    @property
    def commit(self) -> int:
        """Number of the newest sealed commit; 0 if there is none."""
        return max(0, len(self._open()) - 1)

    def seals(self) -> list[Seal]:
        """Return what each commit holds, oldest first."""
        return self._open()[1:]

    def cursor(self) -> Cursor | None:
        """Return how far the stream was read by the newest commit that says so."""
        return last_cursor(self._open())

    def commit_at(self, moment: datetime) -> int:
        """Return the number of the newest commit that was sealed at `moment` (an aware time) or before.

        Raises
        ------
        DataError
            If the table was made later.
        """
        return commit_at(self._open(), moment, self.name)

    def rows(self, as_of: int | datetime | None = None) -> pl.LazyFrame:
        """Return every version of every row that commits up to `as_of` brought.

        Parameters
        ----------
        as_of
            Number of a commit, or an aware time: as the table was known then.

        Raises
        ------
        TornStore
            If a sealed file is missing or holds other bytes.
        DataError
            If the table was never made, or has no such commit.
        """
        return scan(self.folder, self._verified(as_of))

    def current(self, as_of: int | datetime | None = None) -> pl.LazyFrame:
        """Return the newest version of each key as commits up to `as_of` left it, without deleted ones.

        Raises
        ------
        TornStore, DataError
            As `rows`.
        """
        return current(self.folder, self._verified(as_of))

    def since(self, commit: int) -> pl.LazyFrame:
        """Return the rows that commits after this one brought.

        Raises
        ------
        TornStore, DataError
            As `rows`.
        """
        seals = self._verified(None)
        return scan(self.folder, [seals[0], *seals[commit + 1 :]])

    def append(
        self, frame: pl.DataFrame, *, batch: str, cursor: Cursor | None = None, kind: str = "rows", whole: bool = False
    ) -> Landed:
        """Append the rows that say something new, and the cursor, in one sealed commit.

        Parameters
        ----------
        frame
            Rows with ``_key``; the other columns are the same at each append.
        batch
            Id of this batch; a batch that has landed before is not landed again.
        cursor
            How far the source was read with these rows.
        kind
            A word for the seal.
        whole
            Whether the rows are all there is, so that other current keys are deleted.

        Raises
        ------
        Busy
            If another process appends to this table.
        DataError
            If the columns are not those of the table.
        MachineError
            If the disk refuses.
        """
        with self.appending() as opened:
            return opened.append(frame, batch=batch, cursor=cursor, kind=kind, whole=whole)

    @contextmanager
    def appending(self) -> Iterator[Appending]:
        """Hold the table for several appends, whose cost is then in proportion to their rows.

        Raises
        ------
        Busy
            If another process appends to this table.
        """
        with self._lock():
            yield Appending(self)

    @contextmanager
    def draft(self, *, batch: str, kind: str) -> Iterator[Draft]:
        """Hold the table for one commit whose rows come in parts; it is made at the end, unless something failed.

        Raises
        ------
        Busy
            If another process appends to this table.
        MachineError
            If the disk refuses.
        """
        with self._lock():
            draft = Draft(self, batch, kind)
            yield draft
            draft.seal()

    def mend(self) -> None:
        """Finish or set aside what a stopped process left, and delete files that no commit names.

        Raises
        ------
        Busy
            If another process appends to this table.
        """
        if self._open():
            with self._lock():
                sweep(self.folder, self._settled(read_seals(self.folder)))

    def erase(self, who: Traces, reference: str) -> Erased:
        """Take a person out of every commit, and write so into the chain.

        Parameters
        ----------
        who
            What the person is known by, by column.
        reference
            What the chain calls it; says nothing of the person without the key it was made with.

        Raises
        ------
        Busy
            If another process appends to this table.
        TornStore
            If a sealed file is missing or holds other bytes.
        """
        with self._lock():
            seals = self._settled(read_seals(self.folder))
            if not seals:
                return Erased(0, 0)
            verify(self.folder, seals)
            return erase(self.folder, seals, scan(self.folder, seals), who, reference)

    def traces(self, who: Traces) -> pl.DataFrame:
        """Return ``_key`` and ``_commit`` of every row version that `erase` would take out.

        Raises
        ------
        TornStore, DataError
            As `rows`.
        """
        return traces(self.rows(), who)

    def scrub(self) -> tuple[int, int]:
        """Read every byte of the table and compare it with the chain; return files and bytes.

        Raises
        ------
        TornStore
            If anything differs; names the first bad file.
        """
        return scrub(self.folder, self._open())

    def _verified(self, as_of: int | datetime | None) -> list[Seal]:
        """Return the seals as of a commit or an instant, their files held against them."""
        wanted = up_to(self._open(), as_of, self.name)
        try:
            verify(self.folder, wanted)
        except TornStore:  # or an erasure gave the commits other files since: then they have other seals
            again = up_to(self._open(), as_of, self.name)
            if again == wanted:
                raise
            verify(self.folder, again)
            wanted = again
        return wanted

    def _open(self) -> list[Seal]:
        """Return the seals of a table whose newest commit is decided, or in the hands of a writer."""
        seals, decided = look(self.folder)
        if decided:
            return seals
        erased = erasing(self.folder).exists()
        try:
            with self._lock(patience=self.store.patience if erased else 0):
                return self._settled(read_seals(self.folder))
        except (Busy, MachineError):
            if erased:
                raise
            return seals  # a writer is at work, or we may not write here: what is sealed is whole

    def _settled(self, seals: list[Seal]) -> list[Seal]:
        while not settled(self.folder, seals):
            self.store.notices.append(settle(self.folder, seals))
            seals = read_seals(self.folder)
        return seals

    def ready(self, names: dict[str, str]) -> list[Seal]:
        """Return the seals of the table, made if it is not there, and swept of scraps. Needs the lock."""
        seals = self._settled(read_seals(self.folder))
        sweep(self.folder, seals)
        if not seals:
            made = Seal(0, "create", "", None, 0, (), names, self.partition_by)
            return [write_seal(seal_log(self.folder), made, delta_log.create(self.folder, made))]
        return seals

    @contextmanager
    def _lock(self, patience: float | None = None) -> Iterator[None]:
        with on_disk(self.folder):
            self.store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.folder, self.name, self.store.patience if patience is None else patience):
            yield
