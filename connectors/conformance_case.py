# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The source that the conformance suite speaks of: its declaration, its rows, and what a test must give."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Protocol, runtime_checkable

import polars as pl

from rwe.ports import Batch, Connector, Cursor
from rwe.spec.source import Column, Source, Stream

Row = dict[str, Any]
PAGE = 4

VISIT = Stream(
    table="visit",
    key="row_id",
    cursor="modified_at",
    columns={
        "patient_no": Column(type="text", role="person"),
        "seen_on": Column(type="date"),
        "seen_at": Column(type="timestamp"),
        "score": Column(type="integer"),
        "size": Column(type="number"),
        "note": Column(type="text"),
        "ward": Column(type="text", optional=True),
    },
)
EMPTY = VISIT.model_copy(update={"table": "visit_empty"})
SOURCE = Source(source="clinic", streams={"visit": VISIT, "visit_empty": EMPTY})
SCHEMA = {
    "_key": pl.String(),
    "patient_no": pl.String(),
    "seen_on": pl.Date(),
    "seen_at": pl.Datetime("us", "UTC"),
    "score": pl.Int64(),
    "size": pl.Float64(),
    "note": pl.String(),
    "ward": pl.String(),
}
START = datetime(2024, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)


class Case(Protocol):
    """A source of one kind, with the tables ``visit`` and ``visit_empty`` of `SOURCE` and no column ``ward``."""

    def write(self, rows: Sequence[Row]) -> None:
        """Insert rows of ``visit``, or replace those with the same ``row_id``."""
        ...

    def open(self, page_rows: int) -> Connector:
        """Return a connector on the source."""
        ...


Fault = Literal["gone", "contract"]


@runtime_checkable
class Breakable(Protocol):
    """A case that can also be broken: what it cannot break it leaves as it is, and returns False."""

    def breaks(self, kind: Fault) -> bool:
        """Break the source for the connectors opened from now on.

        Parameters
        ----------
        kind
            ``gone``: it does not answer any more. ``contract``: a column of ``visit`` is missing or holds something
            else than declared; ``visit_empty`` stays whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a reading brought."""

    rows: pl.DataFrame
    batches: list[Batch]


def visits(n: int, *, tied: int = 1, first: int = 1) -> list[Row]:
    """Return `n` rows in the order they must be read; `tied` at a time share a cursor value."""
    return [
        {
            "row_id": first + i,
            "modified_at": START + timedelta(microseconds=i // tied),
            "patient_no": f"P{(first + i) % 5}",
            "seen_on": date(1904, 2, 29) + timedelta(days=i),
            "seen_at": datetime(1981, 3, 29, 3, 30, tzinfo=UTC) + timedelta(microseconds=i),
            "score": 2**53 + i if i % 3 else None,
            "size": 0.1 + i if i % 2 else None,
            "note": "Иван 'О\"Нийл; DROP TABLE visit--" if i % 4 else None,
        }
        for i in range(n)
    ]


def read(case: Case, since: Cursor | None = None, stream: str = "visit") -> Told:
    """Read a stream to its end."""
    with closing(case.open(PAGE)) as connector:
        batches = list(connector.read(stream, since))
    return Told(pl.concat([pl.DataFrame(schema=SCHEMA), *(batch.rows for batch in batches)]), batches)


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Return the rows as a connector must give them."""
    made = [{**row, "_key": str(row["row_id"]), "ward": None} for row in rows]
    return pl.DataFrame([{name: row[name] for name in SCHEMA} for row in made], schema=SCHEMA)
