# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Contract`: what is known of a stream beside its rows, in a chained log next to its landing table.

The log says with which key the rows were pseudonymised, what columns the source had, what the values looked
like, which batches were set aside and why, what a person accepted, and when all keys were compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from rwe.chain import Chain, on_disk
from rwe.errors import Busy, DefinitionError, Refused
from rwe.pipeline.columns import changes
from rwe.pipeline.drift import WORDS, Finding, Profile, Seen, findings, profile, standing
from rwe.spec.source import Stream
from rwe.store import Store, Table

READ, KEY, ASIDE, ACCEPT, COMPARED, COLUMNS = "read", "key", "aside", "accept", "compared", "columns"
STATE = "state"
EVERY = 64  # readings after which all that is known is entered once more, so that nobody need go back further


@dataclass
class Contract:
    """What one stream of one site is known by.

    Parameters
    ----------
    site, name, stream
        The stream as declared.
    log
        Its chained log.
    key
        The linkage key; tokens of values are made with it.
    """

    site: str
    name: str
    stream: Stream
    log: Chain
    key: bytes
    columns: dict[str, str] = field(default_factory=dict)
    whole: bool = False
    since_compared: int = 0
    _ever: set[str] = field(default_factory=set)
    _version: str = ""
    _covered: int = 0
    _seen: Profile = field(default_factory=dict)
    _kept: Profile = field(default_factory=dict)
    _aside: Mapping[str, Any] | None = None
    _waived: set[tuple[str, str]] = field(default_factory=set)
    _reads: int = 0

    def key_is(self, version: str) -> None:
        """Make sure that the stream's rows were pseudonymised with the key of this version.

        Raises
        ------
        Refused
            If they were made with another.
        """
        if not self._version:
            self._add({"kind": KEY, "version": version})
        elif self._version != version:
            raise Refused(
                f"{self.site}/{self.name}: its rows were pseudonymised with linkage key version {self._version}, the "
                f"key at hand is version {version}; bring that key back, or land into another home with the new one"
            )

    def learn_landed(self, table: Table) -> None:
        """Learn from commits that landed without being learned from, because the process died before it could."""
        for commit in range(self._covered + 1, table.commit + 1):
            self.learn(self.profile(table.rows(commit).filter(pl.col("_commit") == commit).collect()))

    def profile(self, rows: pl.DataFrame) -> Profile:
        """Return what the columns of a batch look like."""
        return profile(rows, self.stream, self.key)

    def learn(self, came: Profile) -> None:
        """Add rows that landed to what was seen."""
        for name, one in came.items():
            if name in self._seen:
                self._seen[name].add(one)
            else:
                self._seen[name] = one

    def compare_columns(self, have: Mapping[str, str]) -> tuple[list[str], list[Finding]]:
        """Return remarks on columns that came at the source, and what speaks against those that were declared."""
        if dict(have) == self.columns:
            return [], []
        remarks, found = changes(self.stream, self.columns, have, self._ever)
        open_ = self._open(found)
        if not open_:
            self._add({"kind": COLUMNS, "columns": dict(have)})
        return remarks, open_

    def judge(self, rows: pl.DataFrame, came: Profile) -> list[Finding]:
        """Return what in a batch speaks against what was seen, unless a person has accepted it.

        Words never seen before speak against nothing until the stream has been read to its end once: the first files
        of a folder need not hold every word of the others.
        """
        found = findings(standing(rows), came, self.stream, self._seen, self.key)
        return self._open(one for one in found if self.whole or one.rule not in WORDS)

    def _open(self, found: Iterable[Finding]) -> list[Finding]:
        return [one for one in found if (one.column, one.rule) not in self._waived]

    def set_aside(self, found: Iterable[Finding], batch: str = "", rows: int = 0) -> None:
        """Enter why a batch, or with no rows the whole stream, was set aside; once for the same."""
        signs = [[one.column, one.rule, one.words] for one in found]
        entry = {"kind": ASIDE, "batch": batch, "rows": rows, "signs": signs}
        if entry != self._aside:
            self._add(entry)

    def pending(self) -> Mapping[str, Any]:
        """Return the entry of what was set aside last and is still.

        Raises
        ------
        DefinitionError
            If nothing is.
        """
        if self._aside is None:
            raise DefinitionError(f"{self.site}/{self.name}: nothing of this stream is set aside, nothing was read")
        return self._aside

    def accept(self) -> list[str]:
        """Let what was set aside last land from now on; return the reasons it had been set aside for.

        Raises
        ------
        DefinitionError
            If nothing of the stream is set aside.
        """
        aside = self.pending()
        signs = aside["signs"]
        self._add({"kind": ACCEPT, "batch": aside["batch"], "signs": signs})
        self._waived |= {(column, rule) for column, rule, _ in signs}
        return [words for *_, words in signs]

    def close(self, table: Table, *, whole: bool, session: Mapping[str, str]) -> None:
        """Enter that the stream was read, what its rows looked like, and facts of the session."""
        told = {name: seen.since(self._kept.get(name, Seen())) for name, seen in self._seen.items()}
        self._add({"kind": READ, "commit": table.commit, "whole": whole, "columns": told, "session": dict(session)})
        if self._reads >= EVERY:
            self._add(self._state())

    def compared(self, deleted: int) -> None:
        """Enter that all keys were compared."""
        self._add({"kind": COMPARED, "deleted": deleted})

    def _add(self, entry: Mapping[str, Any]) -> None:
        self.log.append(entry)
        self._fold(entry)

    def _fold(self, entry: Mapping[str, Any]) -> None:
        {
            READ: self._fold_read,
            KEY: self._fold_key,
            ASIDE: self._fold_aside,
            ACCEPT: self._fold_accept,
            COMPARED: self._fold_compared,
            COLUMNS: self._fold_columns,
            STATE: self._fold_state,
        }[entry["kind"]](entry)

    def _fold_read(self, entry: Mapping[str, Any]) -> None:
        for name, plain in entry["columns"].items():
            self._kept.setdefault(name, Seen()).grow(plain)
        self._covered, self.whole = entry["commit"], self.whole or entry["whole"]
        self._aside = None if entry["whole"] else self._aside
        self.since_compared += 1
        self._reads += 1

    def _fold_key(self, entry: Mapping[str, Any]) -> None:
        self._version = entry["version"]

    def _fold_aside(self, entry: Mapping[str, Any]) -> None:
        self._aside = dict(entry)

    def _fold_accept(self, entry: Mapping[str, Any]) -> None:
        for column, rule, _ in entry["signs"]:
            for seen in (self._seen, self._kept):
                if column in seen:
                    seen[column] = Seen(levels=seen[column].levels) if rule in WORDS else Seen()

    def _fold_compared(self, _entry: Mapping[str, Any]) -> None:
        self.since_compared = 0

    def _fold_columns(self, entry: Mapping[str, Any]) -> None:
        self.columns = dict(entry["columns"])
        self._ever |= set(self.columns)

    def _state(self) -> Mapping[str, Any]:
        """Return all that the entries so far say."""
        seen = {name: one.since(Seen()) for name, one in self._kept.items()}
        facts = {"version": self._version, "covered": self._covered, "whole": self.whole, "aside": self._aside}
        known = {"columns": self.columns, "ever": sorted(self._ever), "since_compared": self.since_compared}
        return {"kind": STATE, "seen": seen, **facts, **known}

    def _fold_state(self, entry: Mapping[str, Any]) -> None:
        self._kept = {name: Seen() for name in entry["seen"]}
        for name, plain in entry["seen"].items():
            self._kept[name].grow(plain)
        self._version, self._covered, self.whole = entry["version"], entry["covered"], entry["whole"]
        self._aside, self.columns, self._ever = entry["aside"], dict(entry["columns"]), set(entry["ever"])
        self.since_compared, self._reads = entry["since_compared"], 0


@contextmanager
def contract(store: Store, site: str, name: str, stream: Stream, key: bytes) -> Iterator[Contract]:
    """Open the contract of a stream; one process at a time reads a stream.

    Raises
    ------
    Busy
        If another process is reading this stream.
    TornStore
        If the log was changed.
    """
    folder = store.root / site / "contract" / name
    with on_disk(folder):
        store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock", timeout=store.patience)
    try:
        with on_disk(folder):
            lock.acquire()
    except Timeout:
        raise Busy(f"{site}/{name}: another process is reading this stream; try again later") from None
    try:
        opened = Contract(site, name, stream, Chain(folder / "log.jsonl"), key)
        entries = [entry.payload for entry in opened.log.entries() if entry.payload["kind"] != "repair"]
        last = max((i for i, entry in enumerate(entries) if entry["kind"] == STATE), default=0)
        for entry in entries[last:]:
            opened._fold(entry)
        opened._seen = deepcopy(opened._kept)
        yield opened
    finally:
        lock.release()
