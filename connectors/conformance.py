# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What any connector must do, as checks to run against it: whoever writes one starts here.

A test of a connector gives a `Case` (how to write rows into such a source, and how to open it) and
runs each of `CHECKS` on a source of its own. A case that is `Breakable` is also broken. How to do it from
a package of your own stands in ``tests/third_party``::

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check, case):
        check(case)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from polars.testing import assert_frame_equal

from connectors import conformance_landing as landing
from connectors.conformance_case import (
    EMPTY,
    PAGE,
    SCHEMA,
    SOURCE,
    START,
    VISIT,
    Breakable,
    Case,
    Fault,
    Row,
    frame,
    read,
    visits,
)

__all__ = ["CHECKS", "EMPTY", "PAGE", "SCHEMA", "SOURCE", "VISIT", "Breakable", "Case", "Fault", "Row", "visits"]


def reads_everything_once_and_exactly(case: Case) -> None:
    """Every row comes once, in order of cursor and key, each value what was written."""
    rows = visits(11)
    case.write(list(reversed(rows)))

    assert_frame_equal(read(case).rows, frame(rows))


def reads_ties_across_pages(case: Case) -> None:
    """Rows of one cursor value are neither lost nor doubled where a page ends among them."""
    rows = visits(23, tied=7)
    case.write(rows)

    told = read(case)

    assert_frame_equal(told.rows, frame(rows))
    assert [batch.rows.height for batch in told.batches] == [4, 4, 4, 4, 4, 3]


def resumes_after_any_batch(case: Case) -> None:
    """From the cursor of any batch, exactly the rest is read."""
    rows = visits(10, tied=3)
    case.write(rows)
    seen = 0

    for batch in read(case).batches:
        seen += batch.rows.height
        assert_frame_equal(read(case, batch.cursor).rows, frame(rows[seen:]))


def brings_nothing_when_nothing_is_new(case: Case) -> None:
    """After the last row there is no batch."""
    case.write(visits(8))

    assert read(case, read(case).batches[-1].cursor).batches == []


def brings_a_changed_row_again(case: Case) -> None:
    """A corrected row and a new one come, and nothing else."""
    rows = visits(8)
    case.write(rows)
    last = read(case).batches[-1].cursor
    corrected = {**rows[2], "score": -1, "modified_at": START + timedelta(days=1)}
    late = {**visits(1, first=99)[0], "modified_at": START + timedelta(days=1)}
    case.write([corrected, late])

    assert_frame_equal(read(case, last).rows, frame([corrected, late]))


def tells_the_columns_of_an_empty_stream(case: Case) -> None:
    """A stream without rows gives one batch without rows, in its types."""
    (batch,) = read(case, stream="visit_empty").batches

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
    *landing.CHECKS,
)
