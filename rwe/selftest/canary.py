# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Canaries: a hospital whose identifying columns hold marks found nowhere else, extracted under faults of every kind.

After each fault everything that was said or written is searched. What identifies may leave tokens only; what is
clinical and declared may stand in the tables of the store, and nowhere else.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rwe.selftest.boundaries import Boundary, boundaries, raising
from rwe.selftest.listening import said_into, temporary_in

Run = Callable[[Sequence[str]], int]
Tell = Callable[[str, float], None]

ROLES = {"patient_no": "person", "national_no": "national_id", "born": "birth_date"}
NAMES = ("given", "middle", "family", "maiden", "mother", "father", "partner", "kin")
HIDDEN = ("address", "phone", "mail", "device", "insurance", "passport", "employer", "photo", "account", "kin_phone")
CLINICAL = ("note", "ward", "finding")
IDENTIFYING = (*ROLES, *NAMES, *HIDDEN)
PEOPLE = 40
SITE = """\
site: canary
title: {en: Canary, bg: Канарче}
connector: sql
url: "sqlite:///{home}/../hospital.db"
mapping: mapping
page_rows: 15
"""
DECLARED = """\
source: canary
streams:
  person:
    table: person
    key: row_id
    cursor: modified_at
    columns:"""


@dataclass(frozen=True, slots=True)
class Report:
    """What the canaries told: faults tried by kind, and where marks were found, without the marks."""

    faults: dict[str, int]
    codes: dict[int, int]
    found: tuple[str, ...]


@dataclass
class Cage:
    """A hospital with marks in a folder of its own."""

    folder: Path
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The engine's home."""
        return self.folder / "home"

    @property
    def line(self) -> list[str]:
        """The command line that extracts the hospital."""
        return ["extract", str(self.folder / "site.yaml"), "--home", str(self.home), "--json"]

    def build(self) -> None:
        """Write definitions and rows; every mark is new."""
        self.home.mkdir(parents=True)
        (self.folder / "mapping").mkdir()
        (self.folder / "tmp").mkdir()
        (self.folder / "site.yaml").write_text(SITE, "utf-8")
        (self.folder / "mapping" / "source.yaml").write_text(_declared(), "utf-8")
        self.marks = {name: _mark(name) for name in (*IDENTIFYING, *CLINICAL)}
        columns = ", ".join((*IDENTIFYING, *CLINICAL))
        places = ", ".join("?" * (len(IDENTIFYING) + len(CLINICAL) + 2))
        rows = [(i, f"2026-01-01 00:00:{i % 60:02}", *self._row(i)) for i in range(PEOPLE)]
        with closing(sqlite3.connect(self.folder / "hospital.db")) as hospital, hospital:
            hospital.execute(f"CREATE TABLE person (row_id INTEGER PRIMARY KEY, modified_at TIMESTAMP, {columns})")
            hospital.executemany(f"INSERT INTO person VALUES ({places})", rows)

    def _row(self, i: int) -> list[str]:
        return [mark if name in ("born", *NAMES) else f"{mark}{i}" for name, mark in self.marks.items()]

    def spoil(self, statement: str, *values: object) -> None:
        """Change the hospital."""
        with closing(sqlite3.connect(self.folder / "hospital.db")) as hospital, hospital:
            hospital.execute(statement, values)

    def found(self, said: bytes) -> list[str]:
        """Return where marks are: in what was said, or in a file."""
        places = [("what was said", said)]
        tables = set[str]()
        for top in (self.home, self.folder / "tmp"):
            for path in (one for one in top.rglob("*") if one.is_file()):
                name = path.relative_to(self.folder).as_posix()
                places.append((name, path.read_bytes() + name.encode()))
                if path.suffix == ".parquet":
                    tables.add(name)
                    with contextlib.suppress(pl.exceptions.PolarsError):  # a file that a fault left half written
                        places[-1] = (name, places[-1][1] + pl.read_parquet(path).write_ndjson().encode())
        return sorted(
            f"{name} in {place}"
            for name, mark in self.marks.items()
            for place, data in places
            if any(form in data for form in _forms(mark)) and not (name in CLINICAL and place in tables)
        )


def _mark(name: str) -> str:
    if name == "born":
        return f"{1801 + secrets.randbelow(80)}-03-{10 + secrets.randbelow(19)}"
    letters = "".join(secrets.choice("бгджзлфцчшщюя") for _ in range(12))
    return f"Ж{letters}" if name in NAMES else f"Zq{secrets.token_hex(6)}{name}"


def _forms(mark: str) -> set[bytes]:
    texts = {mark, mark.lower(), mark.upper(), ascii(mark)[1:-1]}
    return {text.encode(code) for text in texts for code in ("utf-8", "utf-16-le")} | {mark.encode().hex().encode()}


def _declared() -> str:
    roles = {**ROLES, **dict.fromkeys(NAMES, "name")}
    lines = [f"      {n}: {{type: {'date' if n == 'born' else 'text'}, role: {r}}}" for n, r in roles.items()]
    lines += [f"      {name}: {{type: text}}" for name in CLINICAL]
    return "\n".join([DECLARED, *lines, ""])


def canary(run: Run, folder: Path, *, faults: int = 200, tell: Tell = lambda *_: None) -> Report:
    """Extract the marked hospital under faults and look for its marks after each.

    Parameters
    ----------
    run
        The command line, as a function of its words that returns the exit code.
    folder
        An empty folder to work in.
    faults
        How many, at least; spread over the faults of the hospital and the boundaries of the engine.
    tell
        Told what is tried and how far the work is.
    """
    tried, codes, found = dict[str, int](), dict[int, int](), list[str]()
    plans = [*_spoilt(), *_broken(run, folder, faults)]
    for number, (kind, prepare, inject) in enumerate(plans):
        tell(kind, number / len(plans))
        cage = Cage(folder / str(number))
        cage.build()
        prepare(cage)
        code, said, fell = _watched(run, cage, inject)
        tried[kind], codes[code] = tried.get(kind, 0) + fell, codes.get(code, 0) + 1
        found += [f"{kind} ({number}): {place}" for place in cage.found(said)]
    return Report(tried, codes, tuple(found))


Plan = tuple[str, Callable[[Cage], None], Boundary | None]


def _spoilt() -> Iterator[Plan]:
    """Yield faults of the hospital: in each column a value of each wrong kind, and tables that are not as declared."""
    odd = ("a blob", "a number", "half a character", "a NUL", "another's mark")
    for column in (*ROLES, *NAMES, *CLINICAL, "modified_at"):
        for kind in odd:
            yield f"hospital: {kind}", _value(column, kind), None
        yield "hospital: a column renamed", _statement(f"ALTER TABLE person RENAME COLUMN {column} TO {column}_x"), None
    yield "hospital: a table gone", _statement("DROP TABLE person"), None
    yield "hospital: no database", _no_database, None
    yield "hospital: as it should be", lambda _: None, None


def _value(column: str, kind: str) -> Callable[[Cage], None]:
    def spoil(cage: Cage) -> None:
        mark = cage.marks.get(column) or cage.marks["patient_no"]
        told: dict[str, object] = {
            "a blob": mark.encode(),
            "a number": 7.5,
            "half a character": mark.encode() + b"\xd0",
            "a NUL": f"{mark}\0{mark}",
            "another's mark": cage.marks["note" if column in CLINICAL else "patient_no"],
        }
        value = told[kind]
        cage.spoil(f"UPDATE person SET {column} = ? WHERE row_id = 20", value)
        if kind == "half a character":
            cage.spoil(f"UPDATE person SET {column} = CAST({column} AS TEXT) WHERE row_id = 20")

    return spoil


def _no_database(cage: Cage) -> None:
    (cage.folder / "hospital.db").write_bytes(b"\0" * 4096)


def _statement(text: str) -> Callable[[Cage], None]:
    return lambda cage: cage.spoil(text)


def _broken(run: Run, folder: Path, faults: int) -> list[Plan]:
    """Return faults inside: an error that holds marks, raised where the engine calls a library or a part of itself."""
    for warm in ("warm", "clean"):  # what is imported or cached once is no boundary
        cage = Cage(folder / warm)
        cage.build()
        with boundaries() as seen:
            _watched(run, cage, None)
    wanted = max(faults - len(list(_spoilt())), 0)
    step = max(len(seen) // wanted, 1) if wanted else len(seen) + 1
    return [("inside: an error of a library", lambda _: None, place) for place in seen[::step]]


def _watched(run: Run, cage: Cage, inject: Boundary | None) -> tuple[int, bytes, bool]:
    """Run the extraction; return its exit code, every byte it said, even past Python, and whether the fault fell."""
    armed = list[BaseException]()
    said = cage.folder / "said"
    with said_into(said), temporary_in(cage.folder / "tmp"), contextlib.ExitStack() as stack:
        if inject:
            armed = stack.enter_context(raising(inject, cage.marks))
        code = run(cage.line)
    return code, said.read_bytes(), not armed
