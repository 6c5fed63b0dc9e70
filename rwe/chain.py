# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Chain`: an append-only log in which every line vouches for the one before it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rwe.errors import MachineError, TornStore

Mark = tuple[int, int, int]  # inode, bytes, time of the last change
START = "0" * 64
_MARK = b',"hash":"'
_CHAINS = 16  # remembered, of a few kilobytes an entry
_TAIL = len(_MARK) + 64 + len(b'"}')


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number from 1, when it was written, what it says, and the hashes that hold it in place."""

    seq: int
    utc: str
    payload: Mapping[str, Any]
    prev: str
    hash: str


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn a failure of the disk under `path` into a `MachineError` that names it."""
    try:
        yield
    except OSError as exc:
        raise MachineError(f"{exc.filename or path}: {exc.strerror or type(exc).__name__}") from None


def fsync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Chain:
    """A hash-chained JSON-lines file, forced to disk at each append.

    A machine that stops while a line is being written leaves a torn last line. Nobody was told
    that such a line is safe, so reading passes over it and the next append cuts it off and says
    so in a line of its own, ``{"kind": "repair", "dropped_bytes": ...}``. Anything else that does
    not fit is damage and is refused. Appends need a lock of the caller.

    Parameters
    ----------
    path
        The file; it need not exist yet.

    Examples
    --------
    >>> import tempfile
    >>> chain = Chain(Path(tempfile.mkdtemp()) / "log.jsonl")
    >>> chain.append({"kind": "note"}).seq
    1
    >>> [entry.payload["kind"] for entry in chain.entries()]
    ['note']
    """

    path: Path

    def entries(self) -> list[Entry]:
        """Return every entry, oldest first.

        Raises
        ------
        TornStore
            If a line was changed, lost or moved; names the first bad seq.
        """
        return self._read()[0]

    def append(self, payload: Mapping[str, Any]) -> Entry:
        """Add one entry and return it once it is on the disk.

        Raises
        ------
        TornStore
            If the log is damaged.
        MachineError
            If the disk refuses the write.
        """
        return Growing(self).append(payload)

    def _read(self) -> tuple[list[Entry], int, int]:
        """Return the entries, the bytes they take, and the bytes of a torn last line."""
        with on_disk(self.path):
            data = self.path.read_bytes() if self.path.exists() else b""
        known = _known.take(self.path, data)
        *lines, rest = data[known.size :].split(b"\n")
        entries = known.entries.copy()
        for seq, line in enumerate(lines, start=len(entries) + 1):
            entry = _parse(line, seq, entries[-1].hash if entries else START)
            if entry is None:
                raise TornStore(f"{self.path}: entry {seq} is damaged, out of order or missing; restore this file")
            entries.append(entry)
        if _parse(rest[:-1], len(entries) + 1, entries[-1].hash if entries else START):
            # a whole line and one byte more: no write that was cut off leaves that, a changed line end does
            raise TornStore(f"{self.path}: the end of entry {len(entries) + 1} is damaged; restore this file")
        _known.keep(self.path, data[: len(data) - len(rest)], entries, known)
        return entries.copy(), len(data) - len(rest), len(rest)

    def _write(self, last: Entry | None, payload: Mapping[str, Any]) -> Entry:
        seq, prev = (last.seq + 1, last.hash) if last else (1, START)
        utc = datetime.now(UTC).isoformat(timespec="microseconds")
        fields = {"seq": seq, "utc": utc, "payload": payload, "prev": prev}
        body = json.dumps(fields, separators=(",", ":"))[:-1].encode()
        digest = hashlib.sha256(body).hexdigest()
        new = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(body + _MARK + digest.encode() + b'"}\n')
            file.flush()
            os.fsync(file.fileno())
        if new:
            fsync(self.path.parent)
        return Entry(seq, utc, payload, prev, digest)


class Growing:
    """A chain to which one process appends again and again; needs the lock all the while.

    What was read and found whole is not read again for the next append, so a thousand cost a thousand times one,
    unless the file is no longer as the last append left it: then it is.

    Parameters
    ----------
    chain
        The chain.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._last: Entry | None = None
        self._mark: Mark | None = None

    def append(self, payload: Mapping[str, Any]) -> Entry:
        """Append as `Chain.append` does."""
        path = self._chain.path
        with on_disk(path):
            if self._mark is None or self._mark != _mark(path):
                self._begin(path)
            self._mark = None  # unless this append comes to its end
            self._last = self._chain._write(self._last, payload)
            self._mark = _mark(path)
        return self._last

    def _begin(self, path: Path) -> None:
        entries, sound, torn = self._chain._read()
        self._last = entries[-1] if entries else None
        if torn:
            os.truncate(path, sound)
            self._last = self._chain._write(self._last, {"kind": "repair", "dropped_bytes": torn})


@dataclass(frozen=True, slots=True)
class _Read:
    """The beginning of a chain that was read and found whole: its bytes, their sha256, its entries."""

    size: int = 0
    sha256: bytes = b""
    entries: list[Entry] = field(default_factory=list)


class _Known:
    """What this process has read of chains, so that it parses no line twice; its bytes are hashed each time."""

    def __init__(self) -> None:
        self._reads: dict[Path, _Read] = {}

    def take(self, path: Path, data: bytes) -> _Read:
        """Return what is known of the beginning of a chain, if that holds the same bytes still."""
        known = self._reads.pop(path, _Read())
        same = known.size <= len(data) and hashlib.sha256(memoryview(data)[: known.size]).digest() == known.sha256
        return known if same else _Read()

    def keep(self, path: Path, data: bytes, entries: list[Entry], was: _Read) -> None:
        """Remember a chain; of many, those that were read last."""
        same = was.size == len(data)
        self._reads[path] = was if same else _Read(len(data), hashlib.sha256(data).digest(), entries)
        if len(self._reads) > _CHAINS:
            del self._reads[next(iter(self._reads))]


_known = _Known()


def _mark(path: Path) -> Mark:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _parse(line: bytes, seq: int, prev: str) -> Entry | None:
    """Return the entry of a line, or None where the line does not continue the chain."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    digest = hashlib.sha256(body).hexdigest()
    if tail != _MARK + digest.encode() + b'"}':
        return None
    fields = json.loads(body + b"}")
    if fields["seq"] != seq or fields["prev"] != prev:
        return None
    return Entry(seq, fields["utc"], fields["payload"], prev, digest)
