# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Messages on disk before anybody is told that they are safe: written once under their id, never changed.

A message is written beside its place, forced to the disk and linked there, which fails where a message of its id is
already; its acknowledgement likewise, so that who asks twice is told the same. A machine that stops in between has
told nobody, and the next posting goes on from what is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rwe.chain import fsync, on_disk
from rwe.errors import DataError, Refused
from rwe.ports import Receipt

_DRAFT = ".incoming-"


class OtherContent(DataError):
    """A message of this id came before with other content."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the sender is told, and whether the message is new."""

    acknowledgement: Mapping[str, Any]
    new: bool


def prepare(folder: Path) -> int:
    """Make the folder where it is not there, for its owner only, and remove what a stop left half written.

    Returns
    -------
    int
        How many files were removed.

    Raises
    ------
    MachineError
        If the disk refuses.
    Refused
        If others may read the folder.
    """
    with on_disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise Refused(f"others may read {folder}; run: chmod 700 '{folder}'")
        return _sweep(folder)


def _sweep(folder: Path) -> int:
    scraps = list(folder.rglob(f"{_DRAFT}*"))
    for scrap in scraps:
        scrap.unlink()
    return len(scraps)


def keep(folder: Path, hospital: str, receipt: Receipt, body: bytes) -> Kept:
    """Write a message and its acknowledgement, each once, and force them to the disk.

    Parameters
    ----------
    folder
        Where the hospitals' folders are; made for their owner only.
    hospital
        Who sent it.
    receipt
        What it is; its id names the file.
    body
        Its bytes.

    Raises
    ------
    OtherContent
        If a message of this id came before with other content; that one stays.
    OSError
        If the disk refuses.
    """
    place = folder / hospital / hashlib.sha256(receipt.id.encode()).hexdigest()[:2]
    _make(folder, hospital, place.name)
    there, new = _once(place / f"{receipt.id}.xml", body)
    if there != body:
        raise OtherContent("a message of this id came before with other content; that one stays")
    told = {
        "messageId": receipt.id,
        "messageType": receipt.kind,
        "hospital": hospital,
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "rows": dict(receipt.rows),
        "receivedAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    acknowledgement, _ = _once(place / f".{receipt.id}.json", json.dumps(told, ensure_ascii=False).encode())
    fsync(place)
    return Kept(json.loads(acknowledgement), new)


def _make(folder: Path, *below: str) -> None:
    """Make folders for their owner only, their names on the disk before anything is put into them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in below:
        inner = folder / name
        if not inner.is_dir():
            inner.mkdir(mode=0o700, exist_ok=True)
            fsync(folder)
        folder = inner


def _once(path: Path, data: bytes) -> tuple[bytes, bool]:
    """Return what stands at a path, written now where nothing stood there, and whether it was written now."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes(), False
    draft = path.with_name(f"{_DRAFT}{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:  # another request was first
        return path.read_bytes(), False
    finally:
        draft.unlink(missing_ok=True)
    return data, True
