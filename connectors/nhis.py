# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""NHIS (НЗИС) messages from a drop folder, in the order they arrived; one that cannot be read holds up no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import ZoneInfo

from connectors.nhis_folder import Folder, Gone, Place
from connectors.nhis_ledger import FOLDER, Arrival, Fault, Ledger
from connectors.nhis_lists import read_nomenclatures
from connectors.nhis_message import Message, read_message
from connectors.nhis_pages import Page, Pages
from connectors.nhis_plan import SiteOptions, plans, site_options
from connectors.nhis_stream import Plan, Values
from connectors.nhis_xml import Limits, Malformed
from rwe.errors import DataError, DefinitionError
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source

_NAMED = 5
_PAGE = 20_000  # rows are Python values until a page is whole: 20,000 stays take 60 MB


def connect(site: Site, source: Source, home: Path) -> NhisConnector:
    """Open the drop folder of a site.

    Parameters
    ----------
    site
        Its `url` is ``file:///...``; ``{home}`` in it stands for the engine's data folder.
    source
        The streams: table, paths and message types.
    home
        The engine's data folder, where the order of arrival is kept.

    Raises
    ------
    DefinitionError
        If the address is not that of a folder, or an option is unknown or does not fit.
    """
    address = urlsplit(site.address())
    if address.scheme != "file" or address.netloc not in ("", "localhost"):
        raise DefinitionError(f"site '{site.site}': connector nhis reads a folder: url file:///...")
    options = site_options(site)
    root = Path(url2pathname(address.path.replace("/{home}", str(home))))
    return NhisConnector(site, options, plans(source, ZoneInfo(options.zone)), root, home)


class NhisConnector:
    """A drop folder, its streams, and the ledger of what arrived.

    Parameters
    ----------
    site, options, streams
        Where it is, how it is read, what is read.
    root
        The folder.
    home
        The engine's data folder.
    """

    def __init__(self, site: Site, options: SiteOptions, streams: Mapping[str, Plan], root: Path, home: Path) -> None:
        self._site = site
        self._zone = ZoneInfo(options.zone)
        self._limits = Limits(size=options.message_bytes)
        self._plans = streams
        self._folder = Folder(root, options.message_bytes)
        self._ledger = Ledger(home / FOLDER / f"{site.site}.sqlite")
        self._codes = _codes(options.nomenclatures, home)
        self._unknown: Counter[str] = Counter()
        self._elements: dict[str, set[str]] = {name: set() for name in streams}

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._plans)

    def check(self) -> None:
        """Look at what is new in the folder.

        Raises
        ------
        SourceUnreachable
            If the folder is not there.
        """
        self._look()

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows of messages that arrived after `since`, and of those set aside that can be read now.

        Messages come in the order they arrived, those seen together by ``createdOn`` and then by name. A message
        about a document replaces what an earlier one said of it, in the same batch too; one made before what was told
        already is passed over.

        Raises
        ------
        SourceUnreachable
            If the folder is not there.
        DataError
            At the end, with the number and names of files and messages that could not be read, and why; the
            files stay where they are and are tried again.
        """
        plan = self._plan(stream)
        self._look()
        begun = since if since and since.key == self._ledger.id else None
        self._settle(stream, known)
        pages = Pages(plan, self._ledger, partial(self._arrived, stream), min(self._site.page_rows, _PAGE))
        cursor = begun
        for page in pages.of(self._ledger.after(int(begun.value) if begun else 0, plan.types), late=False):
            cursor = Cursor(str(page.members[-1].seq), self._ledger.id)
            yield self._batch(plan, page, cursor)
        for page in pages.of(self._ledger.aside(stream), late=True):
            yield self._batch(plan, page, cursor or Cursor("0", self._ledger.id))
        if since is None and cursor is None:
            yield self._batch(plan, Page(), Cursor("0", self._ledger.id))
        self._say(stream, pages.gone)

    def keys(self, _stream: str) -> None:
        """Return None: a folder does not tell which documents still stand; messages that void them do."""
        return

    def remarks(self, stream: str) -> Sequence[str]:
        """Return which times were cut to microseconds and, once for all streams, what the folder holds besides."""
        first = self._folder.others() if stream == next(iter(self._plans)) else ()
        cut = sorted(self._plan(stream).cut)
        finer = f"times in {', '.join(cut)} are given finer than a microsecond; what is finer was cut off"
        return [*first, *([finer] if cut else [])]

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the declared columns and the ways to the elements of the messages that were read just now."""
        elements = sorted(self._elements[self._plan(stream).name])
        return dict.fromkeys([*self._plans[stream].options.paths, *elements], "") if elements else {}

    @property
    def session(self) -> Mapping[str, str]:
        """How many messages came and bore a signature, and which codes no given list has."""
        total, signed = self._ledger.counts()
        unknown = {f"codes not in list, {where}": str(n) for where, n in sorted(self._unknown.items())}
        facts = {"messages": str(total), "signed": str(signed), "signatures": "noted, not verified"}
        return {**facts, "time zone of times without one": str(self._zone), **unknown}

    def close(self) -> None:
        """Close the ledger and the archive that is open."""
        self._folder.close()
        self._ledger.close()

    def _plan(self, stream: str) -> Plan:
        if stream not in self._plans:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'; it has {', '.join(self._plans)}")
        return self._plans[stream]

    def _look(self) -> None:
        """Examine files that are new or changed since they were examined, and give their messages numbers."""
        there, before = self._folder.files(), self._ledger.known_files()
        self._ledger.forget(before.keys() - there.keys())
        for path, stamp in there.items():
            if before.get(path) != stamp:
                found, faults = self._examine(path)
                self._ledger.examined(path, stamp, found, faults)
        self._ledger.arrive()

    def _examine(self, path: str) -> tuple[Iterator[tuple[Place, Message]], list[Fault]]:
        """Return the messages of a file as they are read one by one, and what is wrong, whole when they all are."""
        faults: list[Fault] = []

        def found() -> Iterator[tuple[Place, Message]]:
            try:
                for place in self._folder.places(path):
                    try:
                        yield place, self._message(place)
                    except Malformed as exc:
                        faults.append(Fault(place, str(exc)))
            except Malformed as exc:
                faults.append(Fault(Place(path), str(exc)))

        return found(), faults

    def _message(self, place: Place) -> Message:
        return read_message(self._folder.data(place), self._limits, self._zone)

    def _arrived(self, stream: str, arrival: Arrival) -> Message:
        message = self._message(arrival.place)
        if message.sha256 != arrival.sha256:
            raise Gone("another file stands in its place")
        for document in message.documents:
            self._elements[stream].update(document.ways())
        return message

    def _settle(self, stream: str, known: Container[str]) -> None:
        """Strike off what was set aside and has landed since."""
        for seq, batch in self._ledger.settled(stream):
            if batch in known:
                self._ledger.done(stream, seq)

    def _batch(self, plan: Plan, page: Page, cursor: Cursor) -> Batch:
        self._count_codes(plan, [values for _, operation, values in page.rows if operation == "upsert"])
        return Batch(plan.name, page.frame(plan), cursor, page.id if page.size else "")

    def _count_codes(self, plan: Plan, rows: list[Values]) -> None:
        for column, name in plan.options.codes.items():
            if name in self._codes:
                strange = sum(row[column] is not None and row[column] not in self._codes[name] for row in rows)
                self._unknown[f"{plan.name}.{column} {name}"] += strange

    def _say(self, stream: str, gone: list[Fault]) -> None:
        """Tell what was set aside, files that may concern this stream included."""
        faults = [*self._ledger.faults(), *self._ledger.set_asides(stream), *gone]
        if faults:
            named = "; ".join(f"{one.place.shown}: {one.reason}" for one in faults[:_NAMED])
            more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
            raise DataError(
                f"stream '{stream}': {len(faults)} files or messages were set aside and stay where they are "
                f"({named}{more}); the others have landed; have the sender mend and send them anew"
            )


def _codes(folder: str | None, home: Path) -> dict[str, frozenset[str]]:
    if folder is None:
        return {}
    lists = read_nomenclatures(Path(folder.replace("{home}", str(home))))
    return {str(name): frozenset(part["key"]) for (name,), part in lists.partition_by("list_id", as_dict=True).items()}
