# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One reading of a stream: where it began, how far it is, and what cursor each page may carry."""

from __future__ import annotations

import polars as pl

from connectors.sql_catalogue import Plan
from connectors.sql_frame import CURSOR, KEY
from connectors.sql_places import Place, floor_of, later, one_shape, place_of
from connectors.typed import DTYPES
from rwe.errors import DataError
from rwe.ports import Batch, Cursor


class Reading:
    """How far one reading of a stream is: it outlives the sessions that it needs.

    Parameters
    ----------
    plan
        The stream.
    since
        Where the reading before it ended.
    days
        The overlap.
    """

    def __init__(self, plan: Plan, since: Cursor | None, days: int) -> None:
        self.plan, self._since = plan, since
        self.after: Place | None = None
        self.floor: str | None = None
        self.first = since is None
        if since is not None and since.value and plan.times and days:
            self.floor = floor_of(plan, since.value, days)
        elif since is not None and (since.value or since.key):
            self.after = Place(since.value, since.key)

    def batch(self, page: pl.DataFrame) -> Batch:
        """Return a page as a batch, and go on behind it."""
        plan = self.plan
        if repeated := page.height - page[KEY].n_unique():
            raise DataError(f"{plan.name}.{plan.stream.key}: {repeated} values repeat; the key must be unique")
        if page.height:
            self._advance(page)
        columns = plan.stream.columns.items()
        missing = (pl.lit(None, DTYPES[c.type]).alias(n) for n, c in columns if n not in page.columns)
        rows = page.with_columns(pl.col(KEY).cast(pl.String).alias("_key"), *missing)
        self.first = False
        return Batch(plan.name, rows.select("_key", *plan.stream.columns), self._cursor())

    def _advance(self, page: pl.DataFrame) -> None:
        if self.plan.spelled == "iso":
            one_shape(self.plan, page[CURSOR], self._since.value if self._since else "")
        place = place_of(page)
        if place == self.after:
            raise DataError(
                f"{self.plan.name}.{self.plan.by}: its values are finer than what can be read of them, so the "
                "stream cannot be paged; name a cursor of microseconds or coarser"
            )
        self.after = place

    def _cursor(self) -> Cursor:
        """Return the cursor to keep, which never goes back: pages that lie wholly in the overlap keep the old one."""
        if self.after is None:
            return Cursor("", "")
        here, since = Cursor(self.after.value, self.after.key), self._since
        if since is None or self.floor is None or later(self.plan, here.value, since.value):
            return here
        return since
