# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of one stream gathered into pages that land together: what each says that is news, in order of arrival."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl

from connectors.nhis_folder import Gone
from connectors.nhis_ledger import Arrival, Fault, Ledger
from connectors.nhis_message import Message
from connectors.nhis_stream import Document, Plan, Values, rows_of
from connectors.nhis_xml import Malformed
from connectors.typed import DTYPES

Row = tuple[str, str, Values]


@dataclass
class Page:
    """Rows that will land together, by the document they are of, and the messages that they come from.

    Of two messages about one document the later takes the place of the earlier: what was corrected before it was
    ever read was never known here.
    """

    said: dict[str, list[Row]] = field(default_factory=dict)
    versions: list[tuple[str, Arrival, int]] = field(default_factory=list)
    members: list[Arrival] = field(default_factory=list)
    newest: dict[str, tuple[str, int]] = field(default_factory=dict)
    size: int = 0

    @property
    def id(self) -> str:
        """What the page is known by: the ids of its messages and their contents."""
        told = "\n".join(f"{one.id} {one.sha256}" for one in self.members)
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order their messages arrived."""
        return [row for rows in self.said.values() for row in rows]

    def told_before(self, number: str) -> tuple[str, int]:
        """Return when the newest message about a document was made and the most rows that any had, in this page."""
        return self.newest.get(number, ("", 0))

    def add(self, arrival: Arrival, document: Document, rows: list[Row]) -> None:
        """Add what one document of a message says; that it says nothing is kept too, for what may come late."""
        self.size += len(rows) - len(self.said.pop(document.number, []))
        self.said[document.number] = rows
        made, most = self.told_before(document.number)
        self.newest[document.number] = max(made, arrival.created_on), max(most, document.count)
        self.versions.append((document.number, arrival, document.count))
        if rows and arrival not in self.members[-1:]:
            self.members.append(arrival)

    def frame(self, plan: Plan) -> pl.DataFrame:
        """Return the rows in the types of the stream."""
        rows = self.rows
        keys = pl.Series("_key", [key for key, *_ in rows], dtype=pl.String)
        columns = [
            pl.Series(name, [values[name] for *_, values in rows], dtype=DTYPES[column.type])
            for name, column in plan.stream.columns.items()
        ]
        operations = [pl.Series("_op", [op for _, op, _ in rows], dtype=pl.String)] if plan.marks_deleted else []
        return pl.DataFrame([keys, *columns, *operations])


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes the pages of one stream.

    Parameters
    ----------
    plan
        The stream.
    ledger
        What was told before; told of each page when the next is asked for.
    message
        Reads the message of an arrival.
    size
        The rows of a page; a message is not split.
    gone
        Messages that were taken away before their turn came; told once, tried again should they return.
    """

    plan: Plan
    ledger: Ledger
    message: Callable[[Arrival], Message]
    size: int
    gone: list[Fault] = field(default_factory=list)

    def of(self, arrivals: Iterable[Arrival], *, late: bool) -> Iterator[Page]:
        """Yield what the messages say that is news.

        Parameters
        ----------
        arrivals
            The messages, in their order.
        late
            Whether they were set aside when their turn was: then all that was told since counts as told before.
        """
        page = Page()
        for arrival in arrivals:
            documents = self._documents(arrival, late=late)
            if page.size >= self.size:
                yield from self._told(page)
                page = Page()
            news = list(self._news(page, arrival, documents, late=late))
            for document, rows in news:
                page.add(arrival, document, rows)
            if late and documents and not any(rows for _, rows in news):
                self.ledger.done(self.plan.name, arrival.seq)
        yield from self._told(page)

    def _news(
        self, page: Page, arrival: Arrival, documents: list[Document], *, late: bool
    ) -> Iterator[tuple[Document, list[Row]]]:
        for document in documents:
            here = page.told_before(document.number)
            there = self.ledger.told_before(self.plan.name, document.number, arrival, late=late)
            if max(here[0], there[0]) <= arrival.created_on:
                yield document, list(rows_of(self.plan, document, max(here[1], there[1])))

    def _told(self, page: Page) -> Iterator[Page]:
        self.ledger.tell(self.plan.name, page.id, page.versions)
        if page.size:
            yield page

    def _documents(self, arrival: Arrival, *, late: bool) -> list[Document]:
        """Return what a message says to the stream; one that cannot be read is set aside and says nothing."""
        numbers: list[str] = []
        try:
            message = self.message(arrival)
            numbers = self.plan.numbers(message)
            return self.plan.documents(message)
        except Gone as exc:
            self.gone.extend([] if late else [Fault(arrival.place, str(exc))])
            self.ledger.set_aside(self.plan.name, arrival, None)
            return []
        except Malformed as exc:
            told = (self.ledger.told_before(self.plan.name, number, arrival, late=late)[0] for number in numbers)
            if numbers and all(newest > arrival.created_on for newest in told):
                self.ledger.done(self.plan.name, arrival.seq)  # the sender has mended it
            else:
                self.ledger.set_aside(self.plan.name, arrival, str(exc))
            return []
