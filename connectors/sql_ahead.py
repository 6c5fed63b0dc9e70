# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The pages of a stream as they come, each asked for while the one before it is made columns of our types.

Where a page ends is told by its last row, so that the next need not wait for the others to be looked at.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.sql_arrow import Fetcher, Found, end_of
from connectors.sql_pages import Pages
from connectors.sql_places import Place
from connectors.sql_session import Database, Session
from rwe.pipeline.ahead import ahead

_FIRST = 10_000  # rows of the first page, which tells how wide they are
_FEW = 1_000  # where more from the very beginning make the database sort its whole table, and not walk along its index
_BYTES = 8_000_000  # of the pages after it, as they come


def pages_ahead(
    database: Database, opened: Session, pages: Pages, after: Place | None, floor: str | None, seconds: int
) -> Generator[pl.DataFrame]:
    """Yield the pages after a place, or from `floor` on, in the types of the stream; one may be empty.

    Parameters
    ----------
    seconds
        How long an answer may take.
    """
    with closing(Fetcher(opened, seconds)) as fetcher:
        coming = _fetched(database, opened, fetcher, pages, after, floor)
        with ahead(coming) as found:
            for page, asked in found:
                yield database.run(opened, partial(fetcher.frame, page, asked, pages.plan))


def _fetched(
    database: Database, opened: Session, fetcher: Fetcher, pages: Pages, after: Place | None, floor: str | None
) -> Iterator[tuple[Found, sa.Select[Any]]]:
    """Yield pages and what was asked for them; the last holds fewer rows than were asked for."""
    rows, place = min(_FEW if pages.kind == "mariadb" else _FIRST, pages.rows), after
    while True:
        asked = pages.page(place, floor, rows)
        found = database.run(opened, partial(fetcher.fetch, asked, pages.plan))
        place = end_of(found, pages.plan) if len(found) else None
        if len(found) and place is None:
            found = database.run(opened, partial(fetcher.frame, found, asked, pages.plan))
            place = end_of(found, pages.plan)
        yield found, asked
        if len(found) < rows:
            return
        size = found.estimated_size() if isinstance(found, pl.DataFrame) else found.nbytes
        rows = max(1, min(pages.rows, _BYTES * len(found) // max(1, int(size))))
