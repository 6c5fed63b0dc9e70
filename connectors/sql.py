# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SQL databases, read in order: pages by (cursor, key), values bound, nothing ever written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.sql_catalogue import Paging, Plan, column_of, near, plan, table_of
from connectors.sql_frame import CURSOR, KEY, page_frame
from connectors.sql_session import Session, answering, open_engine, probe
from connectors.typed import DTYPES, typed
from rwe.errors import DataError, DefinitionError
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:(?P<mark>[ T])\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?P<zone>\+00:00)?)?")
_BOUND: dict[Paging, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "text": sa.Text(),
    "timestamp": sa.DateTime(timezone=False),
    "date": sa.Date(),
}


def connect(site: Site, source: Source, home: Path) -> SqlConnector:
    """Open the database of a site for reading.

    Parameters
    ----------
    site
        Where it is.
    source
        What it is declared to hold.
    home
        The engine's data folder, which ``{home}`` in the URL stands for.

    Raises
    ------
    DefinitionError
        If the address is not one of a database that this connector reads.
    SourceUnreachable
        If it names a file that is not there.
    """
    return SqlConnector(site, source, open_engine(site, home))


class SqlConnector:
    """A database, its declared streams, and a session that cannot write.

    Parameters
    ----------
    site, source
        Where it is and what it is declared to hold.
    engine
        Gives read-only sessions.
    """

    def __init__(self, site: Site, source: Source, engine: sa.Engine) -> None:
        self._site = site
        self._source = source
        self._engine = engine
        self._plans: dict[str, Plan | list[str]] = {}
        self.session: dict[str, str] = {}

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._source.streams)

    def check(self) -> None:
        """Compare the database with its declaration, and make sure that it cannot be written.

        Raises
        ------
        SourceUnreachable
            If it does not answer.
        DataError
            If a table or column is missing or of another type; names all of them.
        Refused
            If the session could write.
        """
        probe(self._engine, self._site)
        with answering(self._site), self._engine.connect() as connection:
            inspector = sa.inspect(connection)
            schema = self._site.schema_name
            found = {name: plan(inspector, schema, name, stream) for name, stream in self._source.streams.items()}
        self._plans = found
        if faults := [fault for one in found.values() if isinstance(one, list) for fault in one]:
            raise DataError(f"site '{self._site.site}': " + "; ".join(faults))

    def read(self, stream: str, since: Cursor | None, _known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows after `since`, oldest first.

        A stream read from its beginning yields at least one batch, empty if it has no rows, so that
        its columns are known. Rows hold the declared columns and ``_key``, the key as text.

        Raises
        ------
        SourceUnreachable, DataError, Refused
            As `check`; also DataError, with counts, where values are not of their declared type or
            the paging columns hold nulls or repeat.
        """
        chosen = self._chosen(stream)
        self._refuse_nulls(chosen)
        after, size = since, self._site.page_rows
        while True:
            page = self._page(chosen, after)
            if page.height or after is None:
                batch = _batch(chosen, page, after)
                yield batch
                after = batch.cursor
            if page.height < size:
                return

    def keys(self, stream: str) -> Iterator[pl.Series]:
        """Yield the key of every row of a stream, a page at a time."""
        chosen = self._chosen(stream)
        key, after = column_of(chosen.stream.key), None
        while True:
            page = sa.select(key).select_from(self._table(chosen)).order_by(key).limit(self._site.page_rows)
            if after is not None:
                page = page.where(key > _bound(chosen, chosen.key, after))
            with answering(self._site), self._engine.connect() as connection:
                found = typed([row[0] for row in connection.execute(page)], chosen.key, f"{stream}.{chosen.stream.key}")
            yield found.cast(pl.String)
            if found.len() < self._site.page_rows:
                return
            after = str(found[-1])

    def close(self) -> None:
        """Give back connections."""
        self._engine.dispose()

    def _chosen(self, stream: str) -> Plan:
        if stream not in self._source.streams:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'{near(stream, self.streams())}")
        if not self._plans:
            with contextlib.suppress(DataError):  # of any stream; this one's is said below
                self.check()
        found = self._plans[stream]
        if isinstance(found, list):
            raise DataError(f"site '{self._site.site}': " + "; ".join(found))
        return found

    def _refuse_nulls(self, chosen: Plan) -> None:
        stream = chosen.stream
        nulls = sa.or_(column_of(stream.key).is_(None), column_of(chosen.by).is_(None))
        count = sa.select(sa.func.count()).select_from(self._table(chosen)).where(nulls)
        with answering(self._site), self._engine.connect() as connection:
            if missing := connection.execute(count).scalar_one():
                raise DataError(
                    f"stream '{chosen.name}': {missing} rows have no '{stream.key}' or no '{chosen.by}', "
                    "so they cannot be read in order; mend the source"
                )

    def _page(self, chosen: Plan, after: Cursor | None) -> pl.DataFrame:
        key, cursor = column_of(chosen.stream.key), column_of(chosen.by)
        columns = [cursor.label(CURSOR), key.label(KEY), *map(column_of, chosen.present)]
        page = sa.select(*columns).select_from(self._table(chosen))
        if after is not None:
            value, last = _bound(chosen, chosen.cursor, after.value), _bound(chosen, chosen.key, after.key)
            page = page.where(sa.or_(cursor > value, sa.and_(cursor == value, key > last)))
        page = page.order_by(cursor, key).limit(self._site.page_rows)
        with answering(self._site), self._engine.connect() as connection:
            return page_frame(Session(connection, self.session), page, chosen)

    def _table(self, chosen: Plan) -> sa.TableClause:
        return table_of(chosen.stream.table, self._site.schema_name)


def _batch(chosen: Plan, page: pl.DataFrame, after: Cursor | None) -> Batch:
    if repeated := page.height - page[KEY].n_unique():
        raise DataError(f"{chosen.name}.{chosen.stream.key}: {repeated} values repeat; the key must be unique")
    if chosen.iso:
        _one_shape(chosen, [*page[CURSOR], *([after.value] if after else [])])
    missing = (pl.lit(None, DTYPES[c.type]).alias(n) for n, c in chosen.stream.columns.items() if n not in page.columns)
    rows = page.with_columns(pl.col(KEY).cast(pl.String).alias("_key"), *missing)
    last = Cursor(_text(page[CURSOR][-1]), _text(page[KEY][-1])) if page.height else Cursor("", "")
    return Batch(chosen.name, rows.select("_key", *chosen.stream.columns), last)


def _one_shape(chosen: Plan, texts: list[str]) -> None:
    """Refuse times kept as text in more than one spelling: they do not sort by time."""
    found = [_ISO.fullmatch(text) for text in texts]
    shapes = {(match["mark"], match["zone"]) for match in found if match}
    if len(shapes) > 1 or None in found:
        raise DataError(
            f"{chosen.name}.{chosen.by}: its times are text in more than one ISO spelling, so they do not "
            "sort by time; store all of them as YYYY-MM-DD HH:MM:SS.ffffff in UTC"
        )


def _text(value: Any) -> str:
    """Return a paging value as exact text."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return utc.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def _bound(chosen: Plan, kind: Paging, text: str) -> sa.BindParameter[Any]:
    """Return the value that `_text` wrote, in the type of its column."""
    try:
        value = _RESTORE[kind](text)
    except ValueError:
        raise DataError(f"stream '{chosen.name}': it was read to a place that its columns no longer have") from None
    if not isinstance(value, datetime):
        return sa.literal(value, _BOUND[kind])
    zoned = value if chosen.zoned else value.astimezone(UTC).replace(tzinfo=None)
    return sa.literal(zoned, sa.DateTime(timezone=chosen.zoned))


_RESTORE: dict[Paging, Callable[[str], Any]] = {
    "integer": int,
    "text": str,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
}
