# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What any connector must do together with the landing: rows once, with their cursor, nameless; faults of two kinds.

The checks read through the engine's own extraction into a real store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from connectors.conformance_case import PAGE, SOURCE, VISIT, Breakable, Case, Row, frame, read, visits
from rwe.errors import DataError, SourceUnreachable
from rwe.identity import pseudonymise
from rwe.pipeline.extract import Extracted, extract_from, landing_table
from rwe.ports import Batch, Connector, Cursor
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.store import Store

KEY = bytes(range(32))
SITE = Site(site="clinic", title=Text(en="Clinic", bg="Клиника"), connector="case", url="case:", mapping=".")
BY = ["_key", "person_token"]


class Killed(BaseException):
    """Stands for a process that died; nothing of the engine may catch it."""


class Mortal:
    """A connector whose process dies before the batch of this number lands."""

    def __init__(self, connector: Connector, dies_at: int) -> None:
        self._connector, self._dies_at = connector, dies_at

    def streams(self) -> Sequence[str]:
        """Return the streams of the connector."""
        return self._connector.streams()

    def check(self) -> None:
        """Check as the connector does."""
        self._connector.check()

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield what the connector does, until the end comes."""
        for number, batch in enumerate(self._connector.read(stream, since, known)):
            if stream == "visit" and number == self._dies_at:
                raise Killed
            yield batch

    def keys(self, stream: str) -> Iterator[pl.Series] | None:
        """Return the keys of the connector."""
        return self._connector.keys(stream)

    def close(self) -> None:
        """Close the connector."""
        self._connector.close()


def lands_every_row_once_with_its_cursor(case: Case) -> None:
    """Rows and cursor come in one commit, equal rows do not come again, and the whole is what was written."""
    rows = visits(11, tied=2)
    case.write(rows)
    cursors = [batch.cursor for batch in read(case).batches if not batch.rows.is_empty()]

    with tempfile.TemporaryDirectory() as home:
        first, again = _extract(case, home), _extract(case, home)

        table = landing_table(Store(Path(home)), "clinic", "visit")
        assert [seal.cursor for seal in table.seals()] == cursors
        _holds(home, rows)
    assert [(one.received, one.landed, one.fault) for one in first.reads] == [(11, 11, ""), (0, 0, "")]
    assert [(one.landed, one.fault) for one in again.reads] == [(0, ""), (0, "")]


def lands_once_whenever_its_process_died(case: Case) -> None:
    """After a death before any batch the next extraction lands the rest: nothing is lost and nothing twice."""
    rows = visits(14, tied=3)
    case.write(rows)

    for dies_at in count():
        with tempfile.TemporaryDirectory() as home:
            with suppress(Killed):
                _extract(case, home, dies_at)
                assert dies_at, "the stream had no batch to die at"
                return
            for later in range(2):
                with suppress(Killed):
                    _extract(case, home, later)
            _extract(case, home)
            _holds(home, rows)


def tells_again_what_did_not_land(case: Case) -> None:
    """From one cursor the same rows come each time: what was read and not kept is not lost."""
    case.write(visits(9, tied=2))

    for since in (None, *(batch.cursor for batch in read(case).batches)):
        assert_frame_equal(read(case, since).rows, read(case, since).rows)


def leaves_no_identifier(case: Case) -> None:
    """No file of the store holds a person's number, in any reading of its bytes."""
    rows = [row | {"patient_no": f"IDENT-{row['row_id']:04}-НЯМА"} for row in visits(6)]
    case.write(rows)

    with tempfile.TemporaryDirectory() as home:
        _extract(case, home)
        _holds(home, rows)
        files = [path for path in Path(home).rglob("*") if path.is_file()]
        texts = [path.read_bytes() for path in files]
        texts += [pl.read_parquet(path).write_ndjson().encode() for path in files if path.suffix == ".parquet"]
    assert not [text for text in texts if b"IDENT-0" in text]


def says_in_one_word_that_it_is_gone(case: Case) -> None:
    """A source that does not answer is `SourceUnreachable`, nothing else, and names nobody."""
    case.write(visits(5))
    if not (isinstance(case, Breakable) and case.breaks("gone")):
        return

    with tempfile.TemporaryDirectory() as home:
        try:
            told = _extract(case, home).unreachable
        except SourceUnreachable as exc:  # where opening already finds out
            told = str(exc)
    assert told
    assert "P1" not in told


def says_in_one_word_that_its_contract_is_broken(case: Case) -> None:
    """A stream that breaks its contract is a `DataError` in check and reading; the other streams are read."""
    case.write(visits(5))
    if not (isinstance(case, Breakable) and case.breaks("contract")):
        return

    with closing(case.open(PAGE)) as connector:
        told = _fault(lambda: list(connector.read("visit", None)))
    with tempfile.TemporaryDirectory() as home:
        visit, empty = _extract(case, home).reads
    assert told == visit.fault
    assert (visit.unreachable, empty.fault, empty.whole) == (False, "", True)


CHECKS: tuple[Callable[[Case], None], ...] = (
    lands_every_row_once_with_its_cursor,
    lands_once_whenever_its_process_died,
    tells_again_what_did_not_land,
    leaves_no_identifier,
    says_in_one_word_that_it_is_gone,
    says_in_one_word_that_its_contract_is_broken,
)


def _extract(case: Case, home: str, dies_at: int = -1) -> Extracted:
    with closing(Mortal(case.open(PAGE), dies_at)) as connector:
        return extract_from(connector, SITE, SOURCE, Store(Path(home)), KEY)


def _holds(home: str, rows: Sequence[Row]) -> None:
    """Compare the landing with the rows that were written."""
    landed = landing_table(Store(Path(home)), "clinic", "visit").rows().collect()
    meant = pseudonymise(frame(rows), VISIT.columns, KEY, "clinic/person")
    assert_frame_equal(landed.select(meant.columns).sort(BY), meant.sort(BY))


def _fault(act: Callable[[], object]) -> str:
    try:
        act()
    except DataError as exc:
        return str(exc)
    raise AssertionError("the contract is broken and nothing said so")
