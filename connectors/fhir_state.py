# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What an export must remember over a crash: where its status is told, what it holds, which files are here whole.

Under ``<home>/fhir/<site>/``, for its owner only: ``state.json``, and a folder for each export with the files fetched
and ``done.ndjson``, a line for each whole one. No token, no address of a file (it may be a key), and nothing of a
patient but the files themselves, which go when their export has landed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rwe.chain import fsync, on_disk
from rwe.errors import Busy, MachineError
from rwe.ports import Keys

FOLDER = "fhir"  # in the home folder


@dataclass(slots=True)
class File:
    """One file of a manifest, without its address."""

    role: str
    type: str
    count: int | None


@dataclass(slots=True)
class Job:
    """One kick-off, of changes or of the history of new members: where its status is told, and what came of it."""

    since: str
    history: bool = False
    status_url: str = ""
    transaction_time: str = ""
    files: list[File] = field(default_factory=list)
    whole: bool = False


@dataclass(slots=True)
class Export:
    """Jobs that together bring some types of resources from one moment up to another.

    `members` are all of the group, `newcomers` those whose history is among the jobs, as hashes; `told` are the
    streams that it was read for, `finished` those that need it no more, `failed` those of them that did not land it.
    """

    since: str
    types: list[str]
    streams: list[str]
    jobs: list[Job]
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    members: list[str] = field(default_factory=list)
    newcomers: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def moment(self) -> str:
        """The transaction time up to which it is complete, by the server's clock."""
        return min((job.transaction_time for job in self.jobs), default="")

    @property
    def is_whole(self) -> bool:
        """Whether all its files are here."""
        return all(job.whole for job in self.jobs)


class State:
    """The exports of one site that are not over, held by one process at a time.

    Parameters
    ----------
    folder
        Where to keep them; made for its owner only.

    Raises
    ------
    Busy
        If another process reads this site.
    MachineError
        If the folder cannot be written, or holds a state that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with on_disk(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        self._lock = FileLock(folder / "lock", timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise Busy(f"{folder}: another process reads this site; try again later") from None
        self.exports: list[Export] = []
        self.salt, self.members, self.read = secrets.token_hex(16), set[str](), dict[str, str]()
        self._load()

    def close(self) -> None:
        """Let another process have it."""
        self._lock.release()

    def _load(self) -> None:
        path = self.folder / "state.json"
        try:
            with on_disk(path):
                told = json.loads(path.read_text("utf-8")) if path.exists() else {}
            self.exports = [_export(one) for one in told.get("exports", ())]
            self.salt, self.members = told.get("salt", self.salt), set(told.get("members", ()))
            self.read = dict(told.get("read", {}))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise MachineError(f"{path} is not a state of this version; remove the folder to export anew") from None
        kept = {one.id for one in self.exports}
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder)

    def save(self) -> None:
        """Write it whole, or not at all."""
        path = self.folder / "state.json"
        told = {"exports": [asdict(one) for one in self.exports], "read": self.read}
        told |= {"salt": self.salt, "members": sorted(self.members)}
        draft = path.with_suffix(".draft")
        with on_disk(path):
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(told, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            fsync(self.folder)

    def begin(self, export: Export) -> Export:
        """Note an export before it is asked for, and make its folder."""
        with on_disk(self.folder):
            self.place(export).mkdir(mode=0o700)
        self.exports.append(export)
        self.save()
        return export

    def place(self, export: Export) -> Path:
        """Return the folder of an export's files."""
        return self.folder / export.id

    def finish(self, export: Export, stream: str, *, failed: bool = False) -> None:
        """Note that a stream needs the files of an export no more; with the last one they go.

        With an export that all streams have landed the members of its group are known.
        """
        export.finished.append(stream)
        export.failed += [stream] if failed else []
        over = set(export.finished) >= set(export.streams)
        if over:
            self.exports.remove(export)
            self.members |= set() if export.failed else set(export.members)
        self.save()
        if over:
            shutil.rmtree(self.place(export), ignore_errors=True)

    def forget(self) -> list[str]:
        """Delete all that was downloaded and noted, as if nothing had been asked for; return the files deleted."""
        with on_disk(self.folder):
            gone = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name != "lock"]
            for path in gone:
                path.unlink()
        self._load()
        return [path.relative_to(self.folder).as_posix() for path in gone]

    def known(self, stream: str) -> set[str]:
        """Return the members of the group whose history a stream has landed."""
        landed = [one for one in self.exports if stream in one.finished and stream not in one.failed]
        return self.members.union(*(one.members for one in landed))


def erase(home: Path, _keys: Keys) -> list[str]:
    """Delete every download: whose records are in it is not told without reading it; the next reading exports anew.

    Returns
    -------
    list of str
        The files deleted, by their place in `home`.

    Raises
    ------
    Busy
        If a site is being read.
    """
    gone = []
    for folder in sorted(path for path in (home / FOLDER).glob("*") if path.is_dir()):
        state = State(folder)
        try:
            gone += [f"{FOLDER}/{folder.name}/{name}" for name in state.forget()]
        finally:
            state.close()
    return gone


def _export(told: dict[str, Any]) -> Export:
    jobs = [Job(**{**job, "files": [File(**file) for file in job["files"]]}) for job in told["jobs"]]
    return Export(**{**told, "jobs": jobs})
