# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a hospital into its landing tables: stream by stream, a fault of one never the fault of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rwe import plugins
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.linkage import key_version
from rwe.pipeline.contract import Contract, contract
from rwe.pipeline.deletions import Allowance, delete_gone
from rwe.pipeline.erased_people import stopped
from rwe.pipeline.landing import Counts, Landing, land
from rwe.ports import Connector, TellsColumns, TellsRemarks, TellsSession
from rwe.spec.site import Site
from rwe.spec.source import Source
from rwe.store import Store, Table

Tell = Callable[[str], None]


def _nobody(text: str) -> None:
    """Tell nobody of `text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRead(Counts):
    """What one reading of a stream brought: its counts, and how it stands.

    Parameters
    ----------
    commit
        The newest commit of the landing table now.
    fault, unreachable
        Why the stream was not read to its end, empty where it was; and whether a later try may succeed.
    whole
        Whether it was ever read to its end.
    remarks
        What a person should know, for example of columns that came at the source.
    """

    site: str
    stream: str
    commit: int = 0
    fault: str = ""
    unreachable: bool = False
    whole: bool = True
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of an extraction beside reading what is new.

    Parameters
    ----------
    compare_keys
        Compare all keys of the source with those landed now, whatever the site file says.
    allowance
        Rows that such comparisons may delete, in all, where a stream loses more than the share that the site allows.
    accept
        Streams whose batch in quarantine a person has accepted.
    """

    compare_keys: bool = False
    allowance: Allowance = field(default_factory=Allowance)
    accept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one hospital brought, plain facts of the session with it, and why it ceased to answer if it did."""

    site: str
    reads: tuple[StreamRead, ...]
    session: Mapping[str, str]
    unreachable: str = ""


NOTHING_MORE = Asked()


def extract(
    site: Site, source: Source, store: Store, home: Path, key: bytes, tell: Tell = _nobody, asked: Asked = NOTHING_MORE
) -> Extracted:
    """Bring what is new in one hospital into its landing tables.

    A stream that breaks its contract is left where it was, with the reason, and the others go on. A source that
    ceases to answer ends the reading; what landed before stays landed.

    Raises
    ------
    Refused
        If the account of the source could write, or the landing was made with another key.
    """
    if stopped(home):
        from rwe.pipeline.erasure import resume  # brings the common model along, which an extraction has no need of

        resume(home)
    opener = plugins.connector(site.connector)
    try:
        with closing(opener(site, source, home)) as connector:
            return extract_from(connector, site, source, store, key, tell, asked)
    except SourceUnreachable as exc:
        return Extracted(site.site, (), {}, str(exc))


def extract_from(
    connector: Connector,
    site: Site,
    source: Source,
    store: Store,
    key: bytes,
    tell: Tell = _nobody,
    asked: Asked = NOTHING_MORE,
) -> Extracted:
    """Bring what is new behind an open connector into the landing tables, as `extract` does."""
    if lost := asked.accept - set(connector.streams()):
        raise DefinitionError(f"site '{site.site}' has no stream {', '.join(map(repr, sorted(lost)))} to accept")
    heed_accepted(store, site, source, key, asked.accept)
    with suppress(DataError):  # the stream whose fault it is says so when it is read
        connector.check()
    work, reads = _Extraction(site, source, store, connector, key, tell, asked), list[StreamRead]()
    for name in connector.streams():
        reads.append(work.read(name))
        if reads[-1].unreachable:
            break
    return Extracted(site.site, tuple(reads), work.session(), next((r.fault for r in reads if r.unreachable), ""))


def heed_accepted(store: Store, site: Site, source: Source, key: bytes, accept: Iterable[str]) -> None:
    """Make sure that what is accepted is set aside, before anything is read.

    Raises
    ------
    DefinitionError
        If nothing of such a stream is.
    """
    for name in sorted(accept):
        with contract(store, site.site, name, source.streams[name], key) as known:
            known.pending()


def landing_table(store: Store, site: str, stream: str) -> Table:
    """Return the landing table of a stream."""
    return store.table(f"{site}/landing/{stream}")


@dataclass(frozen=True, slots=True)
class _Extraction:
    """The reading of one hospital."""

    site: Site
    source: Source
    store: Store
    connector: Connector
    key: bytes
    tell: Tell
    asked: Asked

    def read(self, name: str) -> StreamRead:
        """Read one stream to its end or its first fault."""
        site, spec = self.site.site, self.source.streams[name]
        with contract(self.store, site, name, spec, self.key) as known:
            known.key_is(key_version(self.key))
            table = landing_table(self.store, site, name)
            aside = self.store.table(f"{site}/quarantine/{name}")
            for one in (table, aside):
                one.mend()
            known.learn_landed(table)
            remarks = [f"accepted: {reason}" for reason in (known.accept() if name in self.asked.accept else [])]
            done = Landing(known, table, aside, f"{site}/person", self.key)
            try:
                have = self._columns(name)
                remarks += self._compare(known, have)
                land(self.connector, name, done, lambda n: self.tell(f"{site}/{name}: {n}"))
                remarks += [] if have else self._compare(known, self._columns(name))
                done.counts += Counts(deleted=0 if done.fault else self._deletions(known, table))
            except (DataError, SourceUnreachable) as exc:
                done.fault, done.unreachable = str(exc), isinstance(exc, SourceUnreachable)
            finally:
                known.close(table, whole=done.ended, session=self.session())
            remarks += self._remarks(name)
            return StreamRead(
                **asdict(done.counts),
                site=site,
                stream=name,
                commit=table.commit,
                fault=done.fault,
                unreachable=done.unreachable,
                whole=known.whole,
                remarks=tuple(remarks),
            )

    def session(self) -> Mapping[str, str]:
        """Return what is true of the session now: reading may have opened another than the first."""
        return dict(self.connector.session) if isinstance(self.connector, TellsSession) else {}

    def _columns(self, name: str) -> Mapping[str, str]:
        return self.connector.columns(name) if isinstance(self.connector, TellsColumns) else {}

    def _remarks(self, name: str) -> list[str]:
        if isinstance(self.connector, TellsRemarks):
            with suppress(DataError, SourceUnreachable):  # reading said so already
                return list(self.connector.remarks(name))
        return []

    def _compare(self, known: Contract, have: Mapping[str, str]) -> list[str]:
        """Compare the columns of the source, where it tells any, with those it had."""
        if not have:
            return []
        remarks, found = known.compare_columns(have)
        if found:
            known.set_aside(found)
            raise DataError(f"stream '{known.name}': " + "; ".join(one.words for one in found))
        return remarks

    def _deletions(self, known: Contract, table: Table) -> int:
        """Compare all keys where it is asked for or due; return the keys deleted."""
        every = self.site.compare_keys_every
        due = every is not None and known.since_compared + 1 >= every
        if not (due or self.asked.compare_keys):
            return 0
        keys = self.connector.keys(known.name)
        if keys is None:
            return 0
        gone = delete_gone(table, keys, share=self.site.delete_share, allowance=self.asked.allowance)
        known.compared(gone)
        return gone
