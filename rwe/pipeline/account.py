# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of an alignment so that the next one need only look at what changed: its account, and what it rests on.

It can always be made anew: one that is missing, not whole, or of other tables, rules or code costs a full
harmonisation and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from rwe import provenance
from rwe.chain import fsync, on_disk
from rwe.harmonise import Tally
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.store import Seal, Store, Table

_FOLDER, _LABEL, _WAY = "aligned", "rests_on.json", "on_their_way"


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What an alignment was made of, and what it made.

    Parameters
    ----------
    rules
        Hash of mapping, code and packages.
    landing, tables
        By name the number of the newest commit, and a hash of all commits up to it.
    """

    rules: str
    landing: Mapping[str, tuple[int, str]]
    tables: Mapping[str, tuple[int, str]]

    def holds(self, rules: str, landing: Mapping[str, Table], tables: Mapping[str, Table]) -> bool:
        """Tell whether the rules are the same, the landing has only grown, and nobody else wrote the tables."""
        if rules != self.rules or landing.keys() != self.landing.keys() or tables.keys() != self.tables.keys():
            return False
        grown = all(_as_it_was(landing[name].seals(), *was) for name, was in self.landing.items())
        return grown and all(newest(tables[name]) == was for name, was in self.tables.items())


def _as_it_was(seals: list[Seal], commit: int, digest: str) -> bool:
    return len(seals) >= commit and _digest(seals[:commit]) == digest


def newest(table: Table) -> tuple[int, str]:
    """Return the number of the newest commit of a table, and a hash of all commits up to it."""
    seals = table.seals()
    return len(seals), _digest(seals)


def _digest(seals: list[Seal]) -> str:
    return hashlib.sha256("".join(seal.log_sha256 for seal in seals).encode()).hexdigest()


def rules_of(mapping: SourceMapping, domains: Mapping[int, str], since: date | None = None) -> str:
    """Return a hash of all that decides what becomes of a row; `since` is when the hospital's records begin."""
    measures = {concept: asdict(measure) for concept, measure in mapping.measures.items()}
    said = [
        mapping.source.model_dump_json(),
        mapping.fields,
        mapping.concepts,
        measures,
        sorted(domains.items()),
        since,
    ]
    return hashlib.sha256(repr([said, *_made_by()]).encode()).hexdigest()


@cache
def _made_by() -> tuple[dict[str, str], dict[str, str]]:
    """Return hashes of the code and versions of the packages, asked once: a process runs what it has loaded."""
    return provenance.code_hashes(), provenance.packages()


@dataclass(frozen=True, slots=True)
class Account:
    """What is kept: what the alignment rests on, its tally, and whose each row of the person stream was."""

    rests_on: RestsOn
    tally: Tally
    persons: pl.DataFrame

    def parts(self) -> dict[str, pl.DataFrame]:
        """Return the tables of which it consists."""
        told = self.tally
        return {"account": told.account, "rejected": told.rejected, "codes": told.codes, "persons": self.persons}


def load(store: Store, site: str) -> Account | None:
    """Return what is kept of the last alignment of a hospital; None where nothing whole is."""
    folder = _folder(store, site)
    try:
        told = json.loads((folder / _LABEL).read_text("utf-8"))
        files = {name: (folder / f"{name}.parquet").read_bytes() for name in told["files"]}
    except (OSError, ValueError):
        return None
    if any(hashlib.sha256(files[name]).hexdigest() != sha for name, sha in told["files"].items()):
        return None
    landing, tables = ({name: (n, sha) for name, (n, sha) in told[part].items()} for part in ("landing", "tables"))
    parts = {name: pl.read_parquet(file) for name, file in files.items()}
    persons = parts.pop("persons")
    return Account(RestsOn(told["rules"], landing, tables), Tally(**parts), persons)


def keep(store: Store, site: str, account: Account) -> None:
    """Keep an alignment for the next one; the label comes last, so that it stands beside whole files or not at all."""
    folder = _folder(store, site)
    with on_disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _LABEL).unlink(missing_ok=True)
        hashes = {name: _write(folder / f"{name}.parquet", frame) for name, frame in account.parts().items()}
        draft = folder / f"{_LABEL}.draft"
        draft.write_text(json.dumps({**asdict(account.rests_on), "files": hashes}), "utf-8")
        fsync(draft)
        draft.replace(folder / _LABEL)
        fsync(folder)


def _write(path: Path, frame: pl.DataFrame) -> str:
    frame.write_parquet(path)
    fsync(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drop_all(store: Store) -> None:
    """Keep nothing of the last alignments, so that the next ones look at every row, nor of rows on their way."""
    with on_disk(store.root):
        for name in (_FOLDER, _WAY):
            for folder in store.root.glob(f"*/{name}"):
                shutil.rmtree(folder)


def _folder(store: Store, site: str) -> Path:
    return store.root / site / _FOLDER


def scratch(store: Store, site: str) -> Path:
    """Return the folder for rows on their way between two stages; it is empty when nobody is at work."""
    return store.root / site / _WAY
