# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of the outside: a connector that reads a hospital system in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream has been read: the last row's cursor value and key, both as exact text."""

    value: str
    key: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one stream, oldest first, and where to resume after them.

    The rows are as the hospital holds them, direct identifiers included: a batch lives in memory
    only, and `rwe.identity.pseudonymise` stands between it and the store.
    """

    stream: str
    rows: pl.DataFrame
    cursor: Cursor


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
            If a declared table or column is missing or of another type.
        Refused
            If the account could write.
        """
        ...

    def read(self, stream: str, since: Cursor | None) -> Iterator[Batch]:
        """Yield the rows after `since`, oldest first."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
