# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SQL databases, read in order: pages by (cursor, key) of one state of the source, values bound, nothing written."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from connectors.options import options
from connectors.sql_address import address
from connectors.sql_ahead import pages_ahead
from connectors.sql_catalogue import Plan, declared, near, plan
from connectors.sql_deadline import rest
from connectors.sql_faults import Patience
from connectors.sql_options import SqlSite, SqlStream, statement
from connectors.sql_pages import Pages
from connectors.sql_reading import Reading
from connectors.sql_refusals import refuse_unordered, refuse_zeros
from connectors.sql_session import Database, Session
from connectors.typed import typed
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source


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
        If the address is not one of a database that this connector reads, an option is unknown, or a
        registered statement is not what was registered.
    MachineError
        If no driver for the database is installed here.
    SourceUnreachable
        If the address names a file that is not there.
    """
    where = f"site '{site.site}'"
    ours = options(SqlSite, site.options, where)
    each = {name: options(SqlStream, one.options, f"{where}, stream '{name}'") for name, one in source.streams.items()}
    texts = {name: statement(Path(site.mapping), name, source.streams[name], one) for name, one in each.items()}
    return SqlConnector(site, source, Database(site, address(site), home), ours, each, texts)


class SqlConnector:
    """A database, its declared streams, and sessions that cannot write.

    Parameters
    ----------
    site, source
        Where it is and what it is declared to hold.
    database
        Gives read-only sessions.
    ours, each
        Options of the site, and of each stream.
    texts
        The registered statement of each stream that has one, else an empty text.
    """

    def __init__(
        self,
        site: Site,
        source: Source,
        database: Database,
        ours: SqlSite,
        each: Mapping[str, SqlStream],
        texts: Mapping[str, str],
    ) -> None:
        self._site, self._source, self._database = site, source, database
        self._ours, self._each, self._texts = ours, each, texts
        self._plans: dict[str, Plan | list[str]] = {}
        self._facts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SqlConnector({self._site.site})"

    @property
    def session(self) -> Mapping[str, str]:
        """What is true of the last session: database, server, driver, zone, snapshot; empty before the first."""
        return dict(self._facts)

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
            If the session or the account could write.
        """
        streams = self._source.streams
        self._facts = self._database.probe([one.table for name, one in streams.items() if not self._texts[name]])
        with self._database.session() as opened:
            found = self._database.run(opened, lambda: self._planned(opened))
        self._plans = found
        if faults := [fault for one in found.values() if isinstance(one, list) for fault in one]:
            raise DataError(f"site '{self._site.site}': " + "; ".join(faults))

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the type, in the words of the source, of each column of a stream's table.

        Raises
        ------
        SourceUnreachable, DataError
            As `check`.
        """
        chosen = self._chosen(stream)
        if chosen.text:
            return dict.fromkeys(chosen.present, "")
        with self._database.session() as opened:
            asked = self._database.run(
                opened, lambda: sa.inspect(opened.connection).get_columns(chosen.stream.table, self._site.schema_name)
            )
        return {str(column["name"]): str(column["type"]) for column in asked}

    def read(self, stream: str, since: Cursor | None, _known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows after `since`, oldest first; where the cursor is a time, those of the overlap before it too.

        A stream read from its beginning yields at least one batch, empty if it has no rows, so that
        its columns are known. Rows hold the declared columns and ``_key``, the key as text. All pages come
        from one state of the source where it can give that. After a lost connection reading goes on behind
        the last batch, in a new session.

        Raises
        ------
        SourceUnreachable, DataError, Refused
            As `check`; also DataError, with counts, where values are not of their declared type or
            the paging columns hold nulls or repeat.
        """
        chosen = self._chosen(stream)
        reading = Reading(chosen, since, self._overlap(stream))
        patience = Patience(self._ours.retry_seconds)
        while True:
            try:
                with self._database.session(snapshot=True) as opened:
                    self._facts = opened.facts
                    for batch in self._batches(opened, reading):
                        yield batch
                        patience.renew()
                return
            except SourceUnreachable:
                if not patience.again():
                    raise

    def keys(self, stream: str) -> Iterator[pl.Series]:
        """Yield the key of every row of a stream, a page at a time, in one state of the source."""
        chosen, after = self._chosen(stream), None
        patience = Patience(self._ours.retry_seconds)
        while True:
            try:
                with self._database.session(snapshot=True) as opened:
                    while True:
                        found = self._keys(opened, chosen, after)
                        yield found
                        if found.len() < self._site.page_rows:
                            return
                        after = str(found[-1])
                        patience.renew()
            except SourceUnreachable:
                if not patience.again():
                    raise

    def close(self) -> None:
        """Give back connections."""
        self._database.engine.dispose()
        rest()

    def _planned(self, opened: Session) -> dict[str, Plan | list[str]]:
        inspector = sa.inspect(opened.connection)
        return {
            name: declared(opened.kind, name, stream, self._texts[name])
            if self._texts[name]
            else plan(inspector, opened.kind, self._site.schema_name, name, stream)
            for name, stream in self._source.streams.items()
        }

    def _chosen(self, stream: str) -> Plan:
        if stream not in self._source.streams:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'{near(stream, self.streams())}")
        if not self._plans:
            try:
                self.check()
            except DataError:  # of any stream; this one's is said below
                if not self._plans:
                    raise
        found = self._plans[stream]
        if isinstance(found, list):
            raise DataError(f"site '{self._site.site}': " + "; ".join(found))
        return found

    def _overlap(self, stream: str) -> int:
        own = self._each[stream].overlap_days
        return self._ours.overlap_days if own is None else own

    def _pages(self, opened: Session, chosen: Plan) -> Pages:
        return Pages(chosen, opened.kind, self._site.schema_name, self._site.page_rows)

    def _batches(self, opened: Session, reading: Reading) -> Iterator[Batch]:
        pages = self._pages(opened, reading.plan)
        ask = partial(self._database.row, opened)
        refuse_unordered(pages, ask)
        opened.facts.update(refuse_zeros(pages, ask, refused=self._each[pages.plan.name].zero_dates == "refuse"))
        with closing(
            pages_ahead(self._database, opened, pages, reading.after, reading.floor, self._site.timeout_seconds)
        ) as coming:
            for page in coming:
                if page.height or reading.first:
                    yield reading.batch(page)

    def _keys(self, opened: Session, chosen: Plan, after: str | None) -> pl.Series:
        asked = self._pages(opened, chosen).keys(after)
        rows = self._database.run(opened, lambda: [row[0] for row in opened.connection.execute(asked)])
        return typed(rows, chosen.key, f"{chosen.name}.{chosen.stream.key}").cast(pl.String)
