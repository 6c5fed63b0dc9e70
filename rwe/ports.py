# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of the outside: a connector that reads a hospital system in order."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream has been read, as exact text that means something to its connector only.

    For tables: the last row's cursor value and key. For deliveries (files, messages, exports): whatever the
    connector needs to go on. A cursor never goes back: rows read again before it (an overlap, for late rows)
    come under the cursor that the reading began from.
    """

    value: str
    key: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one stream, oldest first, and where to resume after them.

    The rows are as the hospital holds them, direct identifiers included: a batch lives in memory
    only, and `rwe.identity.pseudonymise` stands between it and the store.

    Parameters
    ----------
    rows
        The declared columns and ``_key`` (text); with ``_op``, "upsert" or "delete", where the source tells
        of rows that are no more.
    cursor
        Where to resume after these rows.
    id
        What a delivery is known by, for example the sha256 of a file and the number of its part: a batch whose
        id has landed does not land again. Empty where rows have no delivery; the id is then made of the content.
    """

    stream: str
    rows: pl.DataFrame
    cursor: Cursor
    id: str = ""


class Connector(Protocol):
    """A source of one kind, opened for reading."""

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they should be read."""
        ...

    def check(self) -> None:
        """Compare the source with its declared contract.

        Raises
        ------
        SourceUnreachable
            If the source does not answer.
        DataError
            If a declared table or column is missing or of another type; `read` says it again for its own
            stream only, so that the others can be read.
        Refused
            If the account could write.
        """
        ...

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows after `since`, oldest first; deliveries whose id is `known` need not come again.

        Raises
        ------
        SourceUnreachable
            If the source does not answer; what was yielded stands, a later try goes on after it.
        DataError
            If rows break the contract of this stream; other streams are not touched by it.
        """
        ...

    def keys(self, stream: str) -> Iterator[pl.Series] | None:
        """Yield the key (as text) of every row that the source holds now; None where it cannot tell.

        Keys that landed once and are not among these were deleted at the source.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a message that a hospital pushed is: its id, its type, its rows by stream; nothing else of it."""

    id: str
    kind: str
    rows: Mapping[str, int]


Keys = Mapping[str, Collection[str]]


class Eraser(Protocol):
    """What a kind of connector that keeps anything in the home between readings registers under ``rwe.erasers``."""

    def __call__(self, home: Path, keys: Keys, /) -> Sequence[str]:
        """Take a person out of what is kept, or delete what can be fetched again; return the files changed.

        It may be called twice for the same person: an erasure that was stopped begins again.

        Parameters
        ----------
        home
            The home folder.
        keys
            By landing table (``site/landing/stream``), the keys of the rows that are the person's.
        """
        ...


@runtime_checkable
class TellsColumns(Protocol):
    """What a connector may know besides: the columns that the source itself has, declared or not."""

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the type, in the source's words or empty, of each column that the stream has at the source.

        Empty where nothing is known: what deliveries hold may be known only when they have been read.

        Raises
        ------
        SourceUnreachable, DataError
            As `Connector.read`.
        """
        ...


@runtime_checkable
class TellsRemarks(Protocol):
    """What a connector may know besides: what a person should know of a stream, for example of files left unread."""

    def remarks(self, stream: str) -> Sequence[str]:
        """Return remarks on a stream as it is now, in words and counts; never a value of a record."""
        ...


@runtime_checkable
class TellsSession(Protocol):
    """What a connector may know besides: plain facts of its session, for the manifest."""

    @property
    def session(self) -> Mapping[str, str]:
        """Time zone, version, encoding and the like; never an address, an account or a secret."""
        ...
