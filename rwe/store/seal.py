# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Seals: what each commit of a table holds, by hash, in a log that cannot be changed unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rwe import execute
from rwe.chain import Chain, Entry, Growing, on_disk
from rwe.errors import TornStore
from rwe.ports import Cursor

CREATE = "create"
_TABLES = 16  # whose seals a process remembers
_folded: dict[Path, tuple[int, str, tuple[Seal, ...]]] = {}  # entries of a log, the hash of the last, what they say


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One data file of a commit; `path` is relative to the table's folder."""

    path: str
    sha256: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Seal:
    """What one commit holds.

    Parameters
    ----------
    commit
        Its number, which is also its Delta version; 0 is the making of the table.
    kind, batch, cursor
        What was landed, the batch's id, and how far the stream was read with it.
    rows, files
        Rows over all files, and the files.
    schema, partition_by
        Column types by name and the column that splits the table, for commit 0 only.
    log_sha256
        Hash of the commit's file in the Delta log.
    utc
        When it was sealed.
    anew
        Whether none of its keys stood in an earlier commit, as far as that was looked at.
    """

    commit: int
    kind: str
    batch: str
    cursor: Cursor | None
    rows: int
    files: tuple[SealedFile, ...]
    schema: Mapping[str, str] = field(default_factory=dict)
    partition_by: str | None = None
    log_sha256: str = ""
    utc: str = ""
    anew: bool = False

    def payload(self) -> dict[str, Any]:
        """Return the seal as plain values, as the Delta commit and the seal log hold it."""
        return {
            "commit": self.commit,
            "kind": self.kind,
            "batch": self.batch,
            "cursor": [self.cursor.value, self.cursor.key] if self.cursor else None,
            "rows": self.rows,
            "files": [[file.path, file.sha256, file.rows, file.size] for file in self.files],
            "schema": dict(self.schema),
            "partition_by": self.partition_by,
            "anew": self.anew,
        }

    @classmethod
    def of(cls, payload: Mapping[str, Any], *, log_sha256: str, utc: str = "") -> Seal:
        """Return the seal that `payload` describes."""
        return cls(
            commit=payload["commit"],
            kind=payload["kind"],
            batch=payload["batch"],
            cursor=Cursor(*payload["cursor"]) if payload["cursor"] else None,
            rows=payload["rows"],
            files=tuple(SealedFile(*file) for file in payload["files"]),
            schema=payload["schema"],
            partition_by=payload["partition_by"],
            log_sha256=log_sha256,
            utc=utc,
            anew=payload.get("anew", False),
        )


def log_file(folder: Path, commit: int) -> Path:
    """Return the file of a commit in the Delta log."""
    return folder / "_delta_log" / f"{commit:020d}.json"


def seal_log(folder: Path) -> Chain:
    """Return the seal log of a table."""
    return Chain(folder / "_seal" / "log.jsonl")


def erasing(folder: Path) -> Path:
    """Return the folder that is there while a person is being erased from a table."""
    return folder / "_seal" / "erasing"


def read_seals(folder: Path) -> list[Seal]:
    """Return the seals of a table, oldest first; an erasure gave the commits that held a person other files.

    Raises
    ------
    TornStore
        If the log is damaged or a seal is missing from the row.
    """
    entries, log = seal_log(folder).entries(), seal_log(folder).path
    done, last, known = _folded.pop(log, (0, "", ()))
    if done > len(entries) or (done and entries[done - 1].hash != last):
        done, known = 0, ()
    seals = list(known)
    for entry in entries[done:]:
        _fold(seals, entry)
    if [seal.commit for seal in seals] != list(range(len(seals))):
        raise TornStore(f"{folder}: the seals do not number the commits one by one; restore _seal/log.jsonl")
    if entries:
        _folded[log] = len(entries), entries[-1].hash, tuple(seals)
        if len(_folded) > _TABLES:
            del _folded[next(iter(_folded))]
    return seals


def _fold(seals: list[Seal], entry: Entry) -> None:
    if "commit" in entry.payload:
        seals.append(Seal.of(entry.payload, log_sha256=entry.payload["log_sha256"], utc=entry.utc))
    for lesser in entry.payload.get("commits", ()):
        files = tuple(SealedFile(*file) for file in lesser["files"])
        was = seals[lesser["commit"]]
        seals[was.commit] = replace(was, rows=lesser["rows"], files=files, log_sha256=lesser["log_sha256"])


def write_seal(log: Chain | Growing, seal: Seal, log_sha256: str) -> Seal:
    """Seal a commit whose files are on the disk; return the seal with its time and the hash of the commit."""
    entry = log.append({**seal.payload(), "log_sha256": log_sha256})
    return replace(seal, log_sha256=log_sha256, utc=entry.utc)


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with on_disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def scrub(folder: Path, seals: Iterable[Seal]) -> tuple[int, int]:
    """Read every byte of these commits again, whatever was verified before; return files and bytes.

    Raises
    ------
    TornStore
        As `verify`.
    """
    found = [(log_file(folder, seal.commit), seal.log_sha256) for seal in seals]
    found += [(folder / file.path, file.sha256) for seal in seals for file in seal.files]
    for path, expected in found:
        _seen.pop(path, None)
        _verify(path, expected)
    return len(found), sum(path.stat().st_size for path, _ in found)


def forget() -> None:
    """Verify everything again when it is next read, as a new process does."""
    _seen.clear()


_seen: dict[Path, tuple[tuple[int, int, int], str]] = {}


def verify(folder: Path, seals: Iterable[Seal]) -> None:
    """Compare the files of these commits with their seals, each file once a process.

    Raises
    ------
    TornStore
        If a file is missing or holds other bytes; names it.
    """
    held: list[tuple[Path, str]] = []
    for seal in seals:
        held.append((log_file(folder, seal.commit), seal.log_sha256))
        held += [(folder / file.path, file.sha256) for file in seal.files]
    execute.run(lambda one: _verify(*one), held)


def _verify(path: Path, expected: str) -> None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise TornStore(f"{path}: this file was sealed and is gone; restore it from a backup") from None
    mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if _seen.get(path) == (mark, expected):
        return
    if sha256(path) != expected:
        raise TornStore(f"{path}: its bytes are not those that were sealed; restore it from a backup")
    _seen[path] = (mark, expected)
