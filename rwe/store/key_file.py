# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The keys of a table, kept beside it as hashes: a process that brings a few new rows reads this, not every file.

It is made of files that were verified, its own sha256 stands in the chain, and it is compared before it is believed.
One that is lost or holds other bytes is no damage: it is made again. Hashes of an erased person's keys go with the
whole file, because an erasure ends what stood in the chain before it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rwe.chain import Growing, fsync, on_disk
from rwe.store.keys import Keys
from rwe.store.seal import seal_log

EVERY = 64  # commits after which it is made anew
KIND = "keys"
_PIECE = 1 << 20

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Kept:
    """The keys of all commits up to `through`, and the file that they were read from, if there is one."""

    keys: Keys
    through: int = 0
    path: Path | None = None


def recalled(folder: Path) -> Kept:
    """Return the keys that are kept of a table; none where none are, or not those that were kept."""
    named = _named(folder)
    if named is None:
        return Kept(Keys())
    through, path, expected = named
    keys, digest = Keys(), hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                keys.put(np.frombuffer(piece[: len(piece) // 8 * 8], "<u8").astype(np.uint64, copy=False))
    except OSError:
        return Kept(Keys())
    return Kept(keys, through, path) if digest.hexdigest() == expected else Kept(Keys())


def keep(folder: Path, log: Growing, was: Kept, since: Iterable[Hashes], through: int) -> None:
    """Keep the keys of all commits up to `through`: what was kept, and the hashes that came since. Needs the lock."""
    path = folder / "_seal" / f"keys-{through:08d}-{secrets.token_hex(6)}.u64"
    digest = hashlib.sha256()
    with on_disk(path):
        with path.open("wb") as file:
            for piece in (*_pieces(was.path), *(hashes.astype("<u8", copy=False).tobytes() for hashes in since)):
                digest.update(piece)
                file.write(piece)
        fsync(path)
        fsync(path.parent)
    log.append({"kind": KIND, "through": through, "file": path.name, "sha256": digest.hexdigest()})
    if was.path:
        with on_disk(was.path):
            was.path.unlink(missing_ok=True)


def leftover_keys(folder: Path) -> set[Path]:
    """Return the files of keys that the chain does not name, or no longer."""
    named = _named(folder)
    return set((folder / "_seal").glob("keys-*.u64")) - ({named[1]} if named else set())


def _named(folder: Path) -> tuple[int, Path, str] | None:
    """Return what the file that the chain named last reaches to, and its sha256; what an erasure follows is void."""
    for entry in reversed(seal_log(folder).entries()):
        if entry.payload.get("kind") == "erase":
            return None
        if entry.payload.get("kind") == KIND and "file" in entry.payload:
            return entry.payload["through"], folder / "_seal" / entry.payload["file"], entry.payload["sha256"]
    return None


def _pieces(path: Path | None) -> Iterable[bytes]:
    if path:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
