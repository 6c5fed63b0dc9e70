# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Opening decides: what a stopped machine left half done is finished or set aside before anything else.

A commit passes four points: files on the disk, commit in the Delta log, commit on the disk, seal on
the disk. A machine that stops before the second leaves files that no commit names: they are swept.
Between the second and the last it leaves a newest commit without a seal. If that commit is whole, it
is sealed; if it is torn, empty, or its files are not what it says, it is set aside, and its batch
counts as not landed, so that the next run brings it again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rwe.chain import fsync, on_disk
from rwe.errors import TornStore
from rwe.store.delta_log import METADATA
from rwe.store.erase import finish, leftovers
from rwe.store.seal import Seal, erasing, log_file, read_seals, seal_log, sha256, write_seal

_VERSION = re.compile(r"\d{20}\.json")
_OURS = re.compile(r"part-\d{8}-[0-9a-f]{12}\.parquet|part-.*\.parquet#\d+$|_commit_|keys-\d{8}-[0-9a-f]{12}\.u64")


def newest_commit(folder: Path) -> int:
    """Return the number of the newest commit in the Delta log, sealed or not; -1 if there is none."""
    log = folder / "_delta_log"
    if not log.is_dir():
        return -1
    with os.scandir(log) as found:
        newest = max(filter(_VERSION.fullmatch, (one.name for one in found)), default="")  # all are of one length
    return int(newest.partition(".")[0]) if newest else -1


def look(folder: Path) -> tuple[list[Seal], bool]:
    """Return the seals of a table and whether it is settled, though another process may be appending to it.

    A commit is sealed before the next one comes. So a commit that was there before the seals were read has all
    the seals before its own, and the file of a commit whose seal was read is there afterwards: what came in
    between is not taken for damage.

    Raises
    ------
    TornStore
        As `settled`.
    """
    before = newest_commit(folder)
    seals = read_seals(folder)
    return seals, settled(folder, seals, before)


def settled(folder: Path, seals: list[Seal], before: int | None = None) -> bool:
    """Tell whether the Delta log ends at the last seal, and no erasure stopped half-way.

    Parameters
    ----------
    before
        The newest commit before the seals were read; without it nobody else may append.

    Raises
    ------
    TornStore
        If a sealed commit is gone, or more than one commit came without a seal.
    """
    if erasing(folder).exists():
        return False
    newest, sealed = newest_commit(folder), len(seals) - 1
    if newest < sealed:
        raise TornStore(f"{folder}: the Delta log file of sealed commit {sealed} is gone; restore it from a backup")
    if (newest if before is None else before) > sealed + 1:
        raise TornStore(
            f"{folder}: commits {sealed + 1} to {newest} have no seal; another program wrote them or seals were lost; "
            "restore the folder from a backup"
        )
    return newest == sealed


def settle(folder: Path, seals: list[Seal]) -> str:
    """Finish an erasure, seal the newest commit or set it aside; return the notice for people. Needs the lock."""
    if erasing(folder).exists():
        finish(folder, seals)
        return f"{folder}: an erasure stopped half-way; finished now"
    number = len(seals)
    found = _whole(folder, number)
    if isinstance(found, Seal):
        write_seal(seal_log(folder), found, sha256(log_file(folder, number)))
        return f"{folder}: commit {number} was whole but not sealed; sealed now"
    aside = folder / "_seal" / f"aside-{number:08d}-{len(seal_log(folder).entries()):08d}.json"
    with on_disk(folder):
        log_file(folder, number).rename(aside)
        fsync(aside.parent)
        fsync(folder / "_delta_log")
    seal_log(folder).append({"kind": "set-aside", "number": number, "reason": found, "file": aside.name})
    return f"{folder}: commit {number} {found}; set aside as {aside.name}, its batch counts as not landed"


def sweep(folder: Path, seals: list[Seal]) -> None:
    """Delete what no commit names: data files of commits that never came, and Delta's own scraps.

    Only names that this store or Delta's writer gives are touched. Needs the table's lock, and a
    settled table.
    """
    named = (path for path in leftovers(folder, seals) if _OURS.match(path.name))
    with on_disk(folder):
        for path in named:
            path.unlink(missing_ok=True)


def _whole(folder: Path, number: int) -> Seal | str:
    """Return the seal that commit `number` carries in itself, or what is wrong with it."""
    try:
        lines = [json.loads(line) for line in log_file(folder, number).read_bytes().splitlines()]
    except ValueError:
        return "is torn"
    if not lines:
        return "is empty"
    payload = next(_payloads(lines), None)
    if payload is None or payload["commit"] != number:
        return "was not written by this store"
    seal = Seal.of(payload, log_sha256="")
    named = sorted(unquote(line["add"]["path"]) for line in lines if "add" in line)
    if named != sorted(file.path for file in seal.files):
        return "is torn"
    for file in seal.files:
        path = folder / file.path
        if not path.is_file():
            return f"lacks its data file {file.path}"
        if sha256(path) != file.sha256:
            return f"has other bytes in its data file {file.path} than it was committed with"
    return seal


def _payloads(lines: list[Any]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if isinstance(line, dict) and METADATA in line.get("commitInfo", {}):
            yield json.loads(line["commitInfo"][METADATA])
