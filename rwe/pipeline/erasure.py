# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Erasure of a person from a home: the tables of the store, what runs, exports and connectors kept, what comes later.

Who was erased stands in ``store/erased.jsonl`` as references that are keyed, so they say nothing
without the linkage key; with it, rows of that person are known when a hospital sends them again,
and do not land. What is to be erased is noted before anything is touched, so that an erasure that
was stopped goes on where it stopped; the note is deleted last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from rwe import plugins
from rwe.chain import fsync, on_disk
from rwe.errors import Busy, DataError
from rwe.identity import pseudonymise
from rwe.linkage import load_or_make_key
from rwe.pipeline import account
from rwe.pipeline.erased_files import clear_exports, clear_runs
from rwe.pipeline.erased_people import LINKS, NOTE, TOKENS, chain_of, draft, reference, references_of, stopped
from rwe.spec.source import Column
from rwe.store import Store, Table

_TIES = (*TOKENS, "person_id")
_ID_DIGITS = 15  # the first 60 bits of a token: the id of a person in the common model


@dataclass(frozen=True, slots=True)
class Person:
    """What a person is known by in a home.

    Parameters
    ----------
    numbers, nationals
        Tokens of hospitals' own numbers, and of national numbers. More than one national number may mean that a
        hospital's number was given to two people.
    keys
        By table, the keys of the rows that are the person's, with the commits that brought them.
    """

    numbers: tuple[str, ...]
    nationals: tuple[str, ...]
    keys: Mapping[str, list[tuple[str, int]]]

    @property
    def tokens(self) -> list[str]:
        """All tokens, the same ones in the same order each time."""
        return sorted({*self.numbers, *self.nationals})

    @property
    def columns(self) -> dict[str, list[str] | list[int]]:
        """What to look for, by column of a table."""
        ids = [int(token[:_ID_DIGITS], 16) for token in self.tokens]
        return {**dict.fromkeys(TOKENS, self.tokens), "person_id": ids}


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did: its name in the chains, row versions taken out by table, runs marked, files changed."""

    reference: str
    tables: Mapping[str, int]
    runs: tuple[str, ...]
    files: tuple[str, ...]


def tokens_of(identifier: str, home: Path) -> list[str]:
    """Return the tokens that an identifier has in this home: as a national number, and as each hospital's own.

    Raises
    ------
    Refused, MachineError
        As `load_or_make_key`.
    """
    key = load_or_make_key(home)
    rows = pl.DataFrame({"person": [identifier], "national": [identifier]})
    roles = {"person": Column(type="text", role="person"), "national": Column(type="text", role="national_id")}
    sites = sorted({name.partition("/")[0] for name in Store(home / "store").names()})
    made = [pseudonymise(rows, roles, key, f"{site}/person") for site in sites]
    return sorted({token for frame in made for name in TOKENS for token in frame[name].drop_nulls()})


def find(tokens: Iterable[str], home: Path) -> Person:
    """Return everything a person is known by, found from rows that bear two tokens of the same person.

    Raises
    ------
    DataError
        If no row of the store bears one of the tokens.
    TornStore
        If a sealed file is missing or holds other bytes.
    """
    store = Store(home / "store")
    tables = [store.table(name) for name in store.names()]
    numbers, nationals = _closed(set(tokens), tables)
    if not numbers | nationals:
        raise DataError("no row of this store bears such a token; nothing was erased")
    person = Person(tuple(sorted(numbers)), tuple(sorted(nationals)), {})
    keys = {table.name: table.traces(person.columns).rows() for table in tables}
    return Person(person.numbers, person.nationals, {name: found for name, found in keys.items() if found})


def _closed(known: set[str], tables: list[Table]) -> tuple[set[str], set[str]]:
    """Return the hospital and national numbers that hang together with the known tokens, by rows or as linked now."""
    pairs = pl.concat([_pairs(table) for table in tables]).unique().collect() if tables else pl.DataFrame()
    found: set[str] = set()
    while not pairs.is_empty():
        mine = pairs.filter(pl.any_horizontal(pl.col(name).is_in(list(known)) for name in _TIES))
        found = {token for name in _TIES for token in mine[name].drop_nulls()}
        if found <= known:
            return set(mine["person_token"].drop_nulls()) & found, set(mine["national_token"].drop_nulls()) & found
        known = known | found
    return set(), set()


def _pairs(table: Table) -> pl.LazyFrame:
    links = table.name == LINKS
    rows, person = table.current() if links else table.rows(), pl.format("person {}", "person_id")
    columns = rows.collect_schema()
    ties = [(pl.col(name) if name in columns else pl.lit(None, pl.String)).alias(name) for name in TOKENS]
    return rows.select(*ties, (person if links else pl.lit(None, pl.String)).alias("person_id")).unique()


def erase(person: Person, home: Path) -> Erasure:
    """Take a person out of everything under a home.

    Raises
    ------
    Busy
        If another process runs a study, appends to a table, or erases.
    """
    with _alone(home / "store"), _no_run(home):
        _resume(home)
        _note(home / "store" / NOTE, person)
        return _carry_out(person, home)


def resume(home: Path) -> Erasure | None:
    """Complete an erasure that was stopped half-way, if there is one; return what it did.

    Raises
    ------
    Busy
        If another process appends to a table, or erases.
    """
    note = home / "store" / NOTE
    if not stopped(home):
        return None
    with _alone(note.parent):
        draft(note).unlink(missing_ok=True)
        return _resume(home)


def _resume(home: Path) -> Erasure | None:
    path = home / "store" / NOTE
    if not path.exists():
        return None
    noted = json.loads(path.read_text("utf-8"))
    keys = {name: [(key, commit) for key, commit in found] for name, found in noted["keys"].items()}
    return _carry_out(Person(tuple(noted["numbers"]), tuple(noted["nationals"]), keys), home)


def _carry_out(person: Person, home: Path) -> Erasure:
    """Do the noted erasure from wherever it stands; each part of it may have been done before."""
    store, key = Store(home / "store", patience=60), load_or_make_key(home)
    references = [reference(key, token) for token in person.tokens]
    if new := [one for one in references if one not in references_of(store.root)]:
        chain_of(store.root).append({"kind": "erased", "references": new})
    account.drop_all(store)
    tables = dict(_erased(store, person, references[0]))
    runs, files = clear_runs(home, person.columns, person.keys, references[0])
    files += clear_exports(home, person.columns, person.keys)
    keys = {table: [key for key, _ in found] for table, found in person.keys.items()}
    for eraser in plugins.erasers():
        files += tuple(eraser(home, keys))
    with on_disk(store.root):
        (store.root / NOTE).unlink(missing_ok=True)
        fsync(store.root)
    return Erasure(references[0], {name: n for name, n in tables.items() if n}, runs, files)


def _erased(store: Store, person: Person, reference: str) -> Iterator[tuple[str, int]]:
    """Take a person out of every table; yield the rows of each.

    Who lands rows reads whom to keep out under the lock of the table. If that was before the reference stood
    there, the table had been begun, so it is found here and waited for, and so is what was set aside meanwhile.
    """
    done: set[str] = set()
    while todo := [name for name in store.begun() if name not in done]:
        for name in todo:
            yield name, store.table(name).erase(person.columns, reference).rows
        done.update(todo)


def _note(path: Path, person: Person) -> None:
    """Keep what is being erased until it is; only the owner may read it."""
    written = draft(path)
    with on_disk(path):
        written.unlink(missing_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(person), file)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        fsync(path.parent)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with _held(root / "erasing.lock", "another process is erasing in this home; try again later"):
        yield


@contextmanager
def _no_run(home: Path) -> Iterator[None]:
    """Keep studies from running: one that has read the person already would write them into the common model."""
    with ExitStack() as stack:
        for path in sorted(home.glob(".*.lock")):
            stack.enter_context(_held(path, f"study '{path.stem[1:]}' is being run; erase when it has ended"))
        yield


@contextmanager
def _held(path: Path, busy: str) -> Iterator[None]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(busy) from None
    try:
        yield
    finally:
        lock.release()
