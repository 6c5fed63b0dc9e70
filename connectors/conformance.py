# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What any connector must do, as checks to run against it: whoever writes one starts here.

A test of a connector gives a `Case` (how to write rows into such a source, and how to open it) and
runs each of `CHECKS` on a source of its own::

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check, case):
        check(case)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import polars as pl
from polars.testing import assert_frame_equal

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
_START = datetime(2024, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)


class Case(Protocol):
    """A source of one kind, with the tables ``visit`` and ``visit_empty`` of `SOURCE` and no column ``ward``."""

    def write(self, rows: Sequence[Row]) -> None:
        """Insert rows of ``visit``, or replace those with the same ``row_id``."""
        ...

    def open(self, page_rows: int) -> Connector:
        """Return a connector on the source."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    rows: pl.DataFrame
    batches: list[Batch]


def visits(n: int, *, tied: int = 1, first: int = 1) -> list[Row]:
    """Return `n` rows in the order they must be read; `tied` at a time share a cursor value."""
    return [
        {
            "row_id": first + i,
            "modified_at": _START + timedelta(microseconds=i // tied),
            "patient_no": f"P{(first + i) % 5}",
            "seen_on": date(1904, 2, 29) + timedelta(days=i),
            "seen_at": datetime(1981, 3, 29, 3, 30, tzinfo=UTC) + timedelta(microseconds=i),
            "score": 2**53 + i if i % 3 else None,
            "size": 0.1 + i if i % 2 else None,
            "note": "Иван 'О\"Нийл; DROP TABLE visit--" if i % 4 else None,
        }
        for i in range(n)
    ]


def reads_everything_once_and_exactly(case: Case) -> None:
    """Every row comes once, in order of cursor and key, each value what was written."""
    rows = visits(11)
    case.write(list(reversed(rows)))

    assert_frame_equal(_read(case).rows, _frame(rows))


def reads_ties_across_pages(case: Case) -> None:
    """Rows of one cursor value are neither lost nor doubled where a page ends among them."""
    rows = visits(23, tied=7)
    case.write(rows)

    told = _read(case)

    assert_frame_equal(told.rows, _frame(rows))
    assert [batch.rows.height for batch in told.batches] == [4, 4, 4, 4, 4, 3]


def resumes_after_any_batch(case: Case) -> None:
    """From the cursor of any batch, exactly the rest is read."""
    rows = visits(10, tied=3)
    case.write(rows)
    seen = 0

    for batch in _read(case).batches:
        seen += batch.rows.height
        assert_frame_equal(_read(case, batch.cursor).rows, _frame(rows[seen:]))


def brings_nothing_when_nothing_is_new(case: Case) -> None:
    """After the last row there is no batch."""
    case.write(visits(8))

    assert _read(case, _read(case).batches[-1].cursor).batches == []


def brings_a_changed_row_again(case: Case) -> None:
    """A corrected row and a new one come, and nothing else."""
    rows = visits(8)
    case.write(rows)
    last = _read(case).batches[-1].cursor
    corrected = {**rows[2], "score": -1, "modified_at": _START + timedelta(days=1)}
    late = {**visits(1, first=99)[0], "modified_at": _START + timedelta(days=1)}
    case.write([corrected, late])

    assert_frame_equal(_read(case, last).rows, _frame([corrected, late]))


def tells_the_columns_of_an_empty_stream(case: Case) -> None:
    """A stream without rows gives one batch without rows, in its types."""
    (batch,) = _read(case, stream="visit_empty").batches

    assert dict(batch.rows.schema) == SCHEMA
    assert batch.rows.is_empty()


def tells_every_key_it_holds(case: Case) -> None:
    """The keys of all rows come once each, over pages; a source that cannot tell says so."""
    case.write(visits(10, tied=3))

    with closing(case.open(PAGE)) as connector:
        keys = connector.keys("visit")
        told = None if keys is None else [key for page in keys for key in page]

    assert told is None or sorted(told) == sorted(str(row["row_id"]) for row in visits(10))


def names_its_streams_and_closes_twice(case: Case) -> None:
    """Streams come in the order they are declared; closing again is no fault."""
    connector = case.open(PAGE)
    connector.check()
    connector.close()

    assert list(connector.streams()) == ["visit", "visit_empty"]
    connector.close()


CHECKS: tuple[Callable[[Case], None], ...] = (
    reads_everything_once_and_exactly,
    reads_ties_across_pages,
    resumes_after_any_batch,
    brings_nothing_when_nothing_is_new,
    brings_a_changed_row_again,
    tells_the_columns_of_an_empty_stream,
    tells_every_key_it_holds,
    names_its_streams_and_closes_twice,
)


def _read(case: Case, since: Cursor | None = None, stream: str = "visit") -> _Told:
    with closing(case.open(PAGE)) as connector:
        batches = list(connector.read(stream, since))
    return _Told(pl.concat([pl.DataFrame(schema=SCHEMA), *(batch.rows for batch in batches)]), batches)


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    made = [{**row, "_key": str(row["row_id"]), "ward": None} for row in rows]
    return pl.DataFrame([{name: row[name] for name in SCHEMA} for row in made], schema=SCHEMA)
